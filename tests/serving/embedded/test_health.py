"""The quick look at a server before it is asked something: it answers, it is busy, or it has come to a stand."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import pytest

from aeon_plugin_ft.serving.embedded import health
from aeon_plugin_ft.serving.embedded.health import LOOKS, Health


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of one that takes connections and never answers."""
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def spends(monkeypatch: pytest.MonkeyPatch, *seconds: float | None) -> None:
    """Before and after each look, it has spent this much."""
    told = iter(seconds)
    monkeypatch.setattr(health, "processor_seconds", lambda _: next(told))


def test_one_that_does_nothing_is_silent_at_the_first_look(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spends(monkeypatch, 1.0, 1.0)
    assert Health(silent, "", 1).is_silent()


def test_one_that_came_to_its_stand_during_the_look_is_found_silent_at_the_next(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spends(monkeypatch, 1.0, 1.5, 1.5, 1.5)
    assert Health(silent, "", 1).is_silent()


def test_one_that_computes_all_the_time_is_busy(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    times = itertools.count()
    monkeypatch.setattr(health, "processor_seconds", lambda _: float(next(times)))
    assert not Health(silent, "", 1).is_silent()
    assert next(times) == 2 * LOOKS


def test_one_that_ended_meanwhile_is_not_silent(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spends(monkeypatch, 1.0, None)
    assert not Health(silent, "", 1).is_silent()
