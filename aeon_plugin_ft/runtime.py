"""The plugin while a host runs: opened in `aeon_started`, ended in `aeon_stopping`.

What the owner waits for is opened at once (settings, log); what is slow (model, server) begins in the follower's
thread. Each thing that goes on has a file in `host/`; here they are only put together, started and stopped.
"""

from __future__ import annotations

import threading

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.control import OwnerControl
from aeon_plugin_ft.dataset.similar.showing import ShownTurns
from aeon_plugin_ft.events import LoggingFailed, LoggingRecovered
from aeon_plugin_ft.host.arrivals import Arrivals
from aeon_plugin_ft.host.backlog import Backlog
from aeon_plugin_ft.host.follower import Follower
from aeon_plugin_ft.host.idle_reading import IdleReading
from aeon_plugin_ft.host.memory import Memory
from aeon_plugin_ft.host.orders import OrderTaker
from aeon_plugin_ft.host.owner import HostOwner
from aeon_plugin_ft.host.redaction import Redaction
from aeon_plugin_ft.host.reloading import open_or_defaults
from aeon_plugin_ft.host.served import ServedModel
from aeon_plugin_ft.host.turn_path import Routing, TurnPath
from aeon_plugin_ft.learning import Learning
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.logfile import LogFile
from aeon_plugin_ft.turns import LogWatcher, TurnLog
from aeon_plugin_ft.turns.log import Limits
from aeon_plugin_ft.voice.announce import Announcer
from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.watch.watch import Watch
from aeon_plugin_ft.wiring import Parts, build, make_events, make_relevant_facts
from hooks import Host

STOP_SECONDS = 30.0
"""How long a look or a training that is under way may take to leave."""


class Runtime:
    """Everything that lives between the host's start and its end. Nothing runs before `start`."""

    def __init__(self, host: Host) -> None:
        self.host, self.parts = host, _open_parts(host)
        parts = self.parts
        self.data, self.store, self.events = parts.data, parts.store, parts.events
        self.settings_file, self.extensions, self.backends = parts.settings_file, parts.extensions, parts.backends
        self.registry, self.index, self.book = parts.registry, parts.index, parts.book
        self.owner = HostOwner(host, parts.settings_file)
        self.redaction = Redaction(parts.settings_file)
        self.own_log = LogFile(parts.data.own_log, self.redaction.redact).open()
        parts.data.warn_if_open()
        parts.events.subscribe(self.own_log.on_event)
        self.log = _open_log(parts, self.redaction)
        self.watch = Watch(parts.store, parts.registry, parts.index, parts.events, lambda: parts.settings.gate)
        arrivals = Arrivals(parts.store, parts.index, parts.book, self.watch, parts.events)
        self.watcher = LogWatcher(parts.index, arrivals.arrived)
        self.backlog = Backlog(arrivals.read_facts)
        self.shown_turns = ShownTurns(parts.pipeline.draft, lambda: parts.index.count(None), parts.index.has)
        self.facts = make_relevant_facts(parts.book)
        self._wire_learning(threading.Event())

    def _wire_learning(self, look_now: threading.Event) -> None:
        """What answers, learns and speaks. `look_now` is set by whoever changed the store, for the follower."""
        parts, host = self.parts, self.host
        self.served = ServedModel(host, parts, look_now)
        self.routes = self.served.routes
        self.learning = Learning(parts, self.served)
        self.background, self.observer = self.learning.background, self.learning.observer
        self.pipeline = self.learning.pipeline
        self.idle_reading = IdleReading(parts, self.routes, self.learning)
        self.orders = OrderTaker(parts.store, self.learning)
        self.announcer = Announcer(self.owner)
        self.commands = Commands(OwnerControl(self), say=host.say, told=self.announcer.owner_knows)
        memory = Memory(parts.settings_file, self.owner, self.facts, self.served.standings)
        self.routing = Routing(
            host, parts.settings_file, self.routes, self.owner, self.shown_turns, memory, self.served.standings
        )
        self.turn_path = TurnPath(
            parts,
            self.routing,
            self.routes,
            self.owner,
            self.redaction,
            self.log,
            self.watch,
            self.learning,
            self.commands,
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
        )

    @classmethod
    def start(cls, host: Host) -> Runtime:
        """Open everything; raises AeonFtError when the data folder or the database cannot be used."""
        runtime = cls(host)
        # What follows the log first; the schedule last, when everything that it may start is there.
        runtime.watcher.start()
        runtime.backlog.start()
        runtime.follower.start()
        runtime.events.subscribe(runtime.announcer.on_event)
        runtime.events.subscribe(runtime.parts.extensions.tell)
        runtime.announcer.start()
        runtime.learning.scheduler.start()
        runtime.idle_reading.start()
        runtime.orders.start()
        return runtime

    def stop(self) -> None:
        """End every thread and child; what was logged is on the disk when this returns."""
        # Asked first and waited for last: a swap under way may take its time, in which the others end.
        self.follower.ask_to_stop()
        self.idle_reading.ask_to_stop()
        self.orders.stop(STOP_SECONDS)
        self.learning.scheduler.stop()
        self.announcer.stop()
        self.background.pause(PauseCause.HOST_CLOSING)
        self.backlog.stop()
        self.watcher.stop()
        self.background.join(STOP_SECONDS)
        self.follower.join(STOP_SECONDS)
        self.idle_reading.join(STOP_SECONDS)
        # After the follower, which could start a server again; before the log, in which the last replies still stand.
        self.served.stop()
        self.log.close()
        self.own_log.close()
        self.parts.store.close()

    # -- what the spoken commands see and do ---------------------------------------------------

    @property
    def settings(self) -> Settings:
        """plugin.toml as it was last read."""
        return self.parts.settings

    @property
    def private(self) -> bool:
        """The plugin's own private mode, beside the host's."""
        return self.owner.private

    @private.setter
    def private(self, on: bool) -> None:
        self.owner.private = on

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


def _open_parts(host: Host) -> Parts:
    """Raises AeonFtError when the data folder or the database cannot be used."""
    data = DataFolder(host.data_folder).create()
    store = Store(data.database)
    events = make_events(store)
    return build(data, store, open_or_defaults(data.settings, events), events, host.hooks)


def _open_log(parts: Parts, redaction: Redaction) -> TurnLog:
    return TurnLog(
        parts.data.log,
        redact=redaction.redact,
        redact_turn=redaction.of_turn,
        limits=lambda: Limits.of(parts.settings.log),
        on_failure=lambda reason: parts.events.publish(LoggingFailed(reason=reason)),
        on_recovery=lambda lost: parts.events.publish(LoggingRecovered(lost=lost)),
    )
