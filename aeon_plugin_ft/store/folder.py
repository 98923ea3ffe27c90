"""Where things lie in the data folder. Nothing of the plugin's is ever written or deleted outside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import platformdirs

from aeon_plugin_ft.errors import NoSpaceError, StoreError

ENV_DATA = "AEON_FT_DATA"
"""Overrides the place of the data folder."""
ENV_CACHE = "AEON_FT_CACHE"


class DataFolder:
    """One folder with everything the plugin keeps; see docs/architecture.md.

    Private text lives here, so it carries its own .gitignore of `*`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()

    @classmethod
    def find(cls, explicit: Path | None = None, aeon_root: Path | None = None) -> DataFolder:
        """The folder given, else $AEON_FT_DATA, else inside the Aeon, else the user's data folder."""
        if explicit is not None:
            return cls(explicit)
        if os.environ.get(ENV_DATA):
            return cls(Path(os.environ[ENV_DATA]))
        if aeon_root is not None:
            return cls(aeon_root / "bagagem" / "finetuning")
        return cls(Path(platformdirs.user_data_dir("aeon-ft", appauthor=False)))

    def create(self) -> DataFolder:
        """Make the folder and its parts; safe to call again."""
        try:
            for part in (self.root, self.log, self.datasets, self.runs, self.versions, self.cache, self.serving):
                part.mkdir(parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                # An Aeon is often a git checkout, and conversations must not be committed with it.
                ignore.write_text("*\n", encoding="ascii")
        except OSError as error:
            raise StoreError(
                f"The data folder {self.root} cannot be made ({error.strerror})",
                f"Give a folder you can write to with --data or {ENV_DATA}",
            ) from error
        return self

    @property
    def log(self) -> Path:
        """The conversations, JSON Lines: the source of truth."""
        return self.root / "log"

    @property
    def database(self) -> Path:
        """The SQLite file with the index of the log, runs, versions and events."""
        return self.root / "aeon-ft.sqlite3"

    @property
    def datasets(self) -> Path:
        """Frozen datasets, a folder each, named after their hash."""
        return self.root / "datasets"

    @property
    def runs(self) -> Path:
        """Training runs, a folder each."""
        return self.root / "runs"

    @property
    def versions(self) -> Path:
        """Versions, a folder each: v0001, v0002, ..."""
        return self.root / "versions"

    @property
    def serving(self) -> Path:
        """Servable files (adapter GGUF, merged GGUF) and the swap journal."""
        return self.root / "serving"

    @property
    def cache(self) -> Path:
        """What can be made again: base models, training copies. $AEON_FT_CACHE lets several data folders share one."""
        return Path(os.environ[ENV_CACHE]) if os.environ.get(ENV_CACHE) else self.root / "cache"

    @property
    def own_log(self) -> Path:
        """What the plugin did, for people and scripts; the conversations are in `log`."""
        return self.root / "aeon-ft.log"

    @property
    def settings(self) -> Path:
        """The owner's configuration, with comments."""
        return self.root / "plugin.toml"

    def free_bytes(self) -> int:
        """Bytes that are free on its disk."""
        return shutil.disk_usage(self.root).free

    def require_space(self, needed: int) -> None:
        """Raise NoSpaceError unless `needed` bytes are free."""
        free = self.free_bytes()
        if free < needed:
            raise NoSpaceError(self.root, needed, free)
