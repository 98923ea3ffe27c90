"""The owner as the plugin knows them: whether they may be spoken to now, and about what."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from aeon_plugin_ft.host.private_mode import PrivateMode
from aeon_plugin_ft.schedule import in_quiet_hours
from aeon_plugin_ft.settings import SettingsFile
from hooks import Host

log = logging.getLogger("aeon_ft.host")


class HostOwner:
    """voice.announce.Audience, on a host."""

    def __init__(self, host: Host, settings_file: SettingsFile, private_mode: PrivateMode) -> None:
        self._host, self._settings_file = host, settings_file
        self.private_mode = private_mode
        """The mode that is switched by voice ("não grave isso"), beside the host's own."""

    def say(self, sentence: str) -> None:
        """Speak one sentence; from any thread."""
        self._host.say(sentence)

    def is_busy(self) -> bool:
        """Whether the host is in the middle of a turn, or speaking."""
        return self._host.is_busy()

    def is_private(self) -> bool:
        """Raises what a broken host raises."""
        return self.private_mode.on or bool(self._host.is_private())

    def may_be_private(self) -> bool:
        """Unknown counts as private: what was said before must not be shown because a host is odd."""
        try:
            return self.is_private()
        except Exception:
            log.exception("the private mode cannot be read; nothing is shown to the model")
            return True

    def in_quiet_hours(self) -> bool:
        """Whether it is now between the hours of [schedule] quiet_hours."""
        return in_quiet_hours(self._settings_file.current.schedule.quiet_hours, datetime.now().time())

    def kinds_to_announce(self) -> Collection[str]:
        """The kinds of news that [voice] announce wants to be told; none while the voice is switched off."""
        voice = self._settings_file.current.voice
        return voice.announce if voice.enabled else ()
