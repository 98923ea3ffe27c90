"""What the pages of facts, training, versions and settings show, and what their buttons do."""

from __future__ import annotations

import re
import time

import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.cli.compare import read_questions
from aeon_plugin_ft.panel import comparing
from aeon_plugin_ft.schedule.orders import OrderKind, Orders
from aeon_plugin_ft.training.lease import learning
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.places.consent import allow
from aeon_plugin_ft.training.places.where import parse_where
from aeon_plugin_ft.training.runs import UNJUDGED
from aeon_plugin_ft.training.table import add_run, get_run, set_state
from aeon_plugin_ft.voice.control import Reason
from tests.panel.site import Site, add_version, plan_of, site, text_of

__all__ = ["site"]


def said(site: Site, path: str, language: str = "pt-BR") -> str:
    return text_of(site.get(path, language))


# -- O que eu sei de você ------------------------------------------------------------------------


def test_facts_are_told_with_where_they_come_from(site: Site) -> None:
    site.desk.read_facts()
    page = said(site, "/voce")
    assert "Fork" in page and "você disse" in page and "ver a conversa" in page
    assert f"turno={site.turn('Fork')}" in site.get("/voce")
    assert "Joinville" in said(site, "/voce?busca=JOINVILLE") and "Fork" not in said(site, "/voce?busca=joinville")


def test_a_fact_is_added_put_right_and_forgotten(site: Site) -> None:
    site.post("/voce/contar", frase="minha banda favorita é Angra")
    fact = next(fact for fact in site.desk.book.current() if fact.value == "Angra")
    site.post("/voce/corrigir", fato=fact.id, valor="Sepultura")
    page = said(site, "/voce")
    assert "Sepultura" in page and "você escreveu" in page
    now = next(fact for fact in site.desk.book.current() if fact.value == "Sepultura")
    site.post("/esquecer/sim", plano=plan_of(site.get(f"/esquecer?fato={now.id}")), back="/voce")
    assert "Sepultura" not in site.get("/voce")


@pytest.mark.parametrize(
    ("sentence", "words"), [("minha senha é hunter2", "parece segredo"), ("bom dia", "não entendi")]
)
def test_what_is_no_fact_and_what_is_a_secret_is_refused_in_words(site: Site, sentence: str, words: str) -> None:
    site.post("/voce/contar", frase=sentence)
    assert words in said(site, "/voce") and "hunter2" not in site.get("/voce")


# -- Treino --------------------------------------------------------------------------------------


def begun(site: Site, id: str, state: RunState, cause: PauseCause | None = None) -> None:
    folder = site.desk.data.runs / id
    folder.mkdir(parents=True)
    (site.desk.data.datasets / "d").mkdir(exist_ok=True)
    lines = (
        f'{{"event": "progress", "step": {step}, "steps": 40, "loss": {3 - step / 20}, "examples_per_second": 2.0,'
        f' "saving": 9.0, "seconds": {step}.0, "seconds_left": {40 - step}.0, "phase": "training"}}\n'
        for step in range(1, 11)
    )
    (folder / "progress.jsonl").write_text("".join(lines), encoding="utf-8")
    add_run(site.desk.store, id, "d", "b", None, 40, 0)
    if state is not RunState.PENDING:
        set_state(site.desk.store, id, RunState.RUNNING)
        set_state(site.desk.store, id, state, step=10, cause=cause)


def test_a_run_of_another_process_is_shown_live(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeon_plugin_ft.panel.desk.reap_runs", lambda *_: None)
    begun(site, "r1", RunState.RUNNING)
    page = site.get("/treino")
    assert "Treinando" in text_of(page) and "10 de 40" in text_of(page) and "faltam 30 s" in text_of(page)
    assert 'class="line" points="' in page and "2,50" in text_of(page)
    assert "/treino/pausar" in page and "/treino/comecar" not in page


def test_where_runs_may_go_is_shown_with_what_goes_and_how(site: Site) -> None:
    assert "Outras máquinas" not in said(site, "/treino")
    file = site.context.settings_file
    file.set("train.places", ("PC da sala = ssh://ana@sala",))
    file.set("train.where", "PC da sala")
    page = said(site, "/treino")
    assert "PC da sala (ssh://ana@sala)" in page and "aeon-ft places allow ssh://ana@sala" in page
    assert "as suas conversas" in page and "É para lá que os treinos vão" in page and "protegido por SSH" in page
    for address in ("ssh://ana@sala", "ray://cluster:8265"):
        where = parse_where(address)
        assert where is not None
        allow(site.desk.store, where)
    page = said(site, "/treino")
    assert "liberada" in page and "ainda não liberada" not in page and "não é protegido" in page


def test_what_another_process_does_beside_training_is_shown(site: Site) -> None:
    with learning(site.desk.store):
        assert "Preparando o treino" in said(site, "/treino")
        begun(site, "r1", RunState.FINISHED)
        site.desk.store.set_fact(UNJUDGED, "r1")
        assert "Provando o resultado" in said(site, "/treino")
    assert "Treinado, à espera da prova" in said(site, "/treino")


def test_a_run_that_was_left_is_told_with_the_reason(site: Site) -> None:
    begun(site, "r1", RunState.PAUSED, PauseCause.OWNER_BACK)
    page = site.get("/treino")
    assert "Treino em pausa" in text_of(page) and "você voltou ao computador" in text_of(page)
    assert "/treino/continuar" in page


def test_a_run_that_was_left_is_cancelled_here_where_no_host_runs(site: Site) -> None:
    begun(site, "r1", RunState.PAUSED)
    assert site.post("/treino/cancelar") == "/treino"
    row = get_run(site.desk.store, "r1")
    assert row is not None and row.state is RunState.CANCELLED
    assert "Treino cancelado" in said(site, "/treino")
    site.post("/treino/pausar")
    assert "Não deu: não há treino em andamento." in said(site, "/treino")


def test_a_host_that_runs_gets_the_order(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[OrderKind] = []

    def ask(_: Orders, kind: OrderKind, *__: float) -> str:
        asked.append(kind)
        return Reason.NO_TRAINER.value

    monkeypatch.setattr(Orders, "ask", ask)
    assert site.desk.acts.orders.stand_ready("a host")
    site.post("/treino/comecar")
    assert asked == [OrderKind.TRAIN]
    page = said(site, "/")
    assert "falta instalar o que treina" in page and "O Aeon está aberto agora" in page


def test_a_host_that_died_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeon_plugin_ft.panel.acts.TAKE_SECONDS", 0.1)
    site.desk.acts.orders.stand_ready("a host that is gone")
    begun(site, "r1", RunState.PAUSED)
    site.post("/treino/cancelar")
    row = get_run(site.desk.store, "r1")
    assert row is not None and row.state is RunState.CANCELLED


# -- Versões -------------------------------------------------------------------------------------


def test_versions_are_judged_in_human_words_and_drawn(site: Site) -> None:
    add_version(site, "r1", 0.1)
    add_version(site, "r2", 0.3, use=True)
    add_version(site, "r3", 0.2, accepted=False)
    page = site.get("/versoes")
    words = text_of(page)
    assert "Acertou 7 das 10 coisas que você contou. Inventou uma vez." in words or "Acertou 7 das 10" in words
    assert "Onde ainda falha: comandos" in words and "30 % melhor" in words
    assert page.count('class="plot"') == 4 and "loss fell" not in words
    assert words.index("Versão 3") < words.index("Versão 1")


def test_use_undo_and_delete(site: Site) -> None:
    first, second = add_version(site, "r1", 0.1), add_version(site, "r2", 0.3)
    bad = add_version(site, "r3", 0.2, accepted=False)
    site.post("/versoes/usar", versao=first)
    site.post("/versoes/usar", versao=second)
    assert site.desk.registry.current() == second
    site.post("/versoes/desfazer")
    assert site.desk.registry.current() == first
    site.post("/versoes/usar", versao=bad)
    assert site.desk.registry.current() == first and "não passou na prova" in said(site, "/versoes")
    site.post("/versoes/apagar", versao=first)
    assert first in site.desk.registry.states()
    site.post("/versoes/apagar", versao=bad)
    assert bad not in site.desk.registry.states()


def test_one_version_shows_its_replies_exam_and_checks(site: Site) -> None:
    name = add_version(site, "r1", 0.2, accepted=False)
    page = said(site, f"/versoes/{name}")
    assert "oi, tudo bem?" in page and "repete-se" in page and "como se chama a gata?" in page and "certa" in page
    assert "20 exemplos de treino" in page and "Comandos" in page


def test_a_version_that_is_not_there(site: Site) -> None:
    assert site.browser.get("/versoes/v0099").status_code == 404


# -- side by side --------------------------------------------------------------------------------


@pytest.fixture
def two(site: Site, monkeypatch: pytest.MonkeyPatch) -> str:
    """A version beside the base; asking a model gives its name and the question."""

    def ask(_: object, __: object, name: str, questions: tuple[str, ...], on_reply: object) -> None:
        for question in questions:
            on_reply(f"{name} sobre {question}")  # type: ignore[operator]

    monkeypatch.setattr(comparing, "ask_model", ask)
    return add_version(site, "r1", 0.2)


def compared(site: Site) -> str:
    deadline = time.monotonic() + 30
    while "Perguntando às duas" in (page := site.get("/versoes/comparar")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return page


def test_two_are_compared_blind_and_then_told(site: Site, two: str) -> None:
    where = site.post(
        "/versoes/comparar/comecar", primeira=two, segunda="base", perguntas="um?\n\n dois? \n", cegas="on"
    )
    assert where == "/versoes/comparar"
    for number in range(2):
        page = compared(site)
        left = re.search(r'class="reply"[^>]*>(v0001|base) sobre', page)
        assert left is not None and "Versão 1" not in text_of(page)
        side = "left" if left.group(1) == two else "right"
        site.post("/versoes/comparar/escolher", par=str(number), lado=side)
        site.post("/versoes/comparar/escolher", par=str(number), lado=side)  # twice, as by a double click
    words = text_of(compared(site))
    assert "As suas escolhas" in words and "Versão 1 2 Modelo sem treino 0 Tanto faz 0" in words


def test_two_are_shown_side_by_side(site: Site, two: str) -> None:
    site.post("/versoes/comparar/comecar", primeira=two, segunda="base", perguntas="")
    words = text_of(compared(site))
    assert f"{two} sobre {comparing.QUESTIONS[0]}" in words and f"base sobre {comparing.QUESTIONS[0]}" in words
    assert set(comparing.QUESTIONS) <= set(read_questions(None))


@pytest.mark.parametrize(("first", "second"), [("base", "base"), ("v0099", "base"), ("", "")])
def test_what_cannot_be_compared_is_refused(site: Site, two: str, first: str, second: str) -> None:
    assert site.post("/versoes/comparar/comecar", primeira=first, segunda=second) == "/versoes"
    assert "Não deu" in said(site, "/versoes")
    assert site.browser.get("/versoes/comparar").status_code == 303


# -- Ajustes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "sent", "kept"),
    [
        ("schedule.enabled", "false", False), ("schedule.idle_minutes", "7,5", 7.5),
        ("schedule.every_turns", "300", 300),
        ("privacy.mode", "drop", "drop"), ("privacy.terms", "Trovão\n\n Farol ", ("Trovão", "Farol")),
        ("voice.announce", ["swapped", "attention"], ("swapped", "attention")), ("voice.announce", [], ()),
        ("schedule.quiet_hours", "01:00-06:00", "01:00-06:00"), ("base.model", "gemma3-270m", "gemma3-270m"),
    ],
)  # fmt: skip
def test_a_setting_is_saved_and_counts(site: Site, key: str, sent: str | list[str], kept: object) -> None:
    site.post("/ajustes/mudar", ajuste=key, valor=sent)
    section, name = key.split(".")
    assert getattr(getattr(site.desk.settings, section), name) == kept
    assert "Salvo." in said(site, "/ajustes")


@pytest.mark.parametrize(
    ("key", "sent"),
    [("schedule.every_turns", "muitas"), ("schedule.every_turns", "0"), ("privacy.mode", "sim"), ("no.such", "1"),
     ("train.rank", "1e400"), ("schedule.every_turns", "1.5"), ("schedule.idle_minutes", "nan")],
)  # fmt: skip
def test_a_bad_value_is_refused_in_words(site: Site, key: str, sent: str) -> None:
    before = site.desk.settings
    site.post("/ajustes/mudar", ajuste=key, valor=sent)
    assert site.desk.settings == before
    assert "esse valor não vale" in said(site, "/ajustes")


def test_every_setting_is_there_the_owners_before_the_others(site: Site) -> None:
    from aeon_plugin_ft.panel.views.settings import OWNERS
    from aeon_plugin_ft.settings import all_keys

    page = site.get("/ajustes")
    places = {key: page.index(f'name="ajuste" value="{key}"') for key in all_keys()}
    assert max(places[key] for key in OWNERS) < min(place for key, place in places.items() if key not in OWNERS)
    assert max(places[key] for key in OWNERS) < page.index("<details")
