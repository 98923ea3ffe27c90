"""`aeon-ft chat`: talk to an AeonBrain in the terminal, with everything the plugin does around it."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from aeon_plugin_ft.cli.context import of
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE, language
from aeon_plugin_ft.processes.children import hand_over, interpreter

_refuse = Speaker("errors/cli")


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

        command = [str(find_python(shared.aeon)), "-m", "aeon_plugin_ft.install.typed", str(shared.aeon)]
        raise typer.Exit(code=hand_over(command, {ENV_LANGUAGE: language().value}))
    try:
        import core
    except ImportError as error:
        raise InstallError(*_refuse.error("chat.no_core")) from error
    # In a wheel it is a part of this package.
    command = [str(interpreter()), "-m", core.__name__, "--data", str(shared.data.root)]
    if model is not None:
        command += ["--model", model]
    raise typer.Exit(code=hand_over(command, {ENV_LANGUAGE: language().value}))
