"""A dialogue with a control that does nothing, and a clock that the test sets."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.voice.control import Forgotten
from tests.voice.control import NOW, Clock, FakeControl


@pytest.fixture
def control() -> FakeControl:
    made = FakeControl()
    made.forgotten = Forgotten(2, facts=("você é vegetariano",))
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def commands(control: FakeControl, clock: Clock) -> Commands:
    return Commands(control, clock=clock, now=lambda: NOW)
