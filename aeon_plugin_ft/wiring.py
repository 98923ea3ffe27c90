"""How the parts are put together: once, for a running host and for every command.

Each `make_*` below is the only place where its part is built. A host builds all of them at once (`build`); a command
opens what it needs on first use (`cli.context.Context`), through the same functions, so that `aeon-ft status` does
not pay for a training. Imports are inside the functions for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aeon_plugin_ft.causes import Interrupt, OnPhase
    from aeon_plugin_ft.errors import AeonFtError
    from aeon_plugin_ft.events import EventBus
    from aeon_plugin_ft.extensions import Extensions
    from aeon_plugin_ft.facts.book import FactBook
    from aeon_plugin_ft.facts.relevant import HeldFacts, RelevantFacts
    from aeon_plugin_ft.pipeline import Pipeline
    from aeon_plugin_ft.registry import Registry
    from aeon_plugin_ft.schedule import FailurePolicy
    from aeon_plugin_ft.schedule.observer import OwnTraining, ScheduleObserver
    from aeon_plugin_ft.serving.backends import Backends
    from aeon_plugin_ft.settings import Settings, SettingsFile
    from aeon_plugin_ft.store import DataFolder, Store
    from aeon_plugin_ft.turns import TurnIndex
    from hooks import HookCaller


class Basis(Protocol):
    """What the larger parts are made of: a host has all of it (`Parts`), a command opens each on first use."""

    @property
    def data(self) -> DataFolder:
        """Where everything lies."""

    @property
    def store(self) -> Store:
        """The database."""

    @property
    def settings_file(self) -> SettingsFile:
        """plugin.toml, which is read again when it was saved."""

    @property
    def events(self) -> EventBus:
        """The bus; the store listens to it first."""

    @property
    def extensions(self) -> Extensions:
        """What other plugins add."""

    @property
    def backends(self) -> Backends:
        """The deployers, by their names in [serve] backend."""

    @property
    def book(self) -> FactBook:
        """What the owner told."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that one data folder is worked with, opened. Whoever built it closes it."""

    data: DataFolder
    store: Store
    settings_file: SettingsFile
    events: EventBus
    extensions: Extensions
    backends: Backends
    book: FactBook
    registry: Registry
    index: TurnIndex
    pipeline: Pipeline
    """For single steps (the base, a draft, a promotion). That of a training hears and is heard by its own thread
    (`learning.Learning`)."""

    @property
    def settings(self) -> Settings:
        """plugin.toml as it was last read; ask again instead of keeping it."""
        return self.settings_file.current

    def close(self) -> None:
        """End every child that serves, and close the database."""
        self.backends.close()
        self.store.close()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A Basis on the way to Parts."""

    data: DataFolder
    store: Store
    settings_file: SettingsFile
    events: EventBus
    extensions: Extensions
    backends: Backends
    book: FactBook


def build(data: DataFolder, store: Store, settings_file: SettingsFile, events: EventBus, hooks: HookCaller) -> Parts:
    """Every part, now. `hooks` reaches the other plugins: their vetoes, what they add, and what they hear.

    Settings and events come from outside because a host goes on with a plugin.toml that cannot be used, and says so
    as an event, where a command stops.
    """
    extensions = make_extensions(hooks)
    backends = make_backends(data, store, settings_file, extensions)
    book = make_book(store, settings_file)
    opened = _Opened(data, store, settings_file, events, extensions, backends, book)
    pipeline = make_pipeline(opened)
    return Parts(
        data, store, settings_file, events, extensions, backends, book, make_registry(opened), pipeline.index, pipeline
    )


def make_events(store: Store | None) -> EventBus:
    """The bus, with the store listening first: what happened is on record before anybody acts on it. None: there is no
    database now, and nobody listens."""
    from aeon_plugin_ft.events import EventBus

    bus = EventBus()
    if store is not None:
        bus.subscribe(store.record_event)
    return bus


def make_extensions(hooks: HookCaller) -> Extensions:
    """What the plugins that `hooks` reaches add to the built-in readers, filters and backends."""
    from aeon_plugin_ft.extensions import Extensions

    return Extensions(hooks)


def make_registry(basis: Basis) -> Registry:
    """The versions of this data folder."""
    from aeon_plugin_ft.registry import Registry

    return Registry(basis.data, basis.store)


def make_book(store: Store, settings_file: SettingsFile) -> FactBook:
    """The facts of this data folder; what [privacy] counts as secret at that moment is never kept."""
    from aeon_plugin_ft.facts.book import FactBook
    from aeon_plugin_ft.host.redaction import Redaction

    return FactBook(store, is_secret=Redaction(settings_file).finds)


def make_backends(data: DataFolder, store: Store, settings_file: SettingsFile, extensions: Extensions) -> Backends:
    """The built-in backends and those of other plugins; none is started before it is used."""
    from aeon_plugin_ft.dataset.served import served_prompt
    from aeon_plugin_ft.serving.backends import Backends

    def prompt() -> str:
        return served_prompt(store)

    return extensions.add_backends(Backends(data, lambda: settings_file.current.serve, system_prompt=prompt), data)


def make_pipeline(
    basis: Basis,
    on_phase: OnPhase = lambda _: None,
    interrupt: Interrupt = lambda: None,
) -> Pipeline:
    """The loop. `on_phase` hears what is being done; `interrupt` is asked why to leave, None to go on."""
    from aeon_plugin_ft.install.brain_prompt import host_prompt
    from aeon_plugin_ft.pipeline import Pipeline

    return Pipeline(
        basis.data,
        # The question and not the answer: a setting that is saved later must reach the part that uses it.
        lambda: basis.settings_file.current,
        basis.store,
        basis.events,
        lambda: basis.backends,
        on_phase,
        interrupt,
        basis.extensions,
        basis.book,
        host_prompt=lambda: host_prompt(basis.data.root),
    )


def make_failures(basis: Basis, on_give_up: Callable[[AeonFtError], None] = lambda _: None) -> FailurePolicy:
    """What holds training back. `on_give_up(error)` is told once, by whoever notes the failures."""
    from aeon_plugin_ft.schedule import FailurePolicy
    from aeon_plugin_ft.schedule.observer import conversation_turns

    store = basis.store
    return FailurePolicy(store, lambda: basis.settings_file.current, lambda: conversation_turns(store), on_give_up)


def make_observer(basis: Basis, failures: FailurePolicy, training: OwnTraining | None = None) -> ScheduleObserver:
    """What the schedule sees; `training` is that of this process, None where there can be none (a command)."""
    from aeon_plugin_ft.schedule.observer import NO_TRAINING, ScheduleObserver
    from aeon_plugin_ft.training.places.watching import PlaceWatch

    place = PlaceWatch(lambda: basis.settings_file.current.train, basis.store, patient=training is None)
    return ScheduleObserver(
        basis.data, basis.store, lambda: basis.settings_file.current.schedule, training or NO_TRAINING, failures,
        place=lambda due: place.state(due=due),
    )  # fmt: skip


def make_relevant_facts(source: HeldFacts) -> RelevantFacts:
    """What the model is told of the owner with a question, out of everything that is known."""
    from aeon_plugin_ft.facts.relevant import RelevantFacts
    from aeon_plugin_ft.facts.wording import genders, sentence
    from aeon_plugin_ft.facts.wording.nouns import Names

    @lru_cache(maxsize=1)
    def names(_: int) -> Names:
        # What one fact tells of a name's gender counts in the sentences of the others.
        return genders(source.current())

    return RelevantFacts(source, lambda fact: sentence(fact, names(source.version)))
