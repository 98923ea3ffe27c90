"""Whether a model of a size fits on the disks and into the memory of the machine that Ollama runs on."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from aeon_plugin_ft.errors import NoSpaceError, ServingError
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.serving.ollama.client import Behaviour, Listed

_say = Speaker("errors/serving")

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_CONTEXT_BYTES = 512 << 20
"""A runner's cache and buffers beside the weights, roughly, at Ollama's default context."""


def is_local(url: str) -> bool:
    """Whether an address is this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def require_disk(ours: Path, theirs: Path | None, size: int, behaviour: Behaviour) -> None:
    """Raise NoSpaceError unless the merged file fits here and its copies fit where Ollama keeps its models.

    `theirs` is a folder on Ollama's disk, None where that is not this machine's (then Ollama itself says no).
    """
    here = int(size * 1.05)
    # The blob, and where Ollama writes it anew the second one beside it, until the first is removed.
    there = int(size * (2.2 if behaviour.rewrites else 1.2))
    free = shutil.disk_usage(ours).free
    if theirs is None or not theirs.exists():
        if free < here:
            raise NoSpaceError(ours, here, free)
        return
    # One file system: both must fit at the same time.
    if ours.stat().st_dev == theirs.stat().st_dev:
        here, there = here + there, 0
    for folder, needed in ((ours, here), (theirs, there)):
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise NoSpaceError(folder, needed, free)


def require_memory(url: str, size: int, running: Collection[Listed]) -> None:
    """Raise ServingError unless a model of `size` bytes fits into memory here, beside or in place of those that
    Ollama has loaded. Not judged for an Ollama elsewhere, nor where it uses a graphics card."""
    if not is_local(url) or any(model.size_vram for model in running):
        return
    # Ollama takes out what it has loaded when a new model needs the room.
    room = psutil.virtual_memory().available + sum(model.size for model in running)
    needed = size + _CONTEXT_BYTES
    if needed > room:
        sizes = {"needed": decimal(needed / 1e9, 1), "room": decimal(room / 1e9, 1)}
        raise ServingError(*_say.error("ollama.no_memory", **sizes))
