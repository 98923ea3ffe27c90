"""Candidate examples, as many as a log gives, in little memory: texts go to an unnamed temporary file,
only numbers stay.

A gigabyte of log holds millions of turns; a list of `Example` objects would need several gigabytes. Below 32 MB
nothing touches the disk; the file has no name (or is deleted on close), so nothing of it is left behind.
"""

from __future__ import annotations

import marshal
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from aeon_plugin_ft.dataset.model import Dropped, Example
from hooks import Message

IN_MEMORY_BYTES = 32 << 20


class _Ids:
    """Turn ids in order, 16 bytes each; those that are not 32 hex digits are kept as they are."""

    def __init__(self) -> None:
        self._packed = bytearray()
        self._odd: dict[int, str] = {}

    def add(self, identity: str) -> None:
        try:
            packed = bytes.fromhex(identity)
        except ValueError:
            packed = b""
        # Also capitals: they would come back as small letters, and be another id.
        if len(packed) != 16 or packed.hex() != identity:
            self._odd[len(self._packed) // 16] = identity
            packed = bytes(16)
        self._packed += packed

    def __getitem__(self, at: int) -> str:
        return self._odd[at] if at in self._odd else self._packed[16 * at : 16 * at + 16].hex()


class Pool:
    """Examples by number, in the order they were added. Use as a context manager."""

    def __init__(self) -> None:
        self._ids = _Ids()
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__
        # Where each example begins, and at the end where the next one will.
        self._offsets = array("Q", [0])
        self._systems: dict[str, int] = {}
        self._system_texts: list[str] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def add(self, example: Example) -> None:
        """One more example; its number is how many there were before."""
        system, talk = -1, example.messages
        if talk[0].role == "system":
            system = self._system_number(talk[0].content)
            talk = talk[1:]
        flat = [text for message in talk for text in (message.role, message.content)]
        self._ids.add(example.id)
        # marshal is the quickest for plain tuples; that its format changes between versions of Python is no
        # matter for a file that dies with this process.
        data = marshal.dumps((example.id, system, flat, example.turns, example.session, example.at, example.source))
        self._file.write(data)
        self._offsets.append(self._offsets[-1] + len(data))

    def _system_number(self, text: str) -> int:
        number = self._systems.setdefault(text, len(self._system_texts))
        if number == len(self._system_texts):
            self._system_texts.append(text)
        return number

    def ids(self, numbers: Iterable[int]) -> Iterator[str]:
        """The ids of the examples with these numbers."""
        return (self._ids[number] for number in numbers)

    def read(self, numbers: Iterable[int]) -> Iterator[Example]:
        """The examples with these numbers, best asked in ascending order."""
        for number in numbers:
            start = self._offsets[number]
            self._file.seek(start)
            data = self._file.read(self._offsets[number + 1] - start)
            identity, system, flat, turns, session, at, source = marshal.loads(data)
            messages = [Message(flat[n], flat[n + 1]) for n in range(0, len(flat), 2)]
            if system >= 0:
                messages.insert(0, Message("system", self._system_texts[system]))
            yield Example(identity, tuple(messages), tuple(turns), session, at, source)


class DropList(Sequence[Dropped]):
    """What was left out, a few bytes each: looks like a tuple of `Dropped`."""

    def __init__(self) -> None:
        self._ids = _Ids()
        self._why = array("I")
        self._causes: dict[tuple[str, str], int] = {}
        self._cause_list: list[tuple[str, str]] = []

    def add(self, turn: str, filter: str, reason: str) -> None:
        """One more turn that was left out, by which filter and why."""
        cause = self._causes.setdefault((filter, reason), len(self._cause_list))
        if cause == len(self._cause_list):
            self._cause_list.append((filter, reason))
        self._ids.add(turn)
        self._why.append(cause)

    def __len__(self) -> int:
        return len(self._why)

    @overload
    def __getitem__(self, at: int) -> Dropped: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Dropped, ...]: ...
    def __getitem__(self, at: int | slice) -> Dropped | tuple[Dropped, ...]:
        if isinstance(at, slice):
            return tuple(self[n] for n in range(*at.indices(len(self))))
        at = range(len(self))[at]
        return Dropped(self._ids[at], *self._cause_list[self._why[at]])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(other) == len(self)
            and all(a == b for a, b in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<DropList of {len(self)}>"
