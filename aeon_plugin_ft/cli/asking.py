"""A question to the owner that is answered with yes or no, in the language of the process."""

from __future__ import annotations

import typer

from aeon_plugin_ft.cli.context import say_plainly
from aeon_plugin_ft.messages import Speaker

_say = Speaker("cli/usage")

YES, NO = ("s", "sim", "y", "yes"), ("n", "não", "nao", "no")
"""Understood in either language: who is asked in one may be used to the other."""


def _answer(asked: str, err: bool) -> str:
    try:
        return str(typer.prompt(asked, default="", show_default=False, err=err)).strip().casefold()
    except typer.Abort:
        say_plainly("", error=err)  # nobody ended the line
        raise


def confirm(question: str, default: bool = False, *, abort: bool = False, err: bool = False) -> bool:
    """Ask until it is answered; Enter is `default`. `abort` raises typer.Abort for a no, `err` asks on stderr."""
    asked = _say("confirm.yes_first" if default else "confirm.yes_or_no", question=question)
    while True:
        said = _answer(asked, err)
        if said in (*YES, *NO, ""):
            break
        say_plainly(_say("confirm.again"), error=True)
    agreed = said in YES if said else default
    if abort and not agreed:
        raise typer.Abort
    return agreed
