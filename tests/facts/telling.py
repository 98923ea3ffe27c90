"""A log in which an owner tells things, and a reader of the few sentences that these tests say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from aeon_plugin_ft.facts.book import FactBook
from aeon_plugin_ft.facts.model import Claim, Relation
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnKind, TurnLog
from aeon_plugin_ft.turns.log import Limits
from hooks import Attempt, Message, Turn

Form = tuple[str, Callable[[re.Match[str]], Claim]]

_OWNER: tuple[Form, ...] = (
    (r"moro em (.+)", lambda m: Claim("", Relation.LIVES_IN, m[1])),
    (r"não moro mais em .+", lambda m: Claim("", Relation.LIVES_IN, "", ended=True)),
    (r"gosto de (.+)", lambda m: Claim("", Relation.LIKES, m[1])),
    (r"não gosto mais de nada", lambda m: Claim("", Relation.LIKES, "", ended=True)),
    (r"não gosto mais de (.+)", lambda m: Claim("", Relation.LIKES, m[1], ended=True)),
    (r"sou (vegetariano|canhoto)", lambda m: Claim("", Relation.TRAIT, m[1])),
    (r"(?:meu|minha) (\w+) é (?:o |a )?(.+)", lambda m: Claim(m[1], Relation.NAME, m[2])),
)
_BOTH: tuple[Form, ...] = (
    (r"(?:a )?daily é às (.+)", lambda m: Claim("daily", Relation.TIME, m[1])),
    (r"(?:o )?(Jaburu) tem (.+) de memória", lambda m: Claim(m[1], Relation.PROPERTY, m[2], "memória")),
)
_REPLY: tuple[Form, ...] = (
    (r"tu mora em (.+)", lambda m: Claim("", Relation.LIVES_IN, m[1])),
    (r"tu gosta de (.+)", lambda m: Claim("", Relation.LIKES, m[1])),
    (r"(?:teu|tua) (\w+) é (?:o |a )?(.+)", lambda m: Claim(m[1], Relation.NAME, m[2])),
)


class PlainReader:
    """facts.reading.Reader for sentences said exactly so. `asked` counts the texts."""

    def __init__(self) -> None:
        self.asked = 0

    def claims(self, sentence: str) -> list[Claim]:
        return self._read(sentence, (*_OWNER, *_BOTH))

    def claims_of_reply(self, reply: str, question: str = "") -> list[Claim]:
        told = self._read(reply, (*_REPLY, *_BOTH))
        answer = re.fullmatch(r"é às (.+)", reply)
        return told or ([Claim("daily", Relation.TIME, answer[1])] if answer and "daily" in question else [])

    def _read(self, text: str, forms: tuple[Form, ...]) -> list[Claim]:
        self.asked += 1
        found = []
        for sentence in re.split(r"[,.] ?(?![0-9])", text):
            for pattern, make in forms:
                match = re.fullmatch(pattern, sentence.strip(), re.IGNORECASE)
                if match is not None:
                    found.append(replace(make(match), corrects=text.startswith("não, "), start=3, end=9))
                    break
        return found


class Told:
    """A data folder whose owner talks; `now` is the time of the next turn, a minute after the one before."""

    def __init__(self, data: DataFolder, store: Store) -> None:
        self.data, self.store = data, store
        self.index = TurnIndex(store, data.log)
        self.reader = PlainReader()
        self.now = 1_700_000_000.0
        store.clock = lambda: self.now
        self.book = self.opened()
        self._made = 0

    def opened(self, store: Store | None = None) -> FactBook:
        """The book, opened anew as another process would."""
        return FactBook(store or self.store, self.reader)

    def turn(self, owner: str, reply: str = "Massa.", **changes: object) -> Turn:
        self.now += 60
        self._made += 1
        made = Turn(
            id=f"turn{self._made:04d}", session="s", started_at=self.now, seconds=0.1, caller="chat", mode="conversa",
            prompt=owner, messages=(Message("user", owner),), reply=reply,
            served_by=Attempt("groq", "m", "base", True, 0.1),
        )  # fmt: skip
        return replace(made, **changes)  # type: ignore[arg-type]

    def log(self, *turns: Turn, kind: TurnKind = TurnKind.CHAT) -> str:
        """Write turns into the log and the index; the id of the last."""
        log = TurnLog(
            self.data.log, redact=lambda text: text, limits=lambda: Limits(10**8, 0.05), on_failure=lambda _: None
        )
        for turn in turns:
            log.append(turn, kind)
        log.close()
        self.index.ingest()
        return turns[-1].id

    def says(self, owner: str, reply: str = "Massa.", **changes: object) -> str:
        """One turn, read at once; its id."""
        id = self.log(self.turn(owner, reply, **changes))
        self.book.sync(self.index)
        return id

    def known(self, book: FactBook | None = None) -> dict[tuple[str, str], list[str]]:
        """Subject and relation to the current values."""
        values: dict[tuple[str, str], list[str]] = {}
        for fact in (book or self.book).current():
            values.setdefault((fact.claim.subject, fact.claim.relation.value), []).append(fact.value)
        return values


@pytest.fixture
def told(data: DataFolder, store: Store) -> Told:
    return Told(data, store)
