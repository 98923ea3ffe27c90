"""`aeon-ft install | uninstall`: the plugin in an Aeon folder, and out of it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from aeon_plugin_ft.cli.asking import confirm
from aeon_plugin_ft.cli.context import out
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.extras import missing_for_training, pip_command
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.children import interpreter

_say = Speaker("cli/place")


@app.command()
def install(
    folder: Annotated[Path, typer.Argument(help="The folder of your Aeon (where main.py is).")],
    python: Annotated[Optional[Path], typer.Option(help="The Python that starts this Aeon.")] = None,  # noqa: UP045
) -> None:
    """Put the plugin into an Aeon: one small module file, none of Aeon's own files is touched."""
    from aeon_plugin_ft.install import install as install_into

    report = install_into(folder, python)
    out.print(str(report))
    own = report.python in (None, interpreter())
    if missing := missing_for_training(None if own else report.python):
        command = pip_command("train", python=None if own else report.python)
        out.print(_say("install.trainer", missing=", ".join(missing), command=command), markup=False, soft_wrap=True)


@app.command()
def uninstall(
    folder: Annotated[Path, typer.Argument(help="The folder of your Aeon.")],
    purge: Annotated[bool, typer.Option("--purge", help="Also delete everything that was logged and learnt.")] = False,
) -> None:
    """Take the plugin out of an Aeon again: exactly what install wrote; the data stays unless --purge."""
    from aeon_plugin_ft.install import uninstall as uninstall_from

    if purge:
        confirm(_say("uninstall.sure"), abort=True)
    out.print(str(uninstall_from(folder, purge=purge)))
