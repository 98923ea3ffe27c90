"""A layer's matrices on a graphics card: they travel and stay as the file has them, and are decoded there.

A model of 8 billion weights in 4 bits takes 4.5 GB so. As many of its layers as there is room for stay on the card
from the first time that they are needed; the others come through memory that the card reads by itself (pinned), each
while the layer before it is computed, on both ways through the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.layered.decoding import can_decode, decode
from aeon_plugin_ft.training.engine.layered.skeleton import LayerWeights
from aeon_plugin_ft.weights.sources import Bytes, Stored, WeightSource

ALIGNMENT = 64
"""Of each matrix among the bytes of its layer: blocks are read as numbers of two bytes."""
ROOM = 7 << 28
"""Of the card, for what is computed: the layers' inputs up to 1 GiB, and 0.75 GiB for one layer's insides."""
Fetch = Callable[[int, Bytes], None]
"""Fills a buffer with the bytes of a layer."""


def card_weights(
    layers: Any, source: WeightSource, between: Callable[[], None], device: torch.device, trained: Sequence[Tensor]
) -> LayerWeights:
    """The layers' matrices on a card. `trained` are the parameters of the adapter, which need room as well."""
    made = CardWeights(layers, source, between, device)
    if not all(can_decode(stored.kind) for of_layer in made.stored for stored in of_layer):
        # By the processor, then; the card gets numbers.
        return LayerWeights(layers, source, between, device)
    # The adapter's gradient and two moments, and the buffer of one layer as it is decoded, in fp32 at the most.
    needed = ROOM + 12 * sum(parameter.numel() for parameter in trained) + 4 * made.most
    made.room = int(torch.cuda.mem_get_info(device)[0]) - needed if device.type == "cuda" else 0
    return made


class CardWeights(LayerWeights):
    """As LayerWeights. `room`: bytes of the card that may be kept for good; `resident` are the layers that are."""

    def __init__(
        self, layers: Any, source: WeightSource, between: Callable[[], None], device: torch.device, room: int = 0
    ) -> None:
        super().__init__(layers, source, between, device)
        self.stored = [[source.stored(name) for name, _ in of_layer] for of_layer in self._matrices]
        self.sizes = [sum(_aligned(stored.size) for stored in of_layer) for of_layer in self.stored]
        self.room = room
        self.resident: dict[int, Tensor] = {}
        self._stream: Stream | None = None
        self._outside: dict[str, Tensor] = {}
        self._before = -1

    def _fill(self, layer: int, buffer: Tensor) -> None:
        encoded, at = self._bytes_of(layer), 0
        for (_, parameter, values), stored in zip(self._parts(layer, buffer), self.stored[layer], strict=True):
            self.between()
            decode(encoded[at : at + stored.size], stored, values)
            parameter.data = values
            at += _aligned(stored.size)
        if self._stream is not None:
            self._stream.is_read()

    def _bytes_of(self, layer: int) -> Tensor:
        forward = layer > self._before
        self._before = layer
        if layer not in self.resident:
            if self._stream is None:
                self._stream = Stream(self._fetch, max(self.sizes), self.device)
            encoded = self._stream.take(layer, self._next_of(layer, forward=forward))[: self.sizes[layer]]
            if self.sizes[layer] > self.room:
                return encoded
            self.room -= self.sizes[layer]
            self.resident[layer] = encoded.clone()
        return self.resident[layer]

    def _next_of(self, layer: int, *, forward: bool) -> int | None:
        """The layer that will be wanted next, where it has to come."""
        last = len(self.sizes) - 1
        # The last layer is still there when the way back begins.
        ahead = layer + 1 if forward and layer < last else layer - 1
        return ahead if ahead >= 0 and ahead not in self.resident else None

    def _fetch(self, layer: int, out: Bytes) -> None:
        at = 0
        for (name, _), stored in zip(self._matrices[layer], self.stored[layer], strict=True):
            self.source.copy_stored(name, out[at : at + stored.size])
            at += _aligned(stored.size)

    def read(self, name: str, out: Tensor, first: int = 0) -> None:
        """As LayerWeights.read; what is read so stays on the card where there is room."""
        stored = self.source.stored(name)
        if stored.heads or not can_decode(stored.kind):
            super().read(name, out, first)
            return
        if name not in self._outside and stored.size <= self.room and len(self.resident) == len(self.sizes):
            self.room -= stored.size
            self._outside[name] = self._rows(name, stored, 0, stored.rows)
        kept = self._outside.get(name)
        rows = self._rows(name, stored, first, len(out)) if kept is None else kept[first * stored.row_size :]
        decode(rows[: len(out) * stored.row_size], stored, out)

    def _rows(self, name: str, stored: Stored, first: int, count: int) -> Tensor:
        made = torch.empty(count * stored.row_size, dtype=torch.uint8)
        self.source.copy_stored(name, made.numpy(), first)
        return made.to(self.device)

    def unload(self) -> None:
        """As LayerWeights.unload; nothing is on its way afterwards."""
        super().unload()
        self._before = -1
        if self._stream is not None:
            self._stream.stop()

    def release(self) -> None:
        """As LayerWeights.release, and what stays on the card otherwise."""
        super().release()
        self.room += sum(self.sizes[layer] for layer in self.resident)
        self.room += sum(len(kept) for kept in self._outside.values())
        self.resident, self._outside, self._stream = {}, {}, None


class Stream:
    """Brings layers onto the card, each into one of two slots of `size` bytes in turn, beside what is computed."""

    def __init__(self, fetch: Fetch, size: int, device: torch.device) -> None:
        self.fetch, self.cuda = fetch, device.type == "cuda"
        self.slots = [torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2)]
        # The processor's own memory is read where it lies.
        self.staging = [torch.empty(size, dtype=torch.uint8, pin_memory=True) if self.cuda else s for s in self.slots]
        self.side = torch.cuda.Stream(device) if self.cuda else None  # type: ignore[no-untyped-call]
        self._events: list[list[Any]] = [[None, None] for _ in range(2)]
        """Of each slot: that its bytes are on the card, and that they were decoded."""
        self._slot = 0
        self._coming: tuple[int, int, Future[None]] | None = None
        self._pool: ThreadPoolExecutor | None = None

    def take(self, layer: int, ahead: int | None) -> Tensor:
        """The bytes of a layer, until the next call; `ahead` is fetched meanwhile. Raises what reading raised."""
        if self._coming is None or self._coming[0] != layer:
            self.stop()
            self._coming = self._begin(layer)
        _, self._slot, transfer = self._coming
        self._coming = None
        transfer.result()
        if self.cuda:
            torch.cuda.current_stream().wait_event(self._events[self._slot][0])
        if ahead is not None:
            self._coming = self._begin(ahead)
        return self.slots[self._slot]

    def is_read(self) -> None:
        """What was taken last has been decoded, once the card has done what it was told up to now."""
        if self.cuda:
            self._events[self._slot][1] = torch.cuda.current_stream().record_event()

    def stop(self) -> None:
        """Wait for what is on its way, which nobody wants any more, and end the thread."""
        if self._pool is not None:
            self._pool.shutdown()
        self._coming = self._pool = None

    def _begin(self, layer: int) -> tuple[int, int, Future[None]]:
        self._pool = self._pool or ThreadPoolExecutor(1, "layers")
        slot = 1 - self._slot
        return layer, slot, self._pool.submit(self._bring, layer, slot)

    def _bring(self, layer: int, slot: int) -> None:
        arrived, decoded = self._events[slot]
        if not self.cuda:
            self.fetch(layer, self.staging[slot].numpy())
            return
        if arrived is not None:
            arrived.synchronize()  # the card may still be reading the staging memory
        self.fetch(layer, self.staging[slot].numpy())
        assert self.side is not None
        with torch.cuda.stream(self.side):
            if decoded is not None:
                self.side.wait_event(decoded)
            self.slots[slot].copy_(self.staging[slot], non_blocking=True)
            self._events[slot][0] = self.side.record_event()


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
