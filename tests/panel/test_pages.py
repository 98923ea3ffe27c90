"""What each page shows, and what its buttons do."""

from __future__ import annotations

import os
import re
import time
from datetime import date, timedelta

import pytest

from aeon_plugin_ft.causes import Place, PromotionCause
from aeon_plugin_ft.dataset.feedback.opinions import load_feedback, note_feedback
from aeon_plugin_ft.dataset.model import Feedback
from aeon_plugin_ft.events import AttentionNeeded, ModelSwapped, RolledBack, VerdictReached
from aeon_plugin_ft.host.private_mode import MARKER
from aeon_plugin_ft.panel.views import forgetting, talks
from tests.panel.site import Site, add_version, plan_of, site, text_of

__all__ = ["site"]


def said(site: Site, path: str, language: str = "pt-BR") -> str:
    return text_of(site.get(path, language))


# -- Início --------------------------------------------------------------------------------------


def test_home_says_who_answers_what_is_known_and_why_nothing_trains(site: Site) -> None:
    page = said(site, "/")
    assert "O modelo do Aeon" in page
    assert re.search(r"6 de 100 conversas", page) and "Faltam 94 para o próximo treino" in page
    assert "6 conversas guardadas" in page
    assert "Nenhum treino agora" in page and "Começa sozinho depois de mais 94 conversas" in page
    assert "O Aeon está fechado" in page


def test_home_in_english(site: Site) -> None:
    page = said(site, "/", "en-GB,en;q=0.8")
    assert "Aeon's own model" in page and "6 of 100 talks" in page and "No training now" in page
    assert 'lang="en"' in site.get("/", "en")


@pytest.mark.parametrize(
    ("place", "words"), [(Place.FIRST, "Responde antes do modelo do Aeon"), (Place.LAST, "Fica de reserva")]
)
def test_who_answers_is_what_the_host_has_said(site: Site, place: Place, words: str) -> None:
    name = add_version(site, "r1", 0.2, use=True)
    assert "responde assim que o Aeon a carregar" in said(site, "/")
    site.desk.store.record_event(ModelSwapped(version=name, previous="base", backend="embedded", place=place))
    page = said(site, "/")
    assert "Versão 1" in page and words in page and "Voltar para o modelo sem treino" in page


def test_what_happened_is_told_in_words(site: Site) -> None:
    verdict = VerdictReached(run="r", version="v0002", accepted=False, refusals=(), reasons=("loss rose",))
    back = RolledBack(version="v0001", previous="v0002", cause=PromotionCause.WORSE, reason="it did worse")
    for event in (verdict, back):
        site.desk.store.record_event(event)
    page = said(site, "/")
    assert "A versão 2 não passou na prova." in page and "De volta para: versão 1; a anterior ia mal com você." in page
    assert "loss rose" not in page and "it did worse" not in page


def test_a_problem_has_a_button_that_mends_it(site: Site) -> None:
    site.desk.settings_file.set("log.enabled", False)
    assert "As conversas não estão sendo guardadas" in said(site, "/")
    assert site.post("/ajustes/mudar", ajuste="log.enabled", valor="true", back="/") == "/"
    page = said(site, "/")
    assert site.desk.settings.log.enabled and "As conversas não estão sendo guardadas" not in page


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_what_is_open_to_others_is_locked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.desk.data.log.chmod(0o755)
    site.post("/consertar/fechar")
    assert site.desk.data.log.stat().st_mode & 0o077 == 0
    assert "só você lê as suas conversas" in said(site, "/")


def test_a_settings_file_with_a_mistake_is_told_and_the_last_good_settings_count(site: Site) -> None:
    site.desk.settings_file.path.write_text("[train]\nrank = 'muito'\n", encoding="utf-8")
    page = said(site, "/")
    assert "O arquivo de ajustes tem um erro" in page and "rank" in page


def test_a_trouble_that_the_host_told_of_is_shown_for_some_days(site: Site) -> None:
    told = AttentionNeeded(trouble="backend", what="no server", todo="", at=time.time())  # type: ignore[arg-type]
    site.desk.store.record_event(told)
    assert "Quem serve o modelo treinado não responde" in said(site, "/")
    site.desk.store.clock = lambda: time.time() + 10 * 86_400
    assert "Quem serve o modelo treinado não responde" not in said(site, "/")


def test_private_mode_is_said(site: Site) -> None:
    assert "modo privado está ligado" not in said(site, "/")
    (site.desk.data.root / MARKER).touch()
    assert "modo privado está ligado" in said(site, "/")


def test_in_private_nothing_that_is_written_is_kept(site: Site) -> None:
    (site.desk.data.root / MARKER).touch()
    before = site.desk.book.version
    site.post("/voce/contar", frase="minha banda favorita é Angra")
    assert "o modo privado está ligado" in said(site, "/voce") and "Angra" not in site.get("/voce")
    site.post("/conversas/corrigir", turno=site.turn("daily"), texto="A daily é às 9h30.")
    assert load_feedback(site.desk.store) == {} and site.desk.book.version == before


# -- Conversas -----------------------------------------------------------------------------------


def test_every_logged_turn_is_shown_by_day_newest_first(site: Site) -> None:
    page = said(site, "/conversas")
    order = [page.index(words) for words in ("Escreva um tarot", "dica de café", "daily", "Joinville", "Fork")]
    assert order == sorted(order)
    days = re.findall(r'class="day"[^>]*>([^<]+)<', site.get("/conversas"))
    assert days[0] in {"Hoje", "Ontem"} and len(days) >= 2
    assert "Pedido de um módulo" in page


def test_a_search_knows_no_case_and_no_accents(site: Site) -> None:
    page = said(site, "/conversas?busca=CAFE")
    assert "dica de café" in page and "daily" not in page
    assert "Nenhuma conversa assim" in said(site, "/conversas?busca=xyzzy")


def test_a_day_has_its_own_turns(site: Site) -> None:
    day = date.today() - timedelta(days=2)
    page = said(site, f"/conversas?dia={day}")
    assert "Joinville" in page and "café" not in page
    assert "Nenhuma conversa assim" in said(site, "/conversas?dia=1999-01-01")
    assert "café" in said(site, "/conversas?dia=amanha")


def test_a_long_log_goes_on_where_it_was_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talks, "PAGE", 2)
    monkeypatch.setattr(talks, "CHUNK", 3)
    path, seen = "/conversas", []
    for _ in range(10):
        page = site.get(path)
        seen += re.findall(r'id="turno-([^"]+)"', page)
        more = re.search(r'href="(/conversas\?[^"]*desde=[^"]*)"', page)
        if more is None:
            break
        path = more.group(1).replace("&amp;", "&")
    assert seen == [turn.id for turn in reversed(list(site.desk.index.turns()))]


def test_an_opinion_is_kept_changed_and_taken_back(site: Site) -> None:
    turn = site.turn("daily")

    def kind() -> str | None:
        opinion = load_feedback(site.desk.store).get(turn)
        return None if opinion is None else opinion.kind

    for sent, kept in (("bom", "praise"), ("ruim", "complaint"), ("bom", "praise"), ("", None)):
        site.post("/conversas/opiniao", turno=turn, opiniao=sent)
        assert kind() == kept
    site.post("/conversas/opiniao", turno="none", opiniao="bom")
    assert "já não existe" in said(site, "/conversas")


def test_a_reply_is_put_right_without_personal_data(site: Site) -> None:
    turn = site.turn("daily")
    site.post("/conversas/corrigir", turno=turn, texto="É às 9h30, meu CPF é 529.982.247-25.")
    opinion = load_feedback(site.desk.store)[turn]
    assert opinion.kind == "correction" and opinion.correction is not None
    assert "9h30" in opinion.correction and "529.982" not in opinion.correction
    page = said(site, "/conversas")
    assert "A resposta certa" in page and "9h30" in page and "próximo treino aprende" in page
    site.post("/conversas/corrigir", turno=turn, texto="A daily é às 9h30.")
    assert load_feedback(site.desk.store)[turn].correction == "A daily é às 9h30."
    assert "9h30" in {fact.value for fact in site.desk.book.current()}, "what is put right is known at once"


def test_what_is_learnt_otherwise_than_it_was_said_is_shown_first(site: Site) -> None:
    """A correction that was only recognised in the talk, too: beside the reply as it was, before anything learns it."""
    recognised = Feedback(site.turn("daily"), "correction", "A daily é às 9h30.", site.turn("café"))
    note_feedback(site.desk.store, [recognised])
    site.desk.learnable(patience=30.0)
    page = said(site, "/conversas?mostra=corrected")
    assert "A daily é às dez." in page and "A daily é às 9h30." in page and "É aprendida como você corrigiu" in page
    assert "Fork" not in page
    site.post("/conversas/decidir", turno=site.turn("daily"), decisao="deixar")
    assert "A daily é às 9h30." not in said(site, "/conversas?mostra=corrected")


def test_an_empty_correction_is_refused(site: Site) -> None:
    site.post("/conversas/corrigir", turno=site.turn("daily"), texto="   ")
    assert load_feedback(site.desk.store) == {} and "escreva a resposta certa" in said(site, "/conversas")


def test_why_a_turn_is_left_out_is_told_and_overruled(site: Site) -> None:
    assert "um módulo ou um comando escreveu o pedido" in said(site, "/conversas?mostra=left")
    turn = site.turn("café")
    site.post("/conversas/decidir", turno=turn, decisao="deixar")
    page = said(site, "/conversas?mostra=left")
    assert "dica de café" in page and "Você deixou de fora" in page
    assert load_feedback(site.desk.store)[turn].kind == "drop"
    site.post("/conversas/decidir", turno=turn, decisao="automatico")
    assert turn not in load_feedback(site.desk.store)


def test_what_was_done_is_said_once_and_to_who_did_it(site: Site) -> None:
    site.post("/conversas/opiniao", turno=site.turn("daily"), opiniao="bom")
    assert "Anotado: gostou" not in text_of(site.get("/conversas", **{"x-quiet": "1"}))
    assert "Anotado: gostou" in said(site, "/conversas")
    assert "Anotado: gostou" not in said(site, "/conversas")


# -- forgetting ----------------------------------------------------------------------------------


def test_what_would_go_is_shown_and_exactly_that_goes(site: Site) -> None:
    turn, other = site.turn("Fork"), site.turn("Joinville")
    page = site.get(f"/esquecer?turno={turn}")
    assert "Fork" in page and "Joinville" not in page and "Isto sai para sempre" in text_of(page)
    assert site.desk.index.has([turn])
    assert "Se você importar o mesmo chat de novo, isto continua de fora" in text_of(page)
    site.post("/esquecer/sim", plano=plan_of(page))
    assert not site.desk.index.has([turn]) and site.desk.index.has([other])
    assert "Fork" not in {fact.value for fact in site.desk.book.every()} and "Fork" not in site.get("/conversas")
    for file in site.desk.data.log.iterdir():
        assert b"Fork" not in file.read_bytes()


def test_a_plan_is_carried_out_once(site: Site) -> None:
    plan = plan_of(site.get(f"/esquecer?turno={site.turn('Fork')}"))
    site.post("/esquecer/sim", plano=plan)
    assert "Esquecido." in said(site, "/conversas")
    site.post("/esquecer/sim", plano=plan)
    site.post("/esquecer/sim", plano="guess")
    assert "Nada foi esquecido" in said(site, "/conversas")


def test_everything_about_something_is_forgotten(site: Site) -> None:
    page = site.get("/esquecer?sobre=git")
    site.post("/esquecer/sim", plano=plan_of(page), back="/conversas?busca=git")
    assert not any("git" in turn.reply for turn in site.desk.index.turns())
    assert "Não há nada assim" in said(site, "/esquecer?sobre=git")


def test_old_plans_are_dropped() -> None:
    plans = forgetting.Plans()
    empty = forgetting.Plan((), (), None, forgetting.Forgetting())
    names = [plans.keep(empty) for _ in range(forgetting.PLANS + 1)]
    assert plans.take(names[0]) is None and plans.take(names[-1]) is empty and plans.take(names[-1]) is None
