"""What goes through the layers in one step: prefixes and micro-batches, and what is kept of them between layers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.layered.skeleton import EMBEDDING, decoder_layers
from aeon_plugin_ft.training.engine.packing import Packing
from aeon_plugin_ft.weights.sources import WeightSource


@dataclass(frozen=True, slots=True)
class Part:
    """One sequence of tokens that goes through each layer at once: a prefix, or the suffixes of a micro-batch.

    `place` is where its tokens stand among those of the step; `arguments` what the model gives each of its layers
    beside the hidden states. `at` are the tokens (counted from the part's first) whose output is scored, `targets` the
    tokens wanted there, `owners` the rows that they belong to. `packing` None: a row by itself, on the stock path.
    """

    place: slice
    arguments: tuple[dict[str, Any], ...]
    packing: Packing | None
    at: Tensor
    targets: Tensor
    owners: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """How many tokens it has."""
        return int(self.place.stop - self.place.start)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A group of rows with what they share: `prefix` None where they share nothing."""

    prefix: Part | None
    micro: tuple[Part, ...]

    @property
    def parts(self) -> list[Part]:
        """The prefix, if there is one, and the micro-batches."""
        return [*([self.prefix] if self.prefix is not None else []), *self.micro]


class Recorder:
    """Runs the model's own forward pass with layers that compute nothing: what it makes of token ids, and what it
    gives each of its layers, is then known, whatever the architecture (scaled embeddings, several rotary embeddings,
    masks of its own)."""

    def __init__(self, causal: Any, source: WeightSource) -> None:
        self.causal, self.source = causal, source

    def __call__(self, ids: Tensor, positions: Tensor | None) -> tuple[Tensor, tuple[dict[str, Any], ...]]:
        """(the first layer's input [1, tokens, width], what each layer is given beside it)."""
        given: list[dict[str, Any]] = []
        layers = decoder_layers(self.causal)
        seen: list[Tensor] = []

        def layer(hidden_states: Tensor, **arguments: Any) -> Tensor:
            seen.append(hidden_states)
            given.append(arguments)
            return hidden_states

        with torch.no_grad(), self._rows_of(ids) as numbered:
            for module in layers:
                module.forward = layer
            try:
                more = {} if positions is None else {"position_ids": positions[None]}
                self.causal.base_model(input_ids=numbered[None], use_cache=False, **more)
            finally:
                for module in layers:
                    del module.forward
        return seen[0], tuple(given)

    @contextmanager
    def _rows_of(self, ids: Tensor) -> Iterator[Tensor]:
        """The embedding holds the rows of these tokens alone; yields their numbers in it."""
        embedding = self.causal.base_model.embed_tokens
        device = embedding.weight.device
        tokens, numbered = torch.unique(ids, return_inverse=True)
        table = torch.empty(len(tokens), embedding.weight.shape[1])
        self.source.pick_into(EMBEDDING, tokens.tolist(), table.numpy())
        nothing, padding = embedding.weight.data, embedding.padding_idx
        try:
            # Of no consequence but for gradients, and outside of the shortened table.
            embedding.weight.data, embedding.padding_idx = table.to(device), None
            yield numbered.to(device)
        finally:
            embedding.weight.data, embedding.padding_idx = nothing, padding


class LayerInputs:
    """The input of every layer [layers, tokens, width] in fp32: all that is kept of a step between forward and
    backward, on `device`. On disk, mapped, where it takes more than `budget` bytes."""

    def __init__(
        self, layers: int, tokens: int, width: int, budget: int, folder: Path | None,
        device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        shape = (layers, tokens, width)
        self._file: Any = None
        if 4 * layers * tokens * width <= budget:
            self.values = torch.empty(shape, device=device)
            return
        # Without a name, so that it is gone with this process, however that ends.
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the map
        self.values = torch.from_numpy(np.memmap(self._file, np.float32, "w+", shape=shape))

    @property
    def on_disk(self) -> bool:
        """Whether the system may write it out instead of keeping it in memory."""
        return self._file is not None

    def of(self, layer: int, part: Part) -> Tensor:
        """A layer's input for a part [1, tokens, width]; writing into it keeps what is written."""
        return self.rows(layer, part.place)[None]

    def rows(self, layer: int, place: slice) -> Tensor:
        """A layer's input for some of the step's tokens [tokens, width], as `of`."""
        return self.values[layer, place]

    def close(self) -> None:
        """Free it, and the room on disk."""
        del self.values
        if self._file is not None:
            self._file.close()


def token_places(lengths: Sequence[int]) -> Iterator[slice]:
    """Where parts of these lengths stand, one after the other."""
    start = 0
    for length in lengths:
        yield slice(start, start + length)
        start += length


def spread(bundles: Sequence[Bundle], d_hidden: Tensor) -> list[list[Tensor | None]]:
    """Gradients of the scored positions as gradients of whole parts; none for the prefixes, which are not scored."""
    spread: list[list[Tensor | None]] = []
    start = 0
    for bundle in bundles:
        of_bundle: list[Tensor | None] = [None] if bundle.prefix is not None else []
        for part in bundle.micro:
            whole = d_hidden.new_zeros(1, part.tokens, d_hidden.shape[1])
            whole[0, part.at] = d_hidden[start : start + len(part.at)]
            start += len(part.at)
            of_bundle.append(whole)
        spread.append(of_bundle)
    return spread


def backward_from(pairs: Sequence[tuple[Tensor | None, Tensor | None]]) -> None:
    """Through one graph from several of its ends at once, those that have a gradient."""
    # The keys of a first layer without an adapter depend on nothing that is trained.
    ends = [(end, grad) for end, grad in pairs if end is not None and grad is not None and end.requires_grad]
    if ends:
        torch.autograd.backward([end for end, _ in ends], [grad for _, grad in ends])
