"""The private mode that the owner switches by voice: the plugin's own and the host's, as one.

The host keeps things too (Aeon writes what it says to bagagem/temp/conversation.log, and praise to personalidade.json),
so its mode goes on and off with ours. Ours outlives a restart by an empty file in the data folder: a mode that ended
unasked would keep what the owner believes to be said in private.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from aeon_plugin_ft.store import private
from aeon_plugin_ft.voice.control import CommandResult, Reason
from hooks import Host

log = logging.getLogger("aeon_ft.host")

MARKER = "aeon-ft.private"
"""In the data folder while the mode is on; one of the names by which the folder knows what is its own."""


class PrivateMode:
    """Safe from any thread; never raises."""

    def __init__(self, host: Host, folder: Path) -> None:
        self._host, self._marker = host, folder / MARKER
        self._on = False
        self._held_by_host = False

    @property
    def on(self) -> bool:
        """Whether it is on; the owner may have ended it where the host keeps it ("modo oculto")."""
        if self._on and self._held_by_host and not self.host_is_private():
            self._note(False)
        return self._on

    def resume(self) -> bool:
        """Go on with the mode that was on when the host ended; whether it was."""
        with suppress(OSError):  # a folder that may not be read: whoever opens the rest says so
            if self._marker.exists():
                self.switch(True)
        return self._on

    def switch(self, on: bool) -> bool:
        """Switch both modes; whether the host's, where it has one that can be switched, is so now."""
        if on:
            self._note(True)
        switched = self._switch_host(on)
        self._held_by_host = on and switched and self._host.set_private is not None
        if not on:
            self._note(False)
        return switched

    def ask(self, on: bool) -> CommandResult:
        """Switch both modes on the owner's word; what the command is answered by."""
        if (self.on and self.host_is_private()) if on else not (self.on or self.host_is_private()):
            return CommandResult(Reason.ALREADY_SO)
        switched = self.switch(on)
        if on:
            return CommandResult(whole=switched)
        return CommandResult() if switched else CommandResult(Reason.HOST_PRIVATE)

    def host_is_private(self) -> bool:
        """Whether the host's own mode is on; unknown counts as on."""
        try:
            return bool(self._host.is_private())
        except Exception:
            log.exception("the host's private mode cannot be read; it counts as on")
            return True

    def _switch_host(self, on: bool) -> bool:
        if self._host.set_private is None:
            return on or not self.host_is_private()
        try:
            return bool(self._host.set_private(on))
        except Exception:  # whatever a host's context raises
            log.exception("the host's private mode cannot be switched")
            return False

    def _note(self, on: bool) -> None:
        """In memory first: a full disk must not keep it from being on."""
        self._on = on
        try:
            if on:
                private.reserve(self._marker)
            else:
                self._marker.unlink(missing_ok=True)
        except OSError as error:
            log.warning("whether the private mode is on cannot be kept for the next start (%s)", error)
