"""`python -m aeon_plugin_ft.panel DATA`: the page for a host that opened it by voice, and that ends it with itself.

Each line that the host writes asks for the page once more: in a browser, under a new link.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from aeon_plugin_ft.cli.context import Context, say_plainly
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.server import PanelServer, open_browser
from aeon_plugin_ft.processes.parent import ParentPipe


def serve(data: Path, pipe: ParentPipe) -> None:
    """Serve until the page is closed or the host is gone. Raises AeonFtError."""
    context = Context(data, None, debug=False)
    try:
        desk = Desk(context)
        try:
            server = PanelServer(desk)
            threading.Thread(target=_listen, args=(server, pipe), name="aeon-ft-panel-host", daemon=True).start()
            server.run()
        finally:
            desk.close()
    finally:
        context.close()


def _listen(server: PanelServer, pipe: ParentPipe) -> None:
    while pipe.line() is not None:
        open_browser(server.new_link())
    server.end()


if __name__ == "__main__":
    try:
        serve(Path(sys.argv[1]), ParentPipe())
    except AeonFtError as error:
        say_plainly(error, error=True)  # its standard error is the host's own log
        sys.exit(error.exit_code)
