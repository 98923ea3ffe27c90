"""What other programs take of the processor, as the system counts it."""

from __future__ import annotations

from collections import namedtuple

import psutil
import pytest

from aeon_plugin_ft.schedule.machine import ThisMachine
from aeon_plugin_ft.schedule.probes import OthersLoad

Windows = namedtuple("Windows", "user system idle interrupt dpc")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> OthersLoad:
    """Nothing of it is ours."""
    monkeypatch.setattr("aeon_plugin_ft.schedule.probes.own_seconds", dict)
    monkeypatch.setattr(OthersLoad, "FIRST_SECONDS", 0.0)
    return OthersLoad()


def test_windows_has_counted_interrupts_in_system_already(load: OthersLoad, monkeypatch: pytest.MonkeyPatch) -> None:
    """10 s: 1 s of programs, 3 s of the system, 2 s of them in interrupts, 6 s idle."""
    times = iter([Windows(0.0, 0.0, 0.0, 0.0, 0.0), Windows(1.0, 3.0, 6.0, 1.5, 0.5)])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(times))
    assert load.share() == pytest.approx(0.4)


def test_a_system_that_does_not_tell_counts_as_free_and_is_logged_once(
    load: OthersLoad, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> None:
        raise OSError(1, "Invalid function")

    monkeypatch.setattr(psutil, "cpu_times", refused)
    machine = ThisMachine()
    machine.__dict__["_load"] = load
    assert (machine.busy_share(), machine.busy_share()) == (0.0, 0.0)
    assert caplog.text.count("does not tell the processor's load") == 1
