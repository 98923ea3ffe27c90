"""The thread that keeps a running host in step with the store and the settings, once a second."""

from __future__ import annotations

import logging
import sqlite3
import threading

from aeon_plugin_ft.dataset.similar.showing import ShownTurns
from aeon_plugin_ft.errors import AeonFtError, OvertakenError
from aeon_plugin_ft.facts.relevant import RelevantFacts
from aeon_plugin_ft.host.redaction import Redaction
from aeon_plugin_ft.host.reloading import reload_if_saved
from aeon_plugin_ft.host.served import ServedModel
from aeon_plugin_ft.learning import Learning
from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.watch.watch import Watch
from aeon_plugin_ft.wiring import Parts

log = logging.getLogger("aeon_ft.host")

FOLLOW_SECONDS = 1.0
"""How soon a version that was chosen elsewhere (command line, voice) answers."""
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0)
"""Waiting times after a swap that failed; the brain keeps answering as before."""


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
    ) -> None:
        self._parts, self._served, self._watch, self._learning = parts, served, watch, learning
        self._shown_turns, self._facts, self._redaction, self._commands = shown_turns, facts, redaction, commands
        self._look_now = look_now
        self._stopping = threading.Event()
        self._failures = 0
        self._started_at = parts.store.clock()
        self._thread = threading.Thread(target=self._run, name="aeon-ft-follow", daemon=True)

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End after the look that is under way."""
        # Both, or it would sleep to the end of its wait, which may be ten minutes.
        self._stopping.set()
        self._look_now.set()

    def join(self, timeout: float) -> None:
        """Wait at most so many seconds for the end of the look under way."""
        self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """Whether its thread still looks."""
        return self._thread.is_alive()

    def _run(self) -> None:
        # what takes tens of milliseconds when it is first needed is done here, so that no turn waits for it
        self._redaction.warm_up()
        self._commands.warm_up()
        self._recover()
        while not self._stopping.is_set():
            self._look_now.wait(self._look())
            # After the wait and before the look, so that what is asked for while it looks is not lost.
            self._look_now.clear()

    def _look(self) -> float:
        """Everything once; seconds until the next time."""
        try:
            reload_if_saved(self._parts.settings_file, self._parts.events)
            # First of all, for a deployment may take minutes, in which the owner asks as well.
            if self._parts.settings.memory.in_prompt:
                self._facts.refresh()
            # Before `follow`: what the watch decides now is served in the same look.
            self._watch.look()
            self._served.follow()
            if self._parts.settings.base.similar_turns:
                self._shown_turns.refresh()
        except OvertakenError as error:
            log.info("%s", error)
            return 0.0
        except (AeonFtError, sqlite3.Error) as error:
            return self._wait_after(error)
        except Exception:
            log.exception("following the store failed; next try in %.0f s", RETRY_SECONDS[-1])
            # A mistake of ours, and no reason to end: without this thread nothing would ever be swapped again.
            return RETRY_SECONDS[-1]
        self._failures = 0
        return FOLLOW_SECONDS

    def _wait_after(self, error: Exception) -> float:
        try:
            self._served.leave_rejected()
        except sqlite3.Error:  # a full disk or a locked store passes, and this thread has to be there then
            log.exception("whether a rejected version answers cannot be looked up")
        wait = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        log.warning("the brain keeps answering as before: %s (next try in %.0f s)", error, wait)
        return wait

    def _recover(self) -> None:
        """Finish or undo what a crash interrupted: versions, runs, swaps."""
        try:
            self._learning.observer.tidy()
            # Versions before swaps: a swap may be about one that only the disk remembers.
            self._parts.registry.heal()
            accepted = self._parts.pipeline.unpromoted(before=self._started_at)
            if accepted is not None:
                self._parts.pipeline.promote(accepted)
            self._served.swapper.recover()
        except AeonFtError as error:
            log.warning("what was interrupted could not be put in order: %s", error)
        except Exception:  # without this thread no model would be served until the next start
            log.exception("what was interrupted could not be put in order")
