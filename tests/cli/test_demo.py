"""The demo's own helpers: its folder is its own, it goes on where it was stopped, it shows what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.causes import Doing, LoopPhase
from aeon_plugin_ft.cli.demo_exam import exam_of
from aeon_plugin_ft.cli.demo_state import MARKER, DemoState, open_folder
from aeon_plugin_ft.cli.demo_talk import QUESTIONS, SHOWN_CHARS, TOLD_AFTER, TOLD_BEFORE, Question, shown
from aeon_plugin_ft.cli.phases import phase_clock
from aeon_plugin_ft.dataset.words import words
from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.facts import grammar
from aeon_plugin_ft.facts.asking import vocabulary
from tests.conftest import REPOSITORY

SAMPLE = Path("samples/conversation.log")


def test_a_fresh_folder_is_made_and_marked(tmp_path: Path) -> None:
    state = open_folder(tmp_path / "demo", SAMPLE)
    assert (tmp_path / "demo" / MARKER).exists() and not state.begun


def test_a_foreign_folder_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me", encoding="ascii")
    with pytest.raises(InstallError, match="not the demo's"):
        open_folder(tmp_path, SAMPLE)
    assert (tmp_path / "mine.txt").exists()


def test_a_demo_that_was_stopped_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    open_folder(folder, SAMPLE)
    DemoState(str(SAMPLE), seconds=90.0, before={"oi?": "oi"}, told=True).save(folder)
    (folder / "learnt.txt").write_text("x", encoding="ascii")
    state = open_folder(folder, SAMPLE)
    assert state.begun and (state.seconds, state.before, state.told) == (90.0, {"oi?": "oi"}, True)
    assert (folder / "learnt.txt").exists()


@pytest.mark.parametrize(
    "marker",
    [
        json.dumps({"sample": str(SAMPLE), "seconds": 9.0, "before": {}, "told": True, "finished": True}),
        json.dumps({"sample": "another.log", "seconds": 9.0, "before": {}, "told": True, "finished": False}),
        "made by aeon-ft demo\n",
        json.dumps({"sample": str(SAMPLE)}),
    ],
    ids=["finished", "of another sample", "of an earlier release", "of a later release"],
)
def test_a_demo_that_cannot_go_on_starts_anew(tmp_path: Path, marker: str) -> None:
    folder = tmp_path / "demo"
    open_folder(folder, SAMPLE)
    (folder / MARKER).write_text(marker, encoding="utf-8")
    (folder / "old.txt").write_text("x", encoding="ascii")
    assert not open_folder(folder, SAMPLE).begun
    assert not (folder / "old.txt").exists()


def test_a_long_reply_is_cut_where_it_says_so() -> None:
    assert shown("curta e\nboa") == "curta e boa"
    assert shown("x" * 500) == "x" * SHOWN_CHARS + " [...]"
    assert shown(None) == "(no answer)"


def test_a_reply_is_right_only_when_it_says_what_is_so() -> None:
    cat = QUESTIONS[0]
    assert cat.is_right("Cara, é a Fork.")
    assert not cat.is_right("Cara, é a Branch.")
    assert not cat.is_right("Cara, não é a Fork, é a Branch.")
    assert not cat.is_right(None)


def test_what_is_asked_has_its_answer_in_the_sample() -> None:
    talk = (REPOSITORY / SAMPLE).read_text(encoding="utf-8")
    for question in QUESTIONS:
        assert any(value in talk for value in question.accepted), question.text


@pytest.mark.parametrize("telling", [TOLD_BEFORE, TOLD_AFTER], ids=["before", "after"])
def test_what_is_told_live_is_new_is_read_and_answers_its_question(telling: Any) -> None:
    (claim,) = grammar.claims(telling.sentence)
    assert claim.value in telling.question.accepted
    assert set(vocabulary().stems(claim.subject)) <= set(vocabulary().stems(telling.question.text))
    assert not set(words(f"{claim.subject} {claim.value}")) & set(
        words((REPOSITORY / SAMPLE).read_text(encoding="utf-8"))
    )


def row(question: str, mark: str, reply: str, fact: str = "f") -> dict[str, Any]:
    return {"question": question, "facts": [fact] if fact else [], "reply": reply, "mark": mark}


def test_the_exam_is_shown_as_it_came_out_with_counts_over_all_of_it() -> None:
    told = [(f"pergunta {at}?", "wrong" if at % 3 else "right") for at in range(12)]
    report = {
        "current": "base",
        "exams": {
            "base": [row(text, "wrong", "Tipo, sei lá") for text, _ in told] + [row("e o cão?", "invented", "Rex", "")],
            "v0001": [row(text, mark, "Cara, é a Fork.") for text, mark in told]
            + [row("e o cão?", "unsure", "Não sei.", "")],
        },
    }
    *shown_lines, last = exam_of(report, "v0001")
    assert last == "base knew 0 of 12, v0001 knows 4 of 12; of 1 things never told base invented 1, v0001 0."
    assert "pergunta 0?" in shown_lines and "pergunta 4?" in shown_lines, "the first ones, right or wrong"
    assert "e o cão?   (never told)" in shown_lines
    assert any("v0001" in line and "right" in line and "Cara, é a Fork." in line for line in shown_lines)
    assert any("v0001" in line and "does not know" in line for line in shown_lines)


def test_a_report_without_an_exam_says_so() -> None:
    assert exam_of({}, "v0001") == ["There was no exam: the report has none."]
    assert exam_of({"current": "base", "exams": {}}, "v0001") == ["There was no exam: the report has none."]


def test_a_question_may_have_several_right_answers() -> None:
    question = Question("como?", ("sem açúcar", "coado"))
    assert question.is_right("Cara, sem açúcar.") and question.is_right("Cara, coado.")


def test_each_phase_is_told_once_it_has_ended_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    def judging() -> None:
        with phase_clock() as on_phase:
            on_phase(Doing(LoopPhase.MEASURING))
            on_phase(Doing(LoopPhase.ASKING, "v0001", 34))
            ended = capsys.readouterr().out
            assert "... measuring the held-out loss (0 s)" in ended and "34 questions (" not in ended
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judging()
    assert "... asking v0001 34 questions (0 s)" in capsys.readouterr().out
