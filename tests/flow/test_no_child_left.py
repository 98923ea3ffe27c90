"""However a host ends, what it has started is gone within five seconds: the model server, and what trains, measures
and merges."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from aeon_plugin_ft.base import resolve_base
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Recipe
from aeon_plugin_ft.training.runs import create_run
from tests.base.tiny import make_tiny
from tests.conftest import REPOSITORY
from tests.flow.host_of_children import HELDOUT, KINDS, MODULE
from tests.training.tiny import tiny_dataset, tiny_recipe

__all__ = ["tiny_dataset", "tiny_recipe"]

pytestmark = pytest.mark.slow(seconds=30)

GONE_SECONDS = 5.0
ENDLESS = 100_000
"""Optimizer steps, and held-out conversations: nobody comes to an end by itself meanwhile."""
PATIENCE = 600.0

Host = subprocess.Popen[str]


def leave(host: Host) -> None:
    """As the main thread of a window that is closed: nothing is told to the children."""
    assert host.stdin is not None
    host.stdin.close()


WAYS: dict[str, Callable[[Host], None]] = {"killed": Host.kill, "leaves": leave}
"""TerminateProcess on Windows, where there are no signals."""
if sys.platform != "win32":
    WAYS |= {"terminated": Host.terminate, "its terminal closed": lambda host: host.send_signal(signal.SIGHUP)}


@pytest.fixture
def host(
    data: DataFolder, store: Store, tiny_dataset: Dataset, tiny_recipe: Callable[..., Recipe]
) -> Iterator[Host]:  # fmt: skip
    base = resolve_base(str(make_tiny(data.root, "llama", max_position_embeddings=2048).path), data.cache / "base")
    create_run(data, store, base, tiny_dataset, tiny_recipe(steps=ENDLESS, epochs=float(ENDLESS)))
    row = (tiny_dataset.folder / "heldout.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(row)["messages"]
    (data.root / HELDOUT).write_text(f"{row}\n" * ENDLESS, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", MODULE, str(data.root)],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as made:  # fmt: skip
        yield made
        made.kill()


def lives(process: psutil.Process) -> bool:
    """Not one that has ended and that nobody asked for its exit code: who inherits it may never do so."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("way", WAYS)
def test_no_child_outlives_its_host(way: str, host: Host) -> None:
    assert host.stdout is not None and host.stdout.readline() == "ready\n"
    children = [child for child in psutil.Process(host.pid).children(recursive=True) if lives(child)]
    commands = {child.pid: child.cmdline() for child in children}
    assert {part for command in commands.values() for part in command} >= KINDS, commands
    WAYS[way](host)
    host.wait(60)
    ended = time.monotonic()
    while any(map(lives, children)) and time.monotonic() - ended < GONE_SECONDS:
        time.sleep(0.02)
    left = [child for child in children if lives(child)]
    for child in left:
        child.kill()
    assert not left, [commands[child.pid] for child in left]
