"""The spoken dialogue: what the owner said, to what is said back.

Deciding whether a sentence is ours touches nothing. What cannot be undone, and every change of a setting, is
asked back first; the question waits for the next sentence only, and not for long, so that a "sim" meant
for someone else never deletes anything.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.voice.catalogue import Catalogue
from aeon_plugin_ft.voice.control import Control, Forgotten, Reason
from aeon_plugin_ft.voice.grammar import grammar
from aeon_plugin_ft.voice.intents import Intent, Name
from aeon_plugin_ft.voice.matcher import match
from aeon_plugin_ft.voice.normal import words
from aeon_plugin_ft.voice.reasons import reason_of
from aeon_plugin_ft.voice.replies import ANSWERS, DOUBTFUL, Replies
from aeon_plugin_ft.voice.sayable import number

log = logging.getLogger("aeon_ft.voice")

BUDGET_S = 0.7
"""The owner hears something within a second: this is what the work may take of it."""
PENDING_S = 30.0
"""A question waits this long for its answer."""
_LONGEST_ANSWER = 6
"""Words of a yes or no."""
_ANSWER_CHARS = 200
"""A text beyond this is no answer, and is not looked at."""


LANES = {
    Name.TRAIN_NOW: "training",
    Name.RESUME: "training",
    Name.FORGET_LAST: "forgetting",
    Name.FORGET_MINUTES: "forgetting",
    Name.FORGET_ABOUT: "forgetting",
    Name.FORGET_FACT: "forgetting",
    Name.CORRECT_FACT: "facts",
    Name.SETTING: "settings",
    Name.PLACE: "settings",
}
"""Changes of which one of a kind is done at a time. All others are taken whatever is at work: what changes nothing;
what the owner thinks of a reply; the private mode; and what ends something, a training or a swap that is under way (the
model that was asked for last is the one that comes)."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A question that was asked: what to do on a yes, until when (monotonic seconds), and as which kind of change."""

    act: Callable[[], str]
    until: float
    lane: str


class Commands:
    """Answers the owner's commands.

    `told` is called with the version when the owner is told that another model answers (`Announcer.owner_knows`).
    `say` speaks the outcome of work that took longer than `budget_s` seconds; without it such an outcome is
    only logged. `answered` is called with each command that was answered. `clock` is monotonic, `now` is seconds since
    the epoch. Safe to call from any thread.
    """

    def __init__(
        self,
        control: Control,
        *,
        say: Callable[[str], None] | None = None,
        told: Callable[[str], None] | None = None,
        answered: Callable[[Name], None] = lambda _: None,
        catalogue: Catalogue | None = None,
        budget_s: float = BUDGET_S,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._control = control
        self._say = say
        self._replies = Replies(catalogue or Catalogue(), now, told)
        self._budget_s = budget_s
        self._clock = clock
        self._pending: _Pending | None = None
        self._lock = threading.Lock()
        self._answered = answered
        self._at_work = {lane: threading.Lock() for lane in LANES.values()}

    def warm_up(self) -> None:
        """Load the grammar and the libraries (about 0.2 s), so that the owner's first sentence need not wait for
        them. Call it off the host's main thread."""
        match("palavra desconhecida")
        number(1)

    @property
    def waiting(self) -> bool:
        """Whether a question waits for "sim" or "não"."""
        pending = self._pending
        return pending is not None and self._clock() < pending.until

    def answer(self, text: str) -> str | None:
        """The reply to a spoken command, within a second; None when the sentence is not for us."""
        with self._lock:
            # Taken off at once: whatever comes now is its answer or no answer, and it is not asked again.
            asked, self._pending = (self._pending if self.waiting else None), None
        verdict = yes_or_no(text) if asked else None
        if asked and verdict is not None:
            return self._run(asked.act, asked.lane) if verdict else self._catalogue.say("dialogue.dropped")
        intent = match(text)
        if intent is None or not self._is_ours(intent):
            return None
        reply = self._run(lambda: self._perform(intent), LANES.get(intent.name))
        self._answered(intent.name)
        return reply

    def _is_ours(self, intent: Intent) -> bool:
        """What may also be talk is a command only where it is about something that is known."""
        if intent.name not in DOUBTFUL:
            return True
        try:
            return self._control.understands(intent)
        except Exception:  # the brain answers instead
            log.exception("what is known could not be looked at")
            return False

    @property
    def _catalogue(self) -> Catalogue:
        return self._replies.catalogue

    def _perform(self, intent: Intent) -> str:
        answer = ANSWERS.get(intent.name)
        if answer is not None:
            return answer(self._control, self._replies, intent)
        if intent.name is Name.SETTING:
            return self._ask(self._replies.ask_setting(intent), lambda: self._change(intent), intent.name)
        if intent.name is Name.PLACE:
            return self._place(intent)
        planned = self._plan(intent)
        question = self._replies.ask_forget(planned, intent.name)
        # Nothing to forget, so nothing to ask.
        if planned.nothing:
            return question
        # Exactly what the question was about goes, whatever is said or found between it and the yes.
        return self._ask(question, lambda: self._replies.forgotten(self._control.forget(planned)), intent.name)

    def _ask(self, question: str, act: Callable[[], str], name: Name) -> str:
        with self._lock:
            self._pending = _Pending(act, self._clock() + PENDING_S, LANES[name])
        return question

    def _plan(self, intent: Intent) -> Forgotten:
        if intent.name is Name.FORGET_MINUTES:
            return self._control.forget_minutes(intent.minutes)
        if intent.name is Name.FORGET_ABOUT:
            return self._control.forget_about(intent.text)
        if intent.name is Name.FORGET_FACT:
            return self._control.forget_fact(intent.text)
        return self._control.forget_last()

    def _change(self, intent: Intent) -> str:
        outcome = self._control.change_setting(intent.key, intent.value)
        return self._replies.outcome(outcome, "setting.done", "setting.refused")

    def _place(self, intent: Intent) -> str:
        wish = self._control.place(intent.text)
        # `understands` has found it a moment ago: the settings may have been edited since.
        if wish is None:
            return self._catalogue.say("setting.refused", reason=self._replies.reason(Reason.BAD_VALUE))
        if not wish.allowed:
            return self._catalogue.say("place.not_allowed", place=wish.name)

        def act() -> str:
            return self._replies.outcome(self._control.train_at(wish), "setting.done", "setting.refused")

        return self._ask(self._replies.ask_place(wish), act, intent.name)

    def _run(self, work: Callable[[], str], lane: str | None) -> str:
        """Do it in a thread of its own and wait for the budget; a late outcome is spoken when it is there."""
        at_work = None if lane is None else self._at_work[lane]
        # One of a lane at a time; the next one is told to wait instead of being queued.
        if at_work is not None and not at_work.acquire(blocking=False):
            return self._catalogue.say("dialogue.busy")
        job = _Job(lambda: self._safely(work), None if at_work is None else at_work.release)
        answer = job.wait(self._budget_s)
        if answer is not None:
            return answer
        job.deliver_to(self._deliver)
        return self._catalogue.say("dialogue.working")

    def _safely(self, work: Callable[[], str]) -> str:
        try:
            return work()
        except AeonFtError as error:
            log.warning("a spoken command was refused: %s", error)
            return self._catalogue.say("train.failed_action", reason=self._replies.reason(reason_of(error)))
        except Exception:  # nothing that a command meets may reach the owner's turn
            log.exception("a spoken command failed")
            return self._catalogue.say("dialogue.failed")

    def _deliver(self, sentence: str) -> None:
        if self._say is None:
            log.info("the outcome of a slow command: %s", sentence)
            with self._lock:
                self._pending = None  # a question that nobody heard must not be answered
            return
        try:
            self._say(sentence)
        except Exception:  # the host's voice may raise anything
            log.exception("the host could not speak")


class _Job:
    """Work in a thread of its own: awaited for a while, then delivered when it is done."""

    def __init__(self, work: Callable[[], str], after: Callable[[], None] | None) -> None:
        self._work = work
        self._after = after
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._answer: str | None = None
        self._deliver: Callable[[str], None] | None = None
        threading.Thread(target=self._run, name="aeon-ft-command", daemon=True).start()

    def _run(self) -> None:
        try:
            answer = self._work()
        finally:
            if self._after is not None:
                self._after()
        # The answer and whoever waits for it under one lock: it is delivered once, by one of the two.
        with self._lock:
            self._answer, deliver = answer, self._deliver
            self._done.set()
        if deliver is not None:
            deliver(answer)

    def wait(self, seconds: float) -> str | None:
        self._done.wait(seconds)
        return self._answer

    def deliver_to(self, deliver: Callable[[str], None]) -> None:
        """Hand the answer over once, now or when it is there."""
        with self._lock:
            answer = self._answer
            if answer is None:
                self._deliver = deliver
        if answer is not None:
            deliver(answer)


def yes_or_no(text: str) -> bool | None:
    """True or False for a plain yes or no; None when the sentence is anything else.

    One "não" among yeses is a no. A bare "esquece" means "never mind", even when asked whether to forget; "esquece
    isso" is the order said again, which is neither.
    """
    table = grammar()
    heard = [word.plain for word in words(text[: _ANSWER_CHARS + 1])]
    if (
        not heard
        or len(text) > _ANSWER_CHARS
        or len(heard) > _LONGEST_ANSWER
        or any(word not in table.yes | table.no | table.beside for word in heard)
    ):
        return None
    if any(word in table.no for word in heard) or set(heard) <= table.never_mind:
        return False
    before = ["", *heard]
    consents = (
        word in table.yes and not (word in table.objects and last in table.deeds)
        for last, word in zip(before, heard, strict=False)
    )
    return True if any(consents) else None
