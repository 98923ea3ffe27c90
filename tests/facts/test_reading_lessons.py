"""Lessons of reading: the answer is in the prompt's memories, and in nobody's facts."""

from __future__ import annotations

from collections import Counter

import pytest

from aeon_plugin_ft.facts.lessons import LessonKind, make_lessons
from aeon_plugin_ft.facts.marking import Asks, Mark, mark_reply
from aeon_plugin_ft.facts.reading_lessons import NOTED, reading_lessons
from aeon_plugin_ft.facts.style import Style
from aeon_plugin_ft.facts.untold import stems
from aeon_plugin_ft.facts.wording import Person
from aeon_plugin_ft.facts.wording.data import read_toml
from tests.facts.told import facts

TOLD = facts()
CARA = Style(Person.TU, "Cara,")
LESSONS = reading_lessons(TOLD, CARA, 400)
UNKNOWN = [one for one in LESSONS if mark_reply(Asks.NEVER_TOLD, one.question, (), one.answer) is Mark.UNSURE]


def content(text: str) -> frozenset[str]:
    return stems(text) - stems("o a do da dono tu teu tua é")


def test_what_is_asked_is_answered_out_of_the_memories() -> None:
    answered = [one for one in LESSONS if one.kind is LessonKind.READ and one not in UNKNOWN]
    assert len(answered) >= 100
    for lesson in answered:
        said = content(lesson.answer.removeprefix("Cara, "))
        # All that is said stands in one of the lines, but for the verb's person ("medita", "meditas").
        assert max(len(said & content(line)) / len(said) for line in lesson.memories) >= 0.75, lesson


def test_what_the_memories_do_not_tell_is_not_known_however_near_they_come() -> None:
    assert len(UNKNOWN) >= 100
    assert all(one.memories and one.kind is LessonKind.READ for one in UNKNOWN)
    # Names beside a question for a name, hours beside one for an hour: the nearest value is no answer.
    about_names = [one for one in UNKNOWN if "nome" in one.question.lower()]
    assert any("se chama" in line for one in about_names for line in one.memories)


def test_what_is_told_now_is_noted_and_repeated() -> None:
    told = [one for one in LESSONS if one.kind is LessonKind.HEARD]
    assert len(told) >= 40
    for lesson in told:
        assert lesson.answer.startswith(f"Cara, {NOTED}")
        value = content(lesson.question) & content(lesson.answer)
        assert len(value) >= 2, lesson


def test_nothing_of_the_owners_is_in_them_and_nothing_that_was_said() -> None:
    assert all(not one.facts and not one.turns for one in LESSONS)
    spoken = "ontem a minha sogra achou o drone"
    again = reading_lessons(TOLD, CARA, 400, [spoken])
    words = {word for one in again for word in stems(" ".join([one.question, *one.memories]))}
    assert not words & {"sogra", "dron", "drone"}


def test_no_value_is_a_habit() -> None:
    """Of a value that came up often the model would learn the value, and not to read."""
    names = read_toml("made_up.toml")["names"].replace("\n", "|").split("|")
    counted = Counter(name for one in LESSONS for name in names if name and name in one.answer)
    assert max(counted.values()) <= 0.05 * len(LESSONS)


def test_the_same_facts_give_the_same_lessons_and_most_is_the_most() -> None:
    assert reading_lessons(list(reversed(TOLD)), CARA, 400) == LESSONS
    assert reading_lessons(TOLD, CARA, 30) == LESSONS[:30]


@pytest.mark.parametrize("style", [Style(Person.VOCE), Style(Person.SENHORA, "Dona Zélia,")], ids=["voce", "senhora"])
def test_they_are_in_the_assistants_own_voice(style: Style) -> None:
    for lesson in reading_lessons(TOLD, style, 100):
        assert lesson.answer.startswith(style.opener or lesson.answer[0].upper())
        assert "teu" not in lesson.answer.split() and "tua" not in lesson.answer.split()


def test_what_is_asked_with_memories_is_not_asked_otherwise_in_an_exam() -> None:
    exam = stems(" ".join(one["words"] for one in read_toml("never.toml")["topic"] if "exam" in one))
    asked = {word for one in LESSONS for word in stems(one.question)}
    assert not asked & (exam - {word for one in make_lessons(TOLD, CARA, 10) for word in stems(one.question)})
