"""What trains and measures stands behind everything else, unless the process that starts it says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.processes import children
from aeon_plugin_ft.serving.merging.worker import run as merging
from aeon_plugin_ft.training.supervise import spawn
from aeon_plugin_ft.training.worker import priority
from aeon_plugin_ft.training.worker.priority import Priority, priority_argument

PACKAGE = Path(priority.__file__).parents[2]
ENTRANCES = {
    "training/worker/run.py": "take_priority(",
    "training/worker/probe.py": "take_priority(",
    "evaluation/worker/run.py": "take_priority(",
    "serving/merging/worker/run.py": "if yields(",
}
"""Every module whose `main` runs in a child that computes, and what takes its priority there."""
CHILD = """
import sys, time, psutil
from aeon_plugin_ft.training.worker.priority import take_priority
print(take_priority(sys.argv), flush=True)
sys.stdin.read()
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has classes, no numbers")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[], psutil.Process]]:
    """The child of `spawn`, once it has said what it did."""

    def start() -> psutil.Process:
        with (tmp_path / "log").open("wb") as log:
            process = spawn(["-c", CHILD], 1, log)
        children.append(process)
        while not (tmp_path / "log").read_text(encoding="utf-8").endswith("\n"):
            assert process.poll() is None
        return psutil.Process(process.pid)

    children: list[subprocess.Popen[bytes]] = []
    yield start
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
        child.wait()


def test_a_host_gives_its_children_the_lowest_priority() -> None:
    """In a process of its own: here, and in every test, it is the normal one."""
    code = "from aeon_plugin_ft.training.worker.priority import priority_argument as a; print(a())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "--priority=lowest"


@posix
def test_a_child_that_is_given_the_lowest_priority_has_it(
    started: Callable[[], psutil.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(priority, "OF_CHILDREN", Priority.LOWEST)
    child = started()
    assert child.nice() == 19
    if hasattr(os, "SCHED_IDLE"):
        assert os.sched_getscheduler(child.pid) in {os.SCHED_IDLE, os.SCHED_OTHER}, "a container may forbid the first"
        assert child.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE


@posix
def test_a_test_gives_its_children_its_own(started: Callable[[], psutil.Process]) -> None:
    assert started().nice() == psutil.Process().nice()


def test_a_child_that_nobody_told_takes_the_lowest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "lower_priority", lambda: "lowered")
    assert priority.take_priority(["run folder", "--supervised"]) == "lowered"
    assert priority.take_priority(["run folder", priority_argument()]) == "that of the parent"


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_child_that_computes_takes_its_priority(entrance: str) -> None:
    assert ENTRANCES[entrance] in (PACKAGE / entrance).read_text(encoding="utf-8")


def test_a_merge_is_given_its_priority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines: list[list[str]] = []

    class Ended(subprocess.Popen[bytes]):
        def __init__(self, line: list[str], **options: object) -> None:
            lines.append(line)
            super().__init__([sys.executable, "-c", ""], stdin=subprocess.PIPE)

    monkeypatch.setattr(children.subprocess, "Popen", Ended)
    with (tmp_path / "log").open("wb") as log:
        merging._wait("some.module", tmp_path / "job.json", log)
    assert lines[0][-1] == priority_argument()


def test_a_system_that_refuses_a_priority_ends_no_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """psutil raises a bare OSError where Windows (or Wine) lacks the call."""

    def refused(*_: object) -> None:
        raise OSError(1, "Invalid function")

    monkeypatch.setattr(psutil.Process, "ionice", refused, raising=False)
    monkeypatch.setattr(psutil.Process, "nice", lambda *_: None)
    monkeypatch.setattr(os, "sched_setscheduler", lambda *_: None, raising=False)
    told = priority.lower_priority()
    assert "no idle I/O" in told or "no very low I/O priority" in told
    assert caplog.text.count("Invalid function") == 1
