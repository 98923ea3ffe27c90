"""What other programs do with the graphics card that trains, as NVIDIA's driver tells it (NVML): a game gets it.

Two signs, either of which ends the attempt (it goes on from its checkpoint later): other programs make the card compute
for two looks in a row, or they have taken memory since the training began. The desktop itself does a little of both.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable
from typing import Any, Protocol

import torch

from aeon_plugin_ft.causes import PauseCause

log = logging.getLogger(__name__)

BUSY_PERCENT = 25
"""Of the card's time, taken by all other programs together."""
BUSY_LOOKS = 2
GROWN_BYTES = 768 << 20
"""More memory than a desktop takes in passing, and than this process takes beside PyTorch's own: libraries, kernels."""


class Card(Protocol):
    """What is asked of a card."""

    def busy_percent(self) -> int:
        """The share of its time that other processes have had since the last look."""

    def used_bytes(self) -> int:
        """Memory that all processes together have taken."""


class NvmlCard:
    """A card by its UUID ("GPU-..."), through the module `pynvml` of nvidia-ml-py. Raises its errors."""

    def __init__(self, uuid: str, nvml: Any) -> None:
        self.nvml = nvml
        nvml.nvmlInit()
        self.handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
        self._newest = 0

    def busy_percent(self) -> int:
        """As `Card.busy_percent`."""
        try:
            samples = self.nvml.nvmlDeviceGetProcessUtilization(self.handle, self._newest)
        except (self.nvml.NVMLError_NotFound, self.nvml.NVMLError_NotSupported):
            # Nobody has computed since, or a driver that does not tell: memory is the sign that is left.
            return 0
        self._newest = max((int(sample.timeStamp) for sample in samples), default=self._newest)
        newest = {int(sample.pid): int(sample.smUtil) for sample in sorted(samples, key=lambda one: one.timeStamp)}
        return sum(percent for pid, percent in newest.items() if pid != os.getpid())

    def used_bytes(self) -> int:
        """As `Card.used_bytes`."""
        return int(self.nvml.nvmlDeviceGetMemoryInfo(self.handle).used)


class CardWatch:
    """`own_bytes` tells what this process has of the card's memory."""

    def __init__(self, card: Card, own_bytes: Callable[[], int]) -> None:
        self.card, self.own_bytes = card, own_bytes
        self._busy = 0
        self._least: int | None = None

    def look(self) -> PauseCause | None:
        """Why to leave the card now; None while nobody else needs it."""
        self._busy = self._busy + 1 if self.card.busy_percent() >= BUSY_PERCENT else 0
        if self._busy >= BUSY_LOOKS:
            return PauseCause.MACHINE_BUSY
        others = self.card.used_bytes() - self.own_bytes()
        # The least of all looks: what another program gives back is there for the next one.
        self._least = others if self._least is None else min(self._least, others)
        return PauseCause.LOW_MEMORY if others - self._least >= GROWN_BYTES else None


def looks_at(device: str) -> list[Callable[[], PauseCause | None]]:
    """What to ask each second where this is the device that trains: nothing but for NVIDIA's cards."""
    if device != "cuda":
        return []
    uuid = f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}"
    return [watch_card(uuid, torch.cuda.memory_reserved)]


def watch_card(uuid: str, own_bytes: Callable[[], int]) -> Callable[[], PauseCause | None]:
    """`CardWatch.look` of this card. Where the driver is not NVIDIA's, or nvidia-ml-py is not installed, that is logged
    and nothing is watched."""
    try:
        card = NvmlCard(uuid, importlib.import_module("pynvml"))
    except Exception as error:  # noqa: BLE001 - NVML's errors are a module of their own, which may not be there
        log.warning("Nobody watches what other programs do with the graphics card: %s", error)
        return lambda: None
    watch = CardWatch(card, own_bytes)

    def look() -> PauseCause | None:
        try:
            return watch.look()
        except Exception as error:  # noqa: BLE001 - a driver that is updated under way, say: no reason to stop
            log.warning("The graphics card did not tell what other programs do: %s", error)
            return None

    return look
