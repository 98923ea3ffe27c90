"""The whole trainer against TRL's own SFTTrainer: 20 optimizer steps, with gradient accumulation on TRL's side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.training.model import Recipe
from aeon_plugin_ft.training.plan import Row
from tests.training.architectures import CONFIGS, rows, tiny_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 and TRL 1.16 use transformers' old names
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
STEPS = 20
BATCH = 6
RATE = 3e-3
ACCUMULATED = 3


@pytest.mark.parametrize("architecture", CONFIGS)
def test_twenty_steps_are_trls_own(architecture: str, tiny_copy: Path, tmp_path: Path) -> None:
    """Uneven lengths, identical prompts and prompts that vary at their end, in turns; losses within 1e-5, gradient
    norms within 1e-4."""
    data = [row for step in range(STEPS) for row in rows(("uneven", "identical", "varying")[step % 3], BATCH, step % 3)]
    stock = history(architecture, data, tiny_copy, tmp_path, shared=False)
    shared = history(architecture, data, tiny_copy, tmp_path, shared=True)
    assert len(stock) == len(shared) == STEPS
    for (loss, norm), (wanted_loss, wanted_norm) in zip(shared, stock, strict=True):
        assert abs(loss - wanted_loss) <= 1e-5
        assert abs(norm - wanted_norm) <= 1e-4 * wanted_norm
    assert stock[18][0] < stock[0][0] - 0.02, "the same rows again: it learns (granite the slowest, by 0.03)"


def history(architecture: str, data: list[Row], copy: Path, folder: Path, *, shared: bool) -> list[tuple[float, float]]:
    """(loss, gradient norm) of every step, as the trainer logs them."""
    from trl import SFTTrainer

    from aeon_plugin_ft.training.engine.shared import SharedPrefix
    from aeon_plugin_ft.training.engine.trainer import InOrder, SharedPrefixTrainer, config_of, dataset_of

    order = [list(range(start, start + BATCH)) for start in range(0, len(data), BATCH)]
    model = tiny_model(architecture)
    # Training itself blows rounding up, the more the higher the rate: llama's gradient norms end 6e-5 apart at 1e-2 and
    # 1e-6 apart at this one.
    recipe = Recipe(4, 8, RATE, BATCH, 1.0, STEPS, 2, 512, 17, 1, 1000)
    arguments = config_of(recipe, folder, "cpu")
    common = {"model": model, "train_dataset": dataset_of(data), "processing_class": _tokenizer(copy)}

    class Stock(SFTTrainer):  # type: ignore[misc]
        """TRL as it is, with the rows in the same order."""

        def _get_train_sampler(self, train_dataset: Any = None) -> InOrder:
            return InOrder(order)

    if shared:
        engine = SharedPrefix(model, micro_tokens=60)
        trainer = SharedPrefixTrainer(order=order, checkpoints=folder, engine=engine, args=arguments, **common)
    else:
        arguments.per_device_train_batch_size = BATCH // ACCUMULATED
        arguments.gradient_accumulation_steps = ACCUMULATED
        trainer = Stock(args=arguments, **common)
    trainer.train()
    if shared:
        assert trainer.saving > 1.5, "the prompt was shared"
    return [(entry["loss"], entry["grad_norm"]) for entry in trainer.state.log_history if "loss" in entry]


def _tokenizer(copy: Path) -> Any:
    """Any tokenizer whose padding is a token of the tiny models."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(copy)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    return tokenizer
