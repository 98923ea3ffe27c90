"""The shared-prefix engine gives the stock path's losses and gradients; what it cannot do exactly it refuses."""

from __future__ import annotations

import warnings

import pytest
import torch

from aeon_plugin_ft.training.engine import kernels
from aeon_plugin_ft.training.engine.attention import NotShareableError
from aeon_plugin_ft.training.engine.fast import FastLayers
from aeon_plugin_ft.training.engine.packing import Packing
from aeon_plugin_ft.training.engine.parity import check, difference
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.training.plan import IGNORED, Row
from tests.training.architectures import CONFIGS, gradients, rows, stock_loss, tiny_model

pytestmark = pytest.mark.slow  # a minute of arithmetic on eight architectures

KINDS = ("uneven", "identical", "varying")


@pytest.mark.parametrize("architecture", CONFIGS)
def test_losses_and_gradients_are_the_stock_paths(architecture: str) -> None:
    model = tiny_model(architecture)
    for kind in KINDS:
        batch = rows(kind, 6)
        wanted_loss = stock_loss(model, batch)
        wanted_loss.backward()
        wanted = gradients(model)
        for micro_tokens in (4096, 40):
            loss, count = SharedPrefix(model, micro_tokens).step(batch)
            assert loss == pytest.approx(wanted_loss.item(), abs=1e-5)
            assert count == sum(row.supervised for row in batch)
            assert difference(gradients(model), wanted) < 1e-5, (kind, micro_tokens)


@pytest.mark.parametrize("architecture", CONFIGS)
def test_twenty_steps_end_where_the_stock_path_ends(architecture: str) -> None:
    """Same rows, same optimizer, micro-batches of two kinds: losses within 1e-5 and gradient norms within 1e-4."""
    paths = [_train(architecture, shared=True), _train(architecture, shared=False)]
    for (loss, norm), (wanted_loss, wanted_norm) in zip(*paths, strict=True):
        assert abs(loss - wanted_loss) <= 1e-5
        assert abs(norm - wanted_norm) <= 1e-4 * wanted_norm
    assert paths[1][-1][0] < paths[1][0][0], "it learns"


def _train(architecture: str, *, shared: bool) -> list[tuple[float, float]]:
    model = tiny_model(architecture)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3)
    engine = SharedPrefix(model, micro_tokens=60)
    path = []
    for step in range(20):
        batch = rows(KINDS[step % 3], 5, seed=step % 6)
        if shared:
            loss, _ = engine.step(batch)
        else:
            value = stock_loss(model, batch)
            value.backward()
            loss = value.item()
        norm = float(torch.nn.utils.clip_grad_norm_(trained, 1.0))
        optimizer.step()
        optimizer.zero_grad()
        path.append((loss, norm))
    return path


@pytest.mark.parametrize("architecture", CONFIGS)
def test_bf16_is_within_twice_the_noise_that_the_stock_path_has_itself(architecture: str) -> None:
    """Noise: how far the stock path in bf16, whole or row by row, is from the same weights in fp32."""
    model = tiny_model(architecture, torch.bfloat16)
    batch = rows("uneven", 6)
    total = sum(row.supervised for row in batch)
    stock_loss(model, batch).backward()
    whole = gradients(model)
    for row in batch:
        (stock_loss(model, [row]) * row.supervised / total).backward()
    split = gradients(model)
    SharedPrefix(model).step(batch)
    shared = gradients(model)
    stock_loss(model.float(), batch).backward()
    exact = gradients(model)
    noise = max(difference(whole, exact), difference(split, exact))
    assert 1e-3 < noise < 3e-2
    assert difference(shared, exact) <= 2 * noise


@pytest.mark.parametrize("architecture", CONFIGS)
def test_held_out_losses_are_the_stock_paths(architecture: str) -> None:
    model = tiny_model(architecture).eval()
    engine = SharedPrefix(model, micro_tokens=40)
    batch = rows("uneven", 5)
    found = engine.losses(batch)
    assert found == pytest.approx(engine.stock_losses(batch), rel=1e-5)
    assert sum(found) / sum(row.supervised for row in batch) == pytest.approx(stock_loss(model, batch).item(), rel=1e-5)


def test_rows_without_a_common_prompt_are_still_exact() -> None:
    model = tiny_model("llama")
    batch = [rows("uneven", 1, seed)[0] for seed in range(4)]
    wanted = stock_loss(model, batch)
    wanted.backward()
    expected = gradients(model)
    loss, _ = SharedPrefix(model).step(batch)
    assert loss == pytest.approx(wanted.item(), abs=1e-5)
    assert difference(gradients(model), expected) < 1e-5


def test_a_row_without_supervised_tokens_changes_nothing() -> None:
    model = tiny_model("llama")
    batch = rows("uneven", 3)
    mute = Row(batch[0].ids, (IGNORED,) * len(batch[0].ids))
    expected, _ = SharedPrefix(model).step(batch)
    wanted = gradients(model)
    loss, _ = SharedPrefix(model).step([*batch, mute])
    assert loss == expected
    assert difference(gradients(model), wanted) == 0


def test_gradient_checkpointing_is_refused_because_it_would_be_silently_wrong() -> None:
    model = tiny_model("llama")
    checkpointed(model)
    with pytest.raises(NotShareableError, match="gradient checkpointing"):
        SharedPrefix(model).step(rows("uneven", 4))


def test_the_start_up_check_sends_a_checkpointed_model_down_the_stock_path() -> None:
    model = tiny_model("llama")
    checkpointed(model)
    verdict = check(model, SharedPrefix(model), rows("uneven", 4))
    assert not verdict.shared and "gradient checkpointing" in verdict.reason


def test_the_start_up_check_passes_what_is_exact_and_leaves_the_model_as_it_was() -> None:
    model = tiny_model("qwen3")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    verdict = check(model, SharedPrefix(model), rows("uneven", 4))
    assert verdict.shared and verdict.gradient_difference < 1e-5
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not gradients(model)


def test_the_start_up_check_catches_a_wrong_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.training.engine import attention

    model = tiny_model("mistral")
    monkeypatch.setattr(attention, "outer_part", _blind_to_windows)
    verdict = check(model, SharedPrefix(model), rows("uneven", 4))
    assert not verdict.shared and "change the result" in verdict.reason


def _blind_to_windows(query: torch.Tensor, packing: object, scale: float, window: int | None) -> object:
    from aeon_plugin_ft.training.engine.kernels import FlashOuter

    return FlashOuter(scale, None)


def test_the_start_up_check_does_not_bother_where_nothing_is_shared() -> None:
    model = tiny_model("llama")
    batch = [rows("uneven", 1, seed)[0] for seed in range(4)]
    verdict = check(model, SharedPrefix(model), batch)
    assert not verdict.shared and "share no prompt" in verdict.reason


def test_an_unknown_failure_inside_a_model_means_the_stock_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("no such kernel")

    model = tiny_model("llama")

    engine = SharedPrefix(model)
    monkeypatch.setattr(engine, "step", broken)
    verdict = check(model, engine, rows("uneven", 4))
    assert not verdict.shared and "does not take it" in verdict.reason


def test_the_models_attention_is_its_own_again_after_a_step() -> None:
    model = tiny_model("llama")
    engine = SharedPrefix(model)
    engine.step(rows("uneven", 3))
    assert model.config._attn_implementation == "sdpa"
    assert all("forward" not in vars(layer) for layer in (*engine.fast.layers, *engine.fast.norms))
    assert stock_loss(model, rows("uneven", 3)).isfinite()


def checkpointed(model: torch.nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # renamed in transformers 5.23; the old name works on all of 5
        model.gradient_checkpointing_enable()  # type: ignore[operator]
        model.enable_input_require_grads()  # type: ignore[operator]


@pytest.mark.parametrize("architecture", CONFIGS)
def test_norms_are_taken_over_only_where_they_compute_what_their_name_says(architecture: str) -> None:
    model = tiny_model(architecture)
    named = [module for module in model.modules() if type(module).__name__.endswith("RMSNorm")]
    assert named and list(FastLayers(model).norms) == named
    for norm in named:
        norm.forward = lambda inputs: inputs
    assert not FastLayers(model).norms
    named[0].weight.requires_grad_(True)
    del named[0].forward
    assert not FastLayers(model).norms


@pytest.mark.parametrize("architecture", CONFIGS)
def test_a_narrow_base_with_a_wide_adapter_is_computed_in_few_operators_too(architecture: str) -> None:
    model = tiny_model(architecture, torch.bfloat16)
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    fast = FastLayers(model)
    assert len(fast.layers) == sum(type(module).__name__ == "Linear" for module in model.modules() if _adapted(module))
    assert all(type(module).__name__.endswith("RMSNorm") for module in fast.norms) and fast.norms


def _adapted(module: torch.nn.Module) -> bool:
    return hasattr(module, "lora_A")


@pytest.mark.parametrize("window", [None, 6], ids=["all", "window"])
def test_wide_heads_in_bf16_are_as_near_to_fp32_as_the_fused_kernel(window: int | None) -> None:
    heads, groups, prefix, lengths = 4, 1, 50, (7, 12, 3)
    generator = torch.Generator().manual_seed(5)
    packing = Packing.of(lengths, prefix)
    query = torch.randn(1, heads, sum(lengths), kernels.WIDE_HEAD, generator=generator)
    key, value = torch.randn(2, 1, groups, prefix, kernels.WIDE_HEAD, generator=generator)
    exact, exact_lse = kernels.outer_part(query, packing, 1 / 16, window).forward(query, key, value)
    narrow = [tensor.bfloat16() for tensor in (query, key, value)]
    part = kernels.outer_part(narrow[0], packing, 1 / 16, window)
    assert type(part) is kernels.Outer
    output, lse = part.forward(*narrow)
    seen = exact_lse.isfinite()
    assert torch.equal(seen, lse.isfinite()) and bool(seen.all()) == (window is None)
    assert (lse - exact_lse)[seen].abs().max() < 0.02
    assert difference({"": output.float()}, {"": exact}) < 0.01
