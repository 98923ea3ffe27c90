"""Where things lie in the data folder. Nothing of the plugin's is ever written or deleted outside it."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import platformdirs

from aeon_plugin_ft.errors import NoSpaceError, StoreError
from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.private import Closing

_say = Speaker("errors/store")

log = logging.getLogger("aeon_ft.store")

ENV_DATA = "AEON_FT_DATA"
"""Overrides the place of the data folder."""
ENV_CACHE = "AEON_FT_CACHE"

_OURS = (
    "log",
    "datasets",
    "runs",
    "versions",
    "serving",
    "cache",
    "aeon-ft.*",
    "plugin.toml*",
    "host.json",
    "aeon.json",
)
"""What the plugin keeps at the top of its data folder; without an Aeon that is, on Windows and macOS, also the user's
settings folder, with the note of install/remembered.py in it."""
_NOBODYS = (".*", "desktop.ini", "Thumbs.db")
"""What systems and programs leave in any folder."""


class DataFolder:
    """One folder with everything the plugin keeps; see docs/architecture.md.

    Private text lives here, so it is closed to everybody but its owner (see private.py), and carries its own
    .gitignore of `*`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.closing = Closing()
        """What `create` found open to others, and what of it still is."""
        self._older, self._made = False, frozenset[Path]()

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

    @property
    def host(self) -> Path | None:
        """The folder of the Aeon that this one is inside of; None for a folder of its own."""
        return self.root.parents[1] if self.root.parts[-2:] == ("bagagem", "finetuning") else None

    @property
    def begun(self) -> bool:
        """Whether anything of the plugin's is kept here yet."""
        return self.database.exists() or self.settings.exists() or (self.log.is_dir() and self.versions.is_dir())

    def create(self) -> DataFolder:
        """Make the folder and its parts, and close what an older version left open; safe to call again."""
        try:
            # What it stands in may be an Aeon's, and is not ours to close.
            self.root.parent.mkdir(parents=True, exist_ok=True)
            parts = (self.log, self.datasets, self.runs, self.versions, self.cache, self.serving)
            self._older = self._is_older(parts)
            self._made = frozenset(part for part in parts if not part.exists())
            for part in (self.root, *parts):
                private.make_folder(part)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                # An Aeon is often a git checkout, and conversations must not be committed with it.
                private.write_file(ignore, "*\n")
        except OSError as error:
            told = _say.error("folder.not_made", folder=self.root, reason=refusal(error), variable=ENV_DATA)
            raise StoreError(*told) from error
        self._close_older()
        return self

    def close_to_others(self) -> Closing:
        """Take every right to the folder and to all that is in it from everybody but the owner; what was open."""
        return private.close_to_others(path for top in self._tops() for path in private.everything_in(top))

    def keeps_rights(self) -> bool:
        """Whether its file system knows who may read what; FAT and exFAT do not."""
        try:
            return private.keeps_rights(self.root)
        except OSError:
            return False

    @property
    def shared(self) -> bool:
        """Whether other things than the plugin's lie in it, so that the folder itself is not the plugin's to close."""
        return any(not any(one.match(pattern) for pattern in (*_OURS, *_NOBODYS)) for one in self.root.iterdir())

    def _tops(self) -> Iterator[Path]:
        """What is closed with all that is in it: the folder or, where it is shared, only what is the plugin's in it."""
        if not self.shared:
            # The rights of a link are nobody's; what it leads to is the folder.
            yield self.root.resolve() if self.root.is_symlink() else self.root
            return
        for one in sorted(self.root.iterdir()):
            if one.is_symlink() or not any(one.match(pattern) for pattern in _OURS):
                continue
            # Somebody else may have a folder of runs or a log here, which is open and was there before.
            if self._older or one in self._made or not one.is_dir() or not private.is_open(one):
                yield one

    def _is_older(self, parts: Sequence[Path]) -> bool:
        """Whether a version that closed nothing has worked here: then every part is the plugin's."""
        # The cache may be elsewhere.
        there = [part for part in parts if part.parent == self.root and part.is_dir() and not part.is_symlink()]
        return any(self.root.glob(f"{self.database.name}*")) and all(map(private.is_open, there))

    def _close_older(self) -> None:
        """A cheap look at each start: where the top is closed nobody gets further, whatever lies below."""
        try:
            top = private.close_to_others(self._tops())
            below = self.close_to_others() if top.closed else Closing()
        except OSError as error:
            log.info("who may read %s cannot be seen (%s)", self.root, error)
            return
        # What another user left open behind a closed door (an Aeon that was once run as root) nobody gets at.
        doors = set(top.open)
        reached = (path for path in below.open if path not in doors and doors & set(path.parents))
        self.closing = Closing((*top.closed, *below.closed), (*top.open, *reached))
        if top.closed:
            count = len(self.closing.closed)
            log.info("%d files and folders in %s were open to others, and are the owner's alone now", count, self.root)

    def warn_if_open(self) -> None:
        """One line in the log where others can read the folder and nothing can be done about it from here."""
        if self.closing.open:
            log.warning(
                "other users of this computer can read %s: %s", self.root,
                "the rights to it cannot be changed" if self.keeps_rights() else "its file system keeps no rights",
            )  # fmt: skip

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
