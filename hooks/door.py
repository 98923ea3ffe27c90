"""The door through which plugins enter a running Aeon: opened by one thin module in its `modules/`.

`open_door` attaches to the brain and the router, mends what is in the way, finds the installed plugins
and tells them that the host has started. Aeon re-creates its modules on every hot reload; the door is
kept here, outside `modules/`, so the second opening gives the same door.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import platform
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pluggy

from hooks.aeon import is_private, make_host
from hooks.attach import Attachment, attach
from hooks.contract import Host
from hooks.gui import GuiThread
from hooks.heard import RouterEar, already_asked
from hooks.manager import HookCaller, build_manager
from hooks.repairs import Repair, apply_repairs

log = logging.getLogger("aeon.door")
REPORT = "host.json"
"""In the data folder: what was found and mended in the running Aeon, for doctor."""

_doors: list[Door] = []
# Re-entrant: a plugin that is told of the start, under it, may look for the door.
_lock = threading.RLock()


class Door:
    """One open door; `heard`, `host` and `repairs` are what others need of it."""

    def __init__(self, core: dict[str, Any], manager: pluggy.PluginManager) -> None:
        self.core = core
        self.hooks = HookCaller(manager)
        self.gui_thread = GuiThread()
        self.attachment: Attachment = attach(core["brain"], self.hooks, is_private=lambda: is_private(core))
        self.ear: RouterEar | None = None
        self.repairs: list[Repair] = apply_repairs(core, self.gui_thread)
        self.host: Host = make_host(core, self.gui_thread, lambda: self.attachment.in_flight, self.hooks)
        self._listen()

    def start(self) -> None:
        """Tell the plugins; called once, after the door is known (a plugin may look for it)."""
        self.hooks.historic("aeon_started", host=self.host)
        self._report()

    def refresh(self) -> None:
        """After a hot reload: the same objects are attached once more if they are not."""
        # A hot reload may have made a new brain; the old one is left as it was found.
        if self.core["brain"] is not self.attachment.brain:
            self.attachment.detach()
        self.attachment = attach(self.core["brain"], self.hooks, is_private=lambda: is_private(self.core))
        self._listen()

    def heard(self, text: str) -> str | None:
        """A plugin's answer to a sentence that Aeon routed to the module; None: not a command."""
        if already_asked(text):
            return None
        answer = self.hooks.first("aeon_heard", text=text)
        return None if answer is None else str(answer)

    def close(self) -> None:
        """Tell the plugins that it ends, and leave every object as it was found."""
        with _lock:
            if self not in _doors:
                return
            _doors.remove(self)
        self.hooks.all("aeon_stopping")
        if self.ear is not None:
            self.ear.detach()
        # After the plugins were told: their last words may still need the brain.
        self.attachment.detach()
        for repair in reversed(self.repairs):
            repair.undo()

    def _listen(self) -> None:
        manager = self.core.get("module_manager")
        if manager is None or (self.ear is not None and self.ear.manager is manager):
            return
        if self.ear is not None:
            self.ear.detach()
        self.ear = RouterEar(manager, self.hooks)

    def _report(self) -> None:
        """Leave a note for doctor, which runs in another process. Without a data folder there is no note."""
        folder = self.host.data_folder
        if not folder.is_dir():
            return
        note = {
            "opened_at": time.time(),
            "root": str(self.host.root),
            "python": platform.python_version(),
            "executable": sys.executable,
            "messages_seen": self.attachment.seen,
            "repairs": {repair.name: repair.what for repair in self.repairs},
            "plugins": sorted(name for name, _ in self.hooks.manager.list_name_plugin()),
        }
        try:
            # The folder is closed to others, and so is each file in it.
            with open(folder / REPORT, "w", encoding="utf-8", opener=_owner_only) as file:
                file.write(json.dumps(note, ensure_ascii=False, indent=1))
        except OSError as error:
            log.warning("%s cannot be written (%s)", folder / REPORT, error)


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def open_door(core: dict[str, Any], manager: pluggy.PluginManager | None = None) -> Door:
    """The door of this Aeon; `core` is its core_context. The same door when it is open already.

    `manager` holds the plugins; by default those that are installed. Raises TypeError when this is no
    Aeon (no brain with a pensar).
    """
    with _lock:
        for door in _doors:
            if door.core is core:
                door.refresh()
                return door
        door = Door(core, manager if manager is not None else build_manager())
        _doors.append(door)
        door.start()
        return door


def find_door(root: Path | None = None) -> Door | None:
    """The open door, of the Aeon at `root` when it is given."""
    return next((door for door in _doors if root is None or door.host.root == root), None)


@atexit.register
def _close_all() -> None:
    """Aeon tells nobody that it ends. (Its spoken "sair" ends the process without even this: children
    must end by themselves when their parent is gone.)"""
    for door in list(_doors):
        door.close()
