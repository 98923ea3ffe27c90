"""`aeon-ft painel` (or `ui`): the owner's page, in their browser."""

from __future__ import annotations

from typing import Annotated

import typer

from aeon_plugin_ft.cli.context import of, out
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.messages import Speaker

_say = Speaker("cli/panel")


@app.command("painel")
def painel(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Listen on this port; 0: on a free one.")] = 0,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser, or only say the link.")] = True,
    stay: Annotated[bool, typer.Option("--stay", help="Go on when the page is closed, until Ctrl-C.")] = False,
) -> None:
    """Open the owner's page in the browser: what Aeon knows and learns, to see, correct and undo.

    It listens on this machine only, opens once with the link, and ends when the page is closed.
    """
    from aeon_plugin_ft.panel.desk import Desk
    from aeon_plugin_ft.panel.server import PanelServer, open_browser

    desk = Desk(of(context))
    try:
        server = PanelServer(desk, port=port, stay=stay)
        link = server.new_link()
        out.print(_say("page.link", link=link), soft_wrap=True, markup=False)
        out.print(_say("page.once"))
        if show:
            open_browser(link)
        server.run()
        if desk.acts.learning.busy:
            out.print(_say("page.closed"))
            while not desk.acts.learning.background.join(1.0):
                pass
    finally:
        desk.close()


app.command("ui", help="The same as `aeon-ft painel`.")(painel)
