"""The typed conversation and the plugin behind it: which model is coming, and what the typed commands come to."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.causes import PromotionCause
from hooks import Serving, orders
from tests.flow.owner import Owner, add_version, eventually, no_real_models, owner

__all__ = ["no_real_models", "owner"]


def serving(owner: Owner) -> Serving | None:
    said = owner.caller.first("aeon_serving", session="s")
    assert said is None or isinstance(said, Serving)
    return said


def typed(owner: Owner, line: str) -> str:
    return str(orders.obey(orders.read(line), owner.hears))


def test_a_host_is_told_what_loads_what_answers_and_that_it_cannot_be_loaded(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert serving(owner) is None
    runtime = owner.start()
    assert serving(owner) is None, "the base has no part where the host has a model"
    may_load, deploy = threading.Event(), owner.standin.deploy

    def late(*arguments: Any) -> Any:
        may_load.wait(60)
        return deploy(*arguments)

    monkeypatch.setattr(owner.standin, "deploy", late)
    name = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(name, PromotionCause.BETTER)
    assert serving(owner) == Serving(name, ready=False)
    may_load.set()
    eventually(lambda: serving(owner) == Serving(name))
    runtime.settings_file.set("serve.prefer", "offline")
    assert serving(owner) is None, "the host's own choice answers first"


def test_one_that_cannot_be_loaded_is_not_waited_for(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    name = add_version(runtime, tmp_path, "r1")
    owner.standin.broken.add(name)
    runtime.registry.promote(name, PromotionCause.BETTER)
    eventually(lambda: serving(owner) is None)
    assert runtime.answering is None


def test_typed_commands_come_to_what_the_voice_comes_to(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    name = add_version(runtime, tmp_path, "r1")
    typed(owner, "/modelo 1")
    eventually(lambda: serving(owner) == Serving(name))
    assert "versão um" in typed(owner, "/model")
    typed(owner, "/undo")
    eventually(lambda: runtime.registry.current() == "base")
    owner.says("como se chama minha gata?", "Bia.", id="turn")
    eventually(lambda: runtime.index.has(["turn"]))
    typed(owner, "/corrige ela se chama Fork")
    rows = runtime.store.rows("SELECT * FROM feedback")
    assert any("Fork" in str(tuple(row)) for row in rows)
    assert typed(owner, "/esquece").endswith("?")
    owner.hears(orders.consent("yes"))
    eventually(lambda: not runtime.index.has(["turn"]))


def test_a_reply_that_the_owner_stopped_counts_against_no_version(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("demora?", id="stopped", reply=None, served_by=None, stopped=True)
    owner.says("oi", id="whole")
    eventually(lambda: runtime.store.rows("SELECT * FROM signals") != [])
    assert [row["turn"] for row in runtime.store.rows("SELECT * FROM signals")] == ["whole"]
