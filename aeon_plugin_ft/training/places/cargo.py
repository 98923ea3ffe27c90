"""What a run takes along to another place: things with a digest that many runs use, and what is this run's alone."""

from __future__ import annotations

import hashlib
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import aeon_plugin_ft
import hooks
from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.store.digest import remembered_sha256
from aeon_plugin_ft.training.model import Run
from aeon_plugin_ft.training.runs import CONFIG_FILE, RunConfig

KEPT_BY_ATTEMPTS = (CONFIG_FILE, "memory.json", "parity.json", "precision.json", "engine.json")
"""What an attempt has decided once, and what the next one keeps to."""
COPY, WEIGHTS = "copy", "model.gguf"
"""Where a base's folder and, if its weights are not in that, its GGUF lie over there."""
CHECKPOINTS = ("checkpoints", "checkpoints-dpo", "checkpoints-kto", "stages")

Entry = tuple[Path, str]
"""A file here, and its name over there."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A folder's files by their digest, as `there.digest_of` makes it over there."""

    digest: str
    entries: tuple[Entry, ...]

    @property
    def size(self) -> int:
        """Bytes to send where it is missing."""
        return sum(path.stat().st_size for path, _ in self.entries)


def base_of(config: RunConfig, cache: Path) -> Thing:
    """The base's folder, and the GGUF that is served where its weights are read from that; large files are hashed once
    and remembered."""
    base = config.base
    entries = _files(base.training_copy, f"{COPY}/")
    return _thing(entries if base.gguf is None else [*entries, (base.gguf, WEIGHTS)], cache)


def base_at(base: BaseModel, folder: Path) -> BaseModel:
    """The same base, unpacked into `folder`. Its digest stays what it is: that is held against the files there."""
    return replace(base, training_copy=folder / COPY, gguf=None if base.gguf is None else folder / WEIGHTS)


def code_of(cache: Path) -> Thing:
    """This package as it runs here: the same code on both sides, whatever is installed over there."""
    # In a wheel `hooks` lies inside of the other, and is not to be sent twice.
    tops = {name: sys.modules[name] for name in (one.__name__.partition(".")[0] for one in (aeon_plugin_ft, hooks))}
    entries = [
        entry
        for name, package in tops.items()
        for entry in _files(Path(str(package.__file__)).resolve().parent, f"{name}/")
        if "__pycache__" not in entry[1] and entry[0].suffix != ".pyc"
    ]
    return _thing(entries, cache)


def own_of(run: Run, config: RunConfig) -> Iterator[Entry]:
    """The run's own: its dataset, the adapter that it goes on from, and the run folder as far as it has come."""
    yield from _files(config.dataset, f"datasets/{config.dataset_hash}/")
    if config.parent is not None:
        yield from _files(config.parent, "parent/")
    for name in KEPT_BY_ATTEMPTS:
        if (run.folder / name).is_file():
            yield run.folder / name, f"runs/{run.id}/{name}"
    for name in CHECKPOINTS:
        yield from _files(run.folder / name, f"runs/{run.id}/{name}/")


def pack(entries: Iterable[Entry], sink: BinaryIO) -> None:
    """The entries as a tar stream, without the owner's name or any path of this machine."""
    with tarfile.open(fileobj=sink, mode="w|") as archive:
        for path, name in entries:
            member = tarfile.TarInfo(name)
            with path.open("rb") as file:
                member.size = path.stat().st_size
                archive.addfile(member, file)


def _files(folder: Path, prefix: str) -> list[Entry]:
    if not folder.is_dir():
        return []
    found = (path for path in folder.rglob("*") if path.is_file() and ".part" not in path.suffix)
    return [(path, prefix + path.relative_to(folder).as_posix()) for path in found]


def _thing(entries: Iterable[Entry], cache: Path) -> Thing:
    ordered = tuple(sorted(entries, key=lambda entry: entry[1]))
    whole = hashlib.sha256()
    for path, name in ordered:
        whole.update(f"{name}\0{remembered_sha256(path, cache).removeprefix('sha256:')}\n".encode())
    return Thing(whole.hexdigest(), ordered)
