"""plugin.toml in a running host: what is wrong with it is said once, and the last good settings stay in force."""

from __future__ import annotations

import logging
from pathlib import Path

from aeon_plugin_ft.errors import SettingsError
from aeon_plugin_ft.events import AttentionNeeded, EventBus
from aeon_plugin_ft.settings import SettingsFile

log = logging.getLogger("aeon_ft.host")


def open_or_defaults(path: Path, events: EventBus) -> SettingsFile:
    """The file as it is, or the defaults with one sentence when it cannot be used: logging must go on."""
    try:
        file = SettingsFile.open(path)
        _log_notes(file)
        return file
    except SettingsError as error:
        todo = "Corrija o plugin.toml; valem os padrões"
        events.publish(AttentionNeeded(trouble=error.trouble, what=error.what, todo=todo))
        log.error("%s", error)
        return SettingsFile(path)


def reload_if_saved(file: SettingsFile, events: EventBus) -> None:
    """Read the file again if it was saved since; a new mistake in it is an event."""
    before, notes = file.error, file.notes
    file.reload_if_changed()
    error = file.error
    if file.notes != notes:
        _log_notes(file)
    # The file is read every second: the same mistake must not be told every second.
    if error is not None and (before is None or str(before) != str(error)):
        todo = "Corrija o plugin.toml; vale o que valia antes"
        events.publish(AttentionNeeded(trouble=error.trouble, what=error.what, todo=todo))


def _log_notes(file: SettingsFile) -> None:
    for note in file.notes:
        log.warning("%s", note)
