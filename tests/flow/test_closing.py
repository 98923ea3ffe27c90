"""Closing Aeon: gone within five seconds, whatever is under way."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import PreemptedError
from aeon_plugin_ft.training.supervise import wait_for
from tests.flow.owner import Owner, add_version, eventually, no_real_models, owner

__all__ = ["no_real_models", "owner"]

GONE_SECONDS = 5.0


def close(owner: Owner) -> float:
    began = time.monotonic()
    owner.caller.all("aeon_stopping")
    return time.monotonic() - began


def test_a_child_that_measures_and_hears_nothing_is_ended(owner: Owner) -> None:
    runtime, children = owner.start(), list[subprocess.Popen[bytes]]()
    raised: list[Exception] = []

    def learn(*_: object) -> None:
        deaf = [sys.executable, "-c", "import time; time.sleep(600)"]
        children.append(subprocess.Popen(deaf, stdin=subprocess.PIPE))
        try:
            wait_for(children[0], runtime.background.interrupt, "measuring a training step")
        except PreemptedError as error:
            raised.append(error)
            raise

    runtime.pipeline.learn = learn  # type: ignore[method-assign, assignment]
    runtime.background.start()
    eventually(lambda: bool(children))
    assert close(owner) < GONE_SECONDS
    assert children[0].poll() is not None and [error.cause for error in raised] == [PauseCause.HOST_CLOSING]  # type: ignore[attr-defined]


@pytest.mark.parametrize("where", ["learning", "following"])
def test_what_cannot_be_left_in_the_middle_is_not_waited_for(owner: Owner, tmp_path: Any, where: str) -> None:
    """A download of a base, a large model that loads."""
    runtime = owner.start()
    begun, over = threading.Event(), threading.Event()

    def takes_long(*_: object) -> Any:
        begun.set()
        over.wait(60)
        return owner.standin.__class__.deploy(owner.standin, None, runtime.parts.pipeline.base())

    if where == "learning":
        runtime.pipeline.learn = takes_long  # type: ignore[method-assign]
        runtime.background.start()
    else:
        owner.standin.deploy = takes_long  # type: ignore[method-assign]
        runtime.registry.promote(add_version(runtime, tmp_path, "r1"), "owner")  # type: ignore[arg-type]
    assert begun.wait(60)
    try:
        assert close(owner) < GONE_SECONDS
    finally:
        over.set()
        runtime.background.join(60)
        runtime.follower.join(60)
        runtime.store.close()
