"""News of the learning loop, spoken at a moment that suits the owner.

Events come from any thread and only queue. One thread speaks: after the owner's turn and a short silence,
one sentence at a time, never in private mode or quiet hours. News that waited too long is dropped, and a
newer one of the same kind takes the place of the older.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from aeon_plugin_ft import events
from aeon_plugin_ft.causes import NotTrained, Place, Refusal, Trouble
from aeon_plugin_ft.privacy.text import PLACEHOLDER
from aeon_plugin_ft.voice import sayable
from aeon_plugin_ft.voice.catalogue import Catalogue
from aeon_plugin_ft.voice.control import BASE, TRAINED

log = logging.getLogger("aeon_ft.voice")

HUSH_S = 1.5
"""Silence after the owner's turn before news is spoken."""
POLL_S = 0.25
ECHO_S = 60.0
"""News of a swap that the owner was told about himself is left out for so long, in seconds."""

STALE_S = {
    "started": 120.0,
    "finished": 1800.0,
    "swapped": 6 * 3600.0,
    "refused": 6 * 3600.0,
    "rolled_back": 12 * 3600.0,
    "attention": 24 * 3600.0,
    "corrected": 120.0,
}
"""How long each kind stays worth telling, in seconds. The keys are those of [voice] announce."""


@dataclass(frozen=True, slots=True)
class News:
    """`kinds` are the entries of [voice] announce of which one must be wanted; `due` is monotonic, in seconds.
    `version` is the model that news of a swap is about, `turn` the one whose reply was corrected."""

    kinds: tuple[str, ...]
    entry: str
    slots: dict[str, str]
    due: float
    version: str = ""
    turn: str = ""


class Audience(Protocol):
    """The owner, as the host knows them. Everything is asked when it is time to speak, in the announcer's thread."""

    def say(self, sentence: str) -> None:
        """Speak or print one sentence."""

    def is_private(self) -> bool:
        """Whether the owner wants no trace of what is said now."""

    def is_busy(self) -> bool:
        """Whether the host is in the middle of a turn, or speaking."""

    def in_quiet_hours(self) -> bool:
        """Whether it is now between the hours of [schedule] quiet_hours."""

    def kinds_to_announce(self) -> Collection[str]:
        """The entries of [voice] announce; none where the voice is off."""


class Announcer:
    """Speaks events through the host's voice.

    Subscribe `on_event` to the event bus, then `start()`; `stop()` ends the thread. `corrected` gives what is held
    to be right in place of a turn's reply, None once nothing is: it is asked when it is about to be said, so that
    nobody hears again what was forgotten meanwhile.
    """

    def __init__(
        self,
        audience: Audience,
        *,
        corrected: Callable[[str], str | None] = lambda _: None,
        catalogue: Catalogue | None = None,
        clock: Callable[[], float] = time.monotonic,
        hush_s: float = HUSH_S,
    ) -> None:
        self._audience = audience
        self._corrected = corrected
        self._catalogue = catalogue or Catalogue()
        self._clock = clock
        self._hush_s = hush_s
        self._queue: list[News] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._busy_at = float("-inf")
        self._failure = ""
        self._told = ("", float("-inf"))

    def on_event(self, event: events.Event) -> None:
        """Queue what is to be said about an event; returns at once."""
        description = describe(event)
        if description is None:
            return
        kinds, entry, slots = description
        if not set(kinds) & set(self._audience.kinds_to_announce()):
            return
        version = event.version if isinstance(event, events.ModelSwapped | events.RolledBack) else ""
        turn = event.turn if isinstance(event, events.ReplyCorrected) else ""
        news = News(kinds, entry, slots, self._clock() + max(STALE_S[kind] for kind in kinds), version, turn)
        with self._lock:
            # The owner has just heard it as the answer to their own command.
            if _same_model(self._told[0], version) and self._clock() < self._told[1]:
                return
            self._queue = [other for other in self._queue if other.kinds[0] not in _outdated_by(kinds[0])] + [news]
        self._wake.set()

    def owner_knows(self, version: str) -> None:
        """The owner asked for this model and was told that it answers: news of that swap would be an echo."""
        with self._lock:
            self._told = (version, self._clock() + ECHO_S)
            self._queue = [news for news in self._queue if not _same_model(version, news.version)]

    def start(self) -> None:
        """Begin to speak, in a thread of its own; does nothing when it already does."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="aeon-ft-announcer", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; what was not said stays unsaid."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        self._thread = None

    @property
    def queued(self) -> int:
        """How much news waits."""
        return len(self._queue)

    def speak_due(self) -> str | None:
        """Say the oldest news if this is the moment; the sentence that was said, else None."""
        if not self._queue or not self._may_speak():
            return None
        with self._lock:
            kinds = set(self._audience.kinds_to_announce())
            fresh = [news for news in self._queue if news.due > self._clock() and set(news.kinds) & kinds]
            # Taken off before it is said: a voice that fails must not say it again and again.
            self._queue = fresh[1:]
        if not fresh:
            return None
        sentence = self._sentence(fresh[0])
        if sentence is None:
            return None
        self._audience.say(sentence)
        # Its own sentence counts as well: the next one keeps the same distance.
        self._busy_at = self._clock()
        return sentence

    def _sentence(self, news: News) -> str | None:
        """None where there is nothing left to tell."""
        if not news.turn:
            return self._catalogue.say(news.entry, **news.slots)
        right = self._corrected(news.turn)
        if right is None:
            return None
        spoken = None if PLACEHOLDER.search(right) else sayable.spoken(right)
        if spoken is None:
            return self._catalogue.say("feedback.corrected_long")
        return self._catalogue.say(news.entry, text=spoken)

    def _may_speak(self) -> bool:
        now = self._clock()
        if self._audience.is_busy():
            self._busy_at = now
        if now - self._busy_at < self._hush_s:
            return False
        return not (self._audience.is_private() or self._audience.in_quiet_hours())

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Asleep while there is no news, which is nearly always.
            self._wake.wait(None if not self._queue else POLL_S)
            self._wake.clear()
            while self._queue and not self._stopping.wait(POLL_S):
                self._speak_or_report()

    def _speak_or_report(self) -> None:
        """A failure is logged once, not four times a second; nothing is said while it lasts."""
        try:
            self.speak_due()
        except Exception as error:
            if repr(error) != self._failure:
                log.warning("news could not be spoken", exc_info=error)
            self._failure = repr(error)
        else:
            self._failure = ""


def _same_model(told: str, version: str) -> bool:
    return bool(version) and (told == version or (told == TRAINED and version != BASE))


def _outdated_by(kind: str) -> set[str]:
    """Kinds of waiting news that `kind` makes pointless."""
    return {kind, "started", "finished"} if kind in {"swapped", "refused", "rolled_back", "finished"} else {kind}


Description = tuple[tuple[str, ...], str, dict[str, str]]


def describe(event: events.Event) -> Description | None:
    """(kinds, catalogue entry, slots) for an event worth telling; None for the others."""
    if isinstance(event, events.RunStarted):
        return ("started",), "news.started", {"time": sayable.duration(event.estimated_seconds)}
    if isinstance(event, events.VerdictReached):
        if event.accepted and event.told:
            return ("finished",), "news.finished_exam", exam_slots(event)
        if event.accepted:
            return ("finished",), "news.finished", {}
        return ("refused", "finished"), "news.refused", {"gist": gist(event.refusals)}
    if isinstance(event, events.TrainingLeft):
        # What began by itself ends by itself, and is no news.
        left = ("finished", "attention"), "news.not_trained", {"gist": left_in_words(event.why)}
        return left if event.ordered else None
    if isinstance(event, events.RunFailed):
        return ("finished", "attention"), "news.run_failed", {}
    if isinstance(event, events.ModelSwapped):
        return _swapped(event)
    if isinstance(event, events.SwapFailed):
        return ("attention", "swapped"), "news.swap_failed", {"model": sayable.version(event.version)}
    if isinstance(event, events.RolledBack):
        return ("rolled_back",), "news.rolled_back", {"model": sayable.version(event.version)}
    if isinstance(event, events.ReplyCorrected):
        return ("corrected",), "feedback.corrected", {}
    if isinstance(event, events.LoggingFailed):
        return ("attention",), "news.logging_failed", {}
    if isinstance(event, events.StoreRebuilt):
        return ("attention",), "news.store_rebuilt", {}
    if isinstance(event, events.AttentionNeeded):
        return ("attention",), "news.attention", {"gist": trouble_in_words(event.trouble)}
    return None


def _swapped(event: events.ModelSwapped) -> Description | None:
    """Whom the owner hears from now on; nothing where the model only lies ready and is never asked."""
    if event.place is Place.NONE:
        return None
    entry = "news.swapped" if event.place is Place.FIRST else "news.swapped_last"
    return ("swapped",), entry, {"model": sayable.version(event.version)}


def exam_slots(event: events.VerdictReached) -> dict[str, str]:
    """The counts of an exam as they are spoken."""
    return {
        "known": sayable.number(event.known, feminine=True),
        "told": sayable.count(event.told, "coisa", "coisas"),
        "before": sayable.number(event.known_before, feminine=True),
        "invented": sayable.number(event.invented, feminine=True),
    }


def still_private() -> str:
    """That the private mode goes on after a start. Said at once and by nobody else: news is not told in private."""
    return Catalogue().say("private.still_on")


def gist(refusals: Collection[Refusal]) -> str:
    """Why the gate refused, in a few words: the first cause that there are words for, else how many there are."""
    catalogue = Catalogue()
    first = next((refusal for refusal in refusals if refusal is not Refusal.OTHER), None)
    if first is not None:
        return catalogue.phrase(f"refusal.{first}")
    if len(refusals) < 2:
        return catalogue.phrase("gist.default")
    return catalogue.phrase("gist.several", count=sayable.count(len(refusals), "parte", "partes"))


def trouble_in_words(trouble: Trouble) -> str:
    """What needs the owner, in a few words."""
    return Catalogue().phrase(f"trouble.{trouble}")


def left_in_words(why: NotTrained) -> str:
    """Why a training came to nothing, in a few words."""
    return Catalogue().phrase(f"not_trained.{why}")


def without_store() -> str:
    """That nothing but the log works for now."""
    return Catalogue().say("dialogue.without_store")
