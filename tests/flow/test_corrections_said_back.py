"""What is understood as a correction in talk is said back to the owner, once, and never from what was forgotten."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from aeon_plugin_ft.forget import Forgetter
from aeon_plugin_ft.host import arrivals
from aeon_plugin_ft.host.owner import HostOwner
from aeon_plugin_ft.runtime import Runtime
from tests.flow.owner import Owner, eventually, no_real_models, owner

__all__ = ["no_real_models", "owner"]

RIGHT = "A reunião é na sala verde"


def told_soon(owner: Owner) -> Runtime:
    runtime = owner.start()
    announcer: Any = runtime.announcer
    announcer._hush_s = 0.0
    return runtime


def corrected(owner: Owner) -> None:
    owner.says("onde é a reunião", "A reunião é na sala azul.")
    owner.says("não, é na sala verde, não na azul", "Tá certo.")


def stored(runtime: Runtime) -> list[dict[str, Any]]:
    rows = runtime.store.rows("SELECT data FROM events WHERE name = 'reply_corrected'")
    return [json.loads(row["data"]) for row in rows]


def test_a_correction_in_talk_is_said_back_once_and_no_event_holds_its_words(owner: Owner) -> None:
    runtime = told_soon(owner)
    corrected(owner)
    eventually(lambda: any(RIGHT in sentence for sentence in owner.said))
    owner.says("e amanhã chove", "Chove.")
    eventually(lambda: runtime.index.count(None) == 3)
    time.sleep(0.5)
    assert sum(RIGHT in sentence for sentence in owner.said) == 1
    eventually(lambda: len(stored(runtime)) == 1)
    assert [set(event) for event in stored(runtime)] == [{"turn"}]
    assert not any("verde" in str(event) for event in stored(runtime))


def test_one_that_is_forgotten_before_it_is_said_is_not_said(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = True
    monkeypatch.setattr(HostOwner, "in_quiet_hours", lambda _: quiet)
    runtime = told_soon(owner)
    corrected(owner)
    eventually(lambda: runtime.announcer.queued == 1)
    forgetter = Forgetter(runtime.data, runtime.store, runtime.book)
    forgetter.forget(forgetter.about("sala"))
    quiet = False
    eventually(lambda: runtime.announcer.queued == 0)
    assert not any("verde" in sentence for sentence in owner.said)


def test_what_an_older_log_holds_is_not_said(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "JUST_NOW", -1.0)
    runtime = told_soon(owner)
    corrected(owner)
    eventually(lambda: runtime.store.row("SELECT 1 FROM feedback WHERE kind = 'correction'") is not None)
    time.sleep(0.5)
    assert stored(runtime) == [] and not any("verde" in sentence for sentence in owner.said)
