"""`aeon-ft completion`: the script with which a shell completes what is typed."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from aeon_plugin_ft.cli.context import say_plainly
from aeon_plugin_ft.cli.help import ROOT
from aeon_plugin_ft.cli.main import COMPLETING, app


class Shell(str, Enum):
    """The shells that a script is there for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


@app.command()
def completion(
    shell: Annotated[Shell, typer.Argument(help="bash, zsh, fish or powershell.")],
) -> None:
    """Print what makes a shell complete commands and options: `aeon-ft completion bash >> ~/.bashrc`."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    say_plainly(get_completion_script(prog_name=ROOT, complete_var=COMPLETING, shell=shell.value))
