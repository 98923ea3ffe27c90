"""Which Aeon this computer's user has put the plugin into: commands that are run elsewhere work with its data."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import platformdirs

from aeon_plugin_ft.install.template import MANIFEST
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import write_json


def note_file() -> Path:
    """Where it is noted, in the user's own settings."""
    return Path(platformdirs.user_config_dir("aeon-ft", appauthor=False)) / "aeon.json"


def remember_aeon(root: Path) -> None:
    """Note the Aeon that was installed into last; without a place for it nothing is noted."""
    with suppress(OSError):
        private.make_folder(note_file().parent)
        write_json(note_file(), {"aeon": str(root)})


def forget_aeon(root: Path) -> None:
    """Nothing is remembered of an Aeon that the plugin was taken out of."""
    if _noted() == root:
        with suppress(OSError):
            note_file().unlink(missing_ok=True)


def remembered_aeon() -> Path | None:
    """The Aeon that was installed into last, as long as the plugin is in it."""
    root = _noted()
    return root if root is not None and (root / MANIFEST).is_file() else None


def _noted() -> Path | None:
    try:
        return Path(json.loads(note_file().read_text(encoding="utf-8"))["aeon"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
