"""What lies in the data folder is its owner's alone, from its first byte, whatever the umask of the process is.

On Linux and macOS folders are made as 0700 and files as 0600. The host's umask belongs to the host and is left as it
is: whoever makes a file in the data folder makes it through this module or store/files.py. Children of ours get a
umask of 077 (processes/children.py), because torch and llama.cpp make files too.

On Windows the data folder gets an access list of the owner and the system once, and what is made in it inherits that.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER, FILE = 0o700, 0o600
_OTHERS = 0o077
# Windows: a folder made with 0700 gets a list of its own from newer Pythons, with the administrators in it.
_NEW_FOLDER = 0o777 if sys.platform == "win32" else FOLDER


@dataclass(frozen=True, slots=True)
class Closing:
    """`closed` were open to others until now; `open` still are, because the file system keeps no rights or they are
    somebody else's."""

    closed: tuple[Path, ...] = ()
    open: tuple[Path, ...] = ()


def make_folder(path: Path) -> None:
    """Make a folder with every missing one above it, each the owner's alone; one that is there stays as it is. Raises
    OSError."""
    try:
        path.mkdir(_NEW_FOLDER)
    except FileExistsError:
        if not path.is_dir():
            raise
    except FileNotFoundError:
        if path.parent == path:  # a drive that is not there
            raise
        make_folder(path.parent)
        path.mkdir(_NEW_FOLDER, exist_ok=True)


def opener(path: str, flags: int) -> int:
    """For `open(..., opener=opener)`: a file that is made by it is the owner's alone. Raises OSError."""
    return os.open(path, flags, FILE)


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file; text as UTF-8 with its line ends as they are. For what nobody reads meanwhile: files.write_whole
    is for the rest. Raises OSError."""
    with open(path, "wb", opener=opener) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def reserve(path: Path) -> None:
    """Make an empty file, for a library that will fill it and opens it by its name; one that is there stays as it is,
    and is not opened. Raises OSError, also for one that may not be written."""
    # Where a link leads: O_EXCL takes the link itself for the file.
    real = os.path.realpath(path) if path.is_symlink() else str(path)
    try:
        os.close(opener(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        # Closing a file takes every lock away that this process has on it (POSIX), SQLite's among them; a process that
        # then closes the database deletes the log in which this one goes on writing
        # (https://sqlite.org/howtocorrupt.html, "POSIX advisory locks canceled by a separate thread doing close()").
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder of files and folders to a place that is free. Raises OSError."""
    # Not shutil.copytree: it makes each file with the umask's rights and takes them away when the file is full.
    target.mkdir(_NEW_FOLDER)
    for one in source.iterdir():
        if one.is_dir():
            copy_folder(one, target / one.name)
        else:
            reserve(target / one.name)
            shutil.copyfile(one, target / one.name)


def close_to_others(paths: Iterable[Path]) -> Closing:
    """Take every right to these from everybody but the owner; what is closed already is not touched."""
    closed: list[Path] = []
    still: list[Path] = []
    for path in paths:
        try:
            if not is_open(path):
                continue
            _close(path)
            (still if is_open(path) else closed).append(path)
        except FileNotFoundError:
            continue  # a file of a moment, gone since it was listed
        except OSError:
            still.append(path)
    return Closing(tuple(closed), tuple(still))


def everything_in(folder: Path) -> Iterator[Path]:
    """A folder and whatever lies in it, from above; links are neither followed nor given."""
    if folder.is_symlink():
        return
    yield folder
    inside: list[Path] = []
    # A file; a folder of a moment, gone since it was listed; one that another user has closed.
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        inside = sorted(folder.iterdir())
    for one in inside:
        yield from everything_in(one)


if sys.platform == "win32":
    from aeon_plugin_ft.store import windows_acl

    def is_open(path: Path) -> bool:
        """Whether anybody but its owner and the system may get at it. Raises OSError."""
        return windows_acl.is_open(path)

    def _close(path: Path) -> None:
        windows_acl.give_to_owner(path)

    def keeps_rights(folder: Path) -> bool:
        """Whether the file system there knows who may read what: FAT and exFAT do not. Raises OSError."""
        return windows_acl.keeps_rights(folder)

else:

    def is_open(path: Path) -> bool:
        """Whether anybody but its owner and the system may get at it. Raises OSError."""
        return bool(path.lstat().st_mode & _OTHERS)

    def _close(path: Path) -> None:
        mode = path.lstat().st_mode
        # What the owner may do stays.
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS)

    def keeps_rights(folder: Path) -> bool:
        """Whether the file system there knows who may read what: FAT and exFAT do not. Raises OSError."""
        trial = folder / f".rights.{os.getpid()}.part"
        try:
            reserve(trial)
            return not is_open(trial)
        finally:
            trial.unlink(missing_ok=True)
