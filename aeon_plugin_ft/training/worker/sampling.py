"""A session of which only some layers are looked at, where the model is trained a layer at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import torch

from aeon_plugin_ft.processes.awake import awake_seconds
from aeon_plugin_ft.training.engine.layered.choice import load_frozen
from aeon_plugin_ft.training.engine.parity import Parity
from aeon_plugin_ft.training.engine.trainer import SharedPrefixTrainer
from aeon_plugin_ft.training.plan import Row
from aeon_plugin_ft.training.worker.projection import SAMPLED
from aeon_plugin_ft.training.worker.session import Session
from aeon_plugin_ft.weights.sources import WeightSource


class SampledSession(Session):
    """`layers` are those of the whole model, `sampled` those that are there; `checking` is how many seconds the
    start-up check has taken with them."""

    layers = sampled = 0
    checking = 0.0

    def load(self, device: str, dtype: torch.dtype) -> tuple[Any, WeightSource | None]:
        """As `Session.load`."""
        model, source = load_frozen(self.run.folder, self.config.base, self.recipe, device, dtype, at_most=SAMPLED)
        config = json.loads((self.config.base.training_copy / "config.json").read_text(encoding="utf-8"))
        self.sampled = int(model.config.get_text_config().num_hidden_layers)
        self.layers = self.sampled if source is None else int(config["num_hidden_layers"])
        return model, source

    def parity(self, trainer: SharedPrefixTrainer, rows: Sequence[Row]) -> Parity:
        """As `Session.parity`."""
        began = awake_seconds()
        try:
            return super().parity(trainer, rows)
        finally:
            self.checking = awake_seconds() - began
