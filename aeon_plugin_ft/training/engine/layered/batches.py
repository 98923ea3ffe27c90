"""A batch of rows as what goes through the layers: groups with what they share, or each row by itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.layered.parts import Bundle, Part, Recorder, token_places
from aeon_plugin_ft.training.engine.packing import Packing
from aeon_plugin_ft.training.engine.shared import targets_of
from aeon_plugin_ft.training.plan import Row, plan_batch


class Batches:
    """Makes bundles of rows, each with the first layer's input for its parts, by what `record` hears of the model."""

    def __init__(self, record: Recorder, device: torch.device | str = "cpu") -> None:
        self.record, self.device = record, device

    def shared(self, rows: Sequence[Row], micro_tokens: int) -> list[tuple[Bundle, list[Tensor]]]:
        """The groups of a batch, each with the first layer's input for its parts."""
        groups = plan_batch(rows, micro_tokens)
        lengths = []
        for group in groups:
            lengths += [group.prefix] if group.prefix else []
            lengths += [sum(len(rows[row].ids) - group.prefix for row in members) for members in group.micro]
        places = token_places(lengths)
        made = []
        for group in groups:
            prefix, inputs = None, []
            if group.prefix:
                ids = torch.tensor(rows[group.rows[0]].ids[: group.prefix])
                packing = Packing.of([group.prefix], 0, self.device)
                first, arguments = self.record(ids, packing.positions)
                prefix = Part(next(places), arguments, packing, self._numbers([]), self._numbers([]))
                inputs.append(first)
            micro = []
            for members in group.micro:
                part, first = self._suffixes_part(rows, members, group.prefix, next(places))
                micro.append(part)
                inputs.append(first)
            made.append((Bundle(prefix, tuple(micro)), inputs))
        return made

    def _suffixes_part(
        self, rows: Sequence[Row], members: Sequence[int], prefix: int, place: slice
    ) -> tuple[Part, Tensor]:
        ids = torch.tensor([token for member in members for token in rows[member].ids[prefix:]])
        packing = Packing.of([len(rows[member].ids) - prefix for member in members], prefix, self.device)
        at, targets, owners = targets_of(rows, members, prefix)
        first, arguments = self.record(ids, packing.positions)
        return Part(place, arguments, packing, self._numbers(at), self._numbers(targets), tuple(owners)), first

    def _numbers(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=self.device)

    def alone(self, rows: Sequence[Row]) -> list[tuple[Bundle, list[Tensor]]]:
        """Each row as a part of its own, with what the model makes of it by itself."""
        scored = [index for index, row in enumerate(rows) if row.supervised]
        made = []
        for index, place in zip(scored, token_places([len(rows[index].ids) for index in scored]), strict=True):
            first, arguments = self.record(torch.tensor(rows[index].ids), None)
            at, targets, owners = targets_of(rows, [index], 0)
            part = Part(place, arguments, None, self._numbers(at), self._numbers(targets), tuple(owners))
            made.append((Bundle(None, (part,)), [first]))
        return made
