"""Which language the command line speaks: that of the data folder's plugin.toml, read before any command is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from aeon_plugin_ft.messages import speak
from aeon_plugin_ft.messages.chosen import language_in
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE


def speak_as_set(arguments: Sequence[str]) -> None:
    """Say what follows in the language of [plugin] language, as far as it can be read. Never fails."""
    if not os.environ.get(ENV_LANGUAGE):
        speak(language_in(_settings(arguments)))


def _settings(arguments: Sequence[str]) -> Path:
    """The plugin.toml of the folder that these arguments name, by a first look: what is wrong with them is said
    later, and in some language."""
    from aeon_plugin_ft.store.folder import ENV_DATA, DataFolder

    data, aeon = _named("--data", arguments), _named("--aeon", arguments)
    if data is None and aeon is None and not os.environ.get(ENV_DATA):
        from aeon_plugin_ft.install.remembered import remembered_aeon

        aeon = remembered_aeon()
    return DataFolder.find(data, aeon).settings


def _named(option: str, arguments: Sequence[str]) -> Path | None:
    for at, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if word == "--":
            break
        if name == option and (equals or at + 1 < len(arguments)):
            return Path(value if equals else arguments[at + 1])
    return None
