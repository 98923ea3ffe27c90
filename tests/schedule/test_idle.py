"""Who tells how long nobody has touched the machine: helper programs stand in for the systems that are not here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.schedule import probes
from aeon_plugin_ft.schedule.machine import ThisMachine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="helper programs are shell scripts here")
Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a program on the path that prints a text; the session of whoever runs the tests is out of sight."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)

    def make(name: str, says: str) -> None:
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\necho '{says}'\n")
        file.chmod(0o755)

    return make


def test_macos_tells_in_nanoseconds(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    program("ioreg", '    |   "HIDIdleTime" = 12500000000')
    source = probes.input_idle()
    assert source is not None and source.seconds() == 12.5 and "macOS" in source.name


def test_gnome_tells_in_milliseconds(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    program("gdbus", "(uint64 90500,)")
    source = probes.input_idle()
    assert source is not None and source.seconds() == 90.5 and "GNOME" in source.name


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_nobody_who_tells_is_none(program: Program, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    program("gdbus", "Error: no such service")
    program("ioreg", "nothing of the kind")
    assert probes.input_idle() is None
    assert ThisMachine().idle() is None and "silence" in ThisMachine().idle_source


def test_a_display_that_is_not_there_is_none(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":98765")
    assert probes.input_idle() is None


def test_one_who_stops_telling_is_no_error(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    program("ioreg", '"HIDIdleTime" = 5000000000')
    machine = ThisMachine()
    assert machine.idle() == 5.0
    program("ioreg", "gone")
    assert machine.idle() is None and "macOS" in machine.idle_source
