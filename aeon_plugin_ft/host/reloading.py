"""plugin.toml in a running host: what is wrong with it is said once, and the last good settings stay in force.

It is looked at in a thread of its own. The follower's may wait for a database or load a model for minutes, and what the
owner saves in [privacy] counts for the next sentence they say.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.errors import SettingsError
from aeon_plugin_ft.events import AttentionNeeded, EventBus
from aeon_plugin_ft.messages import Speaker, speak
from aeon_plugin_ft.messages.chosen import as_language, language_in
from aeon_plugin_ft.settings import SettingsFile

_say = Speaker("errors/host")

log = logging.getLogger("aeon_ft.host")

LOOK_SECONDS = 0.5
JOIN_SECONDS = 5.0
"""Longer than a look takes, but for one that tells of a mistake to a database that is locked."""


def open_or_defaults(path: Path, events: EventBus) -> SettingsFile:
    """The file as it is, or the defaults with one sentence when it cannot be used: logging must go on. This process
    speaks its language from here on."""
    speak(language_in(path))
    try:
        file = SettingsFile.open(path)
        _log_notes(file)
        return file
    except SettingsError as error:
        todo = _say("settings.defaults_count")
        events.publish(AttentionNeeded(trouble=error.trouble, what=error.what, todo=todo))
        log.error("%s", error)
        return SettingsFile(path)


class SettingsWatch:
    """`on_change` is called, in its thread, when other settings are in force."""

    def __init__(self, file: SettingsFile, events: EventBus, on_change: Callable[[], None]) -> None:
        self._file, self._events, self._on_change = file, events, on_change
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aeon-ft-settings", daemon=True)

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look that is under way."""
        self._stopping.set()
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                if reload_if_saved(self._file, self._events):
                    self._on_change()
            except Exception:  # without this thread nothing that the owner saves would count
                log.exception("%s could not be looked at", self._file.path)


def reload_if_saved(file: SettingsFile, events: EventBus) -> bool:
    """Read the file again if it was saved since; a new mistake in it is an event. Whether other settings are in
    force."""
    before, notes = file.error, file.notes
    changed = file.reload_if_changed()
    error = file.error
    if changed:
        speak(as_language(file.current.plugin.language))
    if file.notes != notes:
        _log_notes(file)
    # The file is read every second: the same mistake must not be told every second.
    if error is not None and (before is None or str(before) != str(error)):
        todo = _say("settings.old_count")
        events.publish(AttentionNeeded(trouble=error.trouble, what=error.what, todo=todo))
    return changed


def _log_notes(file: SettingsFile) -> None:
    for note in file.notes:
        log.warning("%s", note)
