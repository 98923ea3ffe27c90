"""A layer's MLP some rows at a time: the same numbers, less in memory, and no product that nobody reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
from aeon_plugin_ft.training.engine.layered.rows import Chunks
from aeon_plugin_ft.training.engine.layered.skeleton import skeleton
from aeon_plugin_ft.training.engine.parity import difference
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.weights.sources import GgufSource
from tests.base.tiny import FAMILIES
from tests.training.architectures import gradients, rows
from tests.training.engine.layered import engines, make_gguf, whole_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning")]  # PEFT 0.21
MOST = 7
"""Rows of a chunk: neither a divisor of a micro-batch nor of the prompt."""


@pytest.fixture
def layered(tmp_path: Path) -> Iterator[LayeredPrefix]:
    _, made, source = engines(*make_gguf(tmp_path, "llama"), micro_tokens=60)
    yield cut_small(made)
    source.close()


def cut_small(engine: LayeredPrefix) -> LayeredPrefix:
    for chunks in engine.chunked.of.values():
        chunks.most = MOST
    return engine


@pytest.mark.parametrize("family", FAMILIES)
def test_chunks_change_no_number(family: str, tmp_path: Path) -> None:
    """Also where a norm (gemma3) or a dropout layer (phi3) stands behind the MLP."""
    shared, layered, source = engines(*make_gguf(tmp_path, family), micro_tokens=60)
    cut_small(layered)
    assert len(layered.chunked.of) == layered.layers
    batch = rows("uneven", 5)
    loss, _ = shared.step(batch)
    expected = gradients(shared.causal)
    # The first step sees what the layers read; from then on it is known.
    for _ in range(2):
        assert layered.step(batch)[0] == pytest.approx(loss, abs=1e-5)
        assert difference(gradients(layered.causal), expected) < 1e-5
    reads = {chunks.is_read for chunks in layered.chunked.of.values()}
    assert reads == ({True} if family == "gemma3" else {False} if family != "phi3" else reads)
    assert layered.losses(batch) == pytest.approx(shared.losses(batch), rel=1e-5)
    source.close()


def test_no_more_rows_than_a_chunks_are_in_an_mlp_at_once(
    layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    for chunks in layered.chunked.of.values():
        compute = chunks.compute
        monkeypatch.setattr(
            chunks, "compute", lambda hidden, compute=compute: (seen.append(hidden.shape[1]), compute(hidden))[1]
        )
    layered.step(rows("uneven", 5))
    assert seen and max(seen) <= MOST


def test_the_last_product_is_not_computed_again_where_nobody_reads_it(
    layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = rows("uneven", 5)
    layered.step(batch)
    last, first = _forward_products(layered, monkeypatch, batch)
    assert last * 2 == first > 0


def test_it_is_computed_again_where_something_reads_it(layered: LayeredPrefix, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = rows("uneven", 5)
    for chunks in layered.chunked.of.values():
        chunks.is_read = True
    last, first = _forward_products(layered, monkeypatch, batch)
    assert last == first > 0


def _forward_products(engine: LayeredPrefix, monkeypatch: pytest.MonkeyPatch, batch: Any) -> tuple[int, int]:
    """How often a step multiplies by the transposed weights of the MLP's last and first layers."""
    counts = {"down_proj": 0, "gate_proj": 0}
    mm = torch.mm

    def counted(one: torch.Tensor, other: torch.Tensor, **more: Any) -> torch.Tensor:
        for layer in engine.modules:
            for name in counts:
                weight = getattr(layer.mlp, name).base_layer.weight
                # Transposed: back to the inputs it is multiplied by as it is.
                if other.data_ptr() == weight.data_ptr() and other.shape == weight.t().shape and other.stride(0) == 1:
                    counts[name] += 1
        return mm(one, other, **more)

    monkeypatch.setattr(torch, "mm", counted)
    engine.step(batch)
    return counts["down_proj"], counts["gate_proj"]


def test_a_step_gives_the_same_bits_before_it_is_known_whether_anything_reads_it(layered: LayeredPrefix) -> None:
    """A run that goes on in a new process begins not to know it again."""
    batch = rows("uneven", 5)
    layered.step(batch)
    first = gradients(layered.causal)
    assert {chunks.is_read for chunks in layered.chunked.of.values()} == {False}
    layered.step(batch)
    assert all(torch.equal(value, first[name]) for name, value in gradients(layered.causal).items())


@pytest.mark.parametrize("targets", [["gate_proj", "up_proj", "down_proj"], ["q_proj", "v_proj"], ["up_proj"]])
def test_whatever_carries_the_adapter_learns_the_same(targets: list[str], tmp_path: Path) -> None:
    """In the MLP alone, where the first layer's MLP has an input that nobody needs the gradient of; outside of it; and
    where the last product has no adapter."""
    config, path = make_gguf(tmp_path, "llama")
    source = GgufSource(path, 1)
    lora = LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM", init_lora_weights=False)
    whole = whole_model(config, source).unload()
    torch.manual_seed(1)
    layered = cut_small(LayeredPrefix(get_peft_model(skeleton(config, source), lora), source, 60))
    torch.manual_seed(1)
    shared = SharedPrefix(get_peft_model(whole, lora), 60)
    batch = rows("uneven", 5)
    for engine in (shared, layered):
        engine.step(batch)
    expected = gradients(shared.causal)
    assert expected and difference(gradients(layered.causal), expected) < 1e-5
    source.close()


def test_chunks_are_of_about_the_same_size() -> None:
    class Mlp:
        forward = None

    for tokens in (1, 6, 7, 8, 20, 100):
        sizes = [rows.stop - rows.start for rows in Chunks(Mlp(), MOST).cut(tokens)]
        assert sum(sizes) == tokens and max(sizes) <= MOST and max(sizes) - min(sizes) <= 1
