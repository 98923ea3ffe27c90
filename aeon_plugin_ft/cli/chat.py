"""`aeon-ft chat`: talk to an AeonBrain in the terminal, with everything the plugin does around it."""

from __future__ import annotations

import importlib.util
from typing import Annotated, Optional

import typer

from aeon_plugin_ft.cli.context import of
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE, language
from aeon_plugin_ft.processes.children import hand_over, interpreter


@app.command()
def chat(
    context: typer.Context,
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Who answers when no version does: ollama:NAME, groq:NAME or http://HOST:PORT#NAME."),
    ] = None,
) -> None:
    """Talk to Aeon in the terminal; each turn is logged and learnt from like a spoken one."""
    shared = of(context)
    if shared.aeon is not None:
        from aeon_plugin_ft.install.aeon_folder import find_python

        command = [str(find_python(shared.aeon)), "-m", "hooks.typed", str(shared.aeon)]
        raise typer.Exit(code=hand_over(command, {ENV_LANGUAGE: language().value}))
    if importlib.util.find_spec("core") is None:
        raise InstallError(
            "There is no AeonBrain here to talk to",
            "Give the folder of your Aeon: `aeon-ft --aeon FOLDER chat`, or run this in the repository",
        )
    command = [str(interpreter()), "-m", "core", "--data", str(shared.data.root)]
    if model is not None:
        command += ["--model", model]
    raise typer.Exit(code=hand_over(command, {ENV_LANGUAGE: language().value}))
