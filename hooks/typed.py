"""`python -m aeon_plugin_ft.install.typed AEON_FOLDER`: type to the brain of an Aeon, without its window.

The plugins are there. Run it with the Python that starts that Aeon. Aeon's modules (media, reminders, ...) are
not loaded: what is typed goes to the plugins' commands and to the brain. On a pipe each line is one sentence.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from hooks.door import Door, open_door
from hooks.text import harmless

NOBODY = "(ninguém respondeu: sem Groq e sem Ollama)"
HELP = "Fale normalmente. /privado liga e desliga o modo privado, /sair termina."


class Board:
    """Aeon's context as far as the private mode needs it."""

    def __init__(self) -> None:
        self._data: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        """A value, or `default`."""
        return self._data.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._data[key] = value


class Screen:
    """A window of one line."""

    def add_message(self, text: str, sender: str = "AEON") -> None:
        """One line to the terminal."""
        sys.stdout.write(harmless(f"{sender}: {text}\n"))
        sys.stdout.flush()

    def set_online_status(self, online: bool) -> None:
        """A terminal has no light for it."""


def boot(root: Path) -> Door:
    """The brain of the Aeon at `root`, attached, with the installed plugins told.

    Aeon's own prints go to standard error. Raises ImportError when its brain cannot be imported.
    """
    # Aeon opens its own files by relative paths.
    os.chdir(root)
    # In front: its `core` package must win over any other of that name.
    sys.path.insert(0, str(root))
    config = import_module("core.config_manager").ConfigManager()
    brain = import_module("core.brain").AeonBrain(config)
    board = Board()
    return open_door({"brain": brain, "gui": Screen(), "context": board, "context_manager": board})


def answer(door: Door, text: str) -> str | None:
    """The reply to one typed line; None ends the conversation."""
    board: Board = door.core["context"]
    if text == "/sair":
        return None
    if text == "/privado":
        board.set("stealth_mode", not board.get("stealth_mode", False))
        return "Modo privado ligado." if board.get("stealth_mode") else "Modo privado desligado."
    if text.startswith("/"):
        return HELP
    reply = door.core["brain"].pensar(text, modo="conversa")
    return reply if isinstance(reply, str) else NOBODY


def main() -> int:
    """The process's exit status: 0 at the end, 2 when that folder has no brain to talk to."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Windows writes a pipe as cp1252, in which most signs are errors; a terminal shows "?" for what it cannot.
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    out, sys.stdout = sys.stdout, sys.stderr  # Aeon prints what it does
    try:
        door = boot(root)
    except (ImportError, OSError) as error:
        sys.stderr.write(f"{root} has no brain that can be started: {error}. Give the folder of your Aeon.\n")
        return 2
    talk(door, out)
    return 0


def talk(door: Door, out: Any) -> None:
    """Lines of standard input to `out`, until the end of one or the other."""
    asking = sys.stdin.isatty()
    if not asking and isinstance(sys.stdin, io.TextIOWrapper):
        # Windows takes a pipe for cp1252, and "não grave isso" would not be understood. -sig: PowerShell marks its own.
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")
    if asking:
        out.write(HELP + "\n")
    while True:
        if asking:
            out.write("VOCÊ: ")
            out.flush()
        line = sys.stdin.readline()
        if not line:
            break
        if not line.strip():
            continue
        reply = answer(door, line.strip())
        if reply is None:
            break
        out.write(harmless(f"AEON: {reply}\n"))
        out.flush()
    door.close()


if __name__ == "__main__":
    sys.exit(main())
