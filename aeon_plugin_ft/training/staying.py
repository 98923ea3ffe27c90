"""One run, from the start of its worker to its end: what it does is told, why to leave is passed on to it, and one that
does nothing any more is begun again from its last checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable

from aeon_plugin_ft import events as happened
from aeon_plugin_ft.causes import Interrupt, PauseCause
from aeon_plugin_ft.errors import RunStoppedError, TrainingError
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.awake import awake_seconds
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Progress, Run, RunState
from aeon_plugin_ft.training.places.where import HERE
from aeon_plugin_ft.training.runs import resume_run
from aeon_plugin_ft.training.supervise import Worker, start_worker
from aeon_plugin_ft.training.table import get_run

_say = Speaker("errors/training")

OnProgress = Callable[[Progress], None]
POLL_SECONDS = 0.2
OF_THIS_MACHINE = frozenset(
    {PauseCause.OWNER_BACK, PauseCause.NO_MAINS, PauseCause.MACHINE_BUSY, PauseCause.LOW_MEMORY}
)
"""What is no reason to pause a run that trains elsewhere."""
RESTARTS = 2
"""How often a run that hangs is begun again before it is left."""
_LEAVE_SECONDS = 10.0


def stay_with(
    run: Run,
    data: DataFolder,
    store: Store,
    events: EventBus,
    interrupt: Interrupt,
    on_progress: OnProgress | None,
    where: str = HERE,
) -> Run:
    """Start the worker of a run, here or where [train] where says, and stay with it; on Ctrl-C it is asked to save and
    leave.

    Raises RunStoppedError when it was left in the middle, TrainingError when it failed or could not begin.
    """
    started, restarts = awake_seconds(), 0
    worker = start_worker(run, store, where)
    try:
        while worker.alive:
            _look(worker, interrupt, on_progress)
            if worker.hangs:
                worker.kill(hung=True)
                if restarts < RESTARTS:
                    _tell_interrupted(store, events, run)
                    worker, restarts = start_worker(resume_run(run.id, data, store), store, where), restarts + 1
            time.sleep(POLL_SECONDS)
    # KeyboardInterrupt above all: the worker is in a session of its own and does not hear the Ctrl-C.
    except BaseException:
        worker.pause(PauseCause.OWNER_INTERRUPTED)
        worker.wait(_LEAVE_SECONDS)
        raise
    _report_end(store, events, run, worker.wait(_LEAVE_SECONDS), awake_seconds() - started)
    return run


def interrupt_for(where: str, interrupt: Interrupt) -> Interrupt:
    """Why to leave a run that trains there: that the owner needs this machine is no reason elsewhere."""
    if where == HERE:
        return interrupt

    def away() -> PauseCause | None:
        cause = interrupt()
        return None if cause in OF_THIS_MACHINE else cause

    return away


def _look(worker: Worker, interrupt: Interrupt, on_progress: OnProgress | None) -> None:
    progress, cause = worker.poll(), interrupt()
    if progress is not None and on_progress is not None:
        on_progress(progress)
    if cause is not None:
        worker.pause(cause)


def _tell_interrupted(store: Store, events: EventBus, run: Run) -> None:
    row = get_run(store, run.id)
    if row is not None:
        events.publish(happened.RunInterrupted(run=run.id, step=row.step, cause=row.cause, reason=row.reason))


def _report_end(store: Store, events: EventBus, run: Run, state: RunState, seconds: float) -> None:
    row = get_run(store, run.id)
    step, cause, reason = (0, None, "") if row is None else (row.step, row.cause, row.reason)
    if state is RunState.FINISHED:
        events.publish(happened.RunFinished(run=run.id, steps=step, seconds=seconds))
        return
    if state is RunState.FAILED:
        events.publish(happened.RunFailed(run=run.id, cause=cause, reason=reason))
        told = _say.error("runs.failed", run=run.id, reason=reason, log=run.folder / "worker.log")
        raise TrainingError(*told, cause=cause)
    ended = happened.RunPaused if state is RunState.PAUSED else happened.RunInterrupted
    events.publish(ended(run=run.id, step=step, cause=cause, reason=reason))
    raise RunStoppedError(run.id, state.value, step, cause, reason)
