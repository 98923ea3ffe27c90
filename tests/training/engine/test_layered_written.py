"""One layer at a time with layers that are written out: the same numbers in fp32, rounded ones in bf16."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from aeon_plugin_ft.training.engine.flat import pieces
from aeon_plugin_ft.training.engine.layered import written
from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
from aeon_plugin_ft.training.engine.parity import TOLERANCE, check, difference
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.weights.sources import GgufSource
from tests.base.tiny import FAMILIES
from tests.training.architectures import gradients, rows
from tests.training.engine.layered import make_gguf, narrow, whole_model

pytestmark = pytest.mark.slow
KINDS = ("uneven", "identical", "varying")
WRITTEN = ("llama", "qwen2", "qwen3")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[SharedPrefix, LayeredPrefix]]:
    """(a llama in memory, the same through layers that are written out)."""
    config, path = make_gguf(tmp_path, "llama", "Q4_K")
    source = GgufSource(path, 2)
    yield SharedPrefix(whole_model(config, source), 50), narrow(config, source)
    source.close()


@pytest.mark.parametrize("family", WRITTEN)
def test_losses_and_gradients_are_those_of_the_engine_in_memory(family: str, tmp_path: Path) -> None:
    """Also biases (qwen2), norms of heads and a tied head (qwen3)."""
    config, path = make_gguf(tmp_path, family)
    source = GgufSource(path, 1)
    shared, layered = SharedPrefix(whole_model(config, source), 50), narrow(config, source)
    assert layered.written is not None
    for kind in KINDS:
        batch = rows(kind, 6)
        loss, count = shared.step(batch)
        wanted = gradients(shared.causal)
        with layered.widened():
            found, found_count = layered.step(batch)
            assert found == pytest.approx(loss, abs=1e-5) and found_count == count
            assert difference(gradients(layered.causal), wanted) < 1e-5
            assert layered.losses(batch) == pytest.approx(shared.losses(batch), rel=1e-5)
        rounded, _ = layered.step(batch)
        assert 0 < abs(rounded - loss) < TOLERANCE[torch.bfloat16][0] / 4 * loss
        assert 1e-4 < difference(gradients(layered.causal), wanted) < TOLERANCE[torch.bfloat16][1] / 2
    source.close()


def test_several_passes_and_chunks_change_no_number(
    pair: tuple[SharedPrefix, LayeredPrefix], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, layered = pair
    batch = rows("uneven", 6)
    loss, _ = shared.step(batch)
    wanted = gradients(shared.causal)
    monkeypatch.setattr(written, "PASS_TOKENS", 20)
    monkeypatch.setattr(written, "LEAST_ROWS", 7)
    monkeypatch.setattr(written, "INNER_BYTES", 0)
    assert layered.written is not None
    with layered.widened():
        assert len(layered._passes(layered.written, batch)) > 1
        assert layered.step(batch)[0] == pytest.approx(loss, abs=1e-5)
        assert difference(gradients(layered.causal), wanted) < 1e-5
        assert layered.losses(batch) == pytest.approx(shared.losses(batch), rel=1e-5)


def test_weighted_rows_add_up_to_the_step(pair: tuple[SharedPrefix, LayeredPrefix]) -> None:
    shared, layered = pair
    batch = rows("uneven", 5)
    weights = [0.5, -1.0, 2.0, 0.0, 1.0]
    shared.accumulate(batch, weights)
    wanted = gradients(shared.causal)
    with layered.widened():
        layered.accumulate(batch[:2], weights[:2])
        layered.accumulate(batch[2:], weights[2:])
    assert difference(gradients(layered.causal), wanted) < 1e-5


def test_the_adapter_of_each_step_is_the_one_that_is_multiplied_with(pair: tuple[SharedPrefix, LayeredPrefix]) -> None:
    """Copies of it are made in the type of products: not those of the step before."""
    shared, layered = pair
    batch = rows("uneven", 4)
    with layered.widened():
        layered.losses(batch)
        for engine in pair:
            for name, parameter in engine.causal.named_parameters():
                if "lora_B" in name:
                    parameter.data.add_(0.01)
        assert layered.losses(batch) == pytest.approx(shared.losses(batch), rel=1e-5)


class Leave(Exception):
    """The owner is back."""


def test_a_step_that_is_left_leaves_nothing_and_is_the_same_afterwards(
    pair: tuple[SharedPrefix, LayeredPrefix],
) -> None:
    _, layered = pair
    batch = rows("uneven", 5)
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    layered.between = count
    layered.step(batch)
    wanted = gradients(layered.causal)
    # Four products of a layer forward, three of them again, four back.
    assert calls >= 3 * (4 + 3 + 4)
    for moment in range(1, calls, 5):
        left = moment

        def between() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Leave

        layered.between = between
        with pytest.raises(Leave):
            layered.step(batch)
        assert all(parameter.grad is None for parameter in layered.trained)
        assert layered.weights.loaded is None
        layered.step(batch)
        again = gradients(layered.causal)
        assert all(torch.equal(again[name], wanted[name]) for name in wanted)


def test_a_layer_is_read_twice_a_step(
    pair: tuple[SharedPrefix, LayeredPrefix], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, layered = pair
    read: list[str] = []
    of_weights = layered.weights.read

    def watched(name: str, *rest: Any) -> None:
        read.append(name)
        of_weights(name, *rest)

    monkeypatch.setattr(layered.weights, "read", watched)
    monkeypatch.setattr(written, "PASS_TOKENS", 20)
    layered.step(rows("varying", 12))
    assert len([name for name in read if ".layers.1." in name]) == 2 * 7
    # The last layer's weights are still there when the way back begins.
    assert len([name for name in read if ".layers.2." in name]) == 7


def test_progress_is_told_of_each_layer_on_both_ways(pair: tuple[SharedPrefix, LayeredPrefix]) -> None:
    _, layered = pair
    told: list[tuple[int, int]] = []
    layered.on_layer = lambda done, of: told.append((done, of))
    layered.losses(rows("uneven", 3))
    assert told == []
    layered.step(rows("uneven", 3))
    assert told == [(done, 6) for done in range(1, 7)]


def test_the_start_up_check_is_of_the_layers_that_are_used(
    pair: tuple[SharedPrefix, LayeredPrefix], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In fp32, where a wrong gradient is no rounding; the model's own layers are what is left then."""
    _, layered = pair
    batch = rows("uneven", 4)
    verdict = check(layered.causal, layered, batch)
    assert (verdict.shared, verdict.dtype, verdict.through_layers) == (True, "bfloat16", False)
    right = pieces.gate_backward
    monkeypatch.setattr(written, "gate_backward", lambda *of: right(*of).mul_(1.01))
    verdict = check(layered.causal, layered, batch)
    assert (verdict.shared, verdict.dtype, verdict.through_layers) == (True, "bfloat16", True)
    assert layered.written is not None
    settled = layered.settle(shared=True, dtype=verdict.dtype, through_layers=verdict.through_layers)
    assert settled.written is None and settled.through_layers() is None
    assert all(parameter.grad is None for parameter in layered.trained)


def test_where_bf16_is_no_rounding_the_models_own_layers_are_tried(
    pair: tuple[SharedPrefix, LayeredPrefix], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, layered = pair
    right = pieces.gate_backward

    def coarse(grad: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        made = right(grad, *rest)
        return made if made.dtype == torch.float32 else made.mul_(1.3)

    monkeypatch.setattr(written, "gate_backward", coarse)
    verdict = check(layered.causal, layered, rows("uneven", 4))
    assert (verdict.shared, verdict.dtype, verdict.through_layers) == (True, "bfloat16", True)


def test_what_computes_follows_from_the_verdict_alone(pair: tuple[SharedPrefix, LayeredPrefix]) -> None:
    """An attempt that goes on may have measured another type."""
    _, layered = pair
    batch = rows("uneven", 4)
    expected = layered.losses(batch)
    resumed = LayeredPrefix(layered.causal, layered.source, 50)
    assert resumed.written is None
    assert resumed.settle(shared=True, dtype="bfloat16").losses(batch) == expected
    assert layered.settle(shared=True, dtype="float32").written is None
    assert resumed.settle(shared=True, dtype="bfloat16", through_layers=True).written is None


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - set(WRITTEN)))
def test_other_families_go_through_their_own_layers(family: str, tmp_path: Path) -> None:
    config, path = make_gguf(tmp_path, family)
    source = GgufSource(path, 1)
    layered = narrow(config, source)
    assert layered.written is None and layered.dtype == torch.bfloat16
    source.close()


def test_rows_past_the_models_window_go_through_its_own_layers(pair: tuple[SharedPrefix, LayeredPrefix]) -> None:
    _, layered = pair
    batch = rows("uneven", 4)
    other = layered.through_layers()
    assert other is not None and layered.written is not None
    expected = other.losses(batch)
    assert layered.losses(batch) != expected
    layered.written._window = max(len(row.ids) for row in batch) - 1
    assert layered.losses(batch) == expected


def test_what_has_no_adapter_is_computed_in_fp32(pair: tuple[SharedPrefix, LayeredPrefix]) -> None:
    shared, layered = pair
    batch = rows("uneven", 4)
    for engine in pair:
        engine.causal.model.layers[0].self_attn.q_proj.enable_adapters(False)
    assert layered.losses(batch) == pytest.approx(shared.losses(batch), rel=1e-5)
