"""Forgetting follows a turn through every stage, and leaves everything else as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.cli.main import main
from aeon_plugin_ft.dataset.feedback.opinions import load_feedback, note_feedback, recognise_feedback
from aeon_plugin_ft.dataset.importers.into_log import import_into_log
from aeon_plugin_ft.dataset.model import Feedback
from aeon_plugin_ft.errors import StoreError, TrainingError
from aeon_plugin_ft.forget import Forgetter, Forgetting
from aeon_plugin_ft.privacy import grep
from aeon_plugin_ft.registry import Registry, VersionState
from aeon_plugin_ft.settings import Settings
from hooks import Message
from tests.flow.life import SECRET, Life, life, log, turn

__all__ = ["life"]


def test_a_grep_over_everything_finds_nothing_afterwards(life: Life) -> None:
    assert grep(life.data.root, [SECRET])
    forgetter = Forgetter(life.data, life.store)
    found = forgetter.forget(forgetter.about("anacleto"))
    assert (found.turns, found.datasets, found.runs) == (("turn0007",), (life.dataset.hash,), ("run1",))
    assert not life.store.rows("SELECT 1 FROM signals")
    life.store.close()
    assert not grep(life.data.root, [SECRET])


def test_a_damaged_database_that_was_put_aside_goes_too(life: Life) -> None:
    for end in ("", "-wal"):
        (life.data.root / f"aeon-ft.sqlite3.damaged-20260101-000000{end}").write_bytes(SECRET.encode())
    (life.data.root / "aeon-ft.sqlite3.damaged-20260102-000000").mkdir()
    Forgetter(life.data, life.store).forget(["turn0007"])
    assert not list(life.data.root.glob("*.damaged-*"))


def test_the_other_turns_stay_byte_for_byte(life: Life) -> None:
    before = [line for path in life.data.log.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    forgetter = Forgetter(life.data, life.store)
    forgetter.forget(forgetter.about(SECRET))
    after = [line for path in life.data.log.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    kept = {line for line in before if line.startswith(b'{"turn"') and SECRET.encode() not in line}
    assert {line for line in after if line.startswith(b'{"turn"')} == kept
    assert life.index.count(None) == 39


def test_versions_trained_on_it_are_tainted_and_say_why(life: Life) -> None:
    forgetter = Forgetter(life.data, life.store)
    assert forgetter.forget(["turn0007"]).versions == (life.version,)
    row = life.store.row("SELECT state, reason FROM versions WHERE name = ?", life.version)
    assert row is not None and row["state"] == VersionState.TAINTED.value and "forgotten" in row["reason"]


def test_a_new_dataset_is_made_without_it(life: Life) -> None:
    Forgetter(life.data, life.store).forget(["turn0007"])
    fresh = life.freeze()
    assert fresh.hash != life.dataset.hash
    assert fresh.train + fresh.heldout == life.dataset.train + life.dataset.heldout - 1


def test_a_plan_changes_nothing(life: Life) -> None:
    plan = Forgetter(life.data, life.store).plan(["turn0007"])
    assert plan.turns and plan.datasets and plan.runs and plan.versions
    assert grep(life.data.root, [SECRET]) and life.index.count(None) == 40


def test_forgetting_waits_for_a_run_that_trains_on_it(life: Life) -> None:
    life.store.execute("UPDATE runs SET state = 'running'")
    with pytest.raises(TrainingError, match="training on it right now"):
        Forgetter(life.data, life.store).forget(["turn0007"])
    assert life.index.count(None) == 40


def test_the_last_turn_and_the_last_minutes(life: Life) -> None:
    forgetter = Forgetter(life.data, life.store)
    assert forgetter.last() == ["turn0039"]
    assert len(forgetter.between(life.began + 30, float("inf"))) == 10
    assert forgetter.about("  ") == []


def test_nothing_to_forget_forgets_nothing(life: Life) -> None:
    assert Forgetter(life.data, life.store).forget([]).turns == ()
    assert life.index.count(None) == 40


def folders(life: Life) -> set[str]:
    return {str(path) for parent in (life.data.datasets, life.data.runs) for path in parent.iterdir()}


def test_what_a_plan_says_is_exactly_what_then_goes(life: Life) -> None:
    log(life, turn(40, "e no inverno, o que muda?", "Cara, no inverno muda nada não."))
    life.dataset = life.freeze()
    life.train("run2")
    forgetter = Forgetter(life.data, life.store)
    plan = forgetter.plan(["turn0040"])
    before, turns = folders(life), {one.id for one in life.index.turns()}
    assert forgetter.forget(["turn0040"]) == plan
    gone = {life.data.datasets / one for one in plan.datasets} | {life.data.runs / one for one in plan.runs}
    assert before - folders(life) == {str(path) for path in gone} and len(gone) == 2
    assert turns - {one.id for one in life.index.turns()} == {*plan.turns, *plan.quoting}
    tainted = life.store.rows("SELECT name FROM versions WHERE state = 'tainted'")
    assert [row["name"] for row in tainted] == list(plan.versions) == ["v0002"]


def test_a_search_looks_at_history_and_recalled_memories_but_not_at_the_fixed_prompt(life: Life) -> None:
    prompt = (
        "Você é AEON, e gosta de Paçoca. Data/Hora: 05/02/2026 23:17.\n[MEMÓRIAS RELEVANTES]\nO cofre é do Zeferino."
    )
    recalled = replace(
        turn(41, "e o cofre?", "Tá trancado, cara."),
        messages=(Message("system", prompt), Message("user", "e o cofre?")),
    )
    history = (Message("user", "falei com a Dagmar"), Message("assistant", "Massa."), Message("user", "e aí, então?"))
    log(life, recalled, replace(turn(42, "e aí, então?", "Então é isso, cara."), messages=history))
    forgetter = Forgetter(life.data, life.store)
    assert forgetter.about("zeferino") == ["turn0041"] == forgetter.person("Zeferino")
    assert forgetter.about("DAGMAR") == ["turn0042"]
    assert forgetter.about("paçoca") == [] == forgetter.about("23:17")


@pytest.mark.parametrize(
    ("said", "about", "person"),
    [
        ("vi a Ana na rua", True, True),
        ("toda semana é assim", False, False),
        ("a anã da história", True, True),
        ("Anacleto chegou", False, False),
        ("foi com a ANA, ontem", True, True),
    ],
)
def test_a_short_name_is_no_part_of_another_word(life: Life, said: str, about: bool, person: bool) -> None:
    log(life, turn(50, said, "Sei, cara."))
    forgetter = Forgetter(life.data, life.store)
    assert ("turn0050" in forgetter.about("Ana"), "turn0050" in forgetter.person("ana")) == (about, person)


def test_a_person_s_whole_name_may_be_written_over_signs_and_lines(life: Life) -> None:
    log(life, turn(51, "liga pra Zuleica\nPrado", "Ligo, cara."), turn(52, "a Zuleica sumiu", "Pois é, cara."))
    assert Forgetter(life.data, life.store).person("zuleica  prado") == ["turn0051"]
    assert Forgetter(life.data, life.store).person(" ?") == []


def test_a_person_s_replies_in_an_imported_chat_are_theirs(life: Life, tmp_path: Path) -> None:
    chat = tmp_path / "chat.txt"
    chat.write_text(
        "01/02/2024 10:00 - Ana: que horas?\n01/02/2024 10:01 - Bia Prado: Às nove.\n"
        "01/02/2024 12:00 - Ana: e onde?\n01/02/2024 12:01 - Bia Prado: Lá em casa.\n",
        encoding="utf-8",
    )
    import_into_log(chat, life.data, life.store, Settings(), assistant="Bia Prado")
    forgetter = Forgetter(life.data, life.store)
    assert len(forgetter.person("Bia")) == 2
    forgetter.forget(forgetter.person("bia prado"))
    life.store.close()
    assert not grep(life.data.root, ["Bia", "Lá em casa"])


def test_a_forgotten_correction_leaves_its_words_nowhere_and_its_target_still_unlearnt(life: Life) -> None:
    log(
        life,
        replace(turn(60, "quem cuida do cofre?", "É a Carlota, cara."), session="c"),
        replace(turn(61, "não, o certo é Hermengarda", "Verdade, Hermengarda, cara."), session="c"),
    )
    learn = [one for one in recognise_feedback(life.index.turns()) if one.turn == "turn0060"]
    assert [(one.kind, one.said_in) for one in learn] == [("correction", "turn0061")]
    note_feedback(life.store, learn)
    life.dataset = life.freeze()
    version = life.train("run2")
    assert grep(life.dataset.folder, ["Hermengarda"])
    found = Forgetter(life.data, life.store).forget(["turn0061"])
    assert found.datasets == (life.dataset.hash,) and version in found.versions
    assert [(one.kind, one.correction) for one in load_feedback(life.store).values()] == [("complaint", None)]
    why = {dropped.turn: dropped.filter for dropped in life.draft().dropped}
    assert why["turn0060"] == "complaint"
    life.store.close()
    assert not grep(life.data.root, ["Hermengarda"])


def test_forgotten_praise_is_no_opinion_any_more_and_taints_nothing(life: Life) -> None:
    note_feedback(life.store, [Feedback("turn0003", "praise", said_in="turn0004")])
    life.dataset = life.freeze()
    Forgetter(life.data, life.store)._clean_store(Forgetting(), ["turn0004"])
    assert load_feedback(life.store) == {}


def test_a_correction_given_by_command_is_found_by_its_words(life: Life) -> None:
    note_feedback(life.store, [Feedback("turn0005", "correction", "O certo é Hermengarda.")], "command")
    assert Forgetter(life.data, life.store).about("hermengarda") == ["turn0005"]


def test_a_folder_that_cannot_be_deleted_is_named_and_the_log_still_has_the_turn(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(path: Path) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr("aeon_plugin_ft.forget.shutil.rmtree", busy)
    monkeypatch.setattr("aeon_plugin_ft.forget.WAIT_SECONDS", 0.1)
    forgetter = Forgetter(life.data, life.store)
    with pytest.raises(StoreError, match=r"run1 cannot be deleted \(in use\)\. Close programs"):
        forgetter.forget(["turn0007"])
    assert life.index.get("turn0007") is not None
    monkeypatch.undo()
    assert forgetter.forget(["turn0007"]).runs == ("run1",)
    assert not (life.data.runs / "run1").exists()


# -- the command -----------------------------------------------------------------------------------


class Forget:
    """`aeon-ft forget` on one data folder."""

    def __init__(self, life: Life, capsys: pytest.CaptureFixture[str]) -> None:
        self.life, self.capsys = life, capsys

    def __call__(self, *arguments: str) -> str:
        assert main(["--data", str(self.life.data.root), "forget", *arguments]) == 0
        return " ".join(self.capsys.readouterr().out.split())

    def turns(self, *arguments: str) -> list[str]:
        found: list[str] = json.loads(self(*arguments, "--dry-run", "--json"))["turns"]
        return found


@pytest.fixture
def forget(life: Life, capsys: pytest.CaptureFixture[str]) -> Forget:
    return Forget(life, capsys)


def test_the_command_shows_the_plan_and_forgets(forget: Forget) -> None:
    life = forget.life
    plan = json.loads(forget("--about", "anacleto", "--dry-run", "--json"))
    assert (plan["turns"], plan["done"]) == (["turn0007"], False)
    said = forget("--about", "anacleto", "--dry-run").replace(" ", "")
    for part in ("turn0007", "asked for", "run1", life.dataset.hash, life.version, "aeon-ft.log"):
        assert part.replace(" ", "") in said, part
    assert grep(life.data.log, [SECRET])
    assert "`aeon-ft train` makes a version without it" in forget("--about", "anacleto", "--yes")
    assert not grep(life.data.log, [SECRET])


def test_the_version_in_use_is_said_to_go_on_answering(forget: Forget) -> None:
    Registry(forget.life.data, forget.life.store).promote(forget.life.version, PromotionCause.BETTER)
    assert "`aeon-ft use base`" in forget("--turn", "turn0007", "--yes")


def test_rebuilding_trains_on_what_is_left(forget: Forget, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []
    monkeypatch.setattr("aeon_plugin_ft.cli.learn.train", lambda context: trained.append(forget.life.index.count(None)))
    forget("--turn", "turn0008", "--yes", "--rebuild")
    forget("--turn", "turn0009", "--yes", "--rebuild")  # no version has learnt that one any more
    assert trained == [39]


def test_a_time_range_is_of_whole_days_or_minutes(forget: Forget) -> None:
    when = datetime(2026, 3, 5, 14, 30).astimezone().timestamp()
    names = ("before", "first", "second", "next day")
    for number, (name, at) in enumerate(zip(names, (-60.0, 0.0, 59.0, 86_400.0), strict=True), 70):
        log(forget.life, replace(turn(number, f"{name}?", "Sei, cara."), started_at=when + at))
    imported = replace(turn(79, "sem data?", "Sei, cara."), started_at=0.002)
    log(forget.life, imported)
    assert forget.turns("--since", "2026-03-05 14:30", "--until", "05/03/2026 14:30") == ["turn0071", "turn0072"]
    assert forget.turns("--since", "2026-03-05", "--until", "2026-03-05") == ["turn0070", "turn0071", "turn0072"]
    assert forget.turns("--until", "2026-03-05 14:29") == ["turn0070"]


def test_conditions_together_mean_the_turns_that_meet_all(forget: Forget) -> None:
    assert forget.turns("--about", "vizinho número 3", "--minutes", "61") == ["turn0003"]
    assert forget.turns("--about", "vizinho número 3", "--person", "anacleto") == []
    assert forget.turns("--person", "anacleto", "--turn", "turn0001") == ["turn0001", "turn0007"]


def test_nothing_in_particular_is_not_forgotten(forget: Forget) -> None:
    before = forget.turns("--minutes", "600")
    assert main(["--data", str(forget.life.data.root), "forget", "--yes"]) == 2
    assert "Say what to forget: --about, --person" in forget.capsys.readouterr().err
    assert len(before) > 10 and forget.turns("--minutes", "600") == before


def test_the_last_minutes_have_nothing_whose_time_is_yet_to_come(forget: Forget) -> None:
    log(forget.life, turn(60, "antes de atrasar o relógio", "Sei.", forget.life.began + 9 * 3600))
    assert "turn0060" not in forget.turns("--minutes", "61")
    assert "turn0060" in forget.turns("--about", "relógio")


def test_an_id_that_is_not_one_turn_s_is_an_error(forget: Forget) -> None:
    assert main(["--data", str(forget.life.data.root), "forget", "--turn", "turn00", "--yes"]) == 1
    assert "40 turns have an id that starts with 'turn00'" in forget.capsys.readouterr().err
