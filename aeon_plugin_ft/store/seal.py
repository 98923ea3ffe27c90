"""Files of a folder with their digests, so that what is used later is what was there then.

A seal is taken when a folder is finished, and checked before it is used: a version before it is served, a checkpoint
before a run goes on from it. It tells damage and a file that was replaced; it is no signature, for whoever can write
the folder can write the seal.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.store.digest import sha256

_say = Speaker("errors/store")


def seal(folder: Path) -> dict[str, str]:
    """Every file below `folder`: "adapter/adapter_config.json" to "sha256:<64 hex>". Raises OSError."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def broken(folder: Path, sealed: Mapping[str, str], *, read: bool = True) -> list[str]:
    """What is wrong with the files that were sealed, one sentence a file, in order of name; [] when all is as it was.

    Files that were not sealed are not looked at. `read` False: a file whose size and time of change are those of an
    earlier look of this process is not read again: for questions that are asked often and decide nothing.
    """
    digest_of = sha256 if read else _remembered
    faults = []
    for name, digest in sorted(sealed.items()):
        path = folder / name
        try:
            same = digest_of(path) == digest
        except FileNotFoundError:
            faults.append(_say("seal.missing", name=name))
        except OSError as error:
            faults.append(_say("seal.unreadable", name=name, reason=refusal(error)))
        else:
            if not same:
                faults.append(_say("seal.changed", name=name))
    return faults


def _remembered(path: Path) -> str:
    state = path.stat()
    return _digest_of_state(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest_of_state(path: Path, size: int, changed: int) -> str:
    return sha256(path)
