"""Facts as sentences and questions: what the prompt says, what the voice says, what lessons and exams ask."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from aeon_plugin_ft.facts.model import Fact
from aeon_plugin_ft.facts.wording.data import read_toml
from aeon_plugin_ft.facts.wording.nouns import Names
from aeon_plugin_ft.facts.wording.persons import Person, Speech
from aeon_plugin_ft.facts.wording.templates import fill
from aeon_plugin_ft.facts.wording.topics import Topic, topic


class Use(str, Enum):
    """Whose wordings: what one uses the other never does."""

    LESSON = "lesson"
    EXAM = "exam"


_OPEN = {Use.LESSON: "ask", Use.EXAM: "exam"}
_YES = {Use.LESSON: "yes", Use.EXAM: "yes_exam"}
_BACK = {Use.LESSON: "back", Use.EXAM: "back_exam"}
_EU = Speech(Person.EU)


def sentence(fact: Fact, names: Names | None = None) -> str:
    """A line for the prompt, in the third person: "A gata do dono se chama Fork." `names` (of `genders`) tells the
    gender of what is called by name, and of the owner."""
    said = statements(topic(fact.claim, names), Speech(Person.DONO, names))[0]
    return f"{capital(said)}."


def spoken(fact: Fact, person: Person = Person.TU, names: Names | None = None) -> str:
    """To the owner, without capital and stop: "tua gata se chama Fork", with Person.VOCE "sua gata se chama Fork"."""
    return statements(topic(fact.claim, names), Speech(person, names))[0]


def lesson_questions(fact: Fact, names: Names | None = None) -> list[str]:
    """Every way in which a lesson asks about it, open questions first; none is an exam's."""
    return _all_questions(topic(fact.claim, names), Use.LESSON)


def exam_questions(fact: Fact, names: Names | None = None) -> list[str]:
    """Every way in which an exam asks about it, open questions first; none is a lesson's."""
    return _all_questions(topic(fact.claim, names), Use.EXAM)


def open_questions(about: Topic, use: Use) -> list[str]:
    """Questions that ask for the value."""
    return _filled(about, _OPEN[use], _EU)


def yes_no_questions(about: Topic, use: Use) -> list[str]:
    """Questions whether it is so, with the topic's value (`Topic.with_value` for another)."""
    return _filled(about, _YES[use], _EU)


def back_questions(about: Topic, use: Use) -> list[str]:
    """Questions that give the value and ask what or who it is; none of most shapes."""
    return _filled(about, _BACK[use], _EU)


def statements(about: Topic, speech: Speech) -> list[str]:
    """The fact as a whole sentence without capital and stop, the plainest first; never empty."""
    return _filled(about, "say", speech) or [f"{about.subject}: {about.value}".removeprefix(": ")]


def short_answers(about: Topic, speech: Speech) -> list[str]:
    """The answer to an open question alone: "é a Fork"."""
    return _filled(about, "short", speech)


def back_answers(about: Topic, speech: Speech) -> list[str]:
    """The answer to a back question: "a Fork é tua gata"."""
    return _filled(about, "back_say", speech)


def shapes() -> tuple[str, ...]:
    """Every shape that there are questions for."""
    return tuple(read_toml("questions.toml"))


def capital(text: str) -> str:
    """With its first letter in upper case."""
    return text[:1].upper() + text[1:]


def _all_questions(about: Topic, use: Use) -> list[str]:
    return open_questions(about, use) + yes_no_questions(about, use) + back_questions(about, use)


def _filled(about: Topic, part: str, speech: Speech) -> list[str]:
    made = (fill(template, about, speech) for template in _templates(about.shape, part))
    return list(dict.fromkeys(text for text in made if text))


@lru_cache(maxsize=512)
def _templates(shape: str, part: str) -> tuple[str, ...]:
    return tuple(read_toml("questions.toml")[shape].get(part, ()))
