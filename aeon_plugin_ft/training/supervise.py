"""Starting, watching and stopping the training process, from the host. Torch-free."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import threading
from pathlib import Path
from typing import IO

import aeon_plugin_ft
from aeon_plugin_ft.causes import Interrupt, PauseCause
from aeon_plugin_ft.errors import InstallError, PreemptedError, TrainingError
from aeon_plugin_ft.messages import Speaker, language
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.processes.awake import awake_seconds
from aeon_plugin_ft.processes.children import interpreter, start
from aeon_plugin_ft.processes.stillness import Stillness
from aeon_plugin_ft.store import Store, private
from aeon_plugin_ft.store.files import write_whole
from aeon_plugin_ft.training.lease import take_lease
from aeon_plugin_ft.training.memory import oom_kills
from aeon_plugin_ft.training.model import Exit, Progress, Run, RunState
from aeon_plugin_ft.training.places.consent import require_allowed
from aeon_plugin_ft.training.places.where import HERE, parse_where
from aeon_plugin_ft.training.progress import last_progress
from aeon_plugin_ft.training.runs import LEASE, WORKER_FILE, RunConfig, note_worker, record_end
from aeon_plugin_ft.training.table import begin_attempt
from aeon_plugin_ft.training.worker.priority import priority_argument
from aeon_plugin_ft.training.worker.stopping import PAUSE_FILE

_say = Speaker("errors/training")

PAUSE_SECONDS = 3.3
"""How long a worker may take to leave by itself; more than its own StopWatch gives it. With the schedule's look
(1 s) and that of the supervising thread it is gone within 5 s."""

CHILD_POLL_SECONDS = 0.2
HUNG_SECONDS, WORK_SECONDS = 180.0, 2.0
"""A child that for so long makes no progress and takes less than so much processor time does nothing any more."""
SPINNING_SECONDS = 3600.0
"""One that takes processor time makes progress within this: the longest step of a large model takes minutes."""

_IMPORTED_FROM = Path(aeon_plugin_ft.__file__).resolve().parents[1]
"""The folder that has this package in it, and not the package itself: its modules have names of the standard library's
(http)."""


class Worker:
    """A training process. Its end is written into the store by whoever calls `poll` or `wait` next."""

    def __init__(self, run: Run, store: Store, process: subprocess.Popen[bytes]) -> None:
        self.run = run
        self.store = store
        self.process = process
        self._state: RunState | None = None
        # The machine's count before the worker starts to compute: a kill -9 of anybody else's does not raise it.
        self._oom_kills = oom_kills()
        self._deadline: threading.Timer | None = None
        self._still = Stillness(process.pid, HUNG_SECONDS, WORK_SECONDS)
        self._spinning = Stillness(process.pid, SPINNING_SECONDS, math.inf)
        self._hung = False

    @property
    def hangs(self) -> bool:
        """Whether it does nothing any more; to be asked again and again."""
        sign = _signature(self.run.progress_file)
        still, spinning = self._still.lasts(sign), self._spinning.lasts(sign)
        return still or spinning

    @property
    def alive(self) -> bool:
        """Whether the process still runs; what became of it is written by `poll`, `wait` or `kill`."""
        return self.process.poll() is None

    def poll(self) -> Progress | None:
        """The newest progress, None before there is any; notices the end of the process."""
        if not self.alive:
            self._record_end()
        return last_progress(self.run.progress_file)

    def wait(self, timeout: float | None = None) -> RunState:
        """Wait for the end, at most `timeout` seconds; RUNNING when it goes on."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return RunState.RUNNING
        return self._record_end()

    def pause(self, cause: PauseCause) -> None:
        """Ask it to leave; it is gone within 5 s and can go on later.

        A process at idle priority may not get the time to leave by itself on a machine that has become busy:
        after PAUSE_SECONDS it is ended, and its last checkpoint counts.
        """
        ask_to_leave(self.run, cause)
        if self._deadline is None:
            self._deadline = threading.Timer(PAUSE_SECONDS, self.process.kill)
            self._deadline.daemon = True
            self._deadline.start()

    def kill(self, *, hung: bool = False) -> None:
        """End it at once; the run is then interrupted and goes on from its last checkpoint. `hung`: that is why."""
        self._hung = hung
        self.process.kill()
        self.process.wait()
        self._record_end()

    def _out_of_memory(self) -> bool:
        """By its own word, or ended by the system while memory ran out."""
        code = self.process.returncode
        return code == Exit.OUT_OF_MEMORY or (code == -9 and oom_kills() > self._oom_kills)

    def _record_end(self) -> RunState:
        if self._state is None:
            if self._deadline is not None:
                # Its process id may belong to somebody else by the time it would fire.
                self._deadline.cancel()
            if self.process.stdin is not None:
                with contextlib.suppress(OSError):
                    # The pipe is this process's to close, once for each worker, or a host that trains for months runs
                    # out of them.
                    self.process.stdin.close()
            code, memory = self.process.returncode, self._out_of_memory()
            self._state = record_end(self.store, self.run, code, memory, hung=self._hung)
        return self._state


def ask_to_leave(run: Run, cause: PauseCause) -> None:
    """Ask the worker of a run to save and leave, whichever process supervises it; it may hang, and nobody ends it
    then."""
    write_whole(run.folder / PAUSE_FILE, cause.value)


def start_worker(run: Run, store: Store, where: str = HERE) -> Worker:
    """Start the training process of a run, or what takes it to another place ([train] where); raise LeaseHeldError
    while another one trains, NoConsentError for a place that the owner has not allowed.

    It holds the lease by a heartbeat of its own, and leaves when this process ends: its stdin is a pipe
    that nobody else holds.
    """
    config = RunConfig.read(run.folder)
    require_allowed(store, parse_where(where))
    # Before anything of the run is touched: the files below belong to the worker that holds the lease.
    take_lease(store, run.id)
    for old in (run.outcome_file, run.folder / PAUSE_FILE, run.folder / WORKER_FILE):
        old.unlink(missing_ok=True)
    try:
        with open(run.folder / "worker.log", "ab", opener=private.opener) as log:
            process = spawn(_command(run, where), config.recipe.threads, log)
    except InstallError:
        store.release_lease(LEASE, run.id)
        raise
    except OSError as error:
        store.release_lease(LEASE, run.id)
        raise TrainingError(_say("worker.not_started", reason=error)) from error
    note_worker(run.folder, process.pid, first=True)
    begin_attempt(store, run.id)
    return Worker(run, store, process)


def _command(run: Run, where: str) -> list[str]:
    folder, supervised = str(run.folder), "--supervised"
    if where == HERE:
        return ["-m", "aeon_plugin_ft.training.worker", folder, supervised]
    return ["-m", "aeon_plugin_ft.training.places.courier", folder, supervised, f"--where={where}"]


def spawn(arguments: list[str], threads: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """A child of this interpreter that trains or measures: no window, no network, its stdin a pipe. Raises OSError,
    and InstallError where there is no interpreter."""
    command = [str(interpreter()), *arguments, priority_argument()]
    # Its output goes to a file, not a pipe: a worker that outlives its host must not block on one that nobody reads.
    return start(command, stdout=log, stderr=subprocess.STDOUT, env=child_environment(threads))


def wait_for(process: subprocess.Popen[bytes], interrupt: Interrupt, doing: str, timeout: float | None = None) -> int:
    """The exit code of a child that measures; its stdin is closed whatever happens.

    Raises PreemptedError when the machine is wanted: the child, whose stdin then ends, has PAUSE_SECONDS to leave.
    Raises subprocess.TimeoutExpired after `timeout` seconds, and TrainingError when it does nothing any more; it is
    killed then.
    """
    deadline = None if timeout is None else awake_seconds() + timeout
    still = Stillness(process.pid, HUNG_SECONDS, WORK_SECONDS)
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(CHILD_POLL_SECONDS)
            cause = interrupt()
            if cause is not None:
                _let_go(process)
                raise PreemptedError(doing, cause)
            if still.lasts():
                raise TrainingError(*_say.error("worker.hung", doing=doing, minutes=f"{HUNG_SECONDS / 60:.0f}"))
            if deadline is not None and awake_seconds() > deadline:
                raise subprocess.TimeoutExpired(process.args, float(timeout or 0))
    finally:
        _let_go(process, seconds=0.0)


def _signature(path: Path) -> tuple[int, int] | None:
    """What changes with every line that is added; None while there is no file."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def _let_go(process: subprocess.Popen[bytes], seconds: float = PAUSE_SECONDS) -> None:
    """Close the pipe, which asks it to leave; end it when it has not after `seconds`."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def search_path() -> str:
    """PYTHONPATH of a child: it must find this very package, also where the host put it on sys.path itself."""
    return os.pathsep.join([str(_IMPORTED_FROM), *filter(None, [os.environ.get("PYTHONPATH")])])


KEPT_KERNELS = dict.fromkeys(("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"), "256")
"""oneDNN makes a kernel for each shape of a product and keeps 1,024 of them. Of packed suffixes hardly two are equally
long, so those of other steps are never used again: Gemma 3 270M in bf16 grew by 10 MB a step. But all layers of a step
use the same ones, and where fewer are kept than a step has, each layer makes all of them anew: with 32 of them a step
of 1B took 1.6 times as long as with 96 or more."""


def child_environment(threads: int) -> dict[str, str]:
    """The environment of a child that runs torch."""
    # It says why it failed, and to the same owner.
    made = {**KEPT_KERNELS, **os.environ, ENV_LANGUAGE: language().value}
    made.update(
        # By environment, because both libraries read it while they are imported.
        OMP_NUM_THREADS=str(threads),
        MKL_NUM_THREADS=str(threads),
        PYTHONPATH=search_path(),
        PYTHONIOENCODING="utf-8",
        PYTHONUNBUFFERED="1",
        TOKENIZERS_PARALLELISM="false",
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        TRANSFORMERS_VERBOSITY="error",
    )
    made.setdefault("CUDA_VISIBLE_DEVICES", "0")  # TRL refuses to run where it sees several GPUs
    return made
