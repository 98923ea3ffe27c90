"""Learning in the background of a running host: the parts of schedule/, put together.

The owner's voice orders, pauses and cancels through this; the schedule does the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import AeonFtError, RefusedError
from aeon_plugin_ft.events import AttentionNeeded, EventBus
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.schedule import Background, Decisions, FailurePolicy, TrainingController, TrainingScheduler
from aeon_plugin_ft.schedule.background import OnProgress
from aeon_plugin_ft.schedule.observer import ScheduleObserver, conversation_turns
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.table import set_state

_LEAVE_SECONDS = 10.0


class Learning:
    """`busy()` is whether the host is in the middle of a turn; `wake()` makes the brain follow a new version.
    `make_room()` takes the served model out of memory, False when that cannot be, until `give_back()`."""

    def __init__(
        self,
        data: DataFolder,
        store: Store,
        events: EventBus,
        settings: Callable[[], Settings],
        pipeline: Callable[[], Pipeline],
        busy: Callable[[], bool],
        wake: Callable[[], None],
        make_room: Callable[[], bool] = lambda: False,
        give_back: Callable[[], None] = lambda: None,
    ) -> None:
        self.store, self.events, self.settings = store, events, settings
        self._pipeline, self._host_busy, self._wake = pipeline, busy, wake
        self._make_room, self._give_back = make_room, give_back
        self._spoke = time.monotonic()
        self.failures = FailurePolicy(store, settings, lambda: conversation_turns(store), self._gave_up)
        self.background = Background(self._learn, self._ended)
        self.observer = ScheduleObserver(
            data,
            store,
            lambda: settings().schedule,
            silence=self._silence,
            running=lambda: self.background.busy,
            ordered=lambda: self.background.ordered,
            held=self.failures.hold,
            given_up=lambda: self.failures.given_up,
        )
        self.controller = TrainingController(self.observer, self.background, Decisions(store))
        self.scheduler = TrainingScheduler(self.controller.step, self.controller.look_while_training)

    # -- the owner -----------------------------------------------------------------------------

    def owner_spoke(self) -> None:
        """They are here: a training that they did not order leaves at once."""
        self._spoke = time.monotonic()
        self.controller.owner_is_here()

    def order(self, run: str | None = None) -> None:
        """Train now, or go on with a run, because the owner said so. Raises LeaseHeldError while one is under way."""
        self.background.start(run, ordered=True)
        self.failures.owner_ordered()

    def pause(self, run: str | None) -> None:
        """At the owner's word, until the owner's word: also `run`, which the schedule had paused by itself."""
        self.failures.owner_stopped()
        self.background.pause(PauseCause.OWNER_PAUSED)
        if run is not None:
            set_state(self.store, run, RunState.PAUSED, cause=PauseCause.OWNER_PAUSED)

    def stop_for_good(self) -> None:
        """Before a run is cancelled: nothing of it goes on."""
        self.failures.owner_stopped()
        self.background.pause(PauseCause.OWNER_CANCELLED)
        self.background.join(_LEAVE_SECONDS)

    def _silence(self) -> float:
        """Seconds since the owner last spoke, 0 in the middle of a turn. Not by the wall clock, which may be set."""
        return 0.0 if self._host_busy() else time.monotonic() - self._spoke

    # -- the loop ------------------------------------------------------------------------------

    def _learn(self, resume: str | None, on_progress: OnProgress) -> None:
        """One turn of the loop in the background; a version that is accepted is followed at once."""
        try:
            self._once(resume, on_progress)
        except RefusedError as refused:
            if not (refused.lacks_memory and self._make_room()):
                raise
            self._once(resume, on_progress)
        self._wake()

    def _once(self, resume: str | None, on_progress: OnProgress) -> None:
        if resume is None:
            self._pipeline().learn(on_progress)
        else:
            self._pipeline().go_on(resume, on_progress)

    def _ended(self, error: AeonFtError | None) -> None:
        self._give_back()
        self.failures.note(error)

    def _gave_up(self, error: AeonFtError) -> None:
        todo = "Mude [base], [train] ou [dataset] no plugin.toml, ou veja `aeon-ft runs`"
        what = f"training failed three times in a row: {error.what}"
        self.events.publish(AttentionNeeded(trouble=error.trouble, what=what, todo=todo))
