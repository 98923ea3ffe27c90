"""What answers the owner today, found in the log, and asked where that is allowed: the rival of a new model.

The log says who answered the owner's newest questions, in a host and outside of one: the version in use, the base, a
tag of Ollama's or Groq's model. A model on this machine may always be asked. One elsewhere is asked as many questions
a day as [gate] cloud_questions allows, slowly, so that the owner's own talk does not meet its rate limit.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from aeon_plugin_ft.causes import Interrupt
from aeon_plugin_ft.errors import PreemptedError, ServingError
from aeon_plugin_ft.evaluation.asking import Chat, Reply
from aeon_plugin_ft.evaluation.exam import ExamQuestion, ExamResult, ask_exam
from aeon_plugin_ft.evaluation.standard import Standard
from aeon_plugin_ft.evaluation.suites import CHAT_PROMPTS, TOOL_PROMPTS, run_suites
from aeon_plugin_ft.evaluation.today import Today
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.serving.ask import ask
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks import Message, Route
from hooks.contract import Provider
from hooks.providers import ollama_url
from hooks.providers.places import is_here
from hooks.text import strip_think

log = logging.getLogger("aeon_ft.today")

_say = Speaker("errors/serving")

LOOKED_AT = 20
"""Newest turns of the owner's: what answered most of them answers today. One alone may be a fallback's."""
CLOUD_SECONDS = 2.5
"""Between two questions to a cloud: 24 a minute, below the 30 of Groq's free plan
(https://console.groq.com/docs/rate-limits)."""
THINKING_TOKENS = 1024
"""Beyond the reply's own, for a model that thinks before it answers."""
REPLY_SECONDS = 300.0
"""A large model on a processor takes its time."""
FACT = "cloud_questions"
"""The store's note of how many questions went to a cloud on which day."""
_PROVIDERS: dict[str, Provider] = {"groq": "groq", "ollama": "ollama", "openai": "openai", "embedded": "embedded"}

Ask = Callable[..., tuple[str, bool, float]]


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers: a provider's model, and the plugin's own name of it ("base" where it is none of ours)."""

    provider: Provider
    model: str
    version: str

    @property
    def name(self) -> str:
        """For people: "groq openai/gpt-oss-20b", "v0003"."""
        return f"{self.provider} {self.model}" if self.version == "base" else self.version


def answering(index: TurnIndex) -> Answering | None:
    """What answered most of the owner's newest questions; None before the first one."""
    turns = [turn for turn in index.latest(LOOKED_AT, TurnKind.CHAT) if _is_live(turn)]
    # Counted in the order of the newest first, so that of two with as many turns the newer one is meant.
    counted = Counter(Answering(_PROVIDERS[turn.provider], turn.model, turn.version) for turn in turns)
    return counted.most_common(1)[0][0] if counted else None


def _is_live(turn: LoggedTurn) -> bool:
    return turn.source == "live" and turn.caller == "chat" and turn.provider in _PROVIDERS


class AsksToday:
    """Finds what answers today and puts the questions to it. `sleep` (seconds) and `ask_one` can be put in by whoever
    does not want to wait, or to call."""

    def __init__(
        self,
        store: Store,
        index: TurnIndex,
        settings: Callable[[], Settings],
        interrupt: Interrupt = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        ask_one: Ask = ask,
    ) -> None:
        self._store, self._index, self._settings = store, index, settings
        self._interrupt, self._sleep, self._ask_one = interrupt, sleep, ask_one

    def compared(
        self, baselines: Sequence[str], prompt: str, questions: Sequence[ExamQuestion], standard: Standard
    ) -> Today | None:
        """What answers today and how it does; None where [gate] compare_with leaves it out, or nothing has answered
        yet. `baselines` are the versions that are measured anyway. Raises PreemptedError."""
        if self._settings().gate.compare_with == "base":
            return None
        found = answering(self._index)
        if found is None:
            return None
        if found.version in baselines and (found.version != "base" or found.provider == "embedded"):
            return Today(found.name, found.version)
        if found.version != "base":
            return Today(found.name, why_not=_say("today.another_base"))
        return self._asked(found, prompt, questions, standard)

    def _asked(self, found: Answering, prompt: str, questions: Sequence[ExamQuestion], standard: Standard) -> Today:
        route = self._route(found)
        here = is_here(route)
        allowed = len(TOOL_PROMPTS) + len(CHAT_PROMPTS) + len(questions) if here else self._left()
        if allowed < len(TOOL_PROMPTS) + len(CHAT_PROMPTS):
            return Today(found.name, why_not=self._why_not())
        chat = self._chat(route, here)
        try:
            suite = run_suites(chat, prompt, standard=standard)
        except ServingError as error:
            log.warning("%s could not be asked: %s", found.name, error)
            return Today(found.name, why_not=error.what)
        return Today(found.name, suite=suite, exam=self._exam(chat, prompt, questions, here))

    def _exam(self, chat: Chat, prompt: str, questions: Sequence[ExamQuestion], here: bool) -> ExamResult | None:
        """As many of the questions as may be asked; None where none may, or where it stopped answering."""
        may = questions if here else questions[: self._left()]
        if not may:
            return None
        try:
            return ask_exam(chat, prompt, may)
        except ServingError as error:
            log.warning("the exam was broken off: %s", error)
            return None

    def _chat(self, route: Route, here: bool) -> Chat:
        def asked(messages: Sequence[Message], max_tokens: int) -> Reply:
            cause = self._interrupt()
            if cause is not None:
                raise PreemptedError(_say("today.asking"), cause)
            if not here:
                # Before the question and not after its reply: one that was sent counts, whatever comes back.
                self._note_one()
                self._sleep(CLOUD_SECONDS)
            # With room to think first, and without the thoughts: that is how the host hears it.
            room = max_tokens + THINKING_TOKENS
            text, stopped, seconds = self._ask_one(route, messages, room, REPLY_SECONDS, self._interrupt)
            return Reply(strip_think(text), stopped, seconds)

        return asked

    def _route(self, found: Answering) -> Route:
        """As the host calls it, with the addresses of [serve]; keys are read from the environment at the call."""
        serve = self._settings().serve
        addresses = {
            "groq": os.environ.get("GROQ_BASE_URL"),
            "ollama": ollama_url(serve.ollama_url or None),
            "openai": serve.openai_url,
        }
        url = addresses.get(found.provider)
        return Route(found.provider, found.model, base_url=url or None)

    # -- how much may go to a cloud ------------------------------------------------------------

    def _left(self) -> int:
        return max(0, self._settings().gate.cloud_questions - self._used())

    def _used(self) -> int:
        noted = self._store.fact(FACT, {})
        return int(noted.get(self._today(), 0)) if isinstance(noted, dict) else 0

    def _note_one(self) -> None:
        self._store.set_fact(FACT, {self._today(): self._used() + 1})

    def _today(self) -> str:
        return _local_day(self._store.clock()).isoformat()

    def _why_not(self) -> str:
        allowed, needed = self._settings().gate.cloud_questions, len(TOOL_PROMPTS) + len(CHAT_PROMPTS)
        if not allowed:
            return _say("today.no_questions")
        return _say("today.too_few_left", left=self._left(), allowed=allowed, needed=needed)


def _local_day(at: float) -> date:
    return datetime.fromtimestamp(at).date()
