"""The machine stays awake while it trains, and only then."""

from __future__ import annotations

import sys
from typing import Any, cast

import pytest

from aeon_plugin_ft.processes import awake
from aeon_plugin_ft.processes.awake import kept_awake
from aeon_plugin_ft.training.model import RunOutcome, RunState
from aeon_plugin_ft.training.worker.run import Attempt


def test_the_system_is_asked_and_let_go_whatever_happens(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[bool] = []
    with pytest.raises(ZeroDivisionError), kept_awake(lambda on: not asked.append(on)):
        assert asked == [True]
        raise ZeroDivisionError
    assert asked == [True, False] and not caplog.records
    with kept_awake(lambda on: False):
        assert "refuses to stay awake" in caplog.text


def test_a_worker_keeps_the_machine_awake_while_it_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[object] = []
    monkeypatch.setattr(awake, "THIS_SYSTEM", lambda on: not happened.append(on))
    outcome = RunOutcome(RunState.FINISHED, 6, 6, 1.0, 0, "")

    class Session:
        def train(self) -> RunOutcome:
            happened.append("trains")
            return outcome

    assert Attempt._train(cast(Any, None), Session())[0] is outcome
    assert happened == [True, "trains", False]


@pytest.mark.skipif(sys.platform != "win32", reason="SetThreadExecutionState is Windows' own")
def test_windows_knows_what_is_required_of_it() -> None:
    from aeon_plugin_ft.processes.windows import CONTINUOUS, SYSTEM_REQUIRED, set_execution_state

    with kept_awake():
        assert set_execution_state(CONTINUOUS | SYSTEM_REQUIRED) & SYSTEM_REQUIRED
    assert not set_execution_state(CONTINUOUS) & SYSTEM_REQUIRED
