"""`aeon-ft`: every command, and the one place where errors become a sentence and an exit code.

tree.py    which commands there are, and which modules make each
help.py    what --help shows, and what every command takes
usage.py   what is said when a command was typed wrong

Exit codes: 0 done, 1 failed, 2 bad input, 3 refused (not now, not on this machine), 130 stopped with
Ctrl-C (nothing is lost: the same command goes on).
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from aeon_plugin_ft import __version__
from aeon_plugin_ft.cli.help import ROOT, Group, dress
from aeon_plugin_ft.cli.tree import MODULES, is_loaded, load
from aeon_plugin_ft.messages import Speaker, refusal
from hooks.text import harmless

if TYPE_CHECKING:
    from typer.core import TyperGroup

BAD_INPUT, STOPPED = 2, 130
COMPLETING = "_AEON_FT_COMPLETE"
"""Set by a shell that asks what may stand next."""

_say = Speaker("cli/usage")


class Commands(Group):
    """Every command, loaded when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the help."""
        return list(MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command; None for a name that none has."""
        # One module of several may have come in with another command.
        if cmd_name in MODULES and not (cmd_name in self.commands and is_loaded(cmd_name)):
            load(cmd_name)
            self.commands = _tree().commands
        return self.commands.get(cmd_name)


app = typer.Typer(
    name=ROOT,
    cls=Commands,
    help="Make Aeon learn from its owner: log, curate, train, judge and swap its model, on one ordinary PC.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"{ROOT} {harmless(__version__)}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    data: Annotated[Optional[Path], typer.Option(help="The plugin's data folder.", show_default=False)] = None,  # noqa: UP045
    aeon: Annotated[Path | None, typer.Option(help="The folder of an Aeon to work with.", show_default=False)] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    from aeon_plugin_ft.cli.context import Context

    context.obj = Context(data, aeon, debug)
    context.call_on_close(context.obj.close)


def run() -> None:
    """The console script: nothing but a sentence reaches the user, unless --debug asks for more."""
    import logging

    # Without any handler Python writes warnings to the terminal: they are for who looks into things, and English.
    if "--debug" not in sys.argv[1:]:
        logging.getLogger().addHandler(logging.NullHandler())
    code = main(sys.argv[1:])
    # All that is left goes with the process. To look through it for garbage first takes a sixth of a short command.
    gc.freeze()
    sys.exit(code)


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    from aeon_plugin_ft.cli.language import speak_as_set
    from aeon_plugin_ft.cli.looking import NothingYetError
    from aeon_plugin_ft.errors import AeonFtError

    speak_as_set(arguments)
    _say_utf8()
    try:
        return _run(arguments)
    except NothingYetError as nothing:
        typer.echo(harmless(str(nothing)), err=nothing.code != 0)
        return nothing.code
    except AeonFtError as error:
        return _fail(str(error), error.exit_code, arguments)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        return _fail(_say("end.system", reason=refusal(error), place=place), 1, arguments)
    except typer.Abort:
        return _fail(_say("end.aborted"), 1, arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except Exception as error:  # noqa: BLE001 - a bug of ours: still no traceback unless it is asked for
        return _fail(_say("end.bug", kind=type(error).__name__, message=error), 1, arguments)


def _run(arguments: list[str]) -> int:
    if os.environ.get(COMPLETING):
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    try:
        ended = _tree().main(args=arguments, prog_name=ROOT, standalone_mode=False)
    except Exception as error:
        # click's own, of whichever package it comes in: typer 0.26 has one inside it.
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(harmless(str(error)))
            return 0
        from aeon_plugin_ft.cli.usage import usage_sentence

        return _fail(usage_sentence(error), BAD_INPUT, arguments)
    code = ended if isinstance(ended, int) else 0
    return _fail(_say("end.stopped"), STOPPED, arguments) if code == STOPPED else code


def _tree() -> TyperGroup:
    """The commands that are loaded by now, as typer makes them."""
    dress(app)
    made = typer.main.get_command(app)
    assert isinstance(made, Commands)
    return made


def _fail(sentence: str, code: int, arguments: list[str]) -> int:
    if "--debug" in arguments:
        import traceback

        traceback.print_exc()
    typer.echo(harmless(sentence), err=True)  # plain, so that scripts and narrow terminals get it whole
    return code


def _say_utf8() -> None:
    """A Windows console or pipe may be cp1252; Portuguese and bars must not raise there."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def load_commands() -> None:
    """All of them, for whoever walks the tree."""
    for name in MODULES:
        load(name)
