"""The real Gemma shares a prompt exactly: sliding windows that the prompt is longer than, norms of its own, a head of
262 thousand words."""

from __future__ import annotations

import pytest
import torch

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.training.engine.encode import Encoder
from aeon_plugin_ft.training.engine.loading import add_adapter, load_base
from aeon_plugin_ft.training.engine.parity import TOLERANCE, check
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.training.model import Recipe
from hooks import Message
from tests.base.whole import whole_folder

pytestmark = [
    pytest.mark.slow(seconds=12),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 uses transformers' old names
]

SYSTEM = "Você é o Aeon, um assistente cínico e competente. Responda curto, em português. " * 28
TALKS = [("qual é o nome da minha gata?", "Cara, é a Fork."), ("que editor eu uso?", "Cara, Neovim, claro.")]
RECIPE = Recipe(
    rank=8, alpha=8, learning_rate=1e-3, batch_size=2, epochs=1.0, steps=1, warmup_steps=1, max_length=1536, seed=17,
    threads=1, checkpoint_steps=5,
)  # fmt: skip


def test_its_losses_and_gradients_are_the_stock_paths(gemma3: BaseModel) -> None:
    encoder = Encoder(gemma3.training_copy)
    rows = [
        encoder.row([Message("system", SYSTEM), Message("user", question), Message("assistant", reply)])
        for question, reply in TALKS
    ]
    assert min(len(row.ids) for row in rows) > 600, "longer than Gemma's window of 512"
    model = add_adapter(load_base(whole_folder(gemma3), "cpu"), RECIPE)
    verdict = check(model, SharedPrefix(model), rows)
    assert verdict.shared, verdict.reason
    assert verdict.loss_difference < TOLERANCE[torch.float32][0] / 10
    assert verdict.gradient_difference < TOLERANCE[torch.float32][1] / 10
