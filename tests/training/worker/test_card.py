"""The training leaves the card to other programs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.training.worker import card as module
from aeon_plugin_ft.training.worker.card import GROWN_BYTES, CardWatch, NvmlCard, looks_at, watch_card
from aeon_plugin_ft.training.worker.stopping import StopWatch


@dataclass
class FakeCard:
    percent: int = 0
    used: int = 4 << 30

    def busy_percent(self) -> int:
        return self.percent

    def used_bytes(self) -> int:
        return self.used


class FakeNvml:
    """The calls of pynvml that are made."""

    class NVMLError_NotFound(Exception):
        pass

    class NVMLError_NotSupported(Exception):
        pass

    def __init__(self) -> None:
        self.samples: list[Any] = []
        self.asked_since: list[int] = []

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:
        return SimpleNamespace(used=123)

    def nvmlDeviceGetProcessUtilization(self, handle: str, since: int) -> list[Any]:
        self.asked_since.append(since)
        if not self.samples:
            raise self.NVMLError_NotFound
        return self.samples


def test_a_game_that_computes_gets_the_card_at_the_second_look() -> None:
    card = FakeCard()
    watch = CardWatch(card, lambda: 1 << 30)
    assert watch.look() is None
    card.percent = 60
    assert watch.look() is None
    assert watch.look() is PauseCause.MACHINE_BUSY


def test_a_moment_of_the_desktop_does_not_count() -> None:
    card = FakeCard()
    watch = CardWatch(card, lambda: 1 << 30)
    for percent in (60, 0, 60, 10, 60):
        card.percent = percent
        assert watch.look() is None


def test_memory_that_others_take_ends_it_and_own_memory_does_not() -> None:
    card, own = FakeCard(), [1 << 30]
    watch = CardWatch(card, lambda: own[0])
    assert watch.look() is None
    own[0] += 2 * GROWN_BYTES
    card.used += 2 * GROWN_BYTES
    assert watch.look() is None
    card.used += GROWN_BYTES
    assert watch.look() is PauseCause.LOW_MEMORY


def test_only_other_processes_count_and_only_what_is_new() -> None:
    nvml = FakeNvml()
    card = NvmlCard("GPU-1", nvml)
    assert card.busy_percent() == 0
    nvml.samples = [
        SimpleNamespace(pid=os.getpid(), smUtil=90, timeStamp=5),
        SimpleNamespace(pid=-2, smUtil=7, timeStamp=9),
        SimpleNamespace(pid=-3, smUtil=80, timeStamp=7),
        SimpleNamespace(pid=-3, smUtil=20, timeStamp=8),
    ]
    assert card.busy_percent() == 27
    card.busy_percent()
    assert nvml.asked_since == [0, 0, 9]
    assert card.used_bytes() == 123


def test_without_nvidias_library_nothing_is_watched_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(module.importlib, "import_module", missing)
    assert watch_card("GPU-1", lambda: 0)() is None
    assert "Nobody watches" in caplog.text


def test_the_card_that_trains_is_watched_and_no_other_device(monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[str] = []

    class Nvml(FakeNvml):
        def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
            watched.append(uuid)
            return uuid

    monkeypatch.setattr(module.torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(module.torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"of-{number}"))
    monkeypatch.setattr(module.torch.cuda, "memory_reserved", lambda: 0)
    monkeypatch.setattr(module.importlib, "import_module", lambda name: Nvml())
    assert looks_at("cpu") == looks_at("mps") == []
    (look,) = looks_at("cuda")
    assert watched == ["GPU-of-1"]
    assert look() is None


def test_the_worker_is_asked_to_leave_within_three_seconds(tmp_path: Path) -> None:
    card = FakeCard()
    watch = StopWatch(tmp_path)
    watch.looks.append(CardWatch(card, lambda: 0).look)
    watch.start()
    try:
        card.percent = 99
        began = time.monotonic()
        while watch.cause is None and time.monotonic() - began < 10:
            time.sleep(0.02)
        assert watch.cause is PauseCause.MACHINE_BUSY
        assert time.monotonic() - began < 3
    finally:
        watch.end()
