"""Lessons of reading: the answer is what the prompt's memories say, and where they do not say it, it is not known.

A small model that learnt facts by heart answers out of its weights whatever its prompt says: what was told a minute ago
is in the prompt alone. So it is taught to look there first, by things made up that are in nobody's weights, each time
with another value; the same questions stand among the lessons of not knowing, without memories. And what the owner
tells now is noted down, and not answered with something similar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from aeon_plugin_ft.facts.admitting import admission
from aeon_plugin_ft.facts.known import shuffled
from aeon_plugin_ft.facts.lessons import Lesson, LessonKind, lot, typed
from aeon_plugin_ft.facts.model import Claim, Fact
from aeon_plugin_ft.facts.style import Style
from aeon_plugin_ft.facts.untold import stems, unmentioned_claims
from aeon_plugin_ft.facts.wording import Person, Speech, Topic, Use, genders, topic
from aeon_plugin_ft.facts.wording.data import read_toml
from aeon_plugin_ft.facts.wording.nouns import Names
from aeon_plugin_ft.facts.wording.phrases import capital, open_questions, statements
from aeon_plugin_ft.privacy.folding import fold_accents

READING_SHARE = 0.12
"""Lessons of reading, of the other lessons."""
MOST_BESIDE = 3
"""Memories of something else beside the one that answers."""
NOTED = "anotado: "
_OWN = re.compile(r"(meus?|minhas?)\b")
_ARTICLES = {"meu": "o", "minha": "a", "meus": "os", "minhas": "as"}


@dataclass(frozen=True, eq=False, slots=True)
class _MadeUp:
    """Something that nobody told, and what is asked about it."""

    about: Topic
    questions: list[str]

    def line(self, names: Names) -> str:
        """As a memory in the prompt."""
        return f"{capital(statements(self.about, Speech(Person.DONO, names))[0])}."


def reading_lessons(facts: Sequence[Fact], style: Style, most: int, said: Iterable[str] = ()) -> list[Lesson]:
    """At most `most` lessons; `said` is what was said to and by the assistant, of which nothing is made up. The same
    facts and talk give the same lessons."""
    names = genders(facts)
    texts = (*said, *(f"{fact.claim.subject} {fact.claim.attribute} {fact.value}" for fact in facts))
    made = list(_made_up(frozenset().union(*map(stems, texts)), names))
    return list(islice(_lessons(made, style, names), most))


def _lessons(made: Sequence[_MadeUp], style: Style, names: Names) -> Iterator[Lesson]:
    speech = Speech(style.person, names)
    for at, one in enumerate(made):
        question = typed(one.questions[0])
        lines = [other.line(names) for other in _beside(made, at)]
        answer = statements(one.about, speech)[0]
        told = _with_article(statements(one.about, Speech(Person.EU, names))[0])
        match at % 5:
            # What the owner does is said with a verb, which the templates know in the third person.
            case 0 if not one.about.deed:
                yield Lesson(typed(told), style.say(NOTED + answer), (), LessonKind.HEARD, memories=tuple(lines[:-1]))
            case 1 | 2:
                reply = admission(one.questions[0], one.about, style, names)
                yield Lesson(question, reply, (), LessonKind.READ, memories=tuple(lines))
            case _:
                lines = shuffled([one.line(names), *lines[: lot(question) % (MOST_BESIDE + 1)]], question)
                yield Lesson(question, style.say(answer), (), LessonKind.READ, memories=tuple(lines))


def _with_article(told: str) -> str:
    """ "a minha tia mora ...", as questions begin; `typed` leaves the article out of every second one of both."""
    own = _OWN.match(told)
    return f"{_ARTICLES[own[1]]} {told}" if own else told


def _beside(made: Sequence[_MadeUp], at: int) -> list[_MadeUp]:
    """What stands in the prompt beside the answer, or in its place: first what is most like it, a name for a name."""
    one = made[at]
    others = [other for other in (*made[at + 1 :], *made[:at]) if _is_apart(other, one)]
    alike = [other for other in others if other.about.claim.relation is one.about.claim.relation]
    return list(dict.fromkeys([*alike[:1], *others[:1], *alike[1:2]]))[: 1 + at % MOST_BESIDE]


def _is_apart(other: _MadeUp, one: _MadeUp) -> bool:
    """Whether it answers no question about the other."""
    mine, its = one.about, other.about
    return (fold_accents(mine.subject), mine.attribute) != (fold_accents(its.subject), its.attribute)


def _made_up(mentioned: frozenset[str], names: Names) -> Iterator[_MadeUp]:
    data = read_toml("made_up.toml")
    pools = {key: _values(text) for key, text in data.items() if isinstance(text, str)}
    claims = {f"{claim.subject}|{claim.attribute}|{claim.relation.value}": (group, claim)
              for group, claim in unmentioned_claims(mentioned)}  # fmt: skip
    # In an order that mixes the groups, and that stays the same.
    for key in shuffled(claims, "made up"):
        group, claim = claims[key]
        pool = pools[data["values"][group][claim.relation.value]]
        about = topic(_with_value(claim, pool[lot(key) % len(pool)]), names)
        questions = shuffled(open_questions(about, Use.LESSON), key)
        if questions:
            yield _MadeUp(about, questions)


def _with_value(claim: Claim, value: str) -> Claim:
    return replace(claim, value=value)


def _values(text: str) -> list[str]:
    return [value.strip() for value in text.replace("\n", "|").split("|") if value.strip()]
