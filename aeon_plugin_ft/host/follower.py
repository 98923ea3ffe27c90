"""The thread that keeps a running host in step with the store, once a second."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.dataset.similar.showing import ShownTurns
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.facts.relevant import RelevantFacts
from aeon_plugin_ft.host.errand import PASSING, Errand
from aeon_plugin_ft.host.redaction import Redaction
from aeon_plugin_ft.host.served import ServedModel
from aeon_plugin_ft.learning import Learning
from aeon_plugin_ft.registry import BASE
from aeon_plugin_ft.store.rebuild import find_damage
from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.watch.watch import Watch
from aeon_plugin_ft.wiring import Parts
from hooks.providers import warm_up

log = logging.getLogger("aeon_ft.host")

FOLLOW_SECONDS = 1.0
"""How soon a version that was chosen elsewhere (command line, voice) answers."""


_CLIENTS = {"embedded": ("openai",), "openai": ("openai",), "ollama": ("ollama",)}
"""The official client that a backend's models are called through; Groq is what an Aeon itself asks first."""


class Follower:
    """`look_now` ends the wait before the next look. Everything here is slow and may fail; the brain must keep its
    model whatever breaks."""

    def __init__(
        self,
        parts: Parts,
        served: ServedModel,
        watch: Watch,
        learning: Learning,
        shown_turns: ShownTurns,
        facts: RelevantFacts,
        redaction: Redaction,
        commands: Commands,
        look_now: threading.Event,
        on_damage: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._parts, self._served, self._learning = parts, served, learning
        self._shown_turns, self._facts, self._redaction, self._commands = shown_turns, facts, redaction, commands
        self._look_now, self._on_damage = look_now, on_damage
        self.checked = False
        """Whether every page of the database was read once."""
        self._stopping = threading.Event()
        self._recovered = False
        self._started_at = parts.store.clock()
        self._recovery = Errand("putting in order what was interrupted", self._recover)
        # In this order: a deployment may take minutes, in which the owner asks as well, and what the watch decides now
        # is served in the same look.
        self._errands = (
            Errand("reading the facts", self._refresh_facts),
            Errand("watching the model in use", watch.look),
            Errand("serving what was chosen", served.follow, served.leave_rejected, served.wanted),
            Errand("reading similar conversations", self._refresh_shown_turns),
            Errand("checking the database", self._check_database),
        )
        self._thread = threading.Thread(target=self._run, name="aeon-ft-follow", daemon=True)

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End after the look that is under way."""
        # Both, or it would sleep to the end of its wait, which may be ten minutes.
        self._stopping.set()
        self._look_now.set()

    @property
    def alive(self) -> bool:
        """Whether a look is under way or to come."""
        return self._thread.is_alive()

    def join(self, timeout: float) -> None:
        """Wait at most so many seconds for the end of the look under way."""
        self._thread.join(timeout)

    def _run(self) -> None:
        # what takes tens of milliseconds when it is first needed is done here, so that no turn waits for it
        self._redaction.warm_up()
        self._commands.warm_up()
        warm_up(*_CLIENTS.get(self._parts.settings.serve.backend, ()), "groq")
        wait = 0.0
        while not self._stopping.is_set():
            asked = self._look_now.wait(wait)
            # After the wait and before the look, so that what is asked for while it looks is not lost.
            self._look_now.clear()
            wait = 0.0 if self._look(asked) else FOLLOW_SECONDS

    def _look(self, asked: bool) -> bool:
        """Everything that is due, or all of it where somebody `asked`; True to look again at once."""
        if not self._recovered:
            self._recovery.run(now=asked)
        errands = self._errands if self._recovered else self._errands[:1]
        # All of them first: none is left out because another one wants to be done again.
        again = [errand.run(now=asked) for errand in errands]
        return any(again)

    def _refresh_facts(self) -> None:
        if self._parts.settings.memory.in_prompt:
            self._facts.refresh()

    def _refresh_shown_turns(self) -> None:
        if self._parts.settings.base.similar_turns:
            self._shown_turns.refresh()

    def _check_database(self) -> None:
        store = self._parts.store
        # Once, and last: all of it is read, and what can be served is served by then.
        if not self.checked:
            find_damage(store)
            self.checked = True
        if store.damage is not None:
            self._on_damage(store.damage)

    def _recover(self) -> None:
        """Finish or undo what a crash interrupted: versions, runs, swaps. Raises what passes by itself; what does not
        is told, and everything else goes on."""
        try:
            self._learning.observer.tidy()
            # Versions before swaps: a swap may be about one that only the disk remembers.
            self._parts.registry.heal()
            if not self._brought_back():
                self._promote_accepted()
            self._served.swapper.recover()
        except PASSING:
            raise
        except AeonFtError as error:
            log.warning("what was interrupted could not be put in order: %s", error)
        except Exception:  # without this thread no model would be served until the next start
            log.exception("what was interrupted could not be put in order")
        self._recovered = True

    def _promote_accepted(self) -> None:
        accepted = self._parts.pipeline.unpromoted(before=self._started_at)
        if accepted is not None:
            self._parts.pipeline.promote(accepted)

    def _brought_back(self) -> bool:
        """Whether the database was made anew and did not know what was in use, which the journal of swaps does."""
        registry = self._parts.registry
        name = None if registry.last_promotion() is not None else self._served.swapper.journal.newest_in_use()
        if name is not None and name != BASE and registry.usable(name):
            registry.promote(name, PromotionCause.UNKNOWN)
        return name is not None
