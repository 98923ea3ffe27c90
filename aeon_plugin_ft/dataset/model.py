"""Examples, what was left out and why, and the frozen dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aeon_plugin_ft.turns.model import LoggedTurn
from hooks import Message

FeedbackKind = Literal["praise", "complaint", "correction", "keep", "drop"]
"""What the owner said about a reply ("praise", "complaint", "correction"), or decided in a review
("keep": use it whatever the filters say, "drop": never use it)."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the owner thinks of one turn's reply. `correction` is the better reply in the owner's words,
    None unless `kind` is "correction" and the words are known. `said_in` is the turn in which it was said, None when
    it was no turn (a command, a review): whoever forgets that turn forgets the opinion's words too."""

    turn: str
    kind: FeedbackKind
    correction: str | None = None
    said_in: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One training example: `messages` ends with the assistant reply, the only part that is learnt.

    `turns` are the ids of the logged turns it was made of, the one that corrected it included; `session` keeps one
    conversation on one side of the split, `at` is the time of the newest of them (seconds since the epoch).
    """

    id: str
    messages: tuple[Message, ...]
    turns: tuple[str, ...]
    session: str = ""
    at: float = 0.0
    source: str = "live"

    @property
    def user(self) -> str:
        """The question: the last message that the owner wrote."""
        if len(self.messages) > 1 and self.messages[-2].role == "user":
            return self.messages[-2].content
        return next((message.content for message in reversed(self.messages) if message.role == "user"), "")

    @property
    def system(self) -> str:
        """The system prompt, "" where there is none."""
        return self.messages[0].content if self.messages[0].role == "system" else ""

    @property
    def reply(self) -> str:
        """The target: the last message."""
        return self.messages[-1].content


@dataclass(frozen=True, slots=True)
class Preference:
    """Two replies to one prompt: the owner wants `chosen`, and complained about `rejected`."""

    id: str
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rating:
    """One reply that the owner praised (`good`) or complained about, for KTO."""

    id: str
    prompt: tuple[Message, ...]
    reply: str
    good: bool
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A turn that was left out: the filter's name and a sentence for people."""

    turn: str
    filter: str
    reason: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What the log gives before it is frozen. `train` and `heldout` never share a user text."""

    train: tuple[Example, ...]
    heldout: tuple[Example, ...]
    dropped: Sequence[Dropped] = ()
    preferences: tuple[Preference, ...] = ()
    ratings: tuple[Rating, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A frozen dataset on disk, never changed after it is written.

    Folder: `train.jsonl` and `heldout.jsonl` (one `{"messages": [...]}` a line), `preferences.jsonl`,
    `ratings.jsonl`, `lineage.jsonl` (split, line and turn ids of every example) and `dataset.json`
    (hash, counts, settings; written last). `hash` is over the examples, 16 hex digits. `train` counts the `lessons`
    as well; `facts` is how many facts they are about.
    """

    hash: str
    folder: Path
    train: int
    heldout: int
    dropped: int
    preferences: int = 0
    ratings: int = 0
    lessons: int = 0
    facts: int = 0

    @property
    def train_file(self) -> Path:
        """The examples to learn from, one {"messages": [...]} a line."""
        return self.folder / "train.jsonl"

    @property
    def heldout_file(self) -> Path:
        """The examples to judge by, in the same form."""
        return self.folder / "heldout.jsonl"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A piece of an imported file that could not be used. `line` is 1-based; in a JSON file that is not
    read line by line it is the number of the conversation or message."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file gave. `format` is the importer's name; `notes` are sentences for people (an encoding that
    was repaired, ...); `skipped_total` counts also what `skipped` had no room for."""

    turns: tuple[LoggedTurn, ...]
    skipped: tuple[Skipped, ...]
    format: str
    notes: tuple[str, ...] = ()
    skipped_total: int = 0


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """`kept` lines were written to `target`; `dropped` counts what was left out, by reason; `skipped_total` counts also
    what `skipped` had no room for."""

    kept: int
    dropped: dict[str, int]
    skipped: tuple[Skipped, ...]
    target: Path
    format: str = ""
    notes: tuple[str, ...] = field(default=())
    skipped_total: int = 0
