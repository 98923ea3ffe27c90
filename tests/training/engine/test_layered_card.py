"""One layer at a time on a card: weights that stay as the file has them, decoded where they are needed.

All but the copies beside the computation run on a processor too, which is what is tested here; on a machine with a card
the same tests run on it as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aeon_plugin_ft.training.engine.layered import card
from aeon_plugin_ft.training.engine.layered.card import CardWeights, Stream
from aeon_plugin_ft.training.engine.layered.decoding import can_decode, decode
from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
from aeon_plugin_ft.training.engine.layered.skeleton import LayerWeights, skeleton
from aeon_plugin_ft.training.engine.parity import difference
from aeon_plugin_ft.weights.sources import GgufSource, SafetensorsSource
from tests.training.architectures import gradients, rows
from tests.training.engine.layered import adapted, make_gguf

pytestmark = pytest.mark.slow
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
         "IQ4_XS", "MXFP4"]  # fmt: skip
EVERYTHING = 1 << 40


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def engine_on(config: Any, source: GgufSource, device: str, room: int) -> LayeredPrefix:
    """The engine with weights as a card has them, of which `room` bytes may stay there."""
    made = LayeredPrefix(adapted(skeleton(config, source, device)), source, 50)
    made.weights = CardWeights(made.modules, source, made.between, made.device, room)
    object.__setattr__(made.streamed, "read", made.weights.read)
    return made


@pytest.mark.parametrize("kind", TYPES)
def test_what_torch_decodes_is_what_the_processor_does(kind: str, device: str, tmp_path: Path) -> None:
    _, path = make_gguf(tmp_path, "llama", kind)
    source = GgufSource(path, 1)
    # Queries have their heads' rows woven; the embedding is read in part.
    for name, first, count in (("layers.1.self_attn.q_proj", 0, 256), ("embed_tokens", 5, 40)):
        name = f"model.{name}.weight"
        stored = source.stored(name)
        exact = torch.empty(count, stored.columns)
        source.read_into(name, exact.numpy(), first)
        encoded = np.empty(count * stored.row_size, np.uint8)
        source.copy_stored(name, encoded, first)
        made = torch.empty(exact.shape, device=device)
        decode(torch.from_numpy(encoded).to(device), stored, made)
        assert can_decode(stored.kind) and torch.allclose(made.cpu(), exact, rtol=1e-6, atol=1e-7)
    source.close()


def test_a_type_that_torch_does_not_know_is_decoded_by_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, path = make_gguf(tmp_path, "llama", "Q4_K")
    source = GgufSource(path, 1)
    layers = adapted(skeleton(config, source)).get_base_model().model.layers
    cpu = torch.device("cpu")
    assert type(card.card_weights(layers, source, lambda: None, cpu, [])) is CardWeights
    monkeypatch.setattr(card, "can_decode", lambda kind: False)
    assert type(card.card_weights(layers, source, lambda: None, cpu, [])) is LayerWeights
    source.close()


@pytest.mark.parametrize("room", [0, 400_000, EVERYTHING], ids=["streamed", "some stay", "all stay"])
@pytest.mark.parametrize("family", ["llama", "gemma3", "qwen3"])
def test_steps_are_those_of_the_processor(family: str, room: int, device: str, tmp_path: Path) -> None:
    config, path = make_gguf(tmp_path, family, "Q8_0")
    source = GgufSource(path, 1)
    exact = LayeredPrefix(adapted(skeleton(config, source)), source, 50)
    there = engine_on(config, source, device, room)
    for seed in range(3):
        batch = rows("uneven", 5, seed=seed)
        loss, _ = exact.step(batch)
        wanted = gradients(exact.causal)
        assert there.step(batch)[0] == pytest.approx(loss, abs=1e-5)
        found = {name: value.cpu() for name, value in gradients(there.causal).items()}
        assert difference(found, wanted) < 1e-4
        assert there.losses(batch) == pytest.approx(exact.losses(batch), rel=1e-5)
        assert there.stock_losses(batch) == pytest.approx(exact.losses(batch), rel=1e-4)
    assert there.device.type == device
    source.close()


@pytest.fixture
def streamed(device: str, tmp_path: Path) -> Iterator[tuple[LayeredPrefix, CardWeights]]:
    config, path = make_gguf(tmp_path, "llama", "Q4_K")
    source = GgufSource(path, 1)
    made = engine_on(config, source, device, 0)
    assert isinstance(made.weights, CardWeights)
    yield made, made.weights
    made.weights.release()
    source.close()


def test_the_next_layer_comes_while_one_is_computed_on_both_ways(
    streamed: tuple[LayeredPrefix, CardWeights], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, weights = streamed
    asked: list[tuple[int, int | None]] = []
    take = Stream.take

    def watched(self: Stream, layer: int, ahead: int | None) -> torch.Tensor:
        assert layer == 0 or (self._coming is not None and self._coming[0] == layer), "it was on its way"
        asked.append((layer, ahead))
        return take(self, layer, ahead)

    monkeypatch.setattr(Stream, "take", watched)
    engine.step(rows("uneven", 4))
    assert asked == [(0, 1), (1, 2), (2, 1), (1, 0), (0, None)]
    assert weights._stream is not None and weights._stream._pool is None, "and no thread is left"


def test_what_stays_is_read_once(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, path = make_gguf(tmp_path, "llama", "Q4_K")
    source = GgufSource(path, 1)
    engine = engine_on(config, source, device, EVERYTHING)
    read: list[str] = []
    copy = source.copy_stored
    monkeypatch.setattr(source, "copy_stored", lambda name, *rest: (read.append(name), copy(name, *rest))[1])
    for _ in range(3):
        engine.step(rows("uneven", 4))
    # Seven matrices of each of three layers, and the head.
    assert len(read) == 3 * 7 + 1
    engine.weights.release()
    engine.step(rows("uneven", 4))
    assert len(read) == 2 * (3 * 7 + 1)
    source.close()


def test_a_file_that_cannot_be_read_ends_the_step(
    streamed: tuple[LayeredPrefix, CardWeights], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _ = streamed
    copy = engine.source.copy_stored

    def broken(name: str, *rest: Any) -> None:
        if ".layers.2." in name:
            raise OSError("the disk is gone")
        copy(name, *rest)

    monkeypatch.setattr(engine.source, "copy_stored", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        engine.step(rows("uneven", 4))
    assert all(parameter.grad is None for parameter in engine.trained)


def test_the_bytes_of_a_folder_of_safetensors_are_decoded_too(device: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    numbers = torch.randn(12, 8)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        save_file({"a": numbers.to(dtype)}, tmp_path / "model.safetensors")
        source = SafetensorsSource(tmp_path)
        stored = source.stored("a")
        encoded, made = np.empty(5 * stored.row_size, np.uint8), torch.empty(5, 8, device=device)
        source.copy_stored("a", encoded, 3)
        decode(torch.from_numpy(encoded).to(device), stored, made)
        assert torch.equal(made.cpu(), numbers.to(dtype)[3:8].float())
        source.close()
