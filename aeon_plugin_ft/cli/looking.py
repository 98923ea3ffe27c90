"""Commands that only look: they make no data folder, say which one they look at, and that there is none yet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from aeon_plugin_ft.messages import Speaker

_say = Speaker("cli/looking")


class Without(Enum):
    """What such a command does where there is no data folder yet."""

    SAYS = "says that there is none, which is an answer; to a script it answers as of an empty one"
    FAILS = "fails: it was asked for something that would be in there"
    ANSWERS = "answers all the same"


LOOKS = {
    "status": Without.SAYS,
    "watch": Without.SAYS,
    "runs": Without.SAYS,
    "schedule": Without.SAYS,
    "facts": Without.SAYS,
    "models": Without.SAYS,
    "places": Without.SAYS,
    "dataset show": Without.SAYS,
    "dataset review": Without.SAYS,
    "config check": Without.SAYS,
    "models report": Without.FAILS,
    "compare": Without.FAILS,
    "estimate": Without.FAILS,
    "dataset similar": Without.FAILS,
    "models advise": Without.ANSWERS,
    "dataset filters": Without.ANSWERS,
    "config show": Without.ANSWERS,
    "config get": Without.ANSWERS,
    "config path": Without.ANSWERS,
    "doctor": Without.ANSWERS,
}
QUIET = {"config get", "config path", "dataset filters"}
"""What they print is the whole answer: they do not say where it is from."""


class NothingYetError(Exception):
    """There is no data folder yet. `code` is the exit code: 0 where that is the answer."""

    def __init__(self, root: Path, code: int) -> None:
        self.code = code
        super().__init__(nothing_yet(root))


def nothing_yet(root: Path) -> str:
    """The sentence that there is no data folder yet, and how to begin."""
    return _say("folder.none", folder=root)


def require_aeon(folder: Path) -> None:
    """Raise InputFileError for a folder that holds no Aeon: nothing is made in one that was mistyped."""
    from aeon_plugin_ft.errors import InputFileError
    from aeon_plugin_ft.install.aeon_folder import unfit_files
    from aeon_plugin_ft.install.template import MANIFEST

    root = folder.expanduser()
    try:
        # With the plugin in it, it was looked at when that was put there.
        there = (root / MANIFEST).is_file() or not unfit_files(root)
    except OSError:
        there = False
    if not there:
        raise InputFileError(folder, *_say.error("aeon.none"))


@contextmanager
def running(context: Any, path: str) -> Iterator[None]:
    """While a command runs: what it may do to the data folder, and, of one that looks, a line on which it was."""
    shared = context.find_root().obj
    if shared is None or not path:
        yield
        return
    as_json = bool(context.params.get("as_json"))
    shared.begin(LOOKS.get(path), as_json)
    try:
        yield
    except typer.Exit:
        _say_where(context, path, as_json)
        raise
    _say_where(context, path, as_json)


def _say_where(context: Any, path: str, as_json: bool) -> None:
    if path not in LOOKS or path in QUIET or as_json or context.invoked_subcommand is not None:
        return
    place = context.find_root().obj.place
    if place.begun:
        # Beside the answer, and not in it: what a script reads stays as it is.
        from hooks.screen import Screen

        Screen(file=sys.stderr, soft_wrap=True).print(_say("folder.used", folder=place.root), style="dim")
