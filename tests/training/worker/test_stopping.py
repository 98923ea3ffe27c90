"""Reasons to leave are noticed within a fraction of a second."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.training.memory import is_out_of_memory
from aeon_plugin_ft.training.model import Exit
from aeon_plugin_ft.training.supervise import spawn
from aeon_plugin_ft.training.worker import stopping
from aeon_plugin_ft.training.worker.stopping import StopRequested, StopWatch


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StopWatch]:
    monkeypatch.setattr(stopping.signal, "signal", lambda *_: None)
    made = StopWatch(tmp_path).start()
    yield made
    made.end()
    made._thread.join(60)


def _wait(watch: StopWatch) -> None:
    deadline = time.monotonic() + 30
    while watch.cause is None and time.monotonic() < deadline:
        time.sleep(0.01)


def test_without_a_reason_the_work_goes_on(watch: StopWatch) -> None:
    time.sleep(0.3)
    watch.check()


def test_a_pause_file_stops_the_work_with_its_reason(watch: StopWatch, tmp_path: Path) -> None:
    (tmp_path / "pause").write_text("owner_back\n", encoding="utf-8")
    _wait(watch)
    with pytest.raises(StopRequested, match="owner_back"):
        watch.check()


def test_a_pause_file_that_says_nothing_known_stops_the_work_too(watch: StopWatch, tmp_path: Path) -> None:
    (tmp_path / "pause").write_text("please", encoding="utf-8")
    _wait(watch)
    assert watch.cause is PauseCause.ASKED


def test_the_first_reason_is_kept(watch: StopWatch) -> None:
    watch.request(PauseCause.NO_MAINS)
    watch.request(PauseCause.OWNER_BACK)
    with pytest.raises(StopRequested, match="no_mains"):
        watch.check()


def test_work_that_does_not_look_is_ended(watch: StopWatch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    left: list[int] = []
    told: list[PauseCause] = []
    monkeypatch.setattr(stopping, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(stopping, "leave_now", lambda code: (left.append(code), watch.end()))
    watch.on_late_exit = told.append
    watch.request(PauseCause.NO_MAINS)
    deadline = time.monotonic() + 30
    while not left and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left[0] == Exit.PAUSED and told[0] is PauseCause.NO_MAINS


def test_a_beat_that_gives_a_reason_stops_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping.signal, "signal", lambda *_: None)
    watch = StopWatch(tmp_path, beat=lambda: PauseCause.OVERTAKEN).start()
    _wait(watch)
    watch.end()
    watch._thread.join(60)
    assert watch.cause is PauseCause.OVERTAKEN


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate"), True),
        (RuntimeError("shape mismatch"), False),
        (OSError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_apart(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_the_peak_of_memory_is_this_process_own() -> None:
    """Asked in a fresh interpreter: this one's peak may lie far above what it holds now."""
    script = (
        "from aeon_plugin_ft.training.memory import peak_bytes\n"
        "before = peak_bytes()\n"
        "block = bytearray(200_000_000)\n"
        "for page in range(0, len(block), 4096): block[page] = 1\n"
        "print(before, peak_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    before, after = map(int, done.stdout.split())
    assert 5_000_000 < before < 2_000_000_000
    assert 150_000_000 < after - before < 400_000_000


def test_after_its_end_nothing_beats_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat after the lease was given back would lock the next run out."""
    monkeypatch.setattr(stopping.signal, "signal", lambda *_: None)
    beats: list[float] = []

    def slow_beat() -> None:
        time.sleep(0.2)
        beats.append(time.monotonic())

    watch = StopWatch(tmp_path, beat=slow_beat, beat_seconds=0.0).start()
    time.sleep(0.15)
    watch.end()
    ended = time.monotonic()
    time.sleep(0.4)
    assert beats and all(beat <= ended for beat in beats)


CHILD = """
import sys, time
from pathlib import Path
from aeon_plugin_ft.training.worker.stopping import StopWatch
watch = StopWatch(Path(sys.argv[1]), supervised=True).start()
time.sleep(0.3)
import numpy
print("numpy is there", flush=True)
while watch.cause is None:
    time.sleep(0.01)
watch.end()
print(watch.cause.value, flush=True)
"""


def test_a_supervised_worker_loads_numpy_and_notices_the_end_of_its_host(tmp_path: Path) -> None:
    """On Windows numpy waited for ever for a thread that read from stdin (numpy issue 24290)."""
    with (tmp_path / "log").open("wb") as log:
        child = spawn(["-c", CHILD.replace("sys.argv[1]", repr(str(tmp_path)))], 1, log)
    assert child.stdin is not None
    deadline = time.monotonic() + 60
    while not (tmp_path / "log").read_text() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.05)
    child.stdin.close()
    try:
        assert child.wait(60) == 0
    finally:
        child.kill()
        child.wait()
    assert (tmp_path / "log").read_text().split("\n") == ["numpy is there", PauseCause.HOST_GONE.value, ""]
