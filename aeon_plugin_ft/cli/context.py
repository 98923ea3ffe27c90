"""What every command shares: where the data is, the terminal, and how values are shown."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from aeon_plugin_ft import wiring
from aeon_plugin_ft.causes import OnPhase
from aeon_plugin_ft.cli.looking import NothingYetError, Without, require_aeon
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.folder import ENV_DATA
from hooks.screen import Screen
from hooks.text import harmless, harmless_json

if TYPE_CHECKING:
    from aeon_plugin_ft.causes import OnPhase
    from aeon_plugin_ft.events import EventBus
    from aeon_plugin_ft.extensions import Extensions
    from aeon_plugin_ft.facts.book import FactBook
    from aeon_plugin_ft.pipeline import Pipeline
    from aeon_plugin_ft.registry import Registry
    from aeon_plugin_ft.schedule.observer import ScheduleObserver
    from aeon_plugin_ft.serving.backends import Backends
    from aeon_plugin_ft.settings import SettingsFile

_say = Speaker("cli/context")

WIDE = 10_000
"""Columns of what is no terminal: a pipe or a file takes a line as long as it is."""


class _Out(Screen):
    """Standard output. Where it is no terminal no sentence is broken into lines."""

    def print(self, *objects: Any, soft_wrap: bool | None = None, **options: Any) -> None:
        """As rich prints."""
        sentences = not self.is_terminal and all(isinstance(one, (str, Text)) for one in objects)
        super().print(*objects, soft_wrap=True if soft_wrap is None and sentences else soft_wrap, **options)


out = _Out()
"""Everything that a command shows for people goes through it; `say_plainly` and `show_json` are the two other ways."""


class Context:
    """One command's view of the data folder (wiring.Basis); everything is opened on first use."""

    def __init__(self, data: Path | None, aeon: Path | None, debug: bool) -> None:
        self.debug = debug
        self.aeon = aeon
        self._data = data
        self._without: Without | None = None
        self._as_json = False

    def choose(self, option: str, value: Any) -> None:
        """Take an option that stands behind the command: "data", "aeon" or "debug"."""
        setattr(self, {"data": "_data"}.get(option, option), value if option == "debug" else Path(value))
        self.__dict__.pop("home", None)

    def begin(self, without: Without | None, as_json: bool) -> None:
        """A command begins; `without` says what one that only looks does where there is nothing yet. Raises
        InputFileError where --aeon names a folder without an Aeon."""
        self._without, self._as_json = without, as_json
        if self.aeon is not None:
            require_aeon(self.aeon)

    @property
    def place(self) -> DataFolder:
        """Where the data is or would be: what the options name, else the data folder of the remembered Aeon."""
        return DataFolder.find(self._data, self.aeon or self.home)

    @cached_property
    def data(self) -> DataFolder:
        """The data folder, made where it is not there. Raises NothingYetError for a command that only looks; one that
        answers all the same does so of an empty folder, which is gone when it ends."""
        if self._without is None or self.place.begun:
            return self.place.create()
        if self._without is Without.ANSWERS or (self._as_json and self._without is Without.SAYS):
            return DataFolder(Path(self._empty.name)).create()
        raise self._nothing_yet()

    @cached_property
    def _empty(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="aeon-ft-empty-")

    def _nothing_yet(self) -> NothingYetError:
        return NothingYetError(self.place.root, 1 if self._without is Without.FAILS else 0)

    @cached_property
    def home(self) -> Path | None:
        """The Aeon that the plugin was installed into last; None where another place was named, or none was."""
        if self.aeon is not None or self._data is not None or os.environ.get(ENV_DATA):
            return None
        from aeon_plugin_ft.install.remembered import remembered_aeon

        return remembered_aeon()

    @cached_property
    def store(self) -> Store:
        """The database."""
        return Store(self.data.database)

    @cached_property
    def settings_file(self) -> SettingsFile:
        """plugin.toml. Raises SettingsError when it cannot be used: a command says so and stops."""
        from aeon_plugin_ft.settings import SettingsFile

        if self._without is None or self.place.begun:
            return SettingsFile.open(self.data.settings)
        if self._without is Without.ANSWERS or self._as_json:
            return SettingsFile(self.place.settings)
        raise self._nothing_yet()

    @cached_property
    def events(self) -> EventBus:
        """The bus, with the store listening."""
        return wiring.make_events(self.store)

    @cached_property
    def registry(self) -> Registry:
        """The versions of this data folder."""
        return wiring.make_registry(self)

    @cached_property
    def backends(self) -> Backends:
        """The deployers; none is started before it is used."""
        return wiring.make_backends(self.data, self.store, self.settings_file, self.extensions)

    @cached_property
    def book(self) -> FactBook:
        """What the owner told."""
        return wiring.make_book(self.store, self.settings_file)

    @cached_property
    def extensions(self) -> Extensions:
        """What the installed plugins (entry-point group "aeon") add."""
        from hooks import HookCaller, build_manager

        return wiring.make_extensions(HookCaller(build_manager()))

    @cached_property
    def observer(self) -> ScheduleObserver:
        """What the host's own observer would see; failures that hold training back included."""
        return wiring.make_observer(self, wiring.make_failures(self))

    def pipeline(self, on_phase: OnPhase = lambda _: None) -> Pipeline:
        """The loop; `on_phase` hears what is being done."""
        return wiring.make_pipeline(self, on_phase)

    def close(self) -> None:
        """End every child that this command started and close the database."""
        if "backends" in self.__dict__:
            self.backends.close()
        if "store" in self.__dict__:
            self.store.close()
        if "_empty" in self.__dict__:
            self._empty.cleanup()


def of(context: typer.Context) -> Context:
    """The Context of a running command."""
    shared: Context = context.find_root().obj
    return shared


def mark(ok: bool, text: str) -> None:
    """One line of a check list; `text` is shown as it is."""
    out.print(Text(_say("mark.ok" if ok else "mark.no"), "green" if ok else "red"), "", text)


def verdict_word(accepted: bool) -> Text:
    """The gate's decision in its colour."""
    return Text(_say("verdict.accepted"), "green") if accepted else Text(_say("verdict.refused"), "red")


def show_json(value: Any) -> None:
    """For scripts: one JSON document on standard output."""
    typer.echo(harmless_json(json.dumps(value, ensure_ascii=False, indent=1, default=str)))


def say_plainly(text: object, *, error: bool = False) -> None:
    """A line as it is, unwrapped: for scripts, and on standard error beside them."""
    typer.echo(harmless(str(text)), err=error)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table for people; numbers are given as strings already. Nothing in it is cut."""
    from rich.table import Table

    drawn = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    screen = out if out.is_terminal else Screen(file=out.file, width=WIDE)
    screen.print(drawn)


def when(seconds: float) -> str:
    """A moment in the owner's own time zone, to the minute; "-" for one that is not known."""
    from aeon_plugin_ft.turns.model import KNOWN_FROM

    if seconds < KNOWN_FROM:
        return "-"
    return datetime.fromtimestamp(seconds).astimezone().strftime(_say("moment.pattern"))


def span(seconds: float) -> str:
    """ "45 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def share(value: float, digits: int = 0, *, sign: bool = False) -> str:
    """A part of one: "16.0%" of 0.16, in Portuguese "16,0%"; with its sign where it is a change."""
    return pointed(f"{value:+.{digits}%}" if sign else f"{value:.{digits}%}")


def pointed(written: str) -> str:
    """A number that Python wrote, with the decimal point of the language."""
    return written.replace(".", _say("number.point"))


def size(count: float) -> str:
    """Bytes as people say them: "1.2 GB", "340 MB"."""
    return f"{decimal(count / 1e9, 1)} GB" if count >= 1e9 else f"{decimal(count / 1e6)} MB"


def say_chosen(version: str, previous: str, backend: str) -> None:
    """Another version is in use by the store. Only the host can say that it answers: it has to be loaded and proven
    there first."""
    out.print(_say("swap.chosen", version=version, previous=previous, backend=backend), markup=False)


def counts(values: Mapping[str, int], words: Callable[[str], str] = str) -> str:
    """ "12 canned, 3 empty", most first, each by its word."""
    ordered = sorted(values.items(), key=lambda item: -item[1])
    return ", ".join(_say("count.of", number=number, name=words(name)) for name, number in ordered)
