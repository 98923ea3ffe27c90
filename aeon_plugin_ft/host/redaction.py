"""Personal data out of what is written, as [privacy] says at that moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.settings import PrivacySection, SettingsFile


class Redaction:
    """A redactor that follows plugin.toml. Called from any thread."""

    def __init__(self, settings_file: SettingsFile) -> None:
        self._settings_file = settings_file
        self._lock = threading.Lock()
        self._made: tuple[PrivacySection, Redactor] | None = None

    def redact(self, text: str) -> str:
        """One text without its personal data."""
        return self._redactor().redact(text)

    def of_turn(self, texts: Iterable[str]) -> Callable[[str], str]:
        """A `redact` for the texts of one turn, so that what is hidden in one of them is hidden in all."""
        return self._redactor().of_turn(texts)

    def drops(self, *texts: str) -> bool:
        """Whether [privacy] mode = "drop" keeps a turn with these texts out of the log."""
        if self._settings_file.current.privacy.mode != "drop":
            return False
        redactor = self._redactor()
        return any(redactor.find(text) for text in texts)

    def finds(self, text: str) -> bool:
        """Whether a text holds personal data, whatever is done with it."""
        return bool(self._redactor().find(text))

    def warm_up(self) -> None:
        """Compile its patterns before the first turn needs them."""
        self._redactor().warm()

    def _redactor(self) -> Redactor:
        privacy = self._settings_file.current.privacy
        with self._lock:
            # Made once for each state of [privacy], since its patterns take milliseconds to compile. Under the lock, so
            # that two turns at once do not both compile them.
            if self._made is None or self._made[0] != privacy:
                self._made = (privacy, Redactor(privacy.mode, privacy.terms))
            return self._made[1]
