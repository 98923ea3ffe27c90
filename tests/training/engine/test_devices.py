"""Which device trains, in which type, and what is kept of the memory of one."""

from __future__ import annotations

import pytest
import torch

from aeon_plugin_ft.training.engine.flat import engine as module
from aeon_plugin_ft.training.engine.flat.engine import FlatPrefix
from aeon_plugin_ft.training.engine.flat.memory import MemoryNeed
from aeon_plugin_ft.training.engine.loading import keep_embedding_off, pick_device, pick_dtype
from tests.training.architectures import rows, tiny_model


def offer(monkeypatch: pytest.MonkeyPatch, *devices: str) -> None:
    for device, backend in (("cuda", torch.cuda), ("xpu", torch.xpu), ("mps", torch.backends.mps)):
        monkeypatch.setattr(backend, "is_available", lambda device=device: device in devices)


@pytest.mark.parametrize(
    ("offered", "picked"), [(("cuda", "xpu"), "cuda"), (("xpu",), "xpu"), (("mps",), "mps"), ((), "cpu")]
)
def test_the_best_device_that_torch_offers_trains(
    monkeypatch: pytest.MonkeyPatch, offered: tuple[str, ...], picked: str
) -> None:
    offer(monkeypatch, *offered)
    assert pick_device() == picked


def test_bf16_only_where_a_card_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def emulates(including_emulation: bool = True) -> bool:
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", emulates)
    assert pick_dtype("cuda") is torch.float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert pick_dtype("cuda") is torch.bfloat16
    assert pick_dtype("mps") is pick_dtype("cpu") is torch.float32


def test_what_a_layer_keeps_is_what_is_counted_on() -> None:
    from dataclasses import fields

    for architecture in ("llama", "qwen3"):
        engine = FlatPrefix(tiny_model(architecture))
        (layout,) = list(engine._layouts(rows("uneven", 4)))
        with torch.no_grad():
            _, kept = engine._forward(layout, keep=engine.layers)
        first = kept[0]
        tensors = [getattr(first, field.name) for field in fields(first)]
        bytes_kept = sum(
            part.numel() * part.element_size()
            for one in tensors
            for part in (one if isinstance(one, tuple) else (one,))
            if isinstance(part, torch.Tensor)
        )
        need = MemoryNeed.of(engine._parts[0], engine.layers, 4, layout.tokens)
        assert bytes_kept == pytest.approx(need.kept, rel=0.02)


def test_a_pass_is_as_large_as_a_cards_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, batch = FlatPrefix(tiny_model("llama"), micro_tokens=8192), rows("uneven", 6)
    assert len(list(engine._layouts(batch))) == 1
    need = MemoryNeed.of(engine._parts[0], engine.layers, 4, 90)
    assert MemoryNeed.most_tokens(engine._parts[0], engine.layers, 4, need.at_work) == 90
    monkeypatch.setattr(module, "free_on_card", lambda _: need.at_work)
    monkeypatch.setattr(FlatPrefix, "device", torch.device("cuda"))
    assert engine._most_tokens(40) == 90


def test_a_card_with_less_room_keeps_fewer_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FlatPrefix(tiny_model("llama"), micro_tokens=8192)
    monkeypatch.setattr(FlatPrefix, "device", torch.device("cuda"))
    need = MemoryNeed.of(engine._parts[0], engine.layers, 4, 100)
    for layers in range(engine.layers + 1):
        monkeypatch.setattr(module, "free_on_card", lambda _, room=layers: need.at_work + room * need.kept)
        assert engine.kept_layers(100, 40) == layers
    monkeypatch.setattr(module, "free_on_card", lambda _: 0)
    assert engine.kept_layers(100, 40) == 0


def test_the_table_of_words_stays_off_the_card_and_computes_the_same() -> None:
    model = tiny_model("llama")
    table, ids = model.get_input_embeddings(), torch.tensor([[3, 4, 5]])
    expected = table(ids)
    keep_embedding_off(model)
    assert torch.equal(table(ids), expected)
    assert len(table._forward_hooks) == 1
    tied = tiny_model("llama", adapted=False)
    tied.get_output_embeddings().weight = tied.get_input_embeddings().weight
    keep_embedding_off(tied)
    assert not tied.get_input_embeddings()._forward_hooks
