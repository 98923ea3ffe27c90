"""The log without a database: what a host has while that cannot be opened, or is being made anew.

The log is the source of truth, and everything that the database knows of it is read again when there is one. So turns
go on being logged, under the owner's [privacy] and their private mode; nothing else is there.
"""

from __future__ import annotations

import logging
from typing import Any, cast

from aeon_plugin_ft.errors import SettingsError, StoreError
from aeon_plugin_ft.host.lasting import Lasting
from aeon_plugin_ft.host.owner import HostOwner
from aeon_plugin_ft.host.private_mode import PrivateMode
from aeon_plugin_ft.host.redaction import Redaction
from aeon_plugin_ft.host.reloading import SettingsWatch
from aeon_plugin_ft.host.writing import Writing
from aeon_plugin_ft.messages import Speaker, speak
from aeon_plugin_ft.messages.chosen import language_in
from aeon_plugin_ft.settings import SettingsFile
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.turns import TurnLog
from aeon_plugin_ft.turns.log import Limits
from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.voice.control import CommandResult, Control, Forgotten, Reason
from aeon_plugin_ft.wiring import make_events, make_extensions
from hooks import Host, ModelRequest, Route, Serving, Turn

_say = Speaker("errors/host")

log = logging.getLogger("aeon_ft.host")


class LogOnly:
    """host.turn_path.TurnPath, as far as it goes. Raises AeonFtError when the data folder cannot be used either."""

    def __init__(self, host: Host, lasting: Lasting) -> None:
        data = DataFolder(host.data_folder).create()
        speak(language_in(data.settings))
        try:
            self._settings_file = SettingsFile.open(data.settings)
        except SettingsError as error:
            log.error("%s", error)
            self._settings_file = SettingsFile(data.settings)
        owner = HostOwner(host, self._settings_file, lasting.private_mode)
        redaction = Redaction(self._settings_file)
        self._log = TurnLog(
            data.log,
            redact=redaction.redact,
            redact_turn=redaction.of_turn,
            limits=lambda: Limits.of(self._settings_file.current.log),
            on_failure=lambda reason: log.error("%s", reason),
            places=lasting.places,
        )
        self._exchanges = lasting.exchanges
        self._writing = Writing(
            self._settings_file, owner, redaction, make_extensions(host.hooks), lasting.exchanges, self._log
        )
        self._commands = Commands(
            cast(Control, _PrivateOnly(lasting.private_mode)), say=host.say, answered=lasting.exchanges.note_command
        )
        # Nobody hears of mistakes: where events are kept is what is missing.
        self._watch = SettingsWatch(self._settings_file, make_events(None), lambda: None)
        self._watch.start()

    def heard(self, text: str) -> str | None:
        """The private mode can be switched; every other command is refused with a sentence."""
        current = self._settings_file.current
        self._exchanges.begin()
        return self._commands.answer(text) if current.voice.enabled and current.plugin.enabled else None

    def choose(self, request: ModelRequest) -> Route | None:
        """Nothing of ours is served."""
        return None

    def serving(self, session: str) -> Serving | None:
        """Nothing of ours is served."""
        return None

    def remember(self, request: ModelRequest) -> tuple[str, ...] | None:
        """Nothing is known."""
        return None

    def finished(self, turn: Turn) -> None:
        """Log the turn as `TurnPath` would."""
        self._writing.write(turn)

    def answered_elsewhere(self) -> None:
        """One of the host's modules has answered what the owner said."""
        self._exchanges.answered_elsewhere()

    def stop(self) -> None:
        """What was logged is on the disk when this returns."""
        self._watch.stop()
        self._log.close()


class _PrivateOnly:
    """voice.control.Control without a database."""

    def __init__(self, private_mode: PrivateMode) -> None:
        self._private_mode = private_mode

    def private(self, on: bool) -> CommandResult:
        return self._private_mode.ask(on)

    def secret(self) -> Forgotten:
        # What was said before is in the log: it can be found, and forgotten, when there is a database again.
        self._private_mode.switch(True)
        return Forgotten(0, reason=Reason.NO_DATABASE)

    def understands(self, _: object) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        def refused(*_: object, **__: object) -> object:
            raise StoreError(*_say.error("store.not_now"))

        return refused
