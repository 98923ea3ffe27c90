"""Makes the pictures of docs/panel.md from the sample conversation: `python -m tools.panel_pictures`.

Needs Playwright (the extra `dev`) and a Chromium of the machine's own (Debian: apt-get install chromium).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from aeon_plugin_ft.cli.context import Context
from aeon_plugin_ft.dataset.importers.into_log import import_into_log
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.server import PanelServer

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "conversation.log"
PICTURES = {"panel-facts.png": ("/voce", 1280, 800), "panel-talks.png": ("/conversas", 390, 844)}
"""Of each file: the page, and the size of the window in CSS pixels."""


def main() -> int:
    """Write the pictures into docs/; 69 where there is no Chromium."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("There is no Chromium here. On Debian: apt-get install chromium", file=sys.stderr)
        return 69
    with tempfile.TemporaryDirectory() as folder:
        context = Context(Path(folder), None, debug=False)
        import_into_log(SAMPLE, context.data, context.store, context.settings_file.current)
        desk = Desk(context)
        desk.read_facts()
        server = PanelServer(desk, stay=True)
        serving = threading.Thread(target=server.run)
        serving.start()
        try:
            with sync_playwright() as playwright:
                # Without its sandbox: as root Chromium does not start with it.
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                for name, (path, width, height) in PICTURES.items():
                    shoot(browser, server, path, (width, height), ROOT / "docs" / name)
                browser.close()
        finally:
            server.end()
            serving.join()
            desk.close()
            context.close()
    return 0


def shoot(browser: Browser, server: PanelServer, path: str, size: tuple[int, int], target: Path) -> None:
    """One page as a Brazilian's browser shows it."""
    window = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="pt-BR")
    page = window.new_page()
    page.goto(server.new_link())
    page.get_by_role("heading", level=1).wait_for()
    page.goto(f"http://127.0.0.1:{server.port}{path}")
    page.get_by_role("heading", level=1).wait_for()
    page.screenshot(path=target)
    window.close()


if __name__ == "__main__":
    sys.exit(main())
