"""What is said when a command was typed wrong, as one sentence in the language of the process.

typer raises these errors with English texts: what they are about is taken from them, and said anew.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from aeon_plugin_ft.cli.help import EVERYWHERE, ROOT, label_of, path_of
from aeon_plugin_ft.messages import Speaker

_say = Speaker("cli/usage")

_MESSAGES = {
    r"No such command '(?P<name>.*)'\.": "command",
    r"Missing command\.": "no_command",
    r"Got unexpected extra arguments?(?:\(s\))? \((?P<name>.*)\)": "extra",
    r"Option '(?P<name>.*)' requires .*": "no_value",
    r"Option '(?P<name>.*)' does not take a value\.": "a_value",
}
"""typer's sentences, and the entry ("wrong. ...") that says the same."""
_VALUES = {
    r".*valid (?:integer|int\b)": "whole",
    r".*valid (?:float|number)": "number",
    r".*greater than or equal to (?P<least>\S+)": "least",
    r".*less than or equal to (?P<most>\S+)": "most",
    r".*range x>=(?P<least>\S+?)\.": "least",
    r".*range (?P<least>\S+?)<=x<=(?P<most>\S+?)\.": "between",
    r".*does not match the formats?": "date",
    r".*is not one of (?P<names>[^.]+)": "choice",
}
"""What pydantic (or, of an older typer, click) says of a value that will not do, and the entry ("value. ...")."""


def usage_sentence(error: Any) -> str:
    """The one sentence about an error of the command line (click's UsageError), with the next step in it."""
    context = error.ctx
    path = "" if context is None else path_of(context)
    command = f"{ROOT} {path}".strip()
    return f"{_what(error, context)} {_say('wrong.help', command=command)}"


def _what(error: Any, context: Any) -> str:
    kind = type(error).__name__
    if kind == "NoSuchOption":
        return _near("option", str(error.option_name), _options(context))
    if kind == "MissingParameter" and error.param is not None:
        kind = error.param.param_type_name
        return _say("wrong.no_argument" if kind == "argument" else "wrong.no_option", name=_name(error.param, context))
    if kind == "BadParameter" and error.param is not None:
        return _say("wrong.value", name=_name(error.param, context), why=_value(error))
    if kind == "BadParameter":  # of a command's own: a whole sentence by now
        return f"{error.message}."
    return _from_message(error.message, context)


def _from_message(message: str, context: Any) -> str:
    for pattern, key in _MESSAGES.items():
        found = re.match(pattern, message)
        if found is None:
            continue
        name = found.groupdict().get("name", "")
        return _near(key, name, _commands(context)) if key == "command" else _say(f"wrong.{key}", name=name)
    return _say("wrong.other", message=message.rstrip("."))


def _near(what: str, typed: str, there: Sequence[str]) -> str:
    near = difflib.get_close_matches(typed, there, n=1, cutoff=0.5)
    return " ".join([_say(f"wrong.{what}", name=typed), *(_say("wrong.near", name=name) for name in near)])


def _commands(context: Any) -> list[str]:
    return [] if context is None else list(context.command.list_commands(context))


def _options(context: Any) -> list[str]:
    if context is None:
        return [f"--{name}" for name in EVERYWHERE]
    return [
        "--help",
        *(name for one in context.command.get_params(context) for name in (*one.opts, *one.secondary_opts)),
    ]


def _name(parameter: Any, context: Any) -> str:
    return (
        label_of(parameter, context) if parameter.param_type_name == "argument" else str(max(parameter.opts, key=len))
    )


def _value(error: Any) -> str:
    for pattern, key in _VALUES.items():
        found = re.match(pattern, error.message, re.DOTALL)
        if found is not None:
            return _say(f"value.{key}", **found.groupdict())
    return str(error.message).rstrip(".")
