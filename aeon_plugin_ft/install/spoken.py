"""What the installer tells its person: data/sentences.json, in the language of their system. Standard library only (see
bootstrap.py)."""

from __future__ import annotations

import json
import pkgutil
import re
import shlex
import sys
from collections.abc import Sequence
from enum import Enum
from functools import cache

from aeon_plugin_ft.messages import language


class Problem(Enum):
    """Why the installer cannot go on; each has one sentence, with the next step in it."""

    OLD_PYTHON = "old_python"
    NARROW_PYTHON = "narrow_python"
    BROKEN_PYTHON = "broken_python"
    NO_PIP = "no_pip"
    MANAGED_PYTHON = "managed_python"
    NO_TEMPORARY = "no_temporary"
    NO_AEON = "no_aeon"
    NO_FOLDER = "no_folder"
    NO_LOOK = "no_look"
    SEVERAL_AEONS = "several_aeons"
    NO_SUCH_AEON = "no_such_aeon"
    NO_SOURCE = "no_source"
    OFFLINE = "offline"
    NO_SPACE = "no_space"
    NO_RIGHTS = "no_rights"
    NO_PACKAGE = "no_package"
    PIP_FAILED = "pip_failed"
    REFUSED = "refused"
    STOPPED = "stopped"


class SetupError(Exception):
    """The installer cannot go on. `values` fill the problem's sentence."""

    def __init__(self, problem: Problem, **values: object) -> None:
        self.problem = problem
        super().__init__(sentence(f"problem_{problem.value}", **values))


def sentence(name: str, **values: object) -> str:
    """A sentence of the catalogue with its values in it."""
    return sentences()[name].format(**values)


def sentences() -> dict[str, str]:
    """The whole catalogue in that language."""
    return {name: texts[language().value] for name, texts in every_sentence().items()}


@cache
def every_sentence() -> dict[str, dict[str, str]]:
    """Each by language."""
    # Not by a path: the installer may run out of a wheel, which is a zip file.
    raw = pkgutil.get_data("aeon_plugin_ft.install", "data/sentences.json")
    assert raw is not None
    made: dict[str, dict[str, str]] = json.loads(raw)
    return made


def typed(command: Sequence[str], windows: bool = sys.platform == "win32") -> str:
    """A command as its person types or pastes it: into PowerShell on Windows, else into a shell."""
    if not windows:
        return shlex.join(command)
    words = [part if _BARE.fullmatch(part) else "'" + part.replace("'", "''") + "'" for part in command]
    # To PowerShell a line that begins with a quote is text, and not a program to be called.
    return " ".join(["&", *words] if words[0].startswith("'") else words)


_BARE = re.compile(r"[\w.:\\/+=-]+")
"""What needs no quotes, in cmd either."""
