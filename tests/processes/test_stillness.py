"""A process at work is told from one that came to a stand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from aeon_plugin_ft.processes import stillness
from aeon_plugin_ft.processes.stillness import Stillness, processor_seconds, queued_seconds


class Process:
    """A clock and what a process has spent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.spent, self.queued = 0.0, 0.0, 0.0
        self.there = True
        monkeypatch.setattr(stillness, "queued_seconds", lambda _: self.queued)
        monkeypatch.setattr(stillness, "processor_seconds", lambda _: self.spent if self.there else None)

    def clock(self) -> float:
        return self.now

    def after(
        self, seconds: float, still: Stillness, sign: object = None, work: float = 0.0, queued: float = 0.0
    ) -> bool:
        self.now, self.spent, self.queued = self.now + seconds, self.spent + work, self.queued + queued
        return still.lasts(sign)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    yield Process(monkeypatch)


def test_without_work_and_without_a_sign_it_is_still_after_the_time(process: Process) -> None:
    still = Stillness(1, 180, 2, process.clock)
    assert not process.after(179, still)
    assert process.after(4, still)


def test_a_little_work_at_a_time_adds_up(process: Process) -> None:
    """At idle priority beside a game: a hundredth of a core."""
    still = Stillness(1, 180, 2, process.clock)
    assert not any(process.after(60, still, work=0.8) for _ in range(20))


def test_what_only_looks_around_is_still(process: Process) -> None:
    still = Stillness(1, 180, 2, process.clock)
    assert [process.after(60, still, work=0.05) for _ in range(4)] == [False, False, True, True]


def test_one_that_gets_no_processor_is_not_still(process: Process) -> None:
    """At idle priority beside ten busy programs: ready all the time, and let do next to nothing."""
    still = Stillness(1, 180, 2, process.clock)
    assert not any(process.after(60, still, work=0.05, queued=59) for _ in range(20))


def test_a_little_time_in_the_queue_is_no_work(process: Process) -> None:
    """Threads that only look around stand in it too, beside busy programs."""
    still = Stillness(1, 180, 2, process.clock)
    assert [process.after(60, still, work=0.05, queued=5) for _ in range(4)] == [False, False, True, True]


def test_a_sign_of_life_begins_the_wait_anew(process: Process) -> None:
    still = Stillness(1, 180, 2, process.clock)
    assert not process.after(170, still, "step 1")
    assert not process.after(170, still, "step 1")
    assert process.after(20, still, "step 1")
    assert not process.after(1, still, "step 2")


def test_one_that_is_gone_is_not_still(process: Process) -> None:
    still = Stillness(1, 180, 2, process.clock)
    process.there = False
    assert not process.after(1000, still)


def test_the_processor_time_of_a_real_process_grows_and_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        before = processor_seconds(busy.pid)
        while processor_seconds(busy.pid) == before:
            continue
        busy.kill()
    assert processor_seconds(busy.pid) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who stood in the queue")
def test_who_stands_in_the_queue_of_a_real_system() -> None:
    """Two that want one and the same core: the one at idle priority waits. Stopped, it waits for nothing."""
    loop = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.nice(int(sys.argv[2]))\nwhile True: pass"
    command = [sys.executable, "-c", loop, str(min(os.sched_getaffinity(0)))]
    with (
        subprocess.Popen([*command, "0"]) as first,
        subprocess.Popen([*command, "19"]) as last,
    ):
        try:
            ends = time.monotonic() + 60
            while queued_seconds(last.pid) < 0.5:
                assert time.monotonic() < ends, "it never stood in the queue"
                time.sleep(0.05)
            os.kill(last.pid, signal.SIGSTOP)
            # The signal is taken only when it gets the core for a moment.
            while psutil.Process(last.pid).status() != psutil.STATUS_STOPPED:
                assert time.monotonic() < ends, "it never stopped"
                time.sleep(0.05)
            stopped = queued_seconds(last.pid)
            time.sleep(0.3)
            assert queued_seconds(last.pid) == stopped
        finally:
            first.kill()
            last.kill()
    assert queued_seconds(last.pid) == 0.0
