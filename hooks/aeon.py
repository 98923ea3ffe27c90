"""An unmodified Aeon as a `Host`: where it lies, how it speaks, whether it is private or busy.

`core` is Aeon's core_context: one dict for the whole process, in which `gui` changes when the owner
opens the terminal window and `short_term_memory` appears only after the modules are loaded.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hooks.contract import Host
from hooks.gui import GuiThread
from hooks.manager import HookCaller

log = logging.getLogger("aeon.attach")
STEALTH = "stealth_mode"


def make_host(core: dict[str, Any], gui_thread: GuiThread, in_flight: Callable[[], int], hooks: HookCaller) -> Host:
    """The host that plugins see; `in_flight` counts the calls to the brain under way."""
    root = find_root(core)
    return Host(
        name="Aeon",
        data_folder=root / "bagagem" / "finetuning",
        brain=core.get("brain"),
        say=lambda sentence: say(core, gui_thread, sentence),
        is_private=lambda: is_private(core),
        set_private=lambda on: set_private(core, on),
        is_busy=lambda: in_flight() > 0 or is_speaking(core),
        hooks=hooks,
        root=root,
    )


def find_root(core: dict[str, Any]) -> Path:
    """Aeon's folder, from where its own code lies: the working directory may be another."""
    # Either will do: both classes are defined in Aeon's core/, one folder below its root.
    for name in ("module_manager", "brain"):
        module = sys.modules.get(type(core.get(name)).__module__)
        file = getattr(module, "__file__", None)
        if file:
            return Path(file).resolve().parent.parent
    return Path.cwd()


def is_private(core: dict[str, Any]) -> bool:
    """Whether the private mode is on, wherever this Aeon keeps it: one yes is enough.

    `get` is called with one argument: stock Aeon's takes no default. Raises what a broken context raises;
    the caller then counts the turn as private.
    """
    return any(place.get(STEALTH) for place in _contexts(core))


def set_private(core: dict[str, Any], on: bool) -> bool:
    """Switch the private mode on or off, wherever this Aeon keeps it; whether it is so now. Raises what a broken
    context raises."""
    for place in _contexts(core):
        if bool(place.get(STEALTH)) != on:
            place.set(STEALTH, on)
    return bool(_contexts(core)) and is_private(core) is on


def _contexts(core: dict[str, Any]) -> list[Any]:
    """Where the private mode may be kept. Releases of Aeon differ in where they register the context, and a module may
    set it on any of them."""
    io = core.get("io_handler")
    places = (core.get("context"), core.get("context_manager"), getattr(io, "context_manager", None))
    return [place for place in places if place is not None]


def is_speaking(core: dict[str, Any]) -> bool:
    """Whether Aeon is showing or playing a sentence."""
    if getattr(core.get("gui"), "is_speaking", False) is True:
        return True
    mixer = getattr(sys.modules.get("pygame"), "mixer", None)
    try:
        return bool(mixer is not None and mixer.get_init() and mixer.music.get_busy())
    except Exception:  # no sound device is not busy
        log.debug("the mixer cannot be asked", exc_info=True)
        return False


def say(core: dict[str, Any], gui_thread: GuiThread, sentence: str) -> None:
    """Show and speak one sentence, from any thread; never raises."""
    gui, io = core.get("gui"), core.get("io_handler")
    if gui is not None:
        gui_thread.run(lambda: gui.add_message(sentence, "AEON"))
    if io is not None:
        try:
            io.falar(sentence)
        except Exception:
            log.exception("Aeon could not speak")
