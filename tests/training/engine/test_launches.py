"""A step's operators are what a card's time goes to: they must not creep up."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from aeon_plugin_ft.training.engine.flat.engine import FlatPrefix
from benchmarks.launches import Counted, count, is_view, model, rows, trainer_step

OF_A_LAYER = 124
"""Operators of a layer, both ways."""
OF_A_STEP = 8_285 // 4
"""A quarter of what a whole step of 16 layers and 16 rows took before layers were written out."""
CASTS_OF_A_STEP = 1_507 // 10


def passed(layers: int) -> Counted:
    return count(partial(FlatPrefix(model(layers)).step, rows(4)))


@pytest.mark.slow
def test_a_layer_takes_few_operators_and_no_casts() -> None:
    one, three = passed(1), passed(3)
    assert (three.total - one.total) / 2 <= OF_A_LAYER
    assert three.casts - one.casts <= 2


@pytest.mark.slow(seconds=20)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # TRL 1.16 uses transformers' old names
def test_a_whole_step_takes_a_quarter_of_the_operators_and_a_tenth_of_the_casts(tmp_path: Path) -> None:
    adapted = model()
    counted = count(trainer_step(FlatPrefix(adapted), adapted, rows(), tmp_path))
    assert counted.total <= OF_A_STEP
    assert counted.casts <= CASTS_OF_A_STEP


def test_views_are_not_counted_and_copies_between_types_are() -> None:
    x = torch.ones(4, 4)
    with Counted() as counted:
        x.view(2, 8).t()
        x.to(torch.bfloat16)
        torch.empty(3).copy_(torch.ones(3))
    assert counted.operators == {"_to_copy": 1, "copy_": 1, "ones": 1}
    assert (counted.casts, counted.cast_bytes) == (1, 32)
    assert is_view(torch.ops.aten.view.default) and not is_view(torch.ops.aten.mul.Tensor)
