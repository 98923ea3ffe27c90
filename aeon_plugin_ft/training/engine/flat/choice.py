"""Which engine computes a model that is in memory as a whole."""

from __future__ import annotations

import logging

import torch

from aeon_plugin_ft.training.engine.attention import NotShareableError
from aeon_plugin_ft.training.engine.flat.engine import FlatPrefix
from aeon_plugin_ft.training.engine.loading import CARDS
from aeon_plugin_ft.training.engine.shared import Checkpoint, SharedPrefix

log = logging.getLogger(__name__)


def whole_engine(model: torch.nn.Module, micro_tokens: int, between: Checkpoint) -> SharedPrefix:
    """On a card the engine with the fewest operators, where it knows the model's layers; else the one that goes through
    the layers themselves."""
    through_layers = SharedPrefix(model, micro_tokens, between)
    if through_layers.device.type not in CARDS:
        # What calling an operator costs is nothing beside its work there.
        return through_layers
    try:
        return FlatPrefix(model, micro_tokens, between)
    except NotShareableError as error:
        log.info("Computing through the model's own layers: %s", error)
        return through_layers
