"""How an effective batch is computed: which rows share which prefix, and in which micro-batches.

Pure arithmetic over token ids, the same on every machine and in every attempt, so that a resumed run
adds its gradients up in the same order. No torch here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MIN_PREFIX = 16
"""Sharing fewer tokens than this costs more than it saves: a pass over a prefix reads every weight."""

IGNORED = -100
"""Label of a token that is not supervised, as everywhere in transformers."""


@dataclass(frozen=True, slots=True)
class Row:
    """One example as tokens. `labels[i]` is `ids[i]` where token i is supervised, else IGNORED."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def first_supervised(self) -> int:
        """Index of the first supervised token; the length of the row when there is none."""
        return next((at for at, label in enumerate(self.labels) if label != IGNORED), len(self.ids))

    @property
    def supervised(self) -> int:
        """Supervised tokens that have a token before them, the ones that a causal loss counts."""
        return sum(label != IGNORED for label in self.labels[1:])

    @property
    def shareable(self) -> int:
        """The longest prefix that may be computed apart from this row.

        The position before the first supervised token predicts it, so it belongs to the suffix.
        """
        return max(0, min(self.first_supervised, len(self.ids)) - 1)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows (indices into the batch) whose first `prefix` tokens are the same and are computed once.

    `micro` are the micro-batches of their suffixes, longest first, so that the first one shows the peak
    of memory.
    """

    prefix: int
    micro: tuple[tuple[int, ...], ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """Every row of the group, in the order of its micro-batches."""
        return tuple(row for part in self.micro for row in part)


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the longest common prefix of two token sequences."""
    length = min(len(first), len(second))
    if first[:length] == second[:length]:
        return length
    # By halving, on slices, which compare in C: a loop over thousands of tokens a pair would take seconds a batch.
    low, high = 0, length  # first[:low] is common, first[:high] is not
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle
    return low


def plan_batch(rows: Sequence[Row], micro_tokens: int, min_prefix: int = MIN_PREFIX) -> list[Group]:
    """Cut a batch into groups that share a prefix, so that the fewest tokens are computed.

    `micro_tokens` bounds the suffix tokens of a micro-batch (a single longer suffix stands alone).
    Rows without a supervised token are left out: they have no loss.
    """
    supervised = [index for index, row in enumerate(rows) if row.supervised]
    # Sorted token by token, rows that begin alike are neighbours: a group is always a stretch of this order.
    order = sorted(supervised, key=lambda index: rows[index].ids)
    return [Group(prefix, _micro_batches(rows, members, prefix, micro_tokens))
            for prefix, members in _split(rows, order, min_prefix)]  # fmt: skip


def tokens_computed(rows: Sequence[Row], groups: Sequence[Group]) -> tuple[int, int]:
    """(tokens that the groups compute, tokens of the same rows computed each by itself)."""
    shared = sum(group.prefix + sum(len(rows[row].ids) - group.prefix for row in group.rows) for group in groups)
    return shared, sum(len(rows[row].ids) for group in groups for row in group.rows)


def _split(rows: Sequence[Row], order: list[int], min_prefix: int) -> list[tuple[int, list[int]]]:
    """Cheapest cut of lexicographically sorted rows into (prefix, rows): one group, or the two halves on
    either side of the place where neighbours have least in common."""
    if not order:
        return []
    prefix = _shared(rows, order)
    if len(order) == 1 or prefix < min_prefix:
        prefix = 0
    whole = [(prefix, order)]
    # Two rows: cut apart, each would stand alone, which is never cheaper.
    if len(order) < 3:
        return whole
    cut = min(range(1, len(order)), key=lambda at: common_prefix(rows[order[at - 1]].ids, rows[order[at]].ids))
    parts = _split(rows, order[:cut], min_prefix) + _split(rows, order[cut:], min_prefix)
    return parts if _cost(rows, parts) < _cost(rows, whole) else whole


def _shared(rows: Sequence[Row], order: Sequence[int]) -> int:
    """Tokens that sorted rows may share: the first and last have least in common."""
    common = common_prefix(rows[order[0]].ids, rows[order[-1]].ids)
    return min(common, *(rows[row].shareable for row in order))


def _cost(rows: Sequence[Row], parts: Sequence[tuple[int, list[int]]]) -> int:
    return sum(prefix + sum(len(rows[row].ids) - prefix for row in members) for prefix, members in parts)


def _micro_batches(
    rows: Sequence[Row], members: Sequence[int], prefix: int, micro_tokens: int
) -> tuple[tuple[int, ...], ...]:
    """Suffixes sorted by length, longest first (ties by index), filled up to `micro_tokens`."""
    parts: list[list[int]] = []
    room = 0
    for row in sorted(members, key=lambda index: (-len(rows[index].ids), index)):
        length = len(rows[row].ids) - prefix
        if not parts or length > room:
            parts.append([])
            room = micro_tokens
        parts[-1].append(row)
        room -= length
    return tuple(tuple(part) for part in parts)
