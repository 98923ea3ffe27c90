"""The engine with layers that are written out gives what the one through the model's own layers gives."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from aeon_plugin_ft.training.engine.attention import NotShareableError
from aeon_plugin_ft.training.engine.flat.adapter import AdapterMemory
from aeon_plugin_ft.training.engine.flat.anatomy import FAMILIES
from aeon_plugin_ft.training.engine.flat.engine import FlatPrefix
from aeon_plugin_ft.training.engine.flat.linear import Block, Lora, Member, Projection, side_by_side
from aeon_plugin_ft.training.engine.parity import difference
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.training.plan import IGNORED, Row
from tests.training.architectures import CONFIGS, gradients, rows, stock_loss, tiny_model


def adapted_with(model: Any, **changes: Any) -> Any:
    """The model with an adapter that is not tiny_model's."""
    from peft import LoraConfig, get_peft_model

    settings = {"r": 4, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **changes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT 0.21 asks transformers 5.23 by an old name
        return get_peft_model(model, LoraConfig(**settings)).train()


WRITTEN_OUT = sorted(FAMILIES - {"mistral"})


@pytest.mark.parametrize("architecture", WRITTEN_OUT)
@pytest.mark.parametrize("kind", ["uneven", "identical", "varying"])
def test_losses_and_gradients_are_those_of_the_shared_engine(architecture: str, kind: str) -> None:
    model = tiny_model(architecture)
    # Two prompts, and a row that shares none.
    batch = [*rows(kind, 5), *rows(kind, 3, seed=1), *rows(kind, 1, seed=2)]
    expected, count = SharedPrefix(model).step(batch)
    wanted = gradients(model)
    assert FlatPrefix(model).step(batch) == (pytest.approx(expected, abs=1e-5), count)
    found = gradients(model)
    assert found.keys() == wanted.keys()
    assert difference(found, wanted) < 1e-5


@pytest.mark.parametrize("architecture", WRITTEN_OUT)
def test_losses_and_gradients_are_the_stock_paths(architecture: str) -> None:
    model = tiny_model(architecture)
    batch = rows("uneven", 6)
    expected = stock_loss(model, batch)
    expected.backward()
    wanted = gradients(model)
    assert FlatPrefix(model).step(batch)[0] == pytest.approx(expected.item(), abs=1e-5)
    assert difference(gradients(model), wanted) < 1e-5


def test_layers_that_are_computed_again_give_the_same_numbers() -> None:
    model = tiny_model("qwen3")
    batch = rows("uneven", 6)
    expected = FlatPrefix(model).step(batch)
    wanted = gradients(model)
    engine = FlatPrefix(model, micro_tokens=60)
    assert engine.step(batch) == expected
    assert difference(gradients(model), wanted) == 0
    engine.micro_tokens = 10
    assert [engine.kept_layers(tokens, 40) for tokens in (50, 60, 100, 190)] == [3, 2, 1, 0]


def test_a_batch_that_takes_several_passes_gives_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.training.engine.flat import engine

    model = tiny_model("llama")
    batch = [*rows("uneven", 6), *rows("uneven", 3, seed=1)]
    expected, _ = FlatPrefix(model).step(batch)
    wanted = gradients(model)
    monkeypatch.setattr(engine, "PASS_TOKENS", 90)
    assert FlatPrefix(model).step(batch)[0] == pytest.approx(expected, abs=1e-6)
    assert difference(gradients(model), wanted) < 1e-6


def test_gradients_are_added_to_those_that_are_there() -> None:
    model = tiny_model("llama")
    first, second = rows("uneven", 3), rows("uneven", 4, seed=1)
    engine = FlatPrefix(model)
    engine.step(first)
    alone = gradients(model)
    engine.step(second)
    for name, gradient in gradients(model).items():
        alone[name] += gradient
    engine.step(first)
    engine.step(second)
    assert difference(gradients(model), alone) < 1e-6


def test_held_out_losses_and_weighted_gradients_are_the_shared_engines() -> None:
    model = tiny_model("llama")
    batch, weights = rows("uneven", 5), [0.5, -1.0, 2.0, 0.0, 1.0]
    assert FlatPrefix(model).losses(batch) == pytest.approx(SharedPrefix(model).losses(batch), rel=1e-5)
    SharedPrefix(model).accumulate(batch, weights)
    wanted = gradients(model)
    FlatPrefix(model).accumulate(batch, weights)
    assert difference(gradients(model), wanted) < 1e-5


def test_an_adapter_that_is_switched_off_is_left_out() -> None:
    model = tiny_model("llama")
    batch, engine = rows("uneven", 4), FlatPrefix(model)
    on = engine.losses(batch)
    with model.disable_adapter():
        assert engine.losses(batch) == pytest.approx(SharedPrefix(model).losses(batch), rel=1e-5)
        assert engine.losses(batch) != pytest.approx(on, rel=1e-3)
    assert engine.losses(batch) == on


def test_an_adapter_that_comes_later_counts() -> None:
    model, batch = tiny_model("llama", adapted=False).requires_grad_(False), rows("uneven", 4)
    engine = FlatPrefix(model)
    bare = engine.losses(batch)
    adapted = adapted_with(model, init_lora_weights=False)
    assert engine.losses(batch) == pytest.approx(SharedPrefix(adapted).losses(batch), rel=1e-5)
    assert engine.losses(batch) != pytest.approx(bare, rel=1e-3)


def test_in_bf16_with_an_fp32_adapter_the_error_is_the_rounding() -> None:
    model = tiny_model("llama", torch.bfloat16)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    batch = rows("uneven", 6)
    FlatPrefix(model).step(batch)
    found = gradients(model)
    assert {gradient.dtype for gradient in found.values()} == {torch.float32}
    FlatPrefix(model.float()).step(batch)
    assert difference(found, gradients(model)) < 3e-2


@pytest.mark.parametrize("onto", [None, 4.0])
def test_what_a_young_adapter_adds_is_not_lost_in_a_large_sum(onto: float | None) -> None:
    """In bf16 numbers of about 4 are 1/32 apart: 1/1000 more of each of their terms counts in some of the sums."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(512, 32, generator=random).to(torch.bfloat16)
    x[:, 0] = 1.0
    layer = torch.nn.Linear(32, 64, bias=False)
    # Without something to add to, the output itself is that large.
    layer.weight.data = torch.randn(64, 32, generator=random) * (0.7 if onto is None else 0.01)
    layer.to(torch.bfloat16)
    rest = None if onto is None else (onto + torch.rand(512, 64, generator=random)).to(torch.bfloat16)
    down, up = torch.zeros(1, 32), torch.full((64, 1), 1e-3)
    down[0, 0] = 1.0
    matrix, bias = side_by_side([layer])
    bare = Projection([Block((Member(64, None),), matrix, bias)])
    adapted = Projection([Block((Member(64, Lora(down, up, 1.0)),), matrix, bias)])
    memory = AdapterMemory(adapted.parameters, torch.bfloat16)
    adapted.bind(memory)
    memory.refresh()
    with torch.no_grad():
        (without,), _ = bare.forward(x, rest)
        (added,), _ = adapted.forward(x, rest)
    assert float((added.float() - without.float()).mean()) == pytest.approx(1e-3, rel=0.25)


def test_leaving_in_the_middle_of_a_step_leaves_no_gradient() -> None:
    class Left(Exception):
        pass

    model, left = tiny_model("llama"), iter(range(9))

    def between() -> None:
        if next(left, None) is None:
            raise Left

    with pytest.raises(Left):
        FlatPrefix(model, between=between).step(rows("uneven", 4))
    assert not gradients(model)


@pytest.mark.parametrize("architecture", ["gemma3", "phi3"])
def test_what_is_not_written_out_is_refused(architecture: str) -> None:
    with pytest.raises(NotShareableError):
        FlatPrefix(tiny_model(architecture))


def test_an_adapter_that_computes_more_is_refused() -> None:
    with pytest.raises(NotShareableError):
        FlatPrefix(adapted_with(tiny_model("llama", adapted=False), use_dora=True))


def test_layers_without_an_adapter_pass_gradients_on() -> None:
    model, batch = tiny_model("qwen2", adapted=False), rows("uneven", 4)
    adapted = adapted_with(model, init_lora_weights=False, target_modules=["q_proj", "v_proj"])
    SharedPrefix(adapted).step(batch)
    wanted = gradients(adapted)
    FlatPrefix(adapted).step(batch)
    assert difference(gradients(adapted), wanted) < 1e-5


def test_the_models_own_pass_is_what_it_was() -> None:
    model, batch = tiny_model("llama"), rows("uneven", 3)
    before = stock_loss(model, batch)
    FlatPrefix(model).step(batch)
    gradients(model)
    assert torch.equal(stock_loss(model, batch), before)


def test_a_row_without_supervised_tokens_changes_nothing() -> None:
    model, batch = tiny_model("llama"), rows("uneven", 3)
    mute = Row(batch[0].ids, (IGNORED,) * len(batch[0].ids))
    expected, _ = FlatPrefix(model).step(batch)
    wanted = gradients(model)
    assert FlatPrefix(model).step([*batch, mute])[0] == expected
    assert difference(gradients(model), wanted) == 0
    assert FlatPrefix(model).step([mute]) == (0.0, 0)
    assert not gradients(model)


def test_rows_longer_than_a_window_go_through_the_models_own_layers() -> None:
    model, batch = tiny_model("mistral"), rows("uneven", 4)
    expected, _ = SharedPrefix(model).step(batch)
    wanted = gradients(model)
    engine = FlatPrefix(model)
    assert engine.step(batch)[0] == expected
    assert difference(gradients(model), wanted) == 0
    assert engine.losses(batch) == SharedPrefix(model).losses(batch)
    short = [Row(row.ids[-12:], row.labels[-12:]) for row in batch]
    expected, _ = SharedPrefix(model).step(short)
    wanted = gradients(model)
    assert engine.step(short)[0] == pytest.approx(expected, abs=1e-5)
    assert difference(gradients(model), wanted) < 1e-5


def test_weights_that_were_put_into_another_type_are_found_again() -> None:
    from aeon_plugin_ft.training.engine.loading import narrow

    model, batch = tiny_model("llama"), rows("uneven", 4)
    wide = FlatPrefix(model).losses(batch)
    narrow(model, torch.bfloat16)
    assert FlatPrefix(model).losses(batch) == pytest.approx(wide, rel=2e-2)
    narrow(model, torch.float32)
    engine = FlatPrefix(model)
    rounded = engine.losses(batch)
    for module in model.modules():
        if type(module) is torch.nn.Linear and not module.weight.requires_grad:
            module.weight.data = module.weight.data * 0.5
    assert engine.losses(batch) == pytest.approx(SharedPrefix(model).losses(batch), rel=1e-5)
    assert engine.losses(batch) != pytest.approx(rounded, rel=1e-3)


def test_where_this_engine_is_wrong_the_check_finds_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.training.engine.flat import layer
    from aeon_plugin_ft.training.engine.parity import check

    model, batch = tiny_model("llama"), rows("uneven", 4)
    verdict = check(model, FlatPrefix(model), batch)
    assert verdict.shared and not verdict.through_layers
    assert type(FlatPrefix(model).settle(shared=True)) is FlatPrefix
    monkeypatch.setattr(layer, "rope", lambda x, cos, sin: x)
    verdict = check(model, FlatPrefix(model), batch)
    assert verdict.shared and verdict.through_layers
    assert type(FlatPrefix(model).settle(shared=True, through_layers=True)) is SharedPrefix
    assert FlatPrefix(model).settle(shared=False) is None


class Linear4bit(torch.nn.Linear):
    """bitsandbytes' layer as far as it is asked: numbers that only `dequantize_4bit` can read."""

    def __init__(self, dense: torch.nn.Linear) -> None:
        super().__init__(dense.in_features, dense.out_features, bias=dense.bias is not None)
        values = dense.weight.data
        self.weight = torch.nn.Parameter(torch.zeros(values.numel() // 2, 1, dtype=torch.uint8), requires_grad=False)
        self.weight.quant_state = SimpleNamespace(dtype=values.dtype, values=values)  # type: ignore[attr-defined]
        self.bias = dense.bias


def test_a_base_in_four_bits_is_read_matrix_by_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[torch.Size] = []

    def dequantize_4bit(packed: torch.Tensor, state: SimpleNamespace, out: torch.Tensor) -> None:
        assert packed.dtype == torch.uint8
        read.append(out.shape)
        out.copy_(state.values)

    monkeypatch.setitem(sys.modules, "bitsandbytes", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "bitsandbytes.functional", SimpleNamespace(dequantize_4bit=dequantize_4bit))
    model, batch = tiny_model("qwen2"), rows("uneven", 4)
    expected, _ = FlatPrefix(model).step(batch)
    wanted = gradients(model)
    for module in list(model.modules()):
        if hasattr(module, "lora_A"):
            module.base_layer = Linear4bit(module.base_layer)
    assert FlatPrefix(model).step(batch)[0] == pytest.approx(expected, abs=1e-6)
    assert difference(gradients(model), wanted) < 1e-6
    # Seven matrices of three layers, each way; the first layer's input needs no gradient, which saves three.
    assert len(read) == 2 * 7 * 3 - 3


def test_the_engine_is_chosen_by_the_device_and_the_models_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.training.engine.flat.choice import whole_engine

    assert type(whole_engine(tiny_model("llama"), 64, lambda: None)) is SharedPrefix
    monkeypatch.setattr(SharedPrefix, "device", torch.device("cuda"))
    assert type(whole_engine(tiny_model("llama"), 64, lambda: None)) is FlatPrefix
    assert type(whole_engine(tiny_model("phi3"), 64, lambda: None)) is SharedPrefix


def test_every_architecture_of_the_tests_is_either_written_out_or_refused() -> None:
    assert {*WRITTEN_OUT, "gemma3", "phi3", "mistral"} == set(CONFIGS)
