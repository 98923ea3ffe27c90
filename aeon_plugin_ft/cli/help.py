"""What `--help` shows: the texts of data/cli/help.toml by command, in the language of the process.

Drawn here and not by typer: its pages are English, take rich's Markdown to draw, and cut what does not fit.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from copy import copy
from functools import lru_cache
from typing import Any

from typer.core import TyperCommand, TyperGroup

from aeon_plugin_ft.cli.looking import running
from aeon_plugin_ft.cli.tree import GROUPS
from aeon_plugin_ft.messages import Language, Messages, Speaker, language

ROOT = "aeon-ft"
AREA = "cli/help"
ITSELF = "_"
"""The entry of a command's own text, beside those of its options and arguments."""
SEVERAL = "every"
"""What several commands say alike of an option that they have in common."""
EVERYWHERE = ("data", "aeon", "debug")
"""Options of `aeon-ft` itself that every command takes as well."""
FOLDERS = {"data", "aeon", "folder"}
"""Options of these names take a folder."""
WIDEST, NARROWEST = 100, 40
_NAME_WIDTH = 30

_say = Speaker("cli/usage")
Row = tuple[str, str]


def path_of(context: Any) -> str:
    """A running command's path without the program: "dataset show"; "" for the program itself."""
    names = []
    while context.parent is not None:
        names.append(context.command.name if context.info_name is None else context.info_name)
        context = context.parent
    return " ".join(reversed(names))


def text_of(path: str, name: str = ITSELF, otherwise: str | None = None) -> str:
    """What the catalogue says of a command, or of one of its options; what the code says of one that is not there."""
    texts = _texts(language())
    for key in (f"{path or ROOT}.{name}", f"{SEVERAL}.{name}"):
        if texts.has(key):
            return texts(key)
    return otherwise or ""


@lru_cache
def _texts(spoken: Language) -> Messages:
    return Messages(AREA, spoken)


def label_of(parameter: Any, context: Any) -> str:
    """What stands for the value of an option or an argument: "FOLDER", in the owner's language."""
    if parameter.param_type_name == "argument":
        return _argument(str(parameter.name))
    if parameter.name in FOLDERS and not parameter.multiple:
        return _say("argument.folder")
    kind = (getattr(parameter, "display_type", None) or parameter.make_metavar)(context).lower()
    if any(word in kind for word in ("int", "float")):
        return _say("kind.number")
    if "path" in kind or "file" in kind or "directory" in kind:
        return _say("kind.path")
    return _say("kind.date") if "%y" in kind or "datetime" in kind else _say("kind.text")


def _argument(name: str) -> str:
    own = name.rstrip("_")
    return _say(f"argument.{own}")


class _Page:
    """Sections of rows, wrapped to the terminal; nothing is cut."""

    def __init__(self) -> None:
        self.width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
        self._strong = sys.stdout.isatty()
        self._lines: list[str] = []

    def paragraph(self, text: str, indent: str = "") -> None:
        for part in text.split("\n\n"):
            self._lines += [*self._wrapped(" ".join(part.split()), indent, indent), ""]

    def usage(self, start: str, pieces: Iterable[str]) -> None:
        self._lines += [*self._wrapped(" ".join((start, *pieces)), "", "    "), ""]

    def section(self, title: str, rows: Iterable[Row]) -> None:
        listed = list(rows)
        if not listed:
            return
        self._lines.append(f"\x1b[1m{title}\x1b[0m" if self._strong else title)
        column = min(_NAME_WIDTH, max(len(name) for name, _ in listed)) + 4
        for name, text in listed:
            start = f"  {name}".ljust(column)
            if len(start) > column or not text:
                self._lines.append(start.rstrip())
                start = " " * column
            self._lines += self._wrapped(text, start, " " * column) if text else ()
        self._lines.append("")

    def _wrapped(self, text: str, first: str, further: str) -> list[str]:
        return textwrap.wrap(
            text, self.width, initial_indent=first, subsequent_indent=further, break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip

    def text(self) -> str:
        return "\n".join(self._lines)


def page(command: Any, context: Any) -> str:
    """The whole help of a command."""
    drawn, path = _Page(), path_of(context)
    drawn.usage(f"{_say('head.usage')}: {ROOT}", [*path.split(), *_usage(command, context)])
    drawn.paragraph(text_of(path, otherwise=command.help))
    if not path:
        for group, commands in GROUPS.items():
            drawn.section(_say(f"group.{group}"), [(name, _first(text_of(name))) for name in commands])
    elif isinstance(command, TyperGroup):
        drawn.section(_say("head.commands"), _commands(command, path))
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    drawn.section(
        _say("head.arguments"), ((label_of(one, context), _about(one, path)) for one in arguments if _about(one, path))
    )
    drawn.section(_say("head.options"), _options(options, path, context))
    drawn.paragraph(_say("head.everywhere", options=_everywhere(command, context)) if path else _say("head.more"))
    return drawn.text()


def _usage(command: Any, context: Any) -> Iterator[str]:
    yield _say("piece.options")
    for one in command.params:
        if one.param_type_name == "argument":
            many = "..." if one.nargs != 1 else ""
            name = label_of(one, context) + many
            yield name if one.required else f"[{name}]"
    if isinstance(command, TyperGroup):
        yield _say("piece.command") if not command.invoke_without_command else f"[{_say('piece.command')}]"


def _commands(group: TyperGroup, path: str) -> Iterator[Row]:
    for name, command in group.commands.items():
        yield name, _first(text_of(f"{path} {name}", otherwise=command.help))


def _options(options: Iterable[Any], path: str, context: Any) -> Iterator[Row]:
    for one in options:
        names = ", ".join(sorted(one.opts, key=len)) + "".join(f" / {off}" for off in one.secondary_opts)
        named = names if one.is_flag else f"{names} {label_of(one, context)}"
        yield named, _about(one, path)
    yield "-h, --help", _say("head.help")


def _everywhere(command: Any, context: Any) -> str:
    return ", ".join(
        one.opts[0] if one.is_flag else f"{one.opts[0]} {label_of(one, context)}" for one in command.everywhere(context)
    )


def _about(parameter: Any, path: str) -> str:
    about = text_of(path, parameter.name.rstrip("_"), parameter.help)
    default = parameter.default
    # Only values that say more than "nothing": a number, a name, a file.
    if parameter.param_type_name == "option" and not parameter.is_flag and default not in (None, "", ()):
        about = f"{about} {_say('piece.default', value=default)}"
    must = parameter.required and parameter.param_type_name == "option"
    return f"{about} {_say('piece.required')}" if must else about


def _first(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())


class _Ours:
    """What is the same for a command and a group of them."""

    params: list[Any]
    _everywhere: tuple[Any, ...] | None = None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page in the owner's language."""
        formatter.write(page(self, ctx))

    def get_params(self, ctx: Any) -> list[Any]:
        """Its own, and those that are taken behind every command as well as before it."""
        own: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        return [*own, *self.everywhere(ctx)]

    def everywhere(self, ctx: Any) -> tuple[Any, ...]:
        """The latter. A command that has an option of that name keeps its own."""
        if self._everywhere is None:
            taken = {name for one in self.params for name in one.opts}
            shared = (one for one in _root_params(ctx) if one.name in EVERYWHERE and not taken & set(one.opts))
            # Made once: a parser tells them apart by who they are.
            self._everywhere = tuple(_behind(one) for one in shared)
        return self._everywhere


class Command(_Ours, TyperCommand):
    """A command of `aeon-ft`."""

    def invoke(self, ctx: Any) -> Any:
        """Run it, as one that only looks where it is one."""
        with running(ctx, path_of(ctx)):
            return super().invoke(ctx)


class Group(_Ours, TyperGroup):
    """A command that has commands. Some say something by themselves."""

    def invoke(self, ctx: Any) -> Any:
        """Run it, or the one that is named."""
        with running(ctx, path_of(ctx)):
            return super().invoke(ctx)


def _root_params(context: Any) -> list[Any]:
    root = context.find_root().command
    return [] if root is context.command else list(root.params)


def _behind(parameter: Any) -> Any:
    """An option of `aeon-ft` as it is taken behind a command."""
    taken = copy(parameter)
    taken.expose_value, taken.callback = False, _take
    return taken


def _take(context: Any, parameter: Any, value: Any) -> Any:
    shared = context.find_root().obj
    if value and shared is not None:
        shared.choose(parameter.name, value)
    return value


def dress(app: Any) -> None:
    """Have the commands of a typer application made of these classes."""
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        group.cls = Group
        dress(group.typer_instance)
