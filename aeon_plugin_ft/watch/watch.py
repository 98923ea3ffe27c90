"""Watches how a new model does with its owner, and goes back by itself, once, when it does worse.

Runs in the host, in the thread that follows the store, and reads the store only. Two looks: at the version in
use since it took over, and at a candidate that answers a share of the sessions (registry/canaries.py). Both ask
the same sequential test (watch/sequential.py). A degraded version is rejected for ever; one whose backend
fails is left, and may come back.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aeon_plugin_ft import events as happened
from aeon_plugin_ft.causes import PromotionCause, Refusal
from aeon_plugin_ft.dataset.feedback.opinions import newest_feedback, note_feedback, recognise_feedback
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import BASE, Registry
from aeon_plugin_ft.registry.canaries import Canary, CanaryEnd, canary_under_way, end_canary
from aeon_plugin_ft.settings import GateSection
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.turns.model import TurnKind
from aeon_plugin_ft.watch.sequential import Assessment, SignalName, assess
from aeon_plugin_ft.watch.signals import (
    TurnSignal,
    count_served,
    counts,
    newest_stretch,
    record,
    reference,
    signal_of,
)
from aeon_plugin_ft.wording import english
from hooks import Route, Turn

log = logging.getLogger("aeon_ft.watch")

LATEST = 30
"""Turns in which the owner's opinion of the reply before is looked for."""
_WATCHED = frozenset({TurnKind.CHAT, TurnKind.EMPTY, TurnKind.ERROR, TurnKind.CANNED})
_IN_WORDS = {
    SignalName.FAILED: "calls failed",
    SignalName.FAULTY: "replies were faulty",
    SignalName.UNHAPPY: "replies displeased the owner",
    SignalName.SLOW: "replies were slow",
    SignalName.LONG: "replies were far too long",
}
_REFUSALS = {SignalName.FAILED: Refusal.BACKEND, SignalName.FAULTY: Refusal.FAULTY}
"""What the owner is told when a canary ends badly; of the others there is nothing to say but that it did."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn that waits to be looked at; lives in memory for a second."""

    turn: str
    at: float
    session: str
    version: str
    provider: str
    failed: bool
    seconds: float
    reply: str


class Watch:
    """`note` is called in the owner's turn and only queues; `look` in the follower's thread."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        index: TurnIndex,
        events: EventBus,
        settings: Callable[[], GateSection],
    ) -> None:
        self.store, self.registry, self.index, self.events, self.settings = store, registry, index, events, settings
        # Bounded: with the follower dead or the database locked, an owner's host must not grow. The oldest goes first.
        self._heard: deque[Heard] = deque(maxlen=1000)
        # Nothing has this number, so the first look takes all feedback for new.
        self._feedback_seen = -1
        self._indexed = threading.Event()
        self._owed = False
        """Whether something was taken in that no look has judged yet: one that failed is made up for."""

    # -- in the owner's turn -------------------------------------------------------------------

    def note(self, turn: Turn, kind: TurnKind, route: Route | None) -> None:
        """Queue a logged turn; `route` is what the plugin had chosen for it, None where the host chose."""
        if turn.caller != "chat" or kind not in _WATCHED or turn.stopped:
            return
        served = turn.served_by
        # By whom it should have been answered, not by whom it was: a call that fell back counts against the one that
        # failed.
        provider = route.provider if route is not None else served.provider if served is not None else "none"
        version = route.version if route is not None else served.version if served is not None else BASE
        ours = served is not None and (served.provider, served.version) == (provider, version)
        failed = not ours or kind in {TurnKind.EMPTY, TurnKind.CANNED, TurnKind.ERROR}
        if route is None and version == BASE:
            version = f"{BASE}@{provider}"  # the host's own model is another than our base
        self._heard.append(
            Heard(turn.id, turn.started_at, turn.session, version, provider, failed, turn.seconds, turn.reply or "")
        )

    def turns_indexed(self) -> None:
        """The index has new turns, in which the owner may have said what he thinks of the reply before."""
        self._indexed.set()

    # -- in the follower's thread --------------------------------------------------------------

    def look(self) -> bool:
        """Take in what is new and act on it; True when another model shall answer from now on."""
        self._owed = self._take_in() or self._owed
        if not self._owed or not self.settings().watch:
            return False
        moved = self._look_at_canary() or self._look_at_current()
        self._owed = False
        return moved

    def _take_in(self) -> bool:
        """Whether there are new turns or opinions."""
        # By place: iterating over a deque that the owner's turn appends to meanwhile raises.
        heard = [self._heard[place] for place in range(len(self._heard))]
        if heard:
            record(self.store, [_signal(one) for one in heard])
        for one in heard:  # only now: what a locked database refused is recorded by the next look
            # A full queue may have dropped it while it was recorded.
            if self._heard and self._heard[0] is one:
                self._heard.popleft()
        if self._indexed.is_set():
            # Before reading: what is indexed meanwhile sets it again.
            self._indexed.clear()
            note_feedback(self.store, recognise_feedback(reversed(self.index.latest(LATEST))))
        newest = newest_feedback(self.store)
        changed, self._feedback_seen = newest != self._feedback_seen, newest
        return bool(heard) or changed

    def _look_at_current(self) -> bool:
        last = self.registry.last_promotion()
        # Where a swap was undone nothing else answers, so there is nowhere to go back to.
        if last is None or last.version == BASE or last.cause is PromotionCause.UNSERVED:
            return False
        assessment = self._compare(last.version, last.previous, last.at)
        if assessment is None or not assessment.degraded:
            return False
        cause, reason = _blame(assessment)
        down = cause is PromotionCause.BACKEND_FAILED
        target = self.registry.step_back(last.version, cause, reason, reject=not down, to=BASE if down else None)
        if target is None:
            return False
        log.warning("%s is left for %s: %s", last.version, target, reason)
        return True

    def _look_at_canary(self) -> bool:
        canary = canary_under_way(self.store)
        if canary is None:
            return False
        # The owner, or a pruning, was faster.
        if not self.registry.usable(canary.version) or self.registry.current() == canary.version:
            end_canary(self.store, canary, CanaryEnd.STOPPED, "it was decided otherwise")
            return False
        assessment = self._compare(canary.version, canary.baseline, canary.started, beside=True)
        if assessment is not None and assessment.degraded:
            self._end_badly(canary, assessment)
            return False
        answered = count_served(self.store, canary.version, canary.started, answered=True)
        if answered < canary.turns:
            return False
        with self.store.transaction():  # a canary that ended well without its model in use would be lost
            if not end_canary(self.store, canary, CanaryEnd.PROMOTED, f"{answered} turns went well"):
                return False
            self.registry.promote(canary.version, PromotionCause.BETTER)
        return True

    def _end_badly(self, canary: Canary, assessment: Assessment) -> None:
        cause, reason = _blame(assessment)
        down = cause is PromotionCause.BACKEND_FAILED
        if not end_canary(self.store, canary, CanaryEnd.FAILED if down else CanaryEnd.REJECTED, reason):
            return
        run = self.registry.get(canary.version).run
        if not down:
            # A backend that was down says nothing against the version, which may be tried again.
            self.registry.reject(canary.version, reason)
        refusals = (_REFUSALS.get(assessment.worst, Refusal.OTHER),)
        self.events.publish(
            happened.VerdictReached(
                run=run, version=canary.version, accepted=False, refusals=refusals, reasons=(reason,)
            )
        )

    def _compare(self, version: str, baseline: str, since: float, *, beside: bool = False) -> Assessment | None:
        """`version` since a moment against what was there before it; in a canary also against what the baseline did
        meanwhile, for a bad day is nobody's fault."""
        stretch, now = newest_stretch(self.store, version, since)
        if not now:
            return None
        before = reference(self.store, baseline, version, self.store.clock() if beside else since)
        now_counts, before_counts = counts(now, before)
        return assess(now_counts, before_counts, stretch)


def _blame(assessment: Assessment) -> tuple[PromotionCause, str]:
    """Why a degraded model is left, for code and for people."""
    failed = assessment.worst is SignalName.FAILED
    cause = PromotionCause.BACKEND_FAILED if failed else PromotionCause.WORSE
    return cause, f"{english(cause)}: {sentence(assessment)}"


def sentence(assessment: Assessment) -> str:
    """ "45 % of the replies were faulty, at most 18 % before"."""
    what = _IN_WORDS[assessment.worst]
    return f"{assessment.rate:.0%} of the {what}, at most {assessment.limit:.0%} before"


def _signal(one: Heard) -> TurnSignal:
    return signal_of(
        one.turn, one.at, one.session, one.version, one.provider, one.failed, one.seconds, one.reply
    )  # fmt: skip
