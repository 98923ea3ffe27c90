"""Facts in a running host, in a dataset's making, and in forgetting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft import remembering
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.dataset.feedback.opinions import load_feedback, note_feedback
from aeon_plugin_ft.dataset.model import Feedback
from aeon_plugin_ft.evaluation import Verdict
from aeon_plugin_ft.facts import grammar, wording
from aeon_plugin_ft.facts.model import Fact, FactSource
from aeon_plugin_ft.forget import Forgetter
from aeon_plugin_ft.host.backlog import Backlog
from aeon_plugin_ft.privacy import grep
from aeon_plugin_ft.registry import Registry, VersionState
from aeon_plugin_ft.remembering import read_facts
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.voice.commands import Commands
from tests.facts.telling import PlainReader, Told, told
from tests.flow.life import Life, life, log
from tests.flow.life import turn as life_turn
from tests.flow.owner import Owner, add_version, eventually, no_real_models, owner

__all__ = ["life", "no_real_models", "owner", "told"]


@pytest.fixture(autouse=True)
def plain_grammar(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlainReader]:
    """What these tests say is read the same whatever the grammar of a release can read besides."""
    reader = PlainReader()
    monkeypatch.setattr(grammar, "claims", reader.claims)
    monkeypatch.setattr(grammar, "claims_of_reply", reader.claims_of_reply)
    yield reader


# -- a host ----------------------------------------------------------------------------------------


def values(owner_runtime: object) -> list[str]:
    return [fact.value for fact in owner_runtime.book.current()]  # type: ignore[attr-defined]


def test_what_is_said_is_known_in_the_next_turn(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("minha gata é a Fork")
    eventually(lambda: values(runtime) == ["Fork"])
    owner.says("não, minha gata é a Bash")
    eventually(lambda: values(runtime) == ["Bash"])


def test_a_correction_of_one_word_counts_at_once(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("que horas é a daily?", "a daily é às 10h")
    owner.says("não, o certo é 9h30", "Anotado.")
    eventually(lambda: values(runtime) == ["9h30"])
    assert [one.kind for one in load_feedback(runtime.store).values()] == ["correction"]


def test_a_correction_that_another_thread_has_just_indexed_is_not_read_without_its_opinion(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.log(told.turn("que horas é a daily?", "a daily é às 10h"))
    noted = remembering.note_feedback

    def meanwhile(*arguments: Any) -> int:
        monkeypatch.setattr(remembering, "note_feedback", noted)
        told.log(told.turn("não, o certo é 9h30", "Anotado."))
        return noted(*arguments)

    monkeypatch.setattr(remembering, "note_feedback", meanwhile)
    for _ in range(3):
        remembering.read_facts(told.book, told.store, told.index)
    assert [fact.value for fact in told.book.current()] == ["9h30"]
    assert [one.kind for one in load_feedback(told.store).values()] == ["correction"]


def test_a_private_turn_is_no_fact(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("minha gata é a Fork", private=True)
    owner.says("moro em Joinville")
    eventually(lambda: values(runtime) == ["Joinville"])


def test_an_old_log_is_read_beside_what_is_new(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = owner.start()
    for city in ("Joinville", "Curitiba", "Blumenau", "Itajaí"):
        owner.says(f"moro em {city}")
    eventually(lambda: values(runtime) == ["Itajaí"])
    owner.caller.all("aeon_stopping")
    store = Store(runtime.data.database)
    for table in ("claims", "claims_read"):
        store.execute(f"DELETE FROM {table}")
    store.execute("INSERT INTO claims_due (turn) SELECT id FROM turns ORDER BY at")
    store.close()
    monkeypatch.setattr("aeon_plugin_ft.host.arrivals.AT_ONCE", 1)
    again = Owner(owner.host.data_folder)
    runtime = again.start()
    eventually(lambda: [fact.value for fact in runtime.book.every()] == ["Itajaí", "Blumenau", "Curitiba", "Joinville"])
    again.caller.all("aeon_stopping")


def test_a_reading_that_fails_ends_and_leaves_the_host_alone(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> bool:
        raise OSError("the disk is gone")

    backlog = Backlog(broken)
    backlog.start()
    backlog.stop()
    assert "could not be read for facts" in caplog.text


def test_a_fact_that_a_command_edits_is_seen_by_the_host(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("minha gata é a Forc")
    eventually(lambda: values(runtime) == ["Forc"])
    other = type(runtime.book)(runtime.store)
    other.edit(other.current()[0], "Fork")
    assert values(runtime) == ["Fork"]


# -- the voice -------------------------------------------------------------------------------------


def test_facts_are_spoken_to_the_owner_as_everything_else_is(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("minha gata é a Fork")
    eventually(lambda: values(runtime) == ["Fork"])
    reply = str(owner.hears("o que você sabe de mim?"))
    assert "sua gata se chama Fork" in reply and "tua" not in reply


@pytest.fixture
def teller(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner of whom three things are known; a fact is spoken as "gata: Fork", whatever the wordings are."""
    monkeypatch.setattr(wording, "spoken", lambda fact, *_: f"{fact.claim.subject or 'você'}: {fact.value}")
    # An outcome is awaited however long a busy machine takes for it; that it comes in time is shown in tests/voice/.
    monkeypatch.setitem(Commands.__init__.__kwdefaults__, "budget_s", 60.0)
    runtime = owner.start()
    owner.says("minha gata é a Fork")
    owner.says("gosto de pastel")
    owner.says("moro em Joinville")
    eventually(lambda: len(values(runtime)) == 3)
    return owner


def test_the_owner_hears_what_is_known_themselves_first(teller: Owner) -> None:
    assert "você: Joinville, você: pastel e gata: Fork" in str(teller.hears("o que você sabe de mim?"))
    assert "gata: Fork" in (reply := str(teller.hears("o que você sabe sobre a minha gata?"))) and "pastel" not in reply
    assert teller.hears("o que você sabe do meu vizinho?") is None


def test_what_was_said_a_second_ago_is_heard(teller: Owner) -> None:
    teller.says("minha irmã é a Lívia")
    assert "Lívia" in str(teller.hears("o que você sabe de mim?"))


def test_a_fact_is_taken_back_by_voice(teller: Owner) -> None:
    assert teller.hears("esquece que eu sou seu dono") is None and teller.hears("esquece que eu moro em Recife") is None
    assert "você: Joinville" in str(teller.hears("esquece que eu moro em Joinville"))
    assert "uma conversa" in str(teller.hears("sim"))
    runtime = teller.plugin.runtime
    assert runtime is not None and sorted(values(runtime)) == ["Fork", "pastel"]
    assert runtime.index.count(None) == 2


def test_a_fact_is_put_right_by_voice_but_not_in_private_mode(teller: Owner) -> None:
    runtime = teller.plugin.runtime
    assert runtime is not None
    assert "gata: Bash" in str(teller.hears("corrige: minha gata é a Bash"))
    assert "Bash" in values(runtime) and "Fork" not in values(runtime)
    assert teller.hears("corrige: minha ideia tem futuro") is None
    teller.private = True
    assert "modo privado" in str(teller.hears("corrige: minha gata é a Fork"))
    assert "Fork" not in values(runtime)


def test_what_is_only_named_is_asked_about_where_it_is_known(teller: Owner) -> None:
    runtime = teller.plugin.runtime
    assert runtime is not None
    teller.says("a daily é às 9h30")
    eventually(lambda: "9h30" in values(runtime))
    assert "daily: nove e meia" in str(teller.hears("o que você sabe sobre a daily?"))
    assert "gata: Fork" in str(teller.hears("o que você sabe da Fork"))
    assert teller.hears("o que você sabe sobre a daily do Google") is None
    assert teller.hears("o que você sabe sobre Joinville") is None
    assert teller.hears("o que você sabe sobre o Jaburu") is None


def test_what_is_only_named_is_put_right_and_taken_back_where_it_is_known(teller: Owner) -> None:
    runtime = teller.plugin.runtime
    assert runtime is not None
    assert teller.hears("corrige: a daily é às 10h") is None, "no daily is known"
    teller.says("a daily é às 9h30")
    eventually(lambda: "9h30" in values(runtime))
    assert "daily: dez horas" in str(teller.hears("corrige: a daily é às 10h"))
    assert "9h30" not in values(runtime)
    assert teller.hears("esquece que a daily é às 9h30") is None
    assert "daily: dez horas" in str(teller.hears("esquece que a daily é às 10h"))
    assert teller.hears("sim")
    assert sorted(values(runtime)) == ["Fork", "Joinville", "pastel"]


@pytest.mark.parametrize(
    "said",
    ["corrige: minha senha é girassol42", "corrige a senha do wifi é jacare77", "corrige: meu cpf é 529.982.247-25"],
)
def test_a_secret_is_refused_and_not_left_to_the_brain(teller: Owner, said: str) -> None:
    runtime = teller.plugin.runtime
    assert runtime is not None
    assert "segredo eu não guardo" in str(teller.hears(said))
    assert sorted(values(runtime)) == ["Fork", "Joinville", "pastel"]


def test_what_the_owner_wrote_is_forgotten_by_its_words(teller: Owner) -> None:
    runtime = teller.plugin.runtime
    assert runtime is not None
    runtime.book.add("minha irmã é a Lívia")
    assert "irmã: Lívia" in str(teller.hears("esquece tudo sobre a Lívia"))
    assert teller.hears("sim")
    assert "Lívia" not in values(runtime)


def test_a_reply_that_the_owner_calls_wrong_is_not_believed_any_more(teller: Owner) -> None:
    runtime = teller.plugin.runtime
    assert runtime is not None
    for _ in range(2):
        teller.says("quem é o meu cachorro?", "teu cachorro é o Bash")
    eventually(lambda: "Bash" in values(runtime))
    assert teller.hears("isso está errado")
    assert "Bash" not in values(runtime)


# -- opinions --------------------------------------------------------------------------------------


def test_the_newest_opinion_counts(told: Told) -> None:
    judged = told.says("quem é a gata?", "tua gata é a Bash")
    told.says("e a gata?", "tua gata é a Bash")
    for kind, known in (("complaint", 0), ("praise", 1), ("drop", 0), ("keep", 1)):
        source = "review" if kind in {"drop", "keep"} else "command"
        note_feedback(told.store, [Feedback(judged, kind)], source)  # type: ignore[arg-type]
        read_facts(told.book, told.store, told.index)
        assert len(told.book.current()) == known, kind


@pytest.mark.parametrize("many", [1, 200])
def test_opinions_are_recognised_in_few_turns_as_in_many(
    told: Told, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "MANY", many)
    told.log(told.turn("que horas é a daily?", "a daily é às 10h"), told.turn("oi", "Oi!", session="another"))
    told.log(told.turn("não, o certo é 9h30", "Anotado."))
    assert read_facts(told.book, told.store, told.index)
    assert [fact.value for fact in told.book.current()] == ["9h30"]
    assert not read_facts(told.book, told.store, told.index)


def test_a_dataset_reads_the_facts_first(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("minha gata é a Fork")
    eventually(lambda: values(runtime) == ["Fork"])
    runtime.store.execute("DELETE FROM claims_read")
    runtime.store.execute("DELETE FROM claims")
    runtime.store.execute("INSERT INTO claims_due (turn) SELECT id FROM turns")
    runtime.pipeline.draft()
    assert not runtime.book.due()


# -- forgetting ------------------------------------------------------------------------------------


def test_a_plan_names_the_facts_that_go_and_forgetting_leaves_no_word_of_them(told: Told) -> None:
    first = told.says("minha gata é a Zuleica, moro em Joinville")
    told.says("moro em Joinville")
    forgetter = Forgetter(told.data, told.store, told.book)
    assert [fact.value for fact in forgetter.plan([first]).facts] == ["Zuleica"]
    assert [fact.value for fact in told.book.current()] == ["Joinville", "Zuleica"], "a plan changes nothing"
    assert [fact.value for fact in forgetter.forget([first]).facts] == ["Zuleica"]
    assert [fact.value for fact in told.book.current()] == ["Joinville"]
    told.store.close()
    assert not grep(told.data.root, ["Zuleica"])


def test_turns_that_were_not_read_yet_are_in_the_plan(told: Told) -> None:
    turn = told.log(told.turn("moro em Joinville"))
    assert [fact.value for fact in Forgetter(told.data, told.store, told.book).plan([turn]).facts] == ["Joinville"]


def test_a_host_that_reads_the_log_meanwhile_does_not_bring_it_back(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = told.says("moro em Joinville")
    forgetter = Forgetter(told.data, told.store, told.book)

    def read_by_the_host(folder: Path, ids: object) -> int:
        told.store.execute("INSERT INTO claims_due (turn) VALUES (?)", turn)
        told.opened().sync(told.index)
        return 1

    monkeypatch.setattr("aeon_plugin_ft.forget.rewrite_without", read_by_the_host)
    forgetter.forget([turn])
    assert told.book.current() == () == told.opened().current()


def test_a_fact_is_forgotten_with_everything_that_told_it(told: Told) -> None:
    old, new = told.says("minha gata é a Zuleica"), told.says("minha gata é a Fork")
    other = told.says("moro em Joinville")
    fact = next(fact for fact in told.book.current() if fact.value == "Fork")
    forgetter = Forgetter(told.data, told.store, told.book)
    assert sorted(forgetter.telling([fact])) == [old, new]
    found = forgetter.forget(forgetter.telling([fact]), [fact])
    assert sorted(one.value for one in found.facts) == ["Fork", "Zuleica"] and set(found.turns) == {old, new}
    assert [turn.id for turn in told.index.turns()] == [other]
    told.store.close()
    assert not grep(told.data.root, ["Zuleica", "Fork"])


def examined(told: Told, fact: Fact, other: Fact) -> str:
    """A version that never learnt anything, whose exam asked about both facts."""
    bare = told.data.root / "bare"
    bare.mkdir()
    rows = [
        {"question": "quem é a minha gata?", "facts": [fact.id], "reply": "Cara, a Zuleica.", "mark": "right"},
        {"question": "e a bichana?", "facts": [fact.id], "reply": "Sei lá.", "mark": "wrong"},
        {"question": "onde eu moro?", "facts": [other.id], "reply": "Em Joinville.", "mark": "right"},
        {"question": "e o meu peixe?", "facts": [], "reply": "É a Zuleica!", "mark": "invented"},
    ]
    talk = [
        {"prompt": "oi", "reply": "Oi!", "faults": []},
        {"prompt": "tudo bem?", "reply": "A zuleica vai bem.", "faults": []},
    ]
    suites = {"base": {"answers": [dict(row, reply="hm") for row in talk]}, "v0001": {"answers": talk}}
    made = Registry(told.data, told.store).create(
        run="r", adapter=bare, dataset="d", base="b", base_digest="x", verdict=Verdict(True, (), {"exam.asked": 3.0}),
        report={"current": "base", "suites": suites, "exams": {"base": rows, "v0001": rows}, "curve": [[1, 2.0]]},
    )  # fmt: skip
    return made.name


def test_no_exam_that_is_kept_asks_about_a_forgotten_fact(told: Told) -> None:
    first = told.says("minha gata é a Zuleica")
    told.says("moro em Joinville")
    city, cat = told.book.current()
    name = examined(told, cat, city)
    forgetter = Forgetter(told.data, told.store, told.book)
    forgetter.forget([first])
    version = forgetter.registry.get(name)
    assert version.state is VersionState.ACCEPTED, "it has learnt nothing of it"
    report = forgetter.registry.report(version)
    for model in ("base", "v0001"):
        assert [row["question"] for row in report["exams"][model]] == ["onde eu moro?"]
        assert [row["prompt"] for row in report["suites"][model]["answers"]] == ["oi"]
    page = (version.folder / "report.html").read_text(encoding="utf-8")
    assert "Joinville" in page and report["curve"] == [[1, 2.0]]
    told.store.close()
    assert not grep(told.data.root, ["Zuleica", "bichana"])


def test_a_version_that_cannot_be_read_keeps_no_report_and_stops_no_forgetting(told: Told) -> None:
    first = told.says("minha gata é a Zuleica")
    told.says("moro em Joinville")
    city, cat = told.book.current()
    folder = told.data.versions / examined(told, cat, city)
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    assert Forgetter(told.data, told.store, told.book).forget([first]).turns == (first,)
    assert (folder / "report.json").read_text(encoding="utf-8").strip() == "{}"
    assert not (folder / "report.html").exists()


def test_versions_that_learnt_a_fact_the_owner_wrote_are_tainted_with_it(life: Life) -> None:
    forgetter = Forgetter(life.data, life.store)
    fact = forgetter.book.add("minha gata é a Fork")[0]
    life.store.execute("INSERT INTO dataset_turns VALUES (?, ?)", life.dataset.hash, fact.lineage[0])
    found = forgetter.plan([], [fact])
    assert (found.turns, found.datasets, found.versions) == ((), (life.dataset.hash,), (life.version,))
    assert forgetter.forget([], [fact]) == found and forgetter.book.current() == ()
    assert forgetter.registry.get(life.version).state is VersionState.TAINTED


def test_what_the_owner_wrote_is_found_by_its_words(told: Told) -> None:
    told.book.add("minha gata é a Zuleica")
    told.says("minha irmã é a Lívia")
    forgetter = Forgetter(told.data, told.store, told.book)
    assert [fact.value for fact in forgetter.edited_about("zuleica")] == ["Zuleica"]
    assert [fact.value for fact in forgetter.edited_about("Gata")] == ["Zuleica"]
    assert forgetter.edited_about("Lívia") == [] == forgetter.edited_about(" "), (
        "what a turn tells, the turn takes along"
    )


def test_a_forgotten_correction_leaves_no_fact(life: Life) -> None:
    log(
        life,
        replace(life_turn(60, "que horas é a daily?", "a daily é às 10h"), session="c"),
        replace(life_turn(61, "não, o certo é 9h30", "Anotado."), session="c"),
    )
    forgetter = Forgetter(life.data, life.store)
    read_facts(forgetter.book, life.store, life.index)
    assert [fact.value for fact in forgetter.book.current()] == ["9h30"]
    assert [fact.source for fact in forgetter.forget(["turn0061"]).facts] == [FactSource.CORRECTION]
    read_facts(forgetter.book, life.store, TurnIndex(life.store, life.data.log))
    assert forgetter.book.every() == []


def test_forgetting_a_fact_in_a_host_taints_what_learnt_its_turn(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    owner.says("minha gata é a Fork")
    eventually(lambda: values(runtime) == ["Fork"])
    fact = runtime.book.current()[0]
    version = add_version(runtime, tmp_path, "r1")
    dataset = runtime.registry.get(version).dataset
    runtime.store.execute("INSERT INTO dataset_turns VALUES (?, ?)", dataset, fact.turns[0])
    runtime.registry.promote(version, PromotionCause.BETTER)
    forgetter = Forgetter(runtime.data, runtime.store, runtime.book)
    assert forgetter.forget(forgetter.telling([fact]), [fact]).versions == (version,)
    assert values(runtime) == []
