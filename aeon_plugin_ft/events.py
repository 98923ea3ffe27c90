"""What happened in the learning loop: frozen events in the past tense, and the bus they travel on.

Every event is stored (table `events`), handed to `ft_event` listeners, and is what the voice, the
reports and `aeon-ft watch` speak about. To add one: a frozen dataclass below, nothing else. What a listener
decides by is a cause; a `reason` beside it is the same for people, with names and numbers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from aeon_plugin_ft.causes import NotTrained, Place, PromotionCause, Refusal, RunCause, Trouble

log = logging.getLogger("aeon_ft.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` is seconds since the epoch (UTC)."""

    at: float = field(default_factory=time.time)
    name: ClassVar[str] = "event"

    def data(self) -> dict[str, Any]:
        """The event's own fields, ready for JSON."""
        fields = asdict(self)
        del fields["at"]
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnsLogged(Event):
    """New turns were read from the log into the store."""

    name: ClassVar[str] = "turns_logged"
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCorrected(Event):
    """The owner was just understood to correct the reply of `turn`. What is held to be right stands in that turn's
    opinions alone: events outlive what is forgotten, and hold nobody's words."""

    name: ClassVar[str] = "reply_corrected"
    turn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingFailed(Event):
    """A turn could not be written; logging is off until it works again."""

    name: ClassVar[str] = "logging_failed"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingRecovered(Event):
    """Turns are written again; `lost` could not be."""

    name: ClassVar[str] = "logging_recovered"
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFrozen(Event):
    name: ClassVar[str] = "dataset_frozen"
    dataset: str
    train: int
    heldout: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    name: ClassVar[str] = "run_started"
    run: str
    dataset: str
    estimated_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused(Event):
    """The worker left early on request and can go on later."""

    name: ClassVar[str] = "run_paused"
    run: str
    step: int
    cause: RunCause | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted(Event):
    """The worker died (killed, out of memory, power) and can go on from its last checkpoint."""

    name: ClassVar[str] = "run_interrupted"
    run: str
    step: int
    cause: RunCause | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    name: ClassVar[str] = "run_finished"
    run: str
    steps: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    name: ClassVar[str] = "run_failed"
    run: str
    cause: RunCause | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingLeft(Event):
    """A training ended without a verdict and without a run that failed: it could not begin, or was left in the middle.
    `ordered`: the owner had asked for it, and waits for what becomes of it."""

    name: ClassVar[str] = "training_left"
    why: NotTrained
    ordered: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictReached(Event):
    """A candidate was judged, or could not be. `refusals` and `reasons` are why it is refused, one a failed check. Of
    `told` things that the owner told it knows `known`, the model in use knew `known_before`, and so often it `invented`
    something; `told` is 0 where there was no exam."""

    name: ClassVar[str] = "verdict_reached"
    run: str
    version: str | None
    accepted: bool
    refusals: tuple[Refusal, ...]
    reasons: tuple[str, ...]
    told: int = 0
    known: int = 0
    known_before: int = 0
    invented: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSwapped(Event):
    """`version` is served now; `previous` is what it replaced. `place` is where it stood against the host's own choice
    when it came."""

    name: ClassVar[str] = "model_swapped"
    version: str
    previous: str
    backend: str
    place: Place = Place.FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFailed(Event):
    name: ClassVar[str] = "swap_failed"
    version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack(Event):
    name: ClassVar[str] = "rolled_back"
    version: str
    previous: str
    cause: PromotionCause
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionNeeded(Event):
    """Something that only the owner can mend."""

    name: ClassVar[str] = "attention_needed"
    trouble: Trouble
    what: str
    todo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRebuilt(Event):
    """The database was damaged (`reason`) and is being made anew from the log. The old file is `aside`; `rows` of what
    no log tells were copied from it. `todo` is the owner's next step."""

    name: ClassVar[str] = "store_rebuilt"
    aside: str
    reason: str
    rows: int
    todo: str


Listener = Callable[[Event], None]


class EventBus:
    """Hands each event to every listener, in the caller's thread; a failing listener is logged and skipped."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Start listening; the returned function ends it."""
        with self._lock:
            # Replaced and never changed: `publish` goes through its own list without the lock.
            self._listeners = [*self._listeners, listener]

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = [other for other in self._listeners if other is not listener]

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand an event to every listener, in the order in which they came."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # a listener may raise anything, and the loop must go on
                log.exception("a listener failed on %s", event.name)
