"""The plugin's parts while a host runs: opened in `aeon_started`, ended in `aeon_stopping`.

What the owner waits for is opened at once (settings, log); the rest (model, server, watcher, schedule)
is opened in a background thread. The store says which version is wanted; one thread makes the brain
follow it, so that a swap ordered by voice, by the command line or by the gate takes the same way.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from aeon_plugin_ft.causes import PauseCause, PromotionCause
from aeon_plugin_ft.errors import AeonFtError, OvertakenError, ServingError, SettingsError
from aeon_plugin_ft.events import (
    AttentionNeeded,
    EventBus,
    LoggingFailed,
    LoggingRecovered,
    SwapFailed,
    TurnsLogged,
)
from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.settings import PrivacySection, Settings, SettingsFile
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.logfile import LogFile
from aeon_plugin_ft.turns import LogWatcher, TurnIndex, TurnLog, classify
from hooks import Host, ModelRequest, Route, Turn

if TYPE_CHECKING:
    from aeon_plugin_ft.dataset.similar.showing import ShownTurns
    from aeon_plugin_ft.extensions import Extensions
    from aeon_plugin_ft.learning import Learning
    from aeon_plugin_ft.pipeline import Pipeline
    from aeon_plugin_ft.registry import Registry
    from aeon_plugin_ft.schedule import Background
    from aeon_plugin_ft.schedule.observer import ScheduleObserver
    from aeon_plugin_ft.serving.backends import Backends
    from aeon_plugin_ft.serving.canary import CanaryServer
    from aeon_plugin_ft.serving.model import Deployer
    from aeon_plugin_ft.serving.swap import Swapper
    from aeon_plugin_ft.voice import Announcer, Commands
    from aeon_plugin_ft.watch.watch import Watch

BASE = "base"
log = logging.getLogger("aeon_ft.runtime")

STOP_SECONDS = 30.0
PROMPT_TURNS = 20
FOLLOW_SECONDS = 1.0
"""How soon a version that was chosen elsewhere (command line, voice) answers."""
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0)
"""Waiting times after a swap that failed; the brain keeps answering as before."""


class Runtime:
    """Everything that lives between the host's start and its end."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.data = DataFolder(host.data_folder).create()
        self.store = Store(self.data.database)
        self.events = EventBus()
        self.events.subscribe(self.store.record_event)
        self._privacy: PrivacySection | None = None
        self.settings_file = self._open_settings()
        self.own_log = LogFile(self.data.own_log, self.redact).open()
        self.events.subscribe(self.own_log.on_event)
        self.log = self._open_log()
        self.index = TurnIndex(self.store, self.data.log)
        self.watcher = LogWatcher(self.index, self._turns_arrived)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="aeon-ft-follow", daemon=True)
        self._failures = 0
        self._started_at = self.store.clock()
        self.routes = RouteTable()
        self._resting = False
        """Whether the served model was taken out of memory for a training."""
        self.private = False
        """The plugin's own private mode ("não grave isso"), beside the host's."""

    @classmethod
    def start(cls, host: Host) -> Runtime:
        """Open everything; raises AeonFtError when the data folder or the database cannot be used."""
        runtime = cls(host)
        runtime.watcher.start()
        runtime._follower.start()
        runtime.events.subscribe(runtime.announcer.on_event)
        runtime.events.subscribe(runtime.extensions.tell)
        runtime.announcer.start()
        runtime.learning.scheduler.start()
        return runtime

    @property
    def settings(self) -> Settings:
        return self.settings_file.current

    # -- what the host calls -------------------------------------------------------------------

    def turn_finished(self, turn: Turn) -> None:
        """Log the turn before the owner gets the reply; a private or refused one leaves no trace."""
        route = self.routes.release(turn.id)
        self.learning.owner_spoke()
        if turn.private or self.private or not self.settings.log.enabled or not self.settings.plugin.enabled:
            return
        if self._refused(turn):
            return
        kind = classify(turn)
        self.log.append(turn, kind)
        self.watch.note(turn, kind, route)

    def choose(self, request: ModelRequest) -> Route | None:
        """The route of the version in use; None leaves the call to the host."""
        if not self.settings.plugin.enabled:
            return None
        if request.caller == "chat":
            self.learning.owner_spoke()
        route = self.routes.acquire(request.call_id, request.session)
        if route is not None and self._takes(route, request.host_route):
            return self._with_examples(route, request)
        self.routes.release(request.call_id)
        if request.host_route.provider in {"groq", "ollama"}:
            shown = self._with_examples(request.host_route, request)
            return shown if shown.examples else None
        return None

    def _with_examples(self, route: Route, request: ModelRequest) -> Route:
        """The route with the owner's similar conversations, where [base] similar_turns wants them."""
        limit = self.settings.base.similar_turns
        if not limit or request.caller != "chat" or self._is_private():
            return route
        return replace(route, examples=self.shown_turns.examples(request.messages, limit))

    def _is_private(self) -> bool:
        """Unknown counts as private: what was said before must not be shown because a host is odd."""
        try:
            return self.private or bool(self.host.is_private())
        except Exception:
            log.exception("the private mode cannot be read; nothing is shown to the model")
            return True

    def _takes(self, route: Route, host_route: Route) -> bool:
        """The untrained model only answers where the host has none; a trained one as [serve] prefer says."""
        if route.version == "base":
            return self.host.needs_model or host_route.provider in {"canned", "none"}
        return self.settings.serve.prefer == "trained" or host_route.provider in {route.provider, "canned", "none"}

    def heard(self, text: str) -> str | None:
        if not self.settings.voice.enabled or not self.settings.plugin.enabled:
            return None
        self.learning.owner_spoke()
        return self.commands.answer(text)

    def wake(self) -> None:
        """Follow the store now instead of within a second."""
        self._wake.set()

    def stop(self) -> None:
        """End every thread and child; what was logged is on the disk when this returns."""
        self._stopping.set()
        self._wake.set()
        self.learning.scheduler.stop()
        self.announcer.stop()
        self.background.pause(PauseCause.HOST_CLOSING)
        self.watcher.stop()
        self.background.join(STOP_SECONDS)
        self._follower.join(STOP_SECONDS)
        self.canary.stop()
        self.backends.close()
        self.log.close()
        self.own_log.close()
        self.store.close()

    @property
    def answering(self) -> str | None:
        """The version that the brain's next call goes to; None while nothing of ours is served."""
        route = self.routes.current
        return route.version if route is not None else None

    def answers_with(self, name: str) -> bool:
        """Whether the next call goes to this version; for the base, also when the host chooses by itself."""
        return self.answering == name or (name == BASE and self.answering is None)

    # -- settings and log ----------------------------------------------------------------------

    def _open_settings(self) -> SettingsFile:
        """The file as it is, or the defaults with one sentence when it cannot be used."""
        try:
            return SettingsFile.open(self.data.settings)
        except SettingsError as error:
            self.events.publish(
                AttentionNeeded(trouble=error.trouble, what=error.what, todo="Corrija o plugin.toml; valem os padrões")
            )
            log.error("%s", error)
            return SettingsFile(self.data.settings)

    def _open_log(self) -> TurnLog:
        settings = self.settings.log
        return TurnLog(
            self.data.log,
            redact=self.redact,
            redact_turn=lambda texts: self._redactor().of_turn(texts),
            rotate_bytes=settings.rotate_mb * 1_000_000,
            fsync_seconds=settings.fsync_ms / 1000,
            on_failure=lambda reason: self.events.publish(LoggingFailed(reason=reason)),
            on_recovery=lambda lost: self.events.publish(LoggingRecovered(lost=lost)),
        )

    def redact(self, text: str) -> str:
        """Personal data out, as [privacy] says."""
        return self._redactor().redact(text)

    def _redactor(self) -> Redactor:
        """Made anew when [privacy] changes."""
        wanted = self.settings.privacy
        if self._privacy is not wanted:
            self._privacy, self._redactor_made = wanted, Redactor(wanted.mode, wanted.terms)
        return self._redactor_made

    def _refused(self, turn: Turn) -> bool:
        """Whether a plugin, or [privacy] mode = "drop", keeps this turn out of the log."""
        if self.settings.privacy.mode == "drop":
            texts = (turn.prompt, turn.reply or "")
            if any(self._redactor().find(text) for text in texts):
                return True
        return self.host.hooks is not None and self.host.hooks.veto("ft_refuse_turn", turn=turn) is not None

    def _turns_arrived(self, count: int) -> None:
        """The watcher has read new turns into the store: keep the prompt that is served, tell the others."""
        self._keep_prompt()
        self.watch.turns_indexed()
        self.events.publish(TurnsLogged(count=count))

    def _keep_prompt(self) -> None:
        """The system prompt of the owner's newest talk: imported turns are trained under it, servers warm it up."""
        from aeon_plugin_ft.dataset.system import canonical_system

        served = (turn.system for turn in self.index.latest(PROMPT_TURNS) if turn.caller == "chat" and turn.system)
        newest = next(served, None)
        if newest is not None and canonical_system(newest) != self.store.fact("system_prompt"):
            self.store.set_fact("system_prompt", canonical_system(newest))

    # -- the route follows the store -----------------------------------------------------------

    def _follow(self) -> None:
        """Make the brain answer with the version that the store says, now and whenever that changes."""
        self._redactor().warm()
        self.commands.warm_up()
        self._recover()
        while not self._stopping.is_set():
            wait = FOLLOW_SECONDS
            try:
                self._reload_settings()
                self.watch.look()
                self._serve_wanted()
                self._serve_candidate()
                if self.settings.base.similar_turns:
                    self.shown_turns.refresh()
                self._failures = 0
            except OvertakenError as error:
                wait = 0.0
                log.info("%s", error)
            except AeonFtError as error:
                self._leave_rejected()
                wait = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
                self._failures += 1
                log.warning("the brain keeps answering as before: %s (next try in %.0f s)", error, wait)
            except Exception:  # the brain must keep its model whatever breaks here
                wait = RETRY_SECONDS[-1]
                log.exception("following the store failed; next try in %.0f s", wait)
            self._wake.wait(wait)
            self._wake.clear()

    def _recover(self) -> None:
        """Finish or undo what a crash interrupted: versions, runs, swaps."""
        try:
            self.observer.tidy()
            self.registry.heal()
            accepted = self.pipeline.unpromoted(before=self._started_at)
            if accepted is not None:
                self.pipeline.promote(accepted)
            self.swapper.recover()
        except AeonFtError as error:
            log.warning("what was interrupted could not be put in order: %s", error)

    def _reload_settings(self) -> None:
        before = self.settings_file.error
        self.settings_file.reload_if_changed()
        if self.backends.settings != self.settings.serve:
            self.backends.use(self.settings.serve)
        error = self.settings_file.error
        if error is not None and (before is None or str(before) != str(error)):
            todo = "Corrija o plugin.toml; vale o que valia antes"
            self.events.publish(AttentionNeeded(trouble=error.trouble, what=error.what, todo=todo))

    def _serve_wanted(self) -> None:
        wanted = self.registry.current()
        if wanted == self.answering or self._resting or not self.settings.plugin.enabled:
            return
        last = self.registry.last_promotion()
        cause, reason = (PromotionCause.OWNER, "") if last is None else (last.cause, last.reason)
        if wanted == BASE and not self.host.needs_model:
            if self.answering is not None:
                self.swapper.release(cause, reason, chosen=wanted)
            return
        version = None if wanted == BASE else self.registry.get(wanted)
        self.swapper.swap(
            version,
            self.pipeline.base(),
            self.settings.serve.backend,
            cause,
            reason,
            rolled_back=cause.by_watch,
            chosen=wanted,
        )

    def _leave_rejected(self) -> None:
        """A rejected model still answers because the one before it cannot be served: the host's own choice is
        better than either, where there is one."""
        from aeon_plugin_ft.registry import VersionState

        answering = self.answering
        if answering in {None, BASE} or answering == self.registry.current() or self.host.needs_model:
            return
        if self.registry.get(str(answering)).state is VersionState.REJECTED:
            self.registry.promote(BASE, PromotionCause.UNSERVED, "what was in use before could not be served")
            self.wake()

    def _serve_candidate(self) -> None:
        """Deploy the candidate of the trial under way, or take it away when there is none."""
        from aeon_plugin_ft.registry.canaries import CanaryEnd, canary_under_way, end_canary

        wanted = self.settings.plugin.enabled and not self._resting
        canary = canary_under_way(self.store) if wanted else None
        if canary is None:
            self.canary.stop()
            return
        try:
            self.canary.serve(
                self.registry.get(canary.version), self.pipeline.base(), self.settings.serve.backend, canary.share
            )
        except ServingError as error:
            log.warning("the candidate %s cannot be served: %s", canary.version, error)
            end_canary(self.store, canary, CanaryEnd.FAILED, str(error))
            self.events.publish(SwapFailed(version=canary.version, reason=str(error)))

    # -- learning in the background ------------------------------------------------------------

    @cached_property
    def learning(self) -> Learning:
        from aeon_plugin_ft.learning import Learning

        return Learning(
            self.data,
            self.store,
            self.events,
            lambda: self.settings,
            lambda: self.pipeline,
            self.host.is_busy,
            self.wake,
            self.make_room,
            self.give_back,
        )

    def make_room(self) -> bool:
        """Take the served model out of memory for a training, where the host can answer meanwhile; whether it did."""
        if self.host.needs_model:
            return False
        self._resting = True
        rested = self.swapper.rest()
        self._resting = rested is not None
        if rested is not None:
            log.info("%s left the memory to a training; the host answers meanwhile", rested.version)
        return self._resting

    def give_back(self) -> None:
        """After the training: the model that made room answers again, without a word."""
        if self._resting:
            self.swapper.wake()
            self._resting = False

    @property
    def background(self) -> Background:
        return self.learning.background

    @property
    def observer(self) -> ScheduleObserver:
        return self.learning.observer

    def _in_quiet_hours(self) -> bool:
        from aeon_plugin_ft.schedule import in_quiet_hours

        return in_quiet_hours(self.settings.schedule.quiet_hours, datetime.now().time())

    # -- voice ---------------------------------------------------------------------------------

    @cached_property
    def commands(self) -> Commands:
        from aeon_plugin_ft.control import OwnerControl
        from aeon_plugin_ft.voice import Commands

        return Commands(OwnerControl(self), say=self.host.say, told=self.announcer.owner_knows)

    @cached_property
    def announcer(self) -> Announcer:
        from aeon_plugin_ft.voice import Announcer

        return Announcer(
            self.host.say,
            lambda: self.private or self.host.is_private(),
            self.host.is_busy,
            self._in_quiet_hours,
            lambda: self.settings.voice.announce if self.settings.voice.enabled else (),
        )

    # -- parts that are made when they are first needed ----------------------------------------

    @cached_property
    def extensions(self) -> Extensions:
        from aeon_plugin_ft.extensions import Extensions

        return Extensions(self.host.hooks)

    @cached_property
    def pipeline(self) -> Pipeline:
        from aeon_plugin_ft.pipeline import Pipeline

        def deployer() -> Deployer:
            return self.backends.chosen()

        return Pipeline(
            self.data,
            lambda: self.settings,
            self.store,
            self.events,
            deployer,
            self.learning.background.note_phase,
            self.learning.background.interrupt,
            self.extensions,
        )

    @cached_property
    def backends(self) -> Backends:
        from aeon_plugin_ft.serving.backends import Backends

        def prompt() -> str:
            return str(self.store.fact("system_prompt", ""))

        return self.extensions.add_backends(Backends(self.data, self.settings.serve, system_prompt=prompt), self.data)

    @cached_property
    def swapper(self) -> Swapper:
        from aeon_plugin_ft.serving.swap import Swapper

        return Swapper(self.data, self.store, self.events, self.routes, self.backends, resolve=self.pipeline.base)

    @cached_property
    def canary(self) -> CanaryServer:
        from aeon_plugin_ft.serving.canary import CanaryServer

        return CanaryServer(self.routes, self.backends)

    @cached_property
    def watch(self) -> Watch:
        from aeon_plugin_ft.watch.watch import Watch

        return Watch(self.store, self.registry, self.index, self.events, lambda: self.settings.gate)

    @cached_property
    def shown_turns(self) -> ShownTurns:
        from aeon_plugin_ft.dataset.similar.showing import ShownTurns

        return ShownTurns(lambda: self.pipeline.draft(), lambda: self.index.count(None), self.index.has)

    @cached_property
    def registry(self) -> Registry:
        from aeon_plugin_ft.registry import Registry

        return Registry(self.data, self.store)
