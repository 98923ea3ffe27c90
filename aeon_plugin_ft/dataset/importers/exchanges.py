"""From the messages of one conversation to questions and replies: pairing comes before filtering.

A message that cannot be learnt (a picture, an attachment, a deleted one) takes part in the pairing like any other, so
that its answer is never put behind the question before it; only then what rests on it is left out, and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

NO_REPLY = "a question without a reply that can be learnt"


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `flaw` says why it cannot be learnt, "" where it can; `at` is seconds since the epoch, 0.0 when
    unknown; `id` is the export's own, "" where it has none; `by` the model or person who said it."""

    role: Literal["user", "assistant"]
    text: str
    at: float = 0.0
    id: str = ""
    by: str = ""
    flaw: str = ""


@dataclass(slots=True)
class Exchange:
    """What one side said in a row, and what the other answered in a row."""

    questions: list[Said] = field(default_factory=list)
    replies: list[Said] = field(default_factory=list)

    @property
    def question(self) -> str:
        """The question in one text."""
        return "\n".join(one.text for one in self.questions if one.text)

    @property
    def reply(self) -> str:
        """The reply in one text, without what cannot be learnt."""
        return "\n".join(one.text for one in self.replies if one.text and not one.flaw)

    @property
    def flaw(self) -> str:
        """Why the exchange cannot be learnt, "" where it can: any part of the question, or the whole reply."""
        asked = next((one.flaw for one in self.questions if one.flaw), "")
        if asked or self.reply:
            return asked
        return next((one.flaw for one in self.replies if one.flaw), NO_REPLY)

    @property
    def model(self) -> str:
        """Who said the end of the reply."""
        return next((one.by for one in reversed(self.replies) if one.by), "")


def exchanges(messages: Iterable[Said]) -> Iterator[Exchange]:
    """Each question with what was answered, in order; a question that nobody answered is no exchange, and what was
    said before the first question belongs to none."""
    open_ = Exchange()
    for message in messages:
        if message.role == "assistant":
            if open_.questions:
                open_.replies.append(message)
            continue
        if open_.replies:
            yield open_
            open_ = Exchange()
        open_.questions.append(message)
    if open_.replies:
        yield open_
