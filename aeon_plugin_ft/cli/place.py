"""`aeon-ft install | uninstall`: the plugin in an Aeon folder, and out of it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from aeon_plugin_ft.cli.asking import confirm
from aeon_plugin_ft.cli.context import out
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.extras import missing_for_training, pip_command


@app.command()
def install(
    folder: Annotated[Path, typer.Argument(help="The folder of your Aeon (where main.py is).")],
    python: Annotated[Optional[Path], typer.Option(help="The Python that starts this Aeon.")] = None,  # noqa: UP045
) -> None:
    """Put the plugin into an Aeon: one small module file, none of Aeon's own files is touched."""
    from aeon_plugin_ft.install import install as install_into

    report = install_into(folder, python)
    out.print(str(report))
    if missing := missing_for_training(python):
        out.print(f"Training needs {', '.join(missing)} as well: {pip_command('train')}", markup=False)


@app.command()
def uninstall(
    folder: Annotated[Path, typer.Argument(help="The folder of your Aeon.")],
    purge: Annotated[bool, typer.Option("--purge", help="Also delete everything that was logged and learnt.")] = False,
) -> None:
    """Take the plugin out of an Aeon again: exactly what install wrote; the data stays unless --purge."""
    from aeon_plugin_ft.install import uninstall as uninstall_from

    if purge:
        confirm("Delete every logged conversation and every trained version as well?", abort=True)
    out.print(str(uninstall_from(folder, purge=purge)))
