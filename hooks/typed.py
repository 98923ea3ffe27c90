"""`python -m aeon_plugin_ft.install.typed AEON_FOLDER`: type to the brain of an Aeon, without its window.

The plugins are there. Run it with the Python that starts that Aeon. Aeon's modules (media, reminders, ...) are
not loaded: what is typed goes to the plugins' commands and to the brain. On a pipe each line is one sentence.

It says the same and knows the same commands as the console (hooks/talk.py). But Aeon's brain gives its replies whole,
so they are not shown as they arrive, and a question that Aeon itself has sent out cannot be called back: after Ctrl-C
its reply comes to nobody.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

from hooks import orders
from hooks.aeon import STEALTH
from hooks.contract import Serving, Turn
from hooks.door import Door, open_door
from hooks.heard import note_asked
from hooks.orders import Order, Typed
from hooks.providers import OnToken
from hooks.sayings import say
from hooks.screen import Screen
from hooks.specs import hookimpl
from hooks.talk import Answer, Talk, own_answer, serving_of, uninterrupted
from hooks.text import harmless


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


class Window:
    """A window of one line; `show` takes what is said in it, once there is a conversation."""

    def __init__(self) -> None:
        self.show: Callable[[str], None] | None = None

    def add_message(self, text: str, sender: str = "AEON") -> None:
        """One line to the terminal."""
        if self.show is not None:
            self.show(text)
            return
        sys.stdout.write(harmless(f"{sender}: {text}\n"))
        sys.stdout.flush()

    def set_online_status(self, online: bool) -> None:
        """A terminal has no light for it."""


class InAeon:
    """The brain of an Aeon and its plugins, as somebody to type to (`hooks.talk.Partner`)."""

    nobody = "nobody_in_aeon"
    own_model = "Aeon"

    def __init__(self, door: Door) -> None:
        self._door = door
        self._board: Board = door.core["context"]
        self._history: list[tuple[str, str]] = []
        self._last: Turn | None = None
        self._asked_back = False

    def ask(
        self,
        text: str,
        on_token: OnToken | None = None,
        on_restart: Callable[[], None] | None = None,
        before_model: Callable[[], None] | None = None,
    ) -> Answer:
        """The answer to one typed line. Replies come whole: `on_token` and `on_restart` are not called."""
        asked, self._asked_back = self._asked_back, False
        if text.startswith("/"):
            return self._own(orders.read(text))
        if asked or before_model is not None:
            heard = self._hear(orders.consent(text) if asked else text)
            if heard is not None:
                return Answer(heard)
            note_asked(text)
        if before_model is not None:
            before_model()
        reply = self._door.core["brain"].pensar(text, modo="conversa")
        if not isinstance(reply, str):
            return Answer(None)
        if not self._board.get(STEALTH):
            self._history.append((text, reply))
        return Answer(reply)

    def serving(self) -> Serving | None:
        """The plugin's model that answers next; None for Aeon's own choice."""
        return serving_of(self._door.hooks, self._door.attachment.line.session)

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        """Kept for /quem."""
        self._last = turn

    def _own(self, typed: Typed) -> Answer:
        own = own_answer(typed, self._history, self._last, self._toggle_private)
        if own is not None:
            return own
        self._asked_back = typed.order is Order.FORGET
        return Answer(orders.obey(typed, self._hear))

    def _hear(self, sentence: str) -> str | None:
        heard = self._door.hooks.first("aeon_heard", text=sentence)
        return None if heard is None else str(heard)

    def _toggle_private(self) -> str:
        self._board.set(STEALTH, not self._board.get(STEALTH, False))
        return say("private_on" if self._board.get(STEALTH) else "private_off")


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
    return open_door({"brain": brain, "gui": Window(), "context": board, "context_manager": board})


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
    try:
        talk(door, out)
    except KeyboardInterrupt:
        return 130
    finally:
        with uninterrupted():
            door.close()
    return 0


def talk(door: Door, out: Any) -> None:
    """Lines of standard input to `out`, until the end of one or the other."""
    partner = InAeon(door)
    if sys.stdin.isatty():
        door.hooks.manager.register(partner)
        # Python edits lines only where what it writes to is its standard output.
        conversation = Talk(partner, Screen(file=out), lambda: redirect_stdout(out))
        door.core["gui"].show = conversation.show
        conversation.run()
        return
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Windows takes a pipe for cp1252, and "não grave isso" would not be understood. -sig: PowerShell marks its own.
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")
    for line in sys.stdin:
        if not line.strip():
            continue
        answer = partner.ask(line.strip())
        if answer.ends:
            return
        out.write(harmless(f"AEON: {say(partner.nobody) if answer.text is None else answer.text}\n"))
        out.flush()


if __name__ == "__main__":
    sys.exit(main())
