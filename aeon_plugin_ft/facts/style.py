"""How this assistant talks, learnt from its own good replies: what it opens with, how it addresses the owner, how it
admits not knowing, and what it really answered to questions about facts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from aeon_plugin_ft.facts.marking import Asks, Mark, mark_reply, says
from aeon_plugin_ft.facts.marking.holding import sentences
from aeon_plugin_ft.facts.marking.readings import is_content, read, stem
from aeon_plugin_ft.facts.wording.data import read_toml
from aeon_plugin_ft.facts.wording.persons import Person, Speech
from aeon_plugin_ft.facts.wording.phrases import Use, back_questions, capital, open_questions
from aeon_plugin_ft.facts.wording.topics import Topic
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.text import vocabulary
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind

OPENS_OFTEN = 0.3
"""An opener is the assistant's where so many of its replies about the owner begin with it."""
ALIKE = 0.75
"""Share of a real question's content words that the wordings of a fact have, for it to be a question about it."""
LONGEST = 160
"""Characters of a real answer that is used again: a longer one says more than was asked."""

_OPENER = re.compile(r"^([^\W\d_]+(?: [^\W\d_]+)?)([,!:])\s+(?=\S)")
_TO_OWNER = re.compile(r"\b(tu|teus?|tuas?|contigo|ti|te|voces?|vc|ce|seus?|suas?|o senhor|a senhora)\b")
_TU = frozenset({"tu", "teu", "teus", "tua", "tuas", "contigo", "ti"})
_ASKS = re.compile(
    r"\?\s*$|^(?:\w+[,:]? ){0,2}(?:quem|qual|quais|que|como|onde|quando|quant[oa]s?|cade|me (?:diz|fala|conta|lembra)"
    r"|fala|diz|diga|conta|sabe|lembra|explica)\b"
)
_ASKED_BACK = re.compile(r"^(?:nao|sim|tem|sei|e sim|isso|claro)\b")
_GENERAL = frozenset(
    stem(word)
    for word in vocabulary(
        "sei contou conta lembro ideia essa isso informacao faco tenho anotado ainda nunca nao desculpa desculpe disso "
        "disse falou aqui nada ninguem memoria memorias saiba dizer responder"
    )
)
_ASKING = frozenset(
    stem(word) for word in vocabulary("sabe sabes diz diga fala fale lembra me conta conte explica aeon favor por")
)
"""Words that ask, whatever is asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was really answered: the question with the stems that say what it asks for, the first sentence of the
    reply, and the turn."""

    question: str
    reply: str
    turn: str
    stems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Style:
    """`opener` is what answers begin with, comma included ("Cara,"), "" for none. `unknown` are the assistant's own
    ways of not knowing, whole."""

    person: Person = Person.VOCE
    opener: str = ""
    unknown: tuple[str, ...] = ()
    answers: Sequence[Answer] = field(default=())

    def say(self, text: str) -> str:
        """A sentence of this assistant's: with its opener, a capital and a stop."""
        return f"{self.opener} {text}." if self.opener else f"{capital(text)}."

    def not_knowing(self) -> list[str]:
        """Ways to say that something was never told, its own first."""
        owner = Speech(self.person).owner
        made = [self.say(text.format(eu=owner)) for text in read_toml("never.toml")["unknown"]["texts"]]
        return list(dict.fromkeys([*self.unknown, *made]))

    def real_answers(self, about: Topic, accepted: Sequence[str]) -> list[Answer]:
        """What was really answered to questions about this, with the value that is right now; [] for nothing."""
        if not self.answers:
            return []
        wordings = [*open_questions(about, Use.LESSON), *open_questions(about, Use.EXAM)]
        back = [*back_questions(about, Use.LESSON), *back_questions(about, Use.EXAM)]
        stems = frozenset(stem(token) for text in wordings for token in _content(text))
        needed = {stem(token) for token in _content(f"{about.subject} {about.attribute}")}
        value = {stem(token) for token in _content(" ".join(accepted))}
        made: dict[str, Answer] = {}
        for answer in self.answers:
            # A question that names the value asks for something else: "quem é a Fork?".
            if not wordings or (back and answer.stems & value) or not needed <= answer.stems:
                continue
            # "O que você sabe da minha gata?" asks for nothing of it; "quem é ..." asks for the name.
            if not answer.stems - (needed if about.subject and not about.attribute else set()):
                continue
            share = len(answer.stems & stems) / len(answer.stems)
            if share >= ALIKE and any(says(answer.reply, one) for one in accepted):
                made.setdefault(answer.reply, answer)
        return list(made.values())


def learn_style(turns: Iterable[LoggedTurn], bad: Collection[str] = ()) -> Style:
    """The style of the replies in `turns`, those in `bad` (ids of turns that the owner complained about or put right)
    left out, and those of the plugin's own models: a base that rambles would teach its rambling."""
    replied = (turn for turn in turns if turn.kind is TurnKind.CHAT and not turn.is_own)
    good = [turn for turn in replied if turn.id not in bad and _is_talk(turn.reply)]
    to_owner: Counter[Person] = Counter()
    openers: Counter[str] = Counter()
    about_owner = 0
    for turn in good:
        words = _TO_OWNER.findall(fold_accents(turn.reply))
        to_owner.update(_person(word) for word in words if word != "te")
        if words:
            about_owner += 1
            opener = _OPENER.match(turn.reply)
            openers.update([opener[1] + opener[2]] if opener else [])
    likeliest, times = openers.most_common(1)[0] if openers else ("", 0)
    return Style(
        _likeliest(to_owner),
        likeliest if about_owner and times >= OPENS_OFTEN * about_owner else "",
        tuple(dict.fromkeys(text for turn in good for text in _own_unknown(turn.reply))),
        tuple(answer for turn in good for answer in _answer(turn)),
    )


def _person(word: str) -> Person:
    return Person.TU if word in _TU else {"o senhor": Person.SENHOR, "a senhora": Person.SENHORA}.get(word, Person.VOCE)


def _likeliest(counted: Counter[Person]) -> Person:
    """The person that is addressed most; "seu" and "sua" go with the respectful forms as well."""
    respect = max((Person.SENHOR, Person.SENHORA), key=lambda person: counted[person])
    if counted[Person.TU] > counted[Person.VOCE] + counted[respect]:
        return Person.TU
    return respect if 3 * counted[respect] > counted[Person.VOCE] else Person.VOCE


def _is_talk(reply: str) -> bool:
    return bool(reply.strip()) and not reply.lstrip().startswith("{")


def _own_unknown(reply: str) -> list[str]:
    """The first sentence where it admits not knowing in general words: "Cara, essa eu não sei."."""
    first = sentences(reply)[0]
    body = _OPENER.sub("", first)
    general = all(stem(token) in _GENERAL for token in _content(body))
    admitted = mark_reply(Asks.NEVER_TOLD, "", (), first) is Mark.UNSURE
    return [first] if general and admitted and first.endswith((".", "!")) else []


def _answer(turn: LoggedTurn) -> list[Answer]:
    first = sentences(turn.reply)[0]
    body = fold_accents(_OPENER.sub("", first))
    asks_or_agrees = first.endswith("?") or _ASKED_BACK.match(body)
    if (
        not _ASKS.search(fold_accents(turn.user))
        or asks_or_agrees
        or len(first) > LONGEST
        or not first.endswith((".", "!"))
    ):
        return []
    asked = frozenset(stem(token) for token in _content(turn.user)) - _ASKING
    return [Answer(turn.user, first, turn.id, asked)] if asked else []


def _content(text: str) -> list[str]:
    return [token for token in read(text).tokens if is_content(token)]
