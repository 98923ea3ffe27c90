"""What the grammar could not read, read by a model on this machine while the owner is away ([memory] read_with_model).

Under the conditions of a training that nobody ordered: the owner away, mains power, other programs at rest, and no
training. A model that was never asked first reads sentences whose facts are known; one that fails is not asked again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aeon_plugin_ft.causes import Interrupt, PauseCause
from aeon_plugin_ft.errors import AeonFtError, PreemptedError
from aeon_plugin_ft.learning import Learning
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.schedule.conditions import ConditionName, decide
from aeon_plugin_ft.serving.ask import ask
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.today import answering
from aeon_plugin_ft.training.places.where import PlaceState
from aeon_plugin_ft.wiring import Parts
from hooks import Message, Route
from hooks.providers import is_here, ollama_url

_say = Speaker("errors/host")

log = logging.getLogger("aeon_ft.host")

LOOK_SECONDS = 60.0
TURNS = 20
"""Read in one look; the next look goes on."""
REPLY_SECONDS = 120.0
NEEDED = frozenset(
    {ConditionName.NOTHING_UNDER_WAY, ConditionName.OWNER_AWAY, ConditionName.MAINS_POWER, ConditionName.MACHINE_FREE}
)
TRIALS = "reads_well"
"""The store's note of which models can read: their name to the outcome of their trial."""
MOST_TRIALS = 16


class IdleReading:
    """A thread that looks once a minute; `look` is one look."""

    def __init__(self, parts: Parts, routes: RouteTable, learning: Learning) -> None:
        self._parts, self._routes, self._learning = parts, routes, learning
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aeon-ft-read", daemon=True)

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End now, in the middle of a reply too; what was not read is read another time."""
        self._stopping.set()

    def join(self, timeout: float) -> None:
        """Wait at most so many seconds for the end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except PreemptedError:
                continue  # the owner is back
            except AeonFtError as error:
                log.warning("no model could be asked to read: %s", error)
            except Exception:  # a mistake of ours: nobody else must notice, and the next look tries again
                log.exception("reading with a model failed")

    def look(self) -> int:
        """Read some turns where that is wanted and nobody is disturbed; how many were read. Raises AeonFtError."""
        parts = self._parts
        if not (parts.settings.memory.read_with_model and parts.settings.plugin.enabled and self._undisturbed()):
            return 0
        if not parts.book.left_for_model(1):
            return 0
        # Here: the host imports this at its start, and a grammar's patterns take time to compile.
        from aeon_plugin_ft.facts.by_model import read_turns

        began = time.monotonic()
        for route in self._models():
            chat = _Chat(route, lambda: self._wanted_since(began))
            if self._can_read(route, chat):
                return read_turns(parts.book, parts.index, chat, TURNS)
        return 0

    def _undisturbed(self) -> bool:
        observer = self._learning.observer
        # Of this machine, wherever the next training would be.
        seen = replace(observer.observe(), place=PlaceState.HERE)
        missing = decide(observer.settings(), seen).missing
        return not self._learning.busy and not any(condition.name in NEEDED for condition in missing)

    def _wanted_since(self, began: float) -> PauseCause | None:
        """Why to leave: who touched the machine or spoke since `began` (monotonic seconds) is back."""
        if self._stopping.is_set():
            return PauseCause.HOST_CLOSING
        if self._learning.busy:
            return PauseCause.OVERTAKEN
        away = self._learning.observer.idle()
        return PauseCause.OWNER_BACK if away < time.monotonic() - began else None

    def _models(self) -> list[Route]:
        """The models on this machine: the host's own Ollama first, which may be larger, then what is served here."""
        found, serve = answering(self._parts.index), self._parts.settings.serve
        routes = [self._routes.current]
        if found is not None and found.provider == "ollama":
            routes.insert(0, Route("ollama", found.model, ollama_url(serve.ollama_url or None), version=found.version))
        # Whatever [memory] cloud allows: what is asked here is the owner's talk itself.
        return [route for route in routes if route is not None and is_here(route)]

    def _can_read(self, route: Route, chat: _Chat) -> bool:
        from aeon_plugin_ft.facts.grammar.schema import reads_well

        trials = self._parts.store.fact(TRIALS, {})
        name = f"{route.provider} {route.model} {route.version}"
        if name not in trials:
            trials[name] = reads_well(chat)
            log.info("%s %s", name, "reads facts well" if trials[name] else "does not read facts well enough")
            self._parts.store.set_fact(TRIALS, dict(list(trials.items())[-MOST_TRIALS:]))
        return bool(trials[name])


class _Chat:
    """facts.grammar.schema.JsonChat of a route."""

    def __init__(self, route: Route, interrupt: Interrupt) -> None:
        self._route, self._interrupt = route, interrupt

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any], max_tokens: int) -> str:
        from aeon_plugin_ft.facts.grammar.schema import constraint

        # Before each sentence: the wait for a quick reply is too short for anybody to be seen in it.
        cause = self._interrupt()
        if cause is not None:
            raise PreemptedError(_say("doing.reading"), cause)
        held = constraint(self._route.provider)
        return ask(self._route, messages, max_tokens, REPLY_SECONDS, self._interrupt, held)[0]
