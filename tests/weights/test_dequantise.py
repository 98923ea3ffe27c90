"""Weights are read where they lie, and are the numbers that the converters' own code reads."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.weights import dequantise, sources
from aeon_plugin_ft.weights.dequantise import Dequantiser, fast_decode, slow_decode
from aeon_plugin_ft.weights.sources import GgufSource, SafetensorsSource, open_source
from tests.base.tiny import FAMILIES, make_tiny

libgguf = pytest.importorskip("libgguf")
TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
         "IQ4_NL", "IQ4_XS", "MXFP4"]  # fmt: skip


def encoded(kind: GGMLQuantizationType, rows: int = 37, columns: int = 512) -> np.ndarray:
    numbers = np.random.default_rng(int(kind)).standard_normal((rows, columns), dtype=np.float32)
    if kind in (GGMLQuantizationType.F32, GGMLQuantizationType.F16, GGMLQuantizationType.BF16):
        return gguf.quants.quantize(numbers, kind).view(np.uint8)
    return np.asarray(libgguf.quantize_rows(numbers, int(kind)))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", TYPES)
def test_every_type_gives_the_gguf_packages_numbers_to_the_last_bit(
    name: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ("PIECE_WEIGHTS", "NEAR_WEIGHTS"):
        monkeypatch.setattr(dequantise, size, 5 * 512)  # several pieces, the last one shorter
    kind = GGMLQuantizationType[name]
    rows = encoded(kind)
    wanted = gguf.quants.dequantize(rows if kind > 1 else rows.view("<f4" if kind == 0 else "<f2"), kind)
    out = np.full((37, 512), np.nan, np.float32)
    decoder = Dequantiser(threads)
    decoder.into(memoryview(rows).cast("B"), int(kind), out)
    decoder.close()
    assert np.array_equal(out, wanted)
    in_pieces = np.full_like(out, np.nan)

    def take(first: int, numbers: np.ndarray) -> None:
        in_pieces[first : first + len(numbers)] = numbers

    decoder = Dequantiser(threads)
    decoder.pieces(memoryview(rows).cast("B"), int(kind), (37, 512), take)
    decoder.close()
    assert np.array_equal(in_pieces, wanted)
    slow = np.full_like(out, np.nan)
    slow_decode(memoryview(rows).cast("B"), int(kind), slow)
    assert np.array_equal(slow, wanted)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_ends_all_threads_before_it_is_raised(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dequantise, "NEAR_WEIGHTS", 512)
    rows = encoded(GGMLQuantizationType.Q8_0, rows=500)
    taken: list[int] = []

    def take(first: int, numbers: np.ndarray) -> None:
        if first == 3:
            raise IndexError("no such row")
        time.sleep(0.001)
        taken.append(first)

    decoder = Dequantiser(threads)
    with pytest.raises(IndexError, match="no such row"):
        decoder.pieces(memoryview(rows).cast("B"), int(GGMLQuantizationType.Q8_0), (500, 512), take)
    seen = list(taken)
    decoder.close()  # would wait for a thread that still takes pieces
    assert taken == seen
    assert len(seen) < 499


def test_without_libgguf_it_is_slower_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "libgguf", None)
    monkeypatch.setattr(dequantise, "_said_slow", False)
    assert fast_decode() is None and fast_decode() is None
    assert [record.message for record in caplog.records if "kquants" in record.message] == [caplog.records[0].message]


def test_a_type_that_nobody_decodes_is_an_error_not_nonsense() -> None:
    with pytest.raises(ValueError, match="type 41"):
        slow_decode(memoryview(bytes(18)), 41, np.empty((1, 128), np.float32))


def test_bytes_that_are_no_whole_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no 3 rows"):
        Dequantiser(1).into(memoryview(bytes(100)), 0, np.empty((3, 8), np.float32))
    with pytest.raises(ValueError, match="no 3 rows"):
        Dequantiser(1).pieces(memoryview(bytes(100)), 0, (3, 8), lambda *_: None)


@pytest.mark.parametrize("kind", ["gguf", "safetensors"])
def test_rows_are_given_in_pieces_from_any_row_on(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (dequantise, sources):
        monkeypatch.setattr(module, "NEAR_WEIGHTS", 300)
    tiny = make_tiny(tmp_path, "llama")
    tiny.model.save_pretrained(tmp_path / "folder")
    source = open_source(tmp_path / "folder", tiny.path if kind == "gguf" else None, 2)
    name = "model.layers.0.mlp.down_proj.weight"
    wanted = tiny.model.state_dict()[name].numpy()[3:]
    found = np.full_like(wanted, np.nan)

    def take(first: int, numbers: np.ndarray) -> None:
        found[first : first + len(numbers)] = numbers

    source.read_pieces(name, len(wanted), take, 3)
    assert np.array_equal(found, wanted)
    with pytest.raises(ValueError, match=name):
        source.read_pieces(name, len(wanted) + 1, take, 3)
    source.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_gguf_reads_as_the_model_that_it_was_made_of(family: str, tmp_path: Path) -> None:
    """Row order, norm offsets, names: nothing of the original is lost."""
    tiny = make_tiny(tmp_path, family)
    source = GgufSource(tiny.path, 2)
    state = tiny.model.state_dict()
    for name, shape in source.shapes.items():
        out = np.full(shape, np.nan, np.float32)
        source.read_into(name, out)
        assert np.allclose(out, state[name].numpy(), rtol=0, atol=1e-6 if "norm" in name else 0), name
    assert set(state) - set(source.shapes) <= {"lm_head.weight"}
    source.close()


@pytest.mark.parametrize("kind", ["gguf", "safetensors", "sharded"])
def test_rows_are_read_from_any_place_and_picked_in_any_order(kind: str, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path, "qwen2")
    if kind == "gguf":
        source = open_source(tmp_path / "none", tiny.path)
    else:
        tiny.model.save_pretrained(tmp_path / "hf", max_shard_size="40KB" if kind == "sharded" else "1GB")
        assert len(list((tmp_path / "hf").glob("*.safetensors"))) > (1 if kind == "sharded" else 0)
        source = open_source(tmp_path / "hf", None)
        assert isinstance(source, SafetensorsSource)
    table = tiny.model.model.embed_tokens.weight.numpy(force=True)
    out = np.empty((7, 64), np.float32)
    source.read_into("model.embed_tokens.weight", out, 30)
    assert np.array_equal(out, table[30:37])
    source.pick_into("model.embed_tokens.weight", [5, 319, 5, 0, 7, 8, 9], out)
    assert np.array_equal(out, table[[5, 319, 5, 0, 7, 8, 9]])
    with pytest.raises(ValueError, match="from row 316 on"):
        source.read_into("model.embed_tokens.weight", out, 316)
    source.close()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_folder_in_16_bits_reads_as_torch_reads_it(dtype: str, tmp_path: Path) -> None:
    import torch

    model = make_tiny(tmp_path, "llama").model.to(getattr(torch, dtype))
    model.save_pretrained(tmp_path / "hf")
    source = SafetensorsSource(tmp_path / "hf")
    for name, shape in source.shapes.items():
        out = np.full(shape, np.nan, np.float32)
        source.read_into(name, out)
        assert np.array_equal(out, model.state_dict()[name].float().numpy()), name


def test_rows_in_another_order_are_read_by_heads_and_not_by_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dequantise, "NEAR_WEIGHTS", 300)
    tiny = make_tiny(tmp_path, "llama")
    source = GgufSource(tiny.path, 2)
    name = "model.layers.0.self_attn.q_proj.weight"
    table = tiny.model.state_dict()[name].numpy()
    width = len(table) // source.stored(name).heads
    assert len(table) > 2 * width > 2
    out = np.full_like(table[width:], np.nan)
    source.read_into(name, out, width)
    assert np.array_equal(out, table[width:])
    for first, count in ((width // 2, width), (0, width // 2), (width, len(table))):
        with pytest.raises(ValueError, match="by themselves"):
            source.read_into(name, np.empty((count, table.shape[1]), np.float32), first)
    source.close()


def test_a_folder_without_weights_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="holds no weights"):
        SafetensorsSource(tmp_path)
