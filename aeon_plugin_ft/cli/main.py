"""`aeon-ft`: every command, and the one place where errors become a sentence and an exit code.

Exit codes: 0 done, 1 failed, 2 bad input, 3 refused (not now, not on this machine), 130 stopped with
Ctrl-C (nothing is lost: the same command goes on).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from aeon_plugin_ft import __version__
from aeon_plugin_ft.cli.context import Context, out, say_plainly

STOPPED = 130

app = typer.Typer(
    name="aeon-ft",
    help="Make Aeon learn from its owner: log, curate, train, judge and swap its model, on one ordinary PC.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        out.print(f"aeon-ft {__version__}")
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
    context.obj = Context(data, aeon, debug)
    context.call_on_close(context.obj.close)


def run() -> None:
    """The console script: nothing but a sentence reaches the user, unless --debug asks for more."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    from aeon_plugin_ft.errors import AeonFtError

    load_commands()
    _say_utf8()
    try:
        app(arguments)
    except AeonFtError as error:
        return _fail(str(error), error.exit_code, arguments)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        return _fail(f"{error.strerror or error}{place}. `aeon-ft doctor` looks for the cause.", 1, arguments)
    except SystemExit as ended:  # typer ends every command, good or bad, with one
        if ended.code == STOPPED:
            return _fail("Stopped. Run the same command again to go on.", STOPPED, arguments)
        return ended.code if isinstance(ended.code, int) else 0
    except Exception as error:  # noqa: BLE001 - a bug of ours: still no traceback unless it is asked for
        return _fail(f"This should not happen: {type(error).__name__}: {error}. --debug shows where.", 1, arguments)
    return 0


def _fail(sentence: str, code: int, arguments: list[str]) -> int:
    if "--debug" in arguments:
        import traceback

        traceback.print_exc()
    say_plainly(sentence, error=True)  # plain, so that scripts and narrow terminals get it whole
    return code


def _say_utf8() -> None:
    """A Windows console or pipe may be cp1252; Portuguese and bars must not raise there."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def load_commands() -> None:
    """Each module adds its commands to `app`; importing them costs no ML library."""
    from aeon_plugin_ft.cli import (  # noqa: F401
        advise,
        chat,
        compare,
        config,
        data,
        demo,
        doctor,
        facts,
        forgetting,
        learn,
        models,
        panel,
        place,
        places,
        review,
        schedule,
        similar,
        watch,
    )
