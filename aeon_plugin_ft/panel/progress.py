"""What the training does now, wherever it runs: in this process, in a host, or in a command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from aeon_plugin_ft.causes import Doing
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.training.lease import learner
from aeon_plugin_ft.training.model import Progress, RunState
from aeon_plugin_ft.training.progress import last_progress
from aeon_plugin_ft.training.runs import UNJUDGED
from aeon_plugin_ft.training.table import LEFT, RunRow, newest_run


class Stage(str, Enum):
    """Where a training is, as the owner sees it; each has its words in the catalogue (`[stage]`)."""

    IDLE = "idle"
    PREPARING = "preparing"
    TRAINING = "training"
    PAUSED = "paused"
    JUDGING = "judging"
    UNJUDGED = "unjudged"
    """Trained, and to be judged when there is somebody to do it."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrainingNow:
    """`run` is the newest one, None before the first; `progress` of a run that trains or was left; `doing` what this
    process does beside training."""

    stage: Stage
    run: RunRow | None = None
    progress: Progress | None = None
    doing: Doing | None = None

    @property
    def share(self) -> float | None:
        """How much of the run is done, 0 to 1; None where that is not known."""
        if self.progress is not None and self.progress.steps:
            return min(1.0, self.progress.step / self.progress.steps)
        if self.run is not None and self.stage is Stage.PAUSED and self.run.steps:
            return min(1.0, self.run.step / self.run.steps)
        return None


def training_now(desk: Desk) -> TrainingNow:
    """As the store, the run's own file and this process say."""
    background, run = desk.acts.learning.background, newest_run(desk.store)
    told = None if run is None else last_progress(run.run.progress_file)
    if background.busy:
        doing = background.doing
        if doing is not None and doing.phase.is_judging:
            return TrainingNow(Stage.JUDGING, run, None, doing)
        if background.progress is None:
            return TrainingNow(Stage.PREPARING, run, None, doing)
        return TrainingNow(Stage.TRAINING, run, background.progress)
    return _elsewhere(desk, run, told)


def _elsewhere(desk: Desk, run: RunRow | None, told: Progress | None) -> TrainingNow:
    """What another process does, or nobody."""
    if run is not None and run.state is RunState.RUNNING:
        return TrainingNow(Stage.TRAINING, run, told)
    unjudged = run is not None and run.state is RunState.FINISHED and desk.store.fact(UNJUDGED) == run.id
    if learner(desk.store) is not None:
        return TrainingNow(Stage.JUDGING if unjudged else Stage.PREPARING, run)
    if run is None:
        return TrainingNow(Stage.IDLE)
    if run.state is RunState.PENDING:
        return TrainingNow(Stage.PREPARING, run)
    if run.state in LEFT:
        return TrainingNow(Stage.PAUSED, run, told)
    if unjudged:
        return TrainingNow(Stage.UNJUDGED, run)
    return TrainingNow(Stage.FAILED if run.state is RunState.FAILED else Stage.IDLE, run)
