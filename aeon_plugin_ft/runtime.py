"""The plugin while a host runs: opened in `aeon_started`, ended in `aeon_stopping`.

What the owner waits for is opened at once (settings, log); what is slow (model, server) begins in the follower's
thread. Each thing that goes on has a file in `host/`; here they are only put together, started and stopped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.control import OwnerControl
from aeon_plugin_ft.dataset.feedback.opinions import standing_correction
from aeon_plugin_ft.dataset.similar.showing import ShownTurns
from aeon_plugin_ft.events import Event, EventBus, LoggingFailed, LoggingRecovered, StoreRebuilt
from aeon_plugin_ft.host.arrivals import Arrivals
from aeon_plugin_ft.host.backlog import Backlog
from aeon_plugin_ft.host.follower import Follower
from aeon_plugin_ft.host.idle_reading import IdleReading
from aeon_plugin_ft.host.lasting import Lasting
from aeon_plugin_ft.host.memory import Memory
from aeon_plugin_ft.host.orders import OrderTaker
from aeon_plugin_ft.host.owner import HostOwner
from aeon_plugin_ft.host.panel_window import PanelWindow
from aeon_plugin_ft.host.redaction import Redaction
from aeon_plugin_ft.host.reloading import SettingsWatch, open_or_defaults
from aeon_plugin_ft.host.served import ServedModel
from aeon_plugin_ft.host.turn_path import Routing, TurnPath
from aeon_plugin_ft.host.writing import Writing
from aeon_plugin_ft.learning import Learning
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.store.logfile import LogFile
from aeon_plugin_ft.store.rebuild import Rebuilt, open_whole
from aeon_plugin_ft.turns import LogWatcher, TurnLog
from aeon_plugin_ft.turns.index import newest_spoken
from aeon_plugin_ft.turns.log import Limits
from aeon_plugin_ft.turns.places import Places
from aeon_plugin_ft.voice.announce import Announcer
from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.watch.watch import Watch
from aeon_plugin_ft.wiring import Parts, build, make_events, make_relevant_facts
from hooks import Host

_say = Speaker("errors/loop")

STOP_SECONDS = 4.0
"""How long everything that is under way may take to leave, together: Aeon is gone within five seconds. A child that
trains or measures leaves, or is ended, within 3.7."""
_LAST_SECONDS = 0.5


class Runtime:
    """Everything that lives between the host's start and its end. Nothing runs before `start`.

    `lasting` is what the host knows already. `on_damage(reason)` hears, from the follower's thread, of a damaged page
    that was found in the database; `damage` is what was found before this was opened.
    """

    def __init__(
        self,
        host: Host,
        lasting: Lasting,
        on_damage: Callable[[str], None] = lambda _: None,
        damage: str | None = None,
    ) -> None:
        self.host = host
        self.parts, self._opened = _open_parts(host, damage)
        self._on_damage = on_damage
        parts = self.parts
        self.data, self.store, self.events = parts.data, parts.store, parts.events
        self.settings_file, self.extensions, self.backends = parts.settings_file, parts.extensions, parts.backends
        self.registry, self.index, self.book = parts.registry, parts.index, parts.book
        self.owner = HostOwner(host, parts.settings_file, lasting.private_mode)
        self.exchanges = lasting.exchanges
        self.redaction = Redaction(parts.settings_file)
        self.own_log = LogFile(parts.data.own_log, self.redaction.redact).open()
        parts.data.warn_if_open()
        for event in self._opened.events:
            self.own_log.on_event(event)
        parts.events.subscribe(self.own_log.on_event)
        self.log = _open_log(parts, self.redaction, lasting.places)
        self.watch = Watch(parts.store, parts.registry, parts.index, parts.events, lambda: parts.settings.gate)
        arrivals = Arrivals(parts.store, parts.index, parts.book, self.watch, parts.events)
        self.watcher = LogWatcher(parts.index, arrivals.arrived)
        self.backlog = Backlog(arrivals.read_facts)
        self.shown_turns = ShownTurns(parts.pipeline.draft, lambda: parts.index.count(None), parts.index.has)
        self.facts = make_relevant_facts(parts.book)
        self._writing = Writing(
            parts.settings_file, self.owner, self.redaction, parts.extensions, self.exchanges, self.log
        )
        self._wire_learning(threading.Event())

    def _wire_learning(self, look_now: threading.Event) -> None:
        """What answers, learns and speaks. `look_now` is set by whoever changed the store, for the follower."""
        parts, host = self.parts, self.host
        self.settings_watch = SettingsWatch(parts.settings_file, parts.events, look_now.set)
        self.served = ServedModel(host, parts, look_now)
        self.routes = self.served.routes
        self.learning = Learning(parts, self.served)
        self.background, self.observer = self.learning.background, self.learning.observer
        self.pipeline = self.learning.pipeline
        self.idle_reading = IdleReading(parts, self.routes, self.learning)
        self.orders = OrderTaker(parts.store, self.learning)
        self.panel = PanelWindow(parts.data.root)
        self.announcer = Announcer(self.owner, corrected=partial(standing_correction, parts.store))
        self.commands = Commands(
            OwnerControl(self), say=host.say, told=self.announcer.owner_knows, answered=self.exchanges.note_command
        )
        memory = Memory(parts.settings_file, self.owner, self.facts, self.served.standings)
        self.routing = Routing(host, parts.settings_file, self.owner, self.shown_turns, memory, self.served)
        self.turn_path = TurnPath(
            parts,
            self.routing,
            self.routes,
            self._writing,
            self.watch,
            self.learning,
            self.commands,
            self.exchanges,
        )
        self.follower = Follower(
            parts,
            self.served,
            self.watch,
            self.learning,
            self.shown_turns,
            self.facts,
            self.redaction,
            self.commands,
            look_now,
            self._on_damage,
        )

    @classmethod
    def start(
        cls,
        host: Host,
        lasting: Lasting,
        on_damage: Callable[[str], None] = lambda _: None,
        damage: str | None = None,
    ) -> Runtime:
        """Open everything; raises AeonFtError when the data folder or the database cannot be used."""
        runtime = cls(host, lasting, on_damage, damage)
        runtime._tell_from_now_on()
        runtime.settings_watch.start()
        # What follows the log first; the schedule last, when everything that it may start is there.
        runtime.watcher.start()
        runtime.backlog.start()
        runtime.follower.start()
        runtime.learning.scheduler.start()
        runtime.idle_reading.start()
        runtime.orders.start()
        return runtime

    def _tell_from_now_on(self) -> None:
        """Whoever speaks, and other plugins, hear what happens, and what did while everything was opened: a plugin.toml
        with a mistake in it, a log that cannot be written."""
        self._opened.end()
        for listener in (self.announcer.on_event, self.parts.extensions.tell):
            self.events.subscribe(listener)
        self.announcer.start()
        for event in self._opened.events:
            self.announcer.on_event(event)
            self.parts.extensions.tell(event)

    def stop(self) -> None:
        """End every thread and child; what was logged is on the disk when this returns."""
        deadline = time.monotonic() + STOP_SECONDS
        # Asked first and waited for last: a swap under way may take its time, in which the others end.
        self.follower.ask_to_stop()
        self.settings_watch.stop()
        self.idle_reading.ask_to_stop()
        self.orders.stop(STOP_SECONDS)
        self.panel.close()
        self.learning.scheduler.stop()
        self.announcer.stop()
        self.background.pause(PauseCause.HOST_CLOSING)
        self.backlog.stop()
        self.watcher.stop()
        for join in (self.background.join, self.follower.join, self.idle_reading.join):
            join(max(0.0, deadline - time.monotonic()))
        # After the follower, which could start a server again; before the log, in which the last replies still stand.
        # Whoever still waits for a server of ours gets an error now, and ends.
        self.served.stop()
        self.follower.join(_LAST_SECONDS)
        ended = self.background.join(_LAST_SECONDS) and not self.follower.alive
        self.log.close()
        self.own_log.close()
        # A thread that is in the middle of something (a large model that loads) ends with the process, and its
        # connection must not be closed under it.
        if ended:
            self.parts.store.close()

    # -- what the spoken commands see and do ---------------------------------------------------

    @property
    def settings(self) -> Settings:
        """plugin.toml as it was last read."""
        return self.parts.settings

    @property
    def answering(self) -> str | None:
        """The version that the brain's next call goes to; None while nothing of ours is served."""
        return self.served.answering

    @property
    def answers_first(self) -> bool:
        """Whether the model that we serve answers before the host's own choice."""
        return self.routing.answers_first

    def answers_with(self, name: str) -> bool:
        """Whether the next call goes to this version; for the base, also when the host chooses by itself."""
        return self.served.answers_with(name)

    def follow_now(self) -> None:
        """Follow the store now instead of within a second."""
        self.served.follow_now()

    def redact(self, text: str) -> str:
        """Personal data out, as [privacy] says."""
        return self.redaction.redact(text)


class _Opened:
    """The events of the time in which nobody speaks yet."""

    def __init__(self, bus: EventBus) -> None:
        self.events: list[Event] = []
        self.end = bus.subscribe(self.events.append)


def _open_parts(host: Host, damage: str | None) -> tuple[Parts, _Opened]:
    """Raises AeonFtError when the data folder cannot be used, or the database neither opened nor made anew."""
    data = DataFolder(host.data_folder).create()
    store, rebuilt = open_whole(data.database, damage=damage)
    try:
        events = make_events(store)
        opened = _Opened(events)
        if rebuilt is not None:
            events.publish(_store_rebuilt(rebuilt))
        return build(data, store, open_or_defaults(data.settings, events), events, host.hooks), opened
    except BaseException:  # it is tried again, and would leave a connection open each time
        store.close()
        raise


def _store_rebuilt(rebuilt: Rebuilt) -> StoreRebuilt:
    todo = _say("store.rebuilt_todo")
    return StoreRebuilt(aside=str(rebuilt.aside), reason=rebuilt.reason, rows=rebuilt.rows, todo=todo)


def _open_log(parts: Parts, redaction: Redaction, places: Places) -> TurnLog:
    places.go_on_after(lambda: newest_spoken(parts.store))
    return TurnLog(
        parts.data.log,
        redact=redaction.redact,
        redact_turn=redaction.of_turn,
        limits=lambda: Limits.of(parts.settings.log),
        places=places,
        on_failure=lambda reason: parts.events.publish(LoggingFailed(reason=reason)),
        on_recovery=lambda lost: parts.events.publish(LoggingRecovered(lost=lost)),
    )
