"""From what a few layers of a large model take to what all of it takes, and from a busy machine to a quiet one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from aeon_plugin_ft.processes.awake import awake_seconds

SAMPLED = 3
"""Layers that are measured of a model that is trained a layer at a time: the one in the middle is like all others,
the first needs no gradient of its input and the last no MLP over the prompt."""
BUSY = 0.15
"""Share of the processor that other programs take, from which on the machine is not called quiet."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A step of `sampled` of `layers` layers. `told` are the seconds from its begin at which each layer was done, on
    the way forward and then on the way back; `step` is all of it, with the optimizer."""

    layers: int
    sampled: int
    told: Sequence[float]
    step: float

    @property
    def more(self) -> int:
        """Layers that were not measured."""
        return self.layers - self.sampled

    @property
    def layer(self) -> float:
        """Seconds of one layer in the middle, both ways."""
        forward = self.told[1] - self.told[0]
        # Counted from the end: the last but one is the layer above the first.
        return forward + self.told[-2] - self.told[-3]

    @property
    def whole_step(self) -> float:
        """Seconds of a step of all layers."""
        return self.step + self.more * self.layer if self.more else self.step

    def whole(self, seconds: float) -> float:
        """What takes `seconds` with the sampled layers and is proportional to them."""
        return seconds * self.layers / self.sampled


def whole_memory(peak: int, sample: Sample, inputs: int, adapter: int, input_bytes: int) -> int:
    """Bytes that all layers take at their peak, from the `peak` of the sampled ones.

    `inputs` are the bytes of a layer's inputs in the largest step, `adapter` those of the sampled layers' adapter:
    beside it there are its gradient and the optimizer's two moments. More than `input_bytes` of inputs are on disk.
    """
    kept = inputs * sample.layers - inputs_on_disk(sample, inputs, input_bytes)
    grown = kept - inputs * sample.sampled
    return peak + grown + 4 * adapter * sample.more // sample.sampled


def inputs_on_disk(sample: Sample, inputs: int, input_bytes: int) -> int:
    """Bytes of all layers' inputs that a step keeps in a file: all of them, where they are more than `input_bytes`."""
    kept = inputs * sample.layers
    return kept if kept > input_bytes else 0


def quiet_seconds(wall: float, cpu: float, threads: int, others: float) -> float:
    """What would take this long without other programs, which have had the share `others` of the processor.

    `wall` and `cpu` are the seconds that went by, and those that `threads` threads have computed in them.
    """
    return wall if others < BUSY else min(wall, cpu / threads)


class Meter:
    """What other programs take of the processor from its making on, while `threads` threads compute here."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._began, self._own = awake_seconds(), time.process_time()
        _busy_share()

    def quiet_share(self) -> float:
        """What would have taken how much on a quiet machine, of what it took until now."""
        wall, own = awake_seconds() - self._began, time.process_time() - self._own
        # Of all cores since the first call; the system's clock of processor time is coarse, hence the floor.
        others = max(0.0, _busy_share() - own / max(wall, 0.1) / (psutil.cpu_count() or 1))
        return quiet_seconds(wall, own, self.threads, others) / wall if wall else 1.0


def _busy_share() -> float:
    """How much of all cores was used since the call before; 0 where the system does not say (Wine does not)."""
    try:
        return float(psutil.cpu_percent()) / 100
    except OSError:
        return 0.0
