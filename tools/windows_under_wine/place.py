"""Where everything lies, and the two ways in which this can end early."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT = REPOSITORY / ".cache" / "windows"
TREE = "aeon-ft"
"""The repository's folder on C:"""


class NotHere(Exception):
    """This machine cannot run a Windows under Wine; one sentence that says what is missing."""


class SetupFailed(Exception):
    """A step of the set-up went wrong; its output and what to do."""


@dataclass(frozen=True)
class Place:
    """The one folder in which all of it lies."""

    folder: Path

    @property
    def debian(self) -> Path:
        """The root folder that Wine sees: a Debian with nothing in it but Wine and what it needs."""
        return self.folder / "debian"

    @property
    def drive_c(self) -> Path:
        return self.debian / "wine" / "drive_c"

    @property
    def python(self) -> Path:
        return self.drive_c / "Python313"

    @property
    def packages(self) -> Path:
        return self.python / "Lib" / "site-packages"

    @property
    def tree(self) -> Path:
        """Empty: the repository is mounted on it while something runs."""
        return self.drive_c / TREE

    @property
    def uv(self) -> Path:
        return self.folder / "uv"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"
