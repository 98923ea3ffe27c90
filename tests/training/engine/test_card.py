"""On a graphics card: the same losses and gradients as on a processor. Skipped where there is none."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from aeon_plugin_ft.training.engine.flat.engine import FlatPrefix
from aeon_plugin_ft.training.engine.parity import check, difference
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.training.engine.stock import stock_step
from benchmarks.launches import count, model, rows
from tests.training.architectures import gradients
from tests.training.architectures import rows as short_rows

pytestmark = [
    pytest.mark.slow(seconds=30),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card that PyTorch can use"),
]


def on_processor(adapted: object) -> dict[str, torch.Tensor]:
    return {name: gradient.float().cpu() for name, gradient in gradients(adapted).items()}


def test_in_fp32_it_computes_what_a_processor_does() -> None:
    batch = rows(6)
    reference = model(4, torch.float32)
    expected, _ = FlatPrefix(reference).step(batch)
    wanted = on_processor(reference)
    adapted = model(4, torch.float32).to("cuda")
    assert FlatPrefix(adapted).step(batch)[0] == pytest.approx(expected, abs=1e-5)
    assert difference(on_processor(adapted), wanted) < 1e-5


@pytest.mark.parametrize("width", [64, 256])
def test_in_bf16_it_errs_no_more_than_the_models_own_pass(width: int) -> None:
    batch = rows(6)
    reference = model(4, torch.float32, width)
    exact, _ = FlatPrefix(reference).step(batch)
    wanted = on_processor(reference)
    adapted = model(4, torch.bfloat16, width).to("cuda")
    stock_step(adapted.get_base_model(), batch)
    noise = difference(on_processor(adapted), wanted)
    for micro_tokens in (8192, 64):
        loss, _ = FlatPrefix(adapted, micro_tokens).step(batch)
        assert loss == pytest.approx(exact, rel=2e-3)
        assert difference(on_processor(adapted), wanted) <= 1.5 * noise


def test_several_prompts_and_rows_that_share_none_are_computed_as_on_a_processor() -> None:
    batch = [*short_rows("uneven", 5), *short_rows("uneven", 3, seed=1), *short_rows("uneven", 1, seed=2)]
    reference = model(2, torch.float32)
    expected, _ = FlatPrefix(reference).step(batch)
    wanted = on_processor(reference)
    adapted = model(2, torch.bfloat16).to("cuda")
    assert FlatPrefix(adapted).step(batch)[0] == pytest.approx(expected, rel=2e-3)
    assert difference(on_processor(adapted), wanted) < 3e-2
    losses, stock = FlatPrefix(adapted).losses(batch), SharedPrefix(adapted).stock_losses(batch)
    assert losses == pytest.approx(stock, rel=1e-2)


def test_the_start_up_check_passes_on_a_card() -> None:
    adapted = model(4).to("cuda")
    verdict = check(adapted, FlatPrefix(adapted), rows(6))
    assert verdict.shared and not verdict.through_layers, verdict.reason


def test_a_layer_launches_few_kernels_and_casts_nothing() -> None:
    one, three = (count(partial(FlatPrefix(model(layers).to("cuda")).step, rows(4))) for layers in (1, 3))
    assert (three.total - one.total) / 2 <= 110
    assert three.casts - one.casts <= 2


def test_the_driver_tells_what_other_programs_do() -> None:
    pynvml = pytest.importorskip("pynvml")
    from aeon_plugin_ft.training.worker.card import NvmlCard

    card = NvmlCard(f"GPU-{torch.cuda.get_device_properties(0).uuid}", pynvml)
    assert card.used_bytes() > 0
    assert 0 <= card.busy_percent() <= 100
