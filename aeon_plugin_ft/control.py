"""What the spoken commands can see and do (voice.control.Control), on a running plugin.

Everything is read from the store at the moment of asking, so the voice never says what is not true.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from aeon_plugin_ft.causes import Doing, PromotionCause
from aeon_plugin_ft.control_last import LastControl
from aeon_plugin_ft.control_training import TrainingControl, outcome_of
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.evaluation.report.collect import Compared, compared
from aeon_plugin_ft.registry import BASE, Version, VersionState, normal_name
from aeon_plugin_ft.schedule import next_step
from aeon_plugin_ft.schedule.conditions import ConditionName
from aeon_plugin_ft.schedule.observer import ScheduleObserver
from aeon_plugin_ft.training.model import Progress, RunState
from aeon_plugin_ft.training.places.consent import allowed
from aeon_plugin_ft.training.places.where import parse_where
from aeon_plugin_ft.training.table import LEFT, newest_run
from aeon_plugin_ft.voice.adjust import HOURS_KEY, WHERE_KEY
from aeon_plugin_ft.voice.control import (
    CAUSE_OF,
    TRAINED,
    Change,
    ChangeCause,
    CommandResult,
    Comparison,
    ModelInUse,
    NextTraining,
    Phase,
    Reason,
    Status,
    VersionInfo,
    Waiting,
)
from aeon_plugin_ft.voice.intents import Intent, Name
from aeon_plugin_ft.voice.places import PlaceWish, place_in
from aeon_plugin_ft.voice.reasons import reason_of

if TYPE_CHECKING:
    from aeon_plugin_ft.runtime import Runtime

OTHERWISE_KEY = "train.otherwise"
FOLLOW_SECONDS = 120.0
"""How long a model may take to load before the voice says that it did not come."""
_USABLE = {VersionState.ACCEPTED, VersionState.CURRENT, VersionState.RETIRED}


class OwnerControl(TrainingControl, LastControl):
    """voice.control.Control; every expected refusal is a Reason, never an exception."""

    def __init__(self, runtime: Runtime, clock: Callable[[], float] = time.time) -> None:
        LastControl.__init__(self, runtime, clock)
        TrainingControl.__init__(self, runtime.store, runtime.learning)
        self.registry = runtime.registry

    # -- training ------------------------------------------------------------------------------

    def status(self) -> Status:
        """What the loop does now: what this process trains first, then what the store says of the newest run."""
        background = self.runtime.background
        idle = Status(
            Phase.IDLE,
            turns=self.runtime.observer.new_turns(),
            turns_needed=self.runtime.observer.turns_needed(),
            logging=self.runtime.settings.log.enabled,
            private=self.runtime.owner.is_private(),
        )
        if background.busy:
            return _busy(idle, background.progress, background.doing)
        newest = newest_run(self.store)
        if newest is None:
            return idle
        if newest.state in LEFT:
            return replace(idle, phase=Phase.PAUSED, done=newest.step / max(1, newest.steps))
        return replace(idle, failed=newest.state is RunState.FAILED)

    def next_training(self) -> NextTraining:
        """What the next training waits for, of several things the one that lasts longest."""
        if self.runtime.background.busy:
            return NextTraining(Waiting.RUNNING)
        return next_training(self.runtime.observer)

    # -- models --------------------------------------------------------------------------------

    def model_in_use(self) -> ModelInUse:
        """What the brain's next call goes to."""
        answering = self.runtime.answering
        if answering is None or not self.runtime.answers_first:
            return ModelInUse(BASE, own=False)
        last = self.registry.last_promotion(answering)
        trained = None if answering == BASE else self.registry.get(answering).created
        tainted = self.registry.states().get(answering) is VersionState.TAINTED
        return ModelInUse(answering, None if last is None else last.at, trained, tainted=tainted)

    def use(self, version: str) -> CommandResult:
        """Put a version into use, and wait until it answers."""
        try:
            name = self._newest_usable() if version == TRAINED else version
        except AeonFtError as error:
            return CommandResult(reason_of(error))
        if name is None:
            return CommandResult(Reason.NO_VERSIONS)
        name = name if name == BASE else normal_name(name)
        if name == self.registry.current():
            # Chosen a moment ago and still being loaded: it is waited for once more.
            in_use = self.runtime.answers_with(name)
            return CommandResult(Reason.ALREADY_IN_USE, name) if in_use else self._followed(name)
        return self._promote(name, PromotionCause.OWNER)

    def undo(self) -> CommandResult:
        """Go back to what was in use before, and wait until it answers."""
        target = self.registry.previous()
        if target == self.registry.current():
            return CommandResult(Reason.NOTHING_TO_UNDO)
        return self._promote(target, PromotionCause.UNDONE)

    def versions(self) -> tuple[VersionInfo, ...]:
        """Every version, oldest first, with what it gained on the base."""
        current = self.registry.current()
        return tuple(
            VersionInfo(v.name, v.created, v.state in _USABLE, v.name == current, v.verdict.numbers.get("gain.base"))
            for v in self.registry.versions()
        )

    def compare(self, first: str | None = None, second: str | None = None) -> Comparison:
        """Two models, by the newest report that measured both."""
        current, newest = self.registry.current(), self._newest()
        one = normal_name(first) if first and first != BASE else first or (current if current != BASE else newest)
        other = normal_name(second) if second and second != BASE else BASE
        if one is None:
            return Comparison(BASE, BASE, reason=Reason.NO_VERSIONS)
        try:
            both = self._measured(one, other)
        except AeonFtError as error:
            return Comparison(one, other, reason=reason_of(error))
        if both is None:
            return Comparison(one, other, reason=Reason.NOT_MEASURED)
        return Comparison(one, other, gain=both.gain, examples=both.examples, better=both.better)

    def why_changed(self) -> Change:
        """The newest promotion, as the owner hears it."""
        last = self.registry.last_promotion()
        if last is None:
            return Change(ChangeCause.NEVER)
        gain = None if last.version == BASE else self.registry.get(last.version).verdict.numbers.get("gain.base")
        return Change(CAUSE_OF[last.cause], last.version, last.previous, last.at, gain)

    # -- settings ------------------------------------------------------------------------------

    def open_panel(self) -> CommandResult:
        """Open the owner's page; a process of its own, which ends with this one."""
        return self.runtime.panel.open()

    def change_setting(self, key: str, value: object) -> CommandResult:
        """Write one key of plugin.toml; the owner was asked before."""
        return outcome_of(lambda: self.runtime.settings_file.set(key, value))

    def understands(self, intent: Intent) -> bool:
        """Whether a sentence that could mean something else is about what is known: a place, or facts."""
        return self.place(intent.text) is not None if intent.name is Name.PLACE else super().understands(intent)

    def place(self, text: str) -> PlaceWish | None:
        """The place of [train] places that a sentence names."""
        train = self.runtime.settings.train
        wish = place_in(text, train.place_names)
        if wish is None:
            return None
        where = parse_where(train.model_copy(update={"where": wish.name}).place)
        return replace(wish, allowed=where is not None and where.address in allowed(self.store))

    def train_at(self, wish: PlaceWish) -> CommandResult:
        """Let trainings go there from now on; the owner was asked before."""
        changes = {OTHERWISE_KEY: wish.otherwise, HOURS_KEY: wish.hours, WHERE_KEY: wish.name}
        # The place last: until then everything is as it was.
        for key, value in changes.items():
            outcome = self.change_setting(key, value) if value else CommandResult()
            if outcome.reason is not None:
                return outcome
        return CommandResult()

    # -- inside --------------------------------------------------------------------------------

    def _promote(self, name: str, cause: PromotionCause) -> CommandResult:
        """The store says it; the runtime follows at once."""
        try:
            if name != BASE:
                refusal = refusal_of(self.registry.get(name))
                if refusal is not None:
                    return CommandResult(refusal, name)
            self.registry.promote(name, cause)
        except AeonFtError as error:
            return CommandResult(reason_of(error), name)
        return self._followed(name)

    def _followed(self, name: str) -> CommandResult:
        """Wait until the brain answers with it: what the voice says afterwards must be true."""
        self.runtime.follow_now()
        deadline = time.monotonic() + FOLLOW_SECONDS
        while time.monotonic() < deadline:
            if self.runtime.answers_with(name):
                return CommandResult(version=name, first=name == BASE or self.runtime.answers_first)
            if self.registry.current() != name:
                return CommandResult(self._why_left(), name)
            # Looked at often: the voice waits, and a route flips within milliseconds once the model is loaded.
            time.sleep(0.02)
        return CommandResult(Reason.BACKEND_DOWN, name)

    def _why_left(self) -> Reason:
        """Why the store names another version than the one that is waited for."""
        last = self.registry.last_promotion()
        owners = last is not None and last.cause in {PromotionCause.OWNER, PromotionCause.UNDONE}
        return Reason.CALLED_OFF if owners else Reason.BACKEND_DOWN

    def _newest(self) -> str | None:
        versions = self.registry.versions()
        return versions[-1].name if versions else None

    def _newest_usable(self) -> str | None:
        usable = [version.name for version in self.registry.versions() if version.state in _USABLE]
        return usable[-1] if usable else None

    def _measured(self, first: str, second: str) -> Compared | None:
        """Both on the same held-out conversations, from the newest verdict that measured both; losses of two
        different held-out sets are never compared."""
        for name in {first, second} - {BASE}:
            self.registry.get(name)
        reports = map(self.registry.report, reversed(self.registry.versions()))
        return next((measured for report in reports if (measured := compared(report, first, second)) is not None), None)


def next_training(observer: ScheduleObserver) -> NextTraining:
    """What the next training waits for, as the voice tells it; of several reasons, the one that lasts longest."""
    seen = observer.observe()
    missing = {condition.name for condition in next_step(observer.settings(), seen).decision.missing}
    if ConditionName.SWITCHED_ON in missing:
        return NextTraining(Waiting.OFF)
    if ConditionName.NOT_HELD_BACK in missing:
        return NextTraining(Waiting.HELD)
    if ConditionName.NEW_CONVERSATIONS in missing:
        return NextTraining(Waiting.TURNS, turns_left=observer.turns_needed() - seen.new_turns)
    if ConditionName.COOL_DOWN in missing:
        return NextTraining(Waiting.COOLDOWN, at=observer.cooled_down_at())
    return NextTraining(next((_WAITS[name] for name in _WAITS if name in missing), Waiting.IDLE))


_WAITS = {
    ConditionName.MAINS_POWER: Waiting.POWER,
    ConditionName.DISK: Waiting.ROOM,
    ConditionName.MEMORY: Waiting.ROOM,
    ConditionName.PLACE_FREE: Waiting.PLACE,
    ConditionName.MACHINE_FREE: Waiting.BUSY,
    ConditionName.OWNER_AWAY: Waiting.IDLE,
}


def _busy(idle: Status, progress: Progress | None, doing: Doing | None) -> Status:
    if progress is None:
        return replace(idle, phase=Phase.TRAINING)
    if doing is not None and doing.phase.is_judging:
        return replace(idle, phase=Phase.JUDGING)
    done = progress.done / progress.steps if progress.steps else 0.0
    return replace(idle, phase=Phase.TRAINING, done=done, seconds_left=progress.seconds_left)


def refusal_of(version: Version) -> Reason | None:
    """Why a version may not answer; None where it may."""
    if version.state is VersionState.TAINTED:
        return Reason.VERSION_TAINTED
    return Reason.VERSION_REJECTED if version.state in {VersionState.REJECTED, VersionState.CANDIDATE} else None
