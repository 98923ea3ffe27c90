"""`[base] model = "auto"`: the Ollama model that the brain really uses, where this machine can train it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psutil

from aeon_plugin_ft.base.ollama import show_model
from aeon_plugin_ft.errors import BaseModelError, RegistryError
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.training.advice import Machine, ModelShape, advise, fits
from aeon_plugin_ft.turns import TurnIndex

_say = Speaker("errors/training")

AUTO = "auto"
LOOKED_AT = 200
"""Newest turns among which the brain's own model is looked for: others may have been answered by a cloud."""
OLLAMA = "ollama:"
BaseOf = Callable[[str], str]
"""[base] model of a version, by the version's name. Raises RegistryError where there is none of that name."""


def automatic_base(index: TurnIndex, url: str, base_of: BaseOf) -> str:
    """What "auto" stands for now: "ollama:<tag>". Raises BaseModelError where nothing of an Ollama has answered, or
    where what has cannot be trained here; BackendDownError."""
    tag = brains_tag(index, base_of)
    if tag is None:
        raise BaseModelError(*_say.error("automatic.none_yet"))
    shape = shape_of(tag, show_model(tag, url))
    free = int(psutil.virtual_memory().available)
    if shape is not None:
        # Its speed is no reason to choose another one unasked, so none is measured.
        needed = advise(shape, Machine(free, 1, 1.0)).memory
        if not fits(needed, free):
            sizes = {"needed": decimal(needed / 1e9, 1), "free": decimal(free / 1e9, 1)}
            raise BaseModelError(*_say.error("automatic.too_large", tag=tag, **sizes))
    return f"{OLLAMA}{tag}"


def brains_tag(index: TurnIndex, base_of: BaseOf) -> str | None:
    """The tag that answered the owner's newest talk through Ollama, or that the version was trained on which did:
    once one is in use, the tag itself answers no more."""
    for turn in index.latest(LOOKED_AT):
        if turn.version != "base":
            spec = _spec(turn.version, base_of)
            if spec.startswith(OLLAMA):
                return spec.removeprefix(OLLAMA)
        elif turn.provider == "ollama" and turn.model:
            return turn.model
    return None


def _spec(version: str, base_of: BaseOf) -> str:
    try:
        return base_of(version)
    except RegistryError:
        return ""  # deleted since


def shape_of(tag: str, show: Any) -> ModelShape | None:
    """The shape of a tag by its /api/show; None where that does not tell."""
    try:
        return ModelShape.of(tag, show["model_info"])
    except (KeyError, TypeError, ValueError):
        return None
