"""Where each token of a batch stands in one long row: first everything that is nobody's suffix, then the suffixes.

    [ prompt of group 1 | prompt of group 2 | rows that share nothing | suffixes of group 1 | suffixes of group 2 ]
      ------------------------- head ---------------------------------   ---------------- tail ---------------

Each of these segments sees itself, causally; the suffixes of a group see its prompt as well. So a batch is one pass
over every matrix, and attention is two calls whatever the batch: segments over themselves, suffixes over prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from aeon_plugin_ft.training.plan import Group, Row


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches of one row of tokens, one behind the other. `ends` [stretches + 1] is on the device, from 0 on."""

    lengths: tuple[int, ...]
    ends: Tensor

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device) -> Spans:
        """Spans of these lengths, in tokens."""
        ends = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
        return cls(tuple(lengths), ends.to(device))

    @property
    def longest(self) -> int:
        """Tokens of the longest stretch; 0 without any."""
        return max(self.lengths, default=0)

    @property
    def tokens(self) -> int:
        """Tokens of all of them."""
        return sum(self.lengths)

    @property
    def places(self) -> Iterator[slice]:
        """Where each stretch stands."""
        start = 0
        for length in self.lengths:
            yield slice(start, start + length)
            start += length


@dataclass(frozen=True, slots=True)
class Layout:
    """One pass. `ids` and `positions` [tokens]; `segments` are all stretches that see themselves, the first `head`
    tokens of them being nobody's suffix. `prompts` are the first stretches of the head, each with the suffixes at the
    same place of `suffixes` behind it. `at` [n] are the tokens whose output is scored, `targets` [n] the tokens wanted
    there, `owners` [n] the rows that they are of."""

    ids: Tensor
    positions: Tensor
    segments: Spans
    head: int
    prompts: Spans
    suffixes: Spans
    at: Tensor
    targets: Tensor
    owners: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Tokens that are computed."""
        return int(self.ids.shape[0])

    @classmethod
    def of(cls, rows: Sequence[Row], groups: Sequence[tuple[int, Sequence[int]]], device: torch.device) -> Layout:
        """The layout of groups of (tokens of their common prompt, rows); without a prompt each row is by itself."""
        shared = [(prefix, members) for prefix, members in groups if prefix]
        alone = [row for prefix, members in groups if not prefix for row in members]
        pieces = [*(_Piece(members[0], 0, prefix, scored=False) for prefix, members in shared)]
        pieces += [_Piece(row, 0, len(rows[row].ids)) for row in alone]
        head = sum(piece.length for piece in pieces)
        pieces += [_Piece(row, prefix, len(rows[row].ids)) for prefix, members in shared for row in members]
        at, targets, owners = _scored(rows, pieces)
        return cls(
            ids=torch.tensor([token for piece in pieces for token in piece.ids(rows)]).to(device),
            positions=torch.tensor([place for piece in pieces for place in range(piece.start, piece.stop)]).to(device),
            segments=Spans.of([piece.length for piece in pieces], device),
            head=head,
            prompts=Spans.of([prefix for prefix, _ in shared], device),
            suffixes=Spans.of([sum(len(rows[m].ids) - prefix for m in members) for prefix, members in shared], device),
            at=torch.tensor(at, dtype=torch.long).to(device),
            targets=torch.tensor(targets, dtype=torch.long).to(device),
            owners=tuple(owners),
        )


@dataclass(frozen=True, slots=True)
class _Piece:
    """Tokens [start, stop) of a row."""

    row: int
    start: int
    stop: int
    scored: bool = True

    @property
    def length(self) -> int:
        return self.stop - self.start

    def ids(self, rows: Sequence[Row]) -> Sequence[int]:
        return rows[self.row].ids[self.start : self.stop]


def _scored(rows: Sequence[Row], pieces: Iterable[_Piece]) -> tuple[list[int], list[int], list[int]]:
    at: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    begin = 0
    for piece in pieces:
        row = rows[piece.row]
        # A piece's first token is predicted by what is in front of the piece, and is never a supervised one
        # (Row.shareable); of a whole row it is predicted by nothing.
        for place in range(piece.start + 1, piece.stop) if piece.scored else ():
            if row.labels[place] >= 0:
                at.append(begin + place - 1 - piece.start)
                targets.append(row.labels[place])
                owners.append(piece.row)
        begin += piece.length
    return at, targets, owners


def passes(groups: Sequence[Group], most: int, lengths: Sequence[int]) -> Iterator[list[tuple[int, list[int]]]]:
    """What is computed together: groups of (prompt, rows) of at most `most` tokens in all, unless one suffix alone has
    more. A prompt that suffixes of several passes stand behind is computed in each."""
    made: list[tuple[int, list[int]]] = []
    room = most
    for group in groups:
        fresh = True
        for row in group.rows:
            needs = lengths[row] - group.prefix
            if made and needs + (group.prefix if fresh else 0) > room:
                yield made
                made, room, fresh = [], most, True
            if fresh:
                made.append((group.prefix, []))
                room -= group.prefix
                fresh = False
            made[-1][1].append(row)
            room -= needs
    if made:
        yield made
