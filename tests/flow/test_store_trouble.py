"""A host whose database fails for a while: it goes on by itself, and what the owner saves counts meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.errors import BackendDownError
from aeon_plugin_ft.host import errand
from aeon_plugin_ft.host.errand import Errand
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.store import Store
from tests.flow.owner import Owner, add_version, eventually, no_real_models, owner
from tests.small_disk import fill, small_disk

__all__ = ["no_real_models", "owner"]

SOON = 10.0
"""Seconds; a mistake of ours is waited out for 600."""


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process that writes and does not come to an end."""
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def save(runtime: Runtime, text: str) -> None:
    runtime.settings_file.path.write_text(text, encoding="utf-8")


@pytest.mark.slow(seconds=20)
def test_a_database_that_is_locked_for_fifteen_seconds_delays_nothing_longer(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    version = add_version(runtime, tmp_path, "r1")
    owner.says("oi")
    with locked(runtime.data.database):
        began = time.monotonic()
        owner.says("isso vai para os sinais do modelo em uso")
        time.sleep(2)
        save(runtime, '[privacy]\nmode = "drop"\n')
        eventually(lambda: runtime.settings.privacy.mode == "drop", SOON)
        owner.says("meu cpf é 529.982.247-25, guarda aí")
        time.sleep(max(0.0, began + 15 - time.monotonic()))
    log = "".join(path.read_text(encoding="utf-8") for path in runtime.data.log.glob("*.jsonl"))
    assert "sinais" in log and "guarda aí" not in log
    Registry(runtime.data, runtime.store).promote(version, PromotionCause.OWNER)
    eventually(lambda: runtime.answering == version, SOON)


def test_a_disk_that_was_full_for_three_seconds_leaves_nothing_undone(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=12) as disk:
        owner = Owner(disk / "data")
        runtime = owner.start()
        version = add_version(runtime, tmp_path, "r1")
        eventually(lambda: runtime.index.count(None) == 0)
        filling = fill(disk)
        owner.says("a fila do modelo em uso já não cabe no disco " + "x" * 5000)
        with pytest.raises(sqlite3.Error, match="full"):
            for number in range(1000):
                runtime.store.set_fact(f"filling {number}", "x" * 5000)
        time.sleep(3)
        filling.unlink()
        save(runtime, '[privacy]\nmode = "drop"\n')
        eventually(lambda: runtime.settings.privacy.mode == "drop", SOON)
        runtime.registry.promote(version, PromotionCause.OWNER)
        eventually(lambda: runtime.answering == version, SOON)
        owner.says("e agora cabe")
        eventually(lambda: runtime.index.count(None) > 0, SOON)
        owner.caller.all("aeon_stopping")


def test_a_commit_that_finds_the_disk_full_keeps_no_lock(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        store = Store(disk / "a.sqlite3")
        filling = fill(disk)
        with pytest.raises(sqlite3.OperationalError, match="full"), store.transaction():
            store.set_fact("long", "x" * 100_000)
        assert not store.connection().in_transaction
        filling.unlink()
        with store.transaction():
            store.set_fact("short", 1)
        other = Store(disk / "a.sqlite3")
        assert other.fact("short") == 1 and other.fact("long") is None
        other.close()
        store.close()


def test_after_a_swap_that_failed_another_choice_is_not_waited_for(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errand, "REFUSED_SECONDS", (600.0,))
    runtime = owner.start()
    broken, good = add_version(runtime, tmp_path, "r1"), add_version(runtime, tmp_path, "r2")
    owner.standin.broken.add(broken)
    other = Store(runtime.data.database)  # `aeon-ft use`, which cannot wake the host
    Registry(runtime.data, other).promote(broken, PromotionCause.OWNER)
    eventually(lambda: any(event["name"] == "swap_failed" for event in runtime.store.events()))
    Registry(runtime.data, other).promote(good, PromotionCause.OWNER)
    other.close()
    eventually(lambda: runtime.answering == good, SOON)


def test_what_fails_keeps_nothing_else_from_being_done(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aeon_plugin_ft.watch.watch.Watch.look", lambda _: 1 / 0)
    runtime = owner.start()
    version = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(version, PromotionCause.OWNER)
    eventually(lambda: runtime.answering == version, SOON)


def test_what_was_interrupted_is_put_in_order_when_the_database_is_free_again(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heal, tries = Registry.heal, []

    def busy_at_first(self: Registry) -> list[str]:
        tries.append(1)
        if len(tries) == 1:
            raise sqlite3.OperationalError("database is locked")
        return heal(self)

    monkeypatch.setattr(Registry, "heal", busy_at_first)
    runtime = owner.start()
    version = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(version, PromotionCause.OWNER)
    eventually(lambda: runtime.answering == version, SOON)
    assert len(tries) == 2


def test_a_settings_watch_outlives_whatever_a_listener_raises(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = owner.start()
    monkeypatch.setattr(runtime.settings_watch, "_on_change", lambda: 1 / 0)
    save(runtime, "[log]\nenabled = false\n")
    eventually(lambda: not runtime.settings.log.enabled, SOON)
    save(runtime, "[log]\nenabled = true\n")
    eventually(lambda: runtime.settings.log.enabled, SOON)


class Attempts:
    """An errand that fails as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.count, self.about = 0, "one"

    def do(self) -> None:
        self.count += 1
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "soon"),
    [
        (sqlite3.OperationalError("database is locked"), True),
        (sqlite3.OperationalError("database or disk is full"), True),
        (OSError(28, "No space left on device"), True),
        (BackendDownError("nobody answers"), False),
        (ZeroDivisionError(), False),
    ],
)
def test_what_passes_by_itself_is_tried_again_in_seconds(
    error: Exception, soon: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(errand, "time", type("Time", (), {"monotonic": staticmethod(lambda: now[0])}))
    attempts = Attempts()
    one = Errand("it", attempts.do, about=lambda: attempts.about)
    attempts.error = error
    for _ in range(10):
        one.run()
        now[0] += errand.PASSING_SECONDS[-1]
    assert (attempts.count == 10) is soon
    before = attempts.count
    attempts.about = "two"
    one.run()
    assert attempts.count == before + 1
    one.run(now=True)
    assert attempts.count == before + 2
