"""Peak memory of this process, and running out of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.plan import Row, common_prefix

MICRO_TOKENS = (128, 256, 512, 1024, 2048)
MICRO_TOKENS_GPU = (*MICRO_TOKENS, 4096, 8192)
"""A GPU is busy with nothing but launching kernels below a few thousand tokens."""

FREE_SHARE = 0.5
"""Of the free memory may go into activations; the rest is for gradients, the optimizer, logits and the owner."""


def micro_tokens(
    config: Any, free: int, rows: Sequence[Row], *, gpu: bool = False, layered: bool = False
) -> int:  # fmt: skip
    """The largest number of suffix tokens whose activations fit beside the shared prefix's.

    `config` is the model's text config, `free` the bytes that are free once it is loaded. `layered`: a layer at a time,
    whose activations are all that is there, in fp32.
    """
    sizes = MICRO_TOKENS_GPU if gpu else MICRO_TOKENS
    each = token_bytes(config, 2 if gpu else 4)
    if layered:
        each = token_bytes(config, 4) // int(config.num_hidden_layers)
    # A sample: mostly all examples share one system prompt, and the room is an estimate anyway.
    prefix = min((common_prefix(rows[0].ids, row.ids) for row in rows[:64]), default=0)
    room = FREE_SHARE * free / each - prefix
    return max((size for size in sizes if size <= room), default=sizes[0])


def token_bytes(config: Any, width: int) -> int:
    """What a token's activations keep for the backward pass: measured on SmolLM2-135M in fp32, 1.7 MB, with
    10 hidden and 4 intermediate vectors a layer, and a quarter on top for what comes and goes."""
    vectors = 10 * int(config.hidden_size) + 4 * int(config.intermediate_size)
    return int(1.25 * width * int(config.num_hidden_layers) * vectors)


MEMORY_FILE = "memory.json"
"""In a run's folder: the micro-batch that its attempts keep to."""


def chosen_micro_tokens(folder: Path) -> int | None:
    """What an earlier attempt of the run was given; None before there was one."""
    try:
        return int(json.loads((folder / MEMORY_FILE).read_text(encoding="utf-8"))["micro_tokens"])
    except (OSError, ValueError, KeyError):
        return None


def settle_micro_tokens(
    folder: Path, configured: int, config: Any, free: int, rows: Sequence[Row], *, gpu: bool, layered: bool
) -> int:
    """What all attempts of the run in `folder` keep to: the order in which gradients are added up must not change
    between them. `configured` is the recipe's, 0 to choose as `micro_tokens` does."""
    settled = chosen_micro_tokens(folder) or configured
    if not settled:
        settled = micro_tokens(config, free, rows, gpu=gpu, layered=layered)
        write_json(folder / MEMORY_FILE, {"micro_tokens": settled})
    return settled


def shrink(folder: Path, configured: int) -> int | None:
    """Let the run's next attempt compute half as many tokens at once, and return how many; None when it already
    computes the least. The optimizer's batch stays, so the result changes by rounding only.

    `configured` is the recipe's micro_tokens, 0 where the run chose for itself.
    """
    before = chosen_micro_tokens(folder) or configured or MICRO_TOKENS[-1]
    smaller = before // 2
    if smaller < MICRO_TOKENS[0]:
        return None
    write_json(folder / MEMORY_FILE, {"micro_tokens": smaller})
    return smaller


def oom_kills() -> int:
    """How many processes this Linux has ended because memory ran out, since it started; 0 elsewhere."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def peak_bytes() -> int:
    """The most memory this process has had resident, in bytes."""
    # psutil has no peak outside Windows.
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    # Not ru_maxrss, which a child inherits across fork and exec: a small child of a large host would report the host's.
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    # Bytes on macOS, kilobytes elsewhere.
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1 if sys.platform == "darwin" else 1024)


def mapped_bytes(file: Path | None) -> int:
    """What of a file is resident because this process has mapped it, in bytes: the system can drop it at any moment.
    0 where the system does not say (it does on Linux) and for None."""
    if file is None or sys.platform != "linux":
        return 0
    # The system names the file itself, wherever a link to it lies.
    name = str(file.resolve())
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.split(" ", 1)[0].endswith(":"):
            total += int(line.split()[1]) * 1024 if inside and line.startswith("Rss:") else 0
        else:
            inside = line.endswith(name)
    return total


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out; torch raises several kinds, most of them RuntimeError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "not enough memory" in text or "can't allocate memory" in text or "out of memory" in text
    )
