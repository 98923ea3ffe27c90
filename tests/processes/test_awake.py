"""The machine stays awake while it trains and while it judges, and only then."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import PreemptedError
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.processes import awake
from aeon_plugin_ft.processes.awake import awake_seconds, kept_awake
from aeon_plugin_ft.training.model import RunOutcome, RunState
from aeon_plugin_ft.training.worker.run import Attempt

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="logind is Linux' own")


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of the system, and what a test adds to it."""
    log: list[str] = []

    def hold() -> Callable[[], None]:
        log.append("awake")
        return lambda: log.append("may sleep")

    monkeypatch.setattr(awake, "THIS_SYSTEM", hold)
    return log


def test_the_system_is_let_go_whatever_happens(happened: list[str]) -> None:
    with pytest.raises(ZeroDivisionError), kept_awake():
        assert happened == ["awake"]
        raise ZeroDivisionError
    assert happened == ["awake", "may sleep"]


def test_a_system_that_refuses_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> Callable[[], None]:
        raise PermissionError(13, "no logind here")

    awake._warn.cache_clear()
    for _ in range(3):
        with kept_awake(refuse):
            pass
    assert [record.levelname for record in caplog.records] == ["WARNING"] and "no logind here" in caplog.text


def test_a_worker_keeps_the_machine_awake_while_it_trains(happened: list[str]) -> None:
    outcome = RunOutcome(RunState.FINISHED, 6, 6, 1.0, 0, "")

    class Session:
        def train(self) -> RunOutcome:
            happened.append("trains")
            return outcome

    assert Attempt._train(cast(Any, None), Session())[0] is outcome
    assert happened == ["awake", "trains", "may sleep"]


def test_the_host_keeps_it_awake_while_it_judges(happened: list[str]) -> None:
    class Judge:
        def judge(self, *_: Any) -> None:
            happened.append("judges")
            raise PreemptedError("judging", PauseCause.OWNER_BACK)

    class Parts:
        def _judge(self) -> Judge:
            return Judge()

        def base_of(self, run: object) -> None: ...

        def _dataset_of(self, run: Any) -> None: ...

    with pytest.raises(PreemptedError):
        Pipeline.judge(cast(Any, Parts()), cast(Any, None))
    assert happened == ["awake", "judges", "may sleep"]


def test_the_clock_moves_while_the_machine_is_awake() -> None:
    began, deadline = awake_seconds(), time.monotonic() + 10
    while awake_seconds() == began:
        assert time.monotonic() < deadline
    assert 0 < awake_seconds() - began < 10


@pytest.mark.skipif(sys.platform != "win32", reason="SetThreadExecutionState is Windows' own")
def test_windows_knows_what_is_required_of_it() -> None:
    from aeon_plugin_ft.processes.windows import CONTINUOUS, SYSTEM_REQUIRED, set_execution_state

    with kept_awake():
        assert set_execution_state(CONTINUOUS | SYSTEM_REQUIRED) & SYSTEM_REQUIRED
    assert not set_execution_state(CONTINUOUS) & SYSTEM_REQUIRED


# -- logind ----------------------------------------------------------------------------------------


@pytest.fixture
def logind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A systemd-inhibit that notes how it is called and runs what it is given; it refuses the locks in REFUSED."""
    program, calls = tmp_path / "bin" / "systemd-inhibit", tmp_path / "calls"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {shlex.quote(str(calls))}\n'
        'for lock in $REFUSED; do [ "$1" = "--what=$lock" ] && exit 1; done\n'
        'while [ "${1#--}" != "$1" ]; do shift; done\n"$@"\n'
    )
    program.chmod(0o755)
    calls.touch()
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("REFUSED", "")
    yield calls
    assert not holders(program), "a lock outlived the block"


def holders(program: Path) -> list[psutil.Process]:
    lines = {process: process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])}
    return [process for process, line in lines.items() if str(program) in line]


@linux
def test_linux_holds_a_lock_of_logind_for_as_long_as_the_block_runs(logind: Path) -> None:
    from aeon_plugin_ft.processes.logind import hold

    program = logind.parent / "bin" / "systemd-inhibit"
    with kept_awake(hold):
        assert len(holders(program)) == 1
    assert holders(program) == []
    (call,) = logind.read_text().splitlines()
    assert call.startswith("--what=sleep:idle --mode=block --who=Aeon") and call.endswith("cat")


@linux
def test_where_sleep_may_not_be_blocked_idle_alone_is(logind: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.processes.logind import hold

    monkeypatch.setenv("REFUSED", "sleep:idle")
    with kept_awake(hold):
        assert len(holders(logind.parent / "bin" / "systemd-inhibit")) == 1
    assert [call.split()[0] for call in logind.read_text().splitlines()] == ["--what=sleep:idle", "--what=idle"]
    monkeypatch.setenv("REFUSED", "sleep:idle idle")
    with pytest.raises(OSError, match="is refused the lock"):
        hold()


@linux
def test_a_machine_without_logind_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from aeon_plugin_ft.processes.logind import hold

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="there is no systemd-inhibit"):
        hold()
    awake._warn.cache_clear()
    with kept_awake(hold):
        pass


@linux
def test_a_killed_process_keeps_no_machine_awake(logind: Path) -> None:
    code = (
        "import time\nfrom aeon_plugin_ft.processes.logind import hold\n"
        "release = hold()\nprint('held', flush=True)\ntime.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    (holder,) = holders(logind.parent / "bin" / "systemd-inhibit")
    process.kill()
    process.communicate()
    holder.wait(10)


@linux
@pytest.mark.parametrize("ignores", ["", "trap '' TERM HUP INT\n"])
def test_a_logind_that_hangs_is_waited_for_once_and_nothing_of_it_stays(
    ignores: str, logind: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aeon_plugin_ft.processes import logind as module

    program, child = logind.parent / "bin" / "systemd-inhibit", logind.parent / "child"
    program.write_text(
        f"#!/bin/sh\n{ignores}echo called >> {shlex.quote(str(logind))}\n"
        f"sleep 642 &\necho $! > {shlex.quote(str(child))}\nwait\n"
    )
    monkeypatch.setattr(module, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(module, "_LEAVE_SECONDS", 600.0)
    with pytest.raises(OSError, match="does not answer"):
        module.hold()
    assert logind.read_text() == "called\n"
    slept = int(child.read_text())
    psutil.wait_procs([psutil.Process(slept)] if psutil.pid_exists(slept) else [], timeout=10)
    assert not psutil.pid_exists(slept)


@linux
def test_one_that_says_something_else_holds_no_lock(logind: Path) -> None:
    from aeon_plugin_ft.processes.logind import hold

    (logind.parent / "bin" / "systemd-inhibit").write_text("#!/bin/sh\necho usage: systemd-inhibit\n")
    with pytest.raises(OSError, match="is refused the lock"):
        hold()


@linux
def test_a_host_with_many_files_open_is_no_trouble(logind: Path) -> None:
    import resource

    from aeon_plugin_ft.processes.logind import hold

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("so many files may not be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    many = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while many[-1] < 1024:
            many.append(os.dup(many[0]))
        hold()()
    finally:
        for descriptor in many:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- IOKit -----------------------------------------------------------------------------------------

STAND_IN = """
#include <stdint.h>
#include <string.h>
static int strings, held, refuse; static char kind[64]; static uint32_t level;
void *CFStringCreateWithCString(void *allocator, const char *text, uint32_t encoding) {
    strings++; return encoding == 0x08000100 && !allocator ? strdup(text) : 0;
}
void CFRelease(void *text) { strings--; }
int IOPMAssertionCreateWithName(void *type, uint32_t on, void *name, uint32_t *id) {
    if (refuse) return 0xe00002c1;
    strcpy(kind, type); level = on; *id = 4000000000u; held = 1; return 0;
}
int IOPMAssertionRelease(uint32_t id) { if (id == 4000000000u) held = 0; return 0; }
int state(void) { return held * 10 + strings; }
int right(void) { return level == 255 && !strcmp(kind, "PreventUserIdleSystemSleep"); }
void begin_to_refuse(void) { refuse = 1; }
"""


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("cc") is None, reason="needs a C compiler")
def test_macos_gets_an_assertion_that_ends_with_the_block(tmp_path: Path) -> None:
    """Against functions in C with IOKit's signatures: pointers and numbers arrive whole, strings are given back."""
    from aeon_plugin_ft.processes.iokit import hold

    (tmp_path / "power.c").write_text(STAND_IN)
    library = str(tmp_path / "libpower.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, str(tmp_path / "power.c")], check=True)
    power = ctypes.CDLL(library)
    with kept_awake(lambda: hold(library, library)):
        assert power.state() == 10 and power.right()
    assert power.state() == 0
    power.begin_to_refuse()
    with pytest.raises(OSError, match="0xe00002c1"):
        hold(library, library)
    assert power.state() == 0


@pytest.mark.skipif(sys.platform == "darwin", reason="there they are")
def test_frameworks_that_are_not_there_are_a_refusal() -> None:
    from aeon_plugin_ft.processes.iokit import hold

    with pytest.raises(OSError):
        hold()
