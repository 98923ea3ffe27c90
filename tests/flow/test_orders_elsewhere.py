"""What is ordered from another process is carried out by the host that runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx
import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.schedule.orders import OrderKind, Orders
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.runs import note_worker
from aeon_plugin_ft.training.table import add_run, get_run, set_state
from aeon_plugin_ft.training.worker.stopping import pause_cause
from tests.flow.owner import Owner, eventually, no_real_models, owner

__all__ = ["no_real_models", "owner"]


def test_the_host_carries_out_what_another_process_asks(owner: Owner) -> None:
    runtime = owner.start()
    for folder in (runtime.data.runs / "r1", runtime.data.datasets / "d"):
        folder.mkdir(parents=True)  # what is gone is cancelled at the start
    add_run(runtime.store, "r1", "d", "b", None, 10, 0)
    set_state(runtime.store, "r1", RunState.PAUSED)
    elsewhere = Store(runtime.data.database)
    try:
        orders = Orders(elsewhere)
        eventually(orders.are_taken)
        assert orders.ask(OrderKind.PAUSE, 30, 30) == "already_paused"
        assert orders.ask(OrderKind.CANCEL, 30, 30) == ""
        row = get_run(elsewhere, "r1")
        assert row is not None and row.state is RunState.CANCELLED and row.cause is PauseCause.OWNER_CANCELLED
        assert orders.ask(OrderKind.RESUME, 30, 30) == "not_paused"
        owner.caller.all("aeon_stopping")
        assert not orders.are_taken()
    finally:
        elsewhere.close()


def test_a_training_of_a_command_is_paused_too(owner: Owner) -> None:
    runtime = owner.start()
    folder = runtime.data.runs / "r2"
    for made in (folder, runtime.data.datasets / "d"):
        made.mkdir(parents=True)  # what is gone is cancelled at the start, which may still be under way
    add_run(runtime.store, "r2", "d", "b", None, 10, 0)
    # As a worker that lives: the host marks a run without one as interrupted as soon as it looks.
    note_worker(folder, os.getpid(), first=True)
    set_state(runtime.store, "r2", RunState.RUNNING)
    elsewhere = Store(runtime.data.database)
    try:
        eventually(Orders(elsewhere).are_taken)
        assert Orders(elsewhere).ask(OrderKind.PAUSE, 30, 30) == ""
    finally:
        elsewhere.close()
    assert pause_cause(folder) is PauseCause.OWNER_PAUSED


def test_the_page_opens_by_voice_and_ends_with_the_host(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = tmp_path / "shown"
    # What webbrowser starts in place of a browser: it notes the link that it is given.
    browser = tmp_path / "browser.py"
    browser.write_text(f"import sys\nopen({str(shown)!r}, 'a').write(sys.argv[1] + '\\n')\n", encoding="utf-8")
    monkeypatch.setenv("BROWSER", f"{sys.executable} {browser} %s")
    runtime = owner.start()
    assert "navegador" in (owner.hears("abre o painel") or "")
    eventually(lambda: shown.exists() and len(shown.read_text(encoding="utf-8").split()) == 1)
    owner.hears("abre o painel")
    eventually(lambda: len(shown.read_text(encoding="utf-8").split()) == 2)
    old, new = shown.read_text(encoding="utf-8").split()
    assert httpx.get(old, trust_env=False).status_code == 401, "only the newest link counts"
    assert httpx.get(new, trust_env=False).status_code == 200
    owner.caller.all("aeon_stopping")
    with pytest.raises(httpx.ConnectError):
        httpx.get(new, trust_env=False)
    assert runtime.panel._child is None
