"""`python -m aeon_plugin_ft.training.worker <run folder> [--supervised]`: one attempt at a run.

Watches for a reason to leave before it imports anything heavy, and is gone within 5 s of one at any
stage. Talks only through its run folder and the store. Exit codes: `training.model.Exit`.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from aeon_plugin_ft.base.unchanged import require_unchanged
from aeon_plugin_ft.causes import EndCause, PauseCause, RunCause, RunPhase, run_cause
from aeon_plugin_ft.dataset.frozen import load_dataset
from aeon_plugin_ft.errors import AeonFtError, LeaseHeldError, NoSpaceError, StoreError, TrainingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.awake import awake_seconds, kept_awake
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.memory import is_out_of_memory, peak_bytes
from aeon_plugin_ft.training.model import Exit, Progress, Run, RunOutcome, RunState
from aeon_plugin_ft.training.progress import ProgressWriter, last_progress, write_outcome
from aeon_plugin_ft.training.runs import LEASE, LEASE_SECONDS, RunConfig, note_worker
from aeon_plugin_ft.training.table import set_state
from aeon_plugin_ft.training.worker.priority import take_priority
from aeon_plugin_ft.training.worker.stopping import StopRequested, StopWatch
from aeon_plugin_ft.turns.files import FileLock
from aeon_plugin_ft.wording import english, worded

_say = Speaker("errors/training")

log = logging.getLogger("aeon_ft.training")

LOCK_FILE = "worker.lock"
ALONE_SECONDS = 20.0
"""How long a worker before this one may take to leave: it is gone 5 s after its supervisor."""

_CODES = {
    RunState.FINISHED: Exit.FINISHED,
    RunState.PAUSED: Exit.PAUSED,
    RunState.FAILED: Exit.FAILED,
    RunState.INTERRUPTED: Exit.FAILED,
}


def main(arguments: list[str]) -> int:
    """One attempt; returns the exit code, with outcome.json and the store's row written."""
    return attempt(arguments, Attempt)


def attempt(arguments: list[str], make: Callable[[Run, RunConfig], Attempt], *, yields: bool = True) -> int:
    """One attempt of some kind. `yields`: this process computes, and goes behind everything else on the machine."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run = Run(Path(arguments[0]).name, Path(arguments[0]))
    # Held until this process ends. The lease names the run, so it does not keep out a worker whose host died before
    # it could note that it had started one.
    alone = FileLock(run.folder / LOCK_FILE)
    if not alone.acquire(ALONE_SECONDS):
        log.error("another process still trains %s", run.id)
        return Exit.FAILED
    # Only now: reading the progress and opening the store are for the one process that works in this folder.
    note_worker(run.folder, os.getpid())
    made = make(run, RunConfig.read(run.folder))
    watch = StopWatch(run.folder, supervised="--supervised" in arguments, beat=made.beat).start()
    watch.on_late_exit = made.leave_late
    # After the watch has started: on Linux its thread keeps the parent's priority, and so sees a stop request even
    # where the lowest priority gets no time.
    if yields:
        log.info("pid priority: %s", take_priority(arguments))
    return made.go(watch)


class Work(Protocol):
    """What does the work of an attempt."""

    def train(self) -> RunOutcome:
        """From where the last attempt left it to the end."""


class Attempt:
    """One worker's life: heartbeat, training, outcome."""

    def __init__(self, run: Run, config: RunConfig) -> None:
        self.run, self.config = run, config
        self.started = awake_seconds()
        self.progress = ProgressWriter(run.progress_file)
        self.newest = last_progress(run.progress_file)
        self.store = Store(config.store)

    def go(self, watch: StopWatch) -> int:
        """The whole attempt, whatever happens in it; returns the exit code."""
        try:
            self.phase(RunPhase.STARTING)
            # torch and transformers take seconds to import: not for a run that is to stop before it starts.
            watch.check()
            self.require_unchanged()
            outcome, code = self._train(self.session(watch))
        except StopRequested as stop:
            outcome, code = self.outcome(RunState.PAUSED, stop.cause), Exit.PAUSED
        except Exception as error:  # noqa: BLE001 - whatever it is, the outcome must say it
            log.error("%s", traceback.format_exc())
            outcome, code = self.failure(error)
        # From here on the end is told once: a forced exit in between would write a second, other outcome.
        watch.end()
        self.end(outcome)
        return code

    def session(self, watch: StopWatch) -> Work:
        """What does the work of this attempt; imports what is heavy."""
        from aeon_plugin_ft.training.worker.session import Session

        return Session(self.run, self.config, watch, self.phase, self.tell)

    def require_unchanged(self) -> None:
        """Raise DatasetError or BaseModelError unless data and weights are what they were when the run was made: an
        attempt that goes on must end where the first one would have."""
        load_dataset(self.config.dataset)
        require_unchanged(self.config.base, self.config.store.parent / "cache" / "base")

    def _train(self, work: Work) -> tuple[RunOutcome, int]:
        with kept_awake():
            outcome = work.train()
        return outcome, _CODES[outcome.state]

    def failure(self, error: Exception) -> tuple[RunOutcome, int]:
        """An error as an outcome: out of memory and a full disk are told apart from the rest."""
        if is_out_of_memory(error):
            cause = EndCause.OUT_OF_MEMORY
            reason = _say("worker.no_memory", cause=worded(cause))
            return self.outcome(RunState.FAILED, cause, reason), Exit.OUT_OF_MEMORY
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return self.outcome(RunState.FAILED, EndCause.NO_SPACE, self._no_space()), Exit.FAILED
        reason = str(error) if isinstance(error, AeonFtError) else f"{type(error).__name__}: {error}"
        told = error.cause if isinstance(error, TrainingError) else None
        return self.outcome(RunState.FAILED, told or EndCause.BROKE, reason), Exit.FAILED

    def _no_space(self) -> str:
        import shutil

        return str(NoSpaceError(self.run.folder, 1 << 28, shutil.disk_usage(self.run.folder).free))

    def outcome(self, state: RunState, cause: RunCause, reason: str = "") -> RunOutcome:
        """How the attempt ended, at the last step that was told; the reason is the cause's sentence unless one is
        given."""
        step = self.newest.step if self.newest else 0
        return RunOutcome(
            state=state,
            step=step,
            steps=self.config.recipe.steps,
            seconds=round(awake_seconds() - self.started, 2),
            peak_bytes=peak_bytes(),
            reason=reason or english(cause),
            cause=cause.value,
        )

    def end(self, outcome: RunOutcome) -> None:
        """The row first, the outcome last: whoever sees the outcome sees a true row."""
        self.progress.write("end", state=outcome.state.value, reason=outcome.reason)
        self.progress.close()
        try:
            cause = run_cause(outcome.cause)
            set_state(self.store, self.run.id, outcome.state, step=outcome.step, cause=cause, reason=outcome.reason)
            self.store.release_lease(LEASE, self.run.id)
        except (StoreError, sqlite3.Error):
            log.exception("the store could not be told; the supervisor reads outcome.json")
        write_outcome(self.run.outcome_file, outcome)

    def leave_late(self, cause: PauseCause) -> None:
        """Forced out in the middle of something: the last checkpoint counts."""
        self.end(self.outcome(RunState.PAUSED, cause))

    def beat(self) -> PauseCause | None:
        """Hold the lease, tell the store the step; a cause to leave when another run has the lease, or when this one
        was cancelled."""
        try:
            return self._beat()
        except (StoreError, sqlite3.Error, OSError):
            # A locked or full database is no reason to lose the training: the lease has 30 s, and beats come every 5.
            log.exception("the store cannot be told that this run is alive; it will be tried again")
            return None

    def _beat(self) -> PauseCause | None:
        try:
            self.store.acquire_lease(LEASE, self.run.id, LEASE_SECONDS)
            step = self.newest.step if self.newest else None
            may_run = set_state(self.store, self.run.id, RunState.RUNNING, step=step)
        except LeaseHeldError as error:
            log.info("%s", error)
            return PauseCause.OVERTAKEN
        return None if may_run else PauseCause.OVERTAKEN

    def phase(self, phase: RunPhase, step: int = 0, steps: int = 0) -> None:
        """Tell that something other than a step of the training is under way; `step` of `steps` of a preference
        stage."""
        last = self.newest
        self.tell(
            Progress(
                step=last.step if last else 0,
                steps=self.config.recipe.steps,
                loss=last.loss if last else None,
                examples_per_second=0.0,
                saving=last.saving if last else 1.0,
                seconds=round(awake_seconds() - self.started, 2),
                seconds_left=last.seconds_left if last else 0.0,
                phase=phase,
                stage_step=step,
                stage_steps=steps,
            )
        )

    def tell(self, progress: Progress) -> None:
        """The newest progress, to progress.jsonl."""
        # Read by the watch's thread (`beat`, `leave_late`): one reference, replaced whole, needs no lock.
        self.newest = progress
        self.progress.progress(progress)
