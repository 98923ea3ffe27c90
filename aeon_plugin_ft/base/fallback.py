"""Which built-in base a demonstration runs on: the one that speaks Portuguese where it can be had, else the small one.

Only for a demonstration: what [base] model names is never replaced by something else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft.base.builtin import GEMMA3, SMOLLM2, builtin_gguf
from aeon_plugin_ft.errors import BaseModelError, NoSpaceError
from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/base")


@dataclass(frozen=True, slots=True)
class DemoBase:
    """`spec` is for [base] model. `missing` says why it is not the first choice; None where it is."""

    spec: str
    missing: BaseModelError | NoSpaceError | None = None


def demo_base(cache: Path, progress: Callable[[str], None] | None = None) -> DemoBase:
    """Gemma 3 270M, fetched into `cache` on first use, or SmolLM2-135M where that fails, which `progress` hears in one
    sentence. Nothing is fetched of the latter yet."""
    try:
        builtin_gguf(GEMMA3, cache, progress)
    except (BaseModelError, NoSpaceError) as error:
        if progress is not None:
            progress(_say("builtin.in_its_place", why=error.what, model=SMOLLM2.spec))
        return DemoBase(SMOLLM2.spec, error)
    return DemoBase(GEMMA3.spec)
