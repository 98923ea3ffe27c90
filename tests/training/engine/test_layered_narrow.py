"""One layer at a time, multiplied in bf16: where a processor is faster in it, and where it changes next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aeon_plugin_ft.training.engine import fast
from aeon_plugin_ft.training.engine.head import Head
from aeon_plugin_ft.training.engine.layered import head, skeleton
from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
from aeon_plugin_ft.training.engine.parity import TOLERANCE, check, difference
from aeon_plugin_ft.weights import dequantise
from tests.base.tiny import FAMILIES
from tests.training.architectures import gradients, rows
from tests.training.engine.layered import adapted, engines, make_gguf

pytestmark = pytest.mark.slow


@pytest.fixture
def layered(tmp_path: Path) -> Iterator[LayeredPrefix]:
    """A llama, of which queries and keys are read whole and everything else some rows at a time."""
    _, made, source = engines(*make_gguf(tmp_path, "llama", "Q4_K"), micro_tokens=50)
    made.dtype = torch.bfloat16
    yield made
    source.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_gradients_stay_within_the_rounding(family: str, tmp_path: Path) -> None:
    shared, layered, source = engines(*make_gguf(tmp_path, family), micro_tokens=50)
    layered.dtype = torch.bfloat16
    for kind in ("uneven", "varying"):
        batch = rows(kind, 6)
        loss, _ = shared.step(batch)
        wanted = gradients(shared.causal)
        narrow, _ = layered.step(batch)
        assert 0 < abs(narrow - loss) < TOLERANCE[torch.bfloat16][0] / 4 * loss
        assert 1e-4 < difference(gradients(layered.causal), wanted) < TOLERANCE[torch.bfloat16][1] / 2
        # What is compared with is exact all the same.
        assert layered.stock_step(batch) == pytest.approx(loss, abs=1e-5)
        gradients(layered.causal)
    source.close()


def test_weights_are_the_decoded_ones_rounded_once(layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dequantise, "NEAR_WEIGHTS", 5 * 256)  # several pieces, the last one shorter
    attention, mlp = layered.modules[1].self_attn, layered.modules[1].mlp
    named = {"self_attn.q_proj": attention.q_proj, "mlp.gate_proj": mlp.gate_proj, "mlp.down_proj": mlp.down_proj}
    with layered.weights.of_type(torch.bfloat16):
        layered.weights.load(1)
        for name, module in named.items():
            weight = module.base_layer.weight
            exact = torch.empty(weight.shape)
            layered.source.read_into(f"model.layers.1.{name}.weight", exact.numpy())
            assert weight.dtype == torch.bfloat16 and torch.equal(weight, exact.bfloat16())
    layered.weights.load(1)
    assert attention.q_proj.base_layer.weight.dtype == torch.float32


def test_every_product_with_a_weight_of_a_layer_is_in_the_narrow_type(
    layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = set()
    product = fast._product

    def watched(one: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        types.add((one.dtype, weight.dtype))
        return product(one, weight, bias)

    monkeypatch.setattr(fast, "_product", watched)
    layered.step(rows("uneven", 4))
    assert types == {(torch.float32, torch.bfloat16)}
    assert all(parameter.grad is not None and parameter.grad.dtype == torch.float32 for parameter in layered.trained)


def test_the_head_is_multiplied_in_the_narrow_type_and_summed_up_in_fp32(
    layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = layered.head.weight.shape[1]
    monkeypatch.setattr(head, "BLOCK_BYTES", 4 * width * 100)  # several blocks of words
    random = torch.Generator().manual_seed(4)
    hidden = torch.randn(40, width, generator=random)
    targets = torch.randint(0, layered.streamed.words, (40,), generator=random)
    exact = layered.streamed.losses_and_gradients(hidden, targets)
    narrow = layered.streamed.losses_and_gradients(hidden, targets, torch.bfloat16)
    for one, other in zip(narrow, exact, strict=True):
        assert one.dtype == other.dtype
        assert 1e-5 < float((one - other).norm() / other.norm()) < 1e-2
    multiplied = set()
    logits = Head.logits

    def watched(self: Head, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        multiplied.add((rows.dtype, self.weight.dtype))
        made = logits(self, rows)
        assert made[0].dtype == torch.float32
        return made

    monkeypatch.setattr(Head, "logits", watched)
    layered.step(rows("uneven", 4))
    assert multiplied == {(torch.bfloat16, torch.bfloat16)}
    multiplied.clear()
    layered.stock_step(rows("uneven", 4))
    assert multiplied == {(torch.float32, torch.float32)}, "what is compared with is exact"


def test_a_layer_takes_half_the_memory(layered: LayeredPrefix) -> None:
    layered.step(rows("uneven", 4))
    assert layered.weights._buffer is not None
    assert layered.weights._buffer.numel() * layered.weights._buffer.element_size() == 2 * layered.weights.most


def test_the_start_up_check_goes_back_to_fp32_where_the_rounding_is_no_rounding(
    layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = rows("uneven", 4)
    verdict = check(layered.causal, layered, batch)
    assert (verdict.shared, verdict.dtype, layered.dtype) == (True, "bfloat16", torch.bfloat16)
    product = fast._product

    def broken(one: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return product(one, weight, bias) * (1.0 if weight.dtype == torch.float32 else 1.2)

    monkeypatch.setattr(fast, "_product", broken)
    verdict = check(layered.causal, layered, batch)
    assert (verdict.shared, verdict.dtype) == (True, "float32") and verdict.gradient_difference < 1e-4
    assert layered.settle(shared=True, dtype=verdict.dtype).dtype == torch.float32
    assert all(parameter.grad is None for parameter in layered.trained)


def test_the_start_up_check_finds_in_fp32_what_the_rounding_would_hide(
    layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of some per cent of the gradient, which bf16 alone could have made."""
    product = fast._product

    def wrong(one: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return product(one, weight, bias) * 1.002

    monkeypatch.setattr(fast, "_product", wrong)
    verdict = check(layered.causal, layered, rows("uneven", 4))
    assert not verdict.shared and "change the result" in verdict.reason
    assert verdict.gradient_difference < TOLERANCE[torch.bfloat16][1]


def test_a_resumed_attempt_computes_in_the_type_of_the_first(layered: LayeredPrefix) -> None:
    layered.dtype = torch.float32
    assert layered.settle(shared=True, dtype="bfloat16").dtype == torch.bfloat16
    assert layered.settle(shared=True).dtype == torch.bfloat16, "a verdict of an earlier release says nothing"


def test_what_has_no_adapter_is_computed_in_fp32(layered: LayeredPrefix) -> None:
    """PEFT's and transformers' own layers know of one type only."""
    batch = rows("uneven", 4)
    wrapped = layered.modules[0].self_attn.q_proj
    exact = LayeredPrefix(layered.causal, layered.source, 50)
    assert layered.losses(batch) != exact.losses(batch)
    wrapped.enable_adapters(False)
    assert layered.losses(batch) == exact.losses(batch)


def test_an_adapter_on_some_of_the_matrices_is_trained_in_fp32(tmp_path: Path) -> None:
    from aeon_plugin_ft.weights.sources import GgufSource

    config, path = make_gguf(tmp_path, "qwen2")
    source = GgufSource(path, 1)
    some = adapted(skeleton.skeleton(config, source), ["q_proj", "v_proj"])
    engine = LayeredPrefix(some, source, 50, dtype=torch.bfloat16)
    assert engine.dtype == torch.float32
    engine.step(rows("uneven", 4))
    source.close()
