"""Merging an adapter into a GGUF: exact where it must be, and refused where it cannot be."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.errors import BaseModelError, ServingError
from aeon_plugin_ft.serving.merging.worker.run import merge_in_child
from aeon_plugin_ft.weights.adapter import read_adapter
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.merge import KEY_ADAPTER, MergeOptions, MergeReport, merge_gguf, merged_size
from aeon_plugin_ft.weights.quantization import BF16, F16, F32, K_TYPES, Q8_0, encode, promoted, row_bytes
from tests.servers.models import HEADS, KV_HEADS, MODULES, write_adapter, write_copy, write_gguf, write_safetensors

STEPS = 0.57
"""Largest error in steps of max / 127: half a step for rounding, and the step's own rounding to float16."""
ATTENTION = ("attn_q", "attn_k", "attn_v", "attn_output")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "base.gguf")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter")


def merged(base: Path, adapter: Path, **options: Any) -> tuple[MergeReport, Path]:
    out = base.with_name("merged.gguf")
    return merge_gguf(base, adapter, out, MergeOptions(**options)), out


def lowest_share(report: MergeReport) -> float:
    return min(tensor.share for tensor in report.tensors)


def expected(base: Path, adapter: Path, permute: bool) -> dict[str, np.ndarray]:
    """W + scale * B @ A for every module, in float32, by the definitions alone."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    found = {}
    folder = read_adapter(adapter)
    names = {hf: name for name, hf in MODULES.items()}
    with GgufFile(base) as file:
        for module, update in folder.updates.items():
            block, part = module.split(".")[2], module.split(".", 3)[3]
            change = config["lora_alpha"] / update.a.shape[0] * (update.b @ update.a)
            heads = {"self_attn.q_proj": HEADS, "self_attn.k_proj": KV_HEADS}.get(part)
            if heads and permute:
                rows = change.shape[0]
                change = change.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(rows, -1)
            name = f"blk.{block}.{names[part]}.weight"
            found[name] = file.read(name) + change
    return found


@pytest.mark.parametrize(("architecture", "permute"), [("llama", True), ("qwen2", False), ("qwen3", False)])
def test_touched_tensors_hold_weights_plus_update_to_the_precision_of_q8_0(
    tmp_path: Path, adapter: Path, architecture: str, permute: bool
) -> None:
    base = write_gguf(tmp_path / "base.gguf", architecture=architecture)
    report, out = merged(base, adapter)
    with GgufFile(out) as file:
        for name, weights in expected(base, adapter, permute).items():
            step = np.abs(weights).max() / 127
            assert np.abs(file.read(name) - weights).max() <= STEPS * step
            assert file.tensors[name].type == Q8_0
    assert len(report.tensors) == 14
    assert all(0.97 < tensor.share < 1.03 for tensor in report.tensors)


def test_everything_untouched_is_the_bases_bytes(base: Path, tmp_path: Path) -> None:
    report, out = merged(base, write_adapter(tmp_path / "attention", modules=ATTENTION))
    touched = {tensor.name for tensor in report.tensors}
    with GgufFile(base) as before, GgufFile(out) as after:
        assert list(after.tensors) == list(before.tensors)
        for name in before.tensors.keys() - touched:
            assert bytes(before.raw(name)) == bytes(after.raw(name))
            assert before.tensors[name].type == after.tensors[name].type
        start, length = before.metadata_start, before.metadata_end - before.metadata_start
    assert base.read_bytes()[start:][:length] == out.read_bytes()[start:][:length]
    assert report.untouched == len(before.tensors) - 8


def test_the_metadata_names_what_it_was_made_of(base: Path, adapter: Path) -> None:
    report, out = merged(base, adapter, base_digest="sha256:b", version="v0003")
    with GgufFile(out) as file:
        assert file.get(KEY_ADAPTER) == read_adapter(adapter).digest
        assert (file.get("aeon_ft.base"), file.get("aeon_ft.version")) == ("sha256:b", "v0003")
    reader = gguf.GGUFReader(out)  # the reference implementation reads it too
    assert len(reader.tensors) == 18
    assert report.size == out.stat().st_size


def test_the_same_inputs_give_the_same_bytes_and_leave_nothing_else(base: Path, adapter: Path, tmp_path: Path) -> None:
    first, out = merged(base, adapter)
    content = out.read_bytes()
    second, _ = merged(base, adapter)
    assert out.read_bytes() == content
    assert first.digest == second.digest
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["base.gguf", "merged.gguf"]


def test_an_update_that_q8_0_would_lose_is_written_in_16_bits(base: Path, tmp_path: Path) -> None:
    whisper = write_adapter(tmp_path / "whisper", strength=2e-5)
    report, _ = merged(base, whisper)
    assert {tensor.after for tensor in report.tensors} <= {F16, F32, Q8_0}
    assert any(tensor.after in (F16, F32) for tensor in report.tensors)
    assert all(0.9 <= tensor.share <= 1.1 for tensor in report.tensors)


def test_a_base_in_8_bits_is_promoted_to_16(tmp_path: Path, adapter: Path) -> None:
    report, _ = merged(write_gguf(tmp_path / "base.gguf", kind="Q8_0"), adapter)
    assert {(tensor.before, tensor.after) for tensor in report.tensors} == {(Q8_0, F16)}


def test_an_adapter_without_effect_changes_no_tensor(base: Path, tmp_path: Path) -> None:
    report, out = merged(base, write_adapter(tmp_path / "nothing", strength=0.0))
    assert report.tensors == ()
    with GgufFile(base) as before, GgufFile(out) as after:
        assert all(bytes(before.raw(name)) == bytes(after.raw(name)) for name in before.tensors)


def test_rank_stabilised_scales_patterns_and_16_bit_adapters_count(base: Path, tmp_path: Path) -> None:
    folder = write_adapter(
        tmp_path / "a", use_rslora=True, alpha_pattern={"self_attn.q_proj": 16}, modules=("attn_q", "attn_v"),
        dtype=np.float16,
    )  # fmt: skip
    updates = read_adapter(folder).updates
    assert updates["model.layers.0.self_attn.q_proj"].scale == pytest.approx(16 / 2)
    assert updates["model.layers.1.self_attn.v_proj"].scale == pytest.approx(8 / 2)
    assert lowest_share(merged(base, folder)[0]) > 0.97


def test_a_bf16_adapter_is_read(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", modules=("attn_q",), blocks=1)
    a = read_adapter(folder).updates["model.layers.0.self_attn.q_proj"].a
    half = (a.view(np.uint32) >> 16).astype(np.uint16)
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    write_safetensors(
        folder / "adapter_model.safetensors",
        {f"{name}.lora_A.weight": half, f"{name}.lora_B.weight": np.ones((64, 4), np.float32)},
    )
    assert np.allclose(read_adapter(folder).updates["model.layers.0.self_attn.q_proj"].a, a, rtol=0.01)


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"use_dora": True}, "DoRA"), ({"modules_to_save": ["lm_head"]}, "modules"), ({"bias": "all"}, "biases"),
        ({"peft_type": "IA3"}, "IA3"), ({"layer_replication": [[0, 2]]}, "repeats"), ({"lora_bias": True}, "biases"),
        ({"trainable_token_indices": [1]}, "tokens"), ({"fan_in_fan_out": True}, "GPT-2"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa"), ({"target_parameters": ["experts"]}, "expert"),
    ],
)  # fmt: skip
def test_an_adapter_that_is_more_than_a_plain_lora_is_refused(
    base: Path, tmp_path: Path, config: dict[str, Any], word: str
) -> None:
    with pytest.raises(ServingError, match=word) as refusal:
        merged(base, write_adapter(tmp_path / "a", **config))
    assert refusal.value.todo


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"architecture": "phi3"}, "phi3"), ({"extra": {"split.count": 2}}, "several files"),
        ({"extra": {"llama.expert_count": 8}}, "mixture"), ({"extra": {KEY_ADAPTER: "sha256:x"}}, "already"),
        ({"rename": {"blk.0.attn_q.weight": "blk.0.attn_qkv.weight"}}, "fused"),
    ],
)  # fmt: skip
def test_a_base_that_cannot_be_merged_exactly_is_refused(
    tmp_path: Path, adapter: Path, options: dict[str, Any], word: str
) -> None:
    with pytest.raises(ServingError, match=word):
        merged(write_gguf(tmp_path / "base.gguf", **options), adapter)


def test_an_adapter_for_another_model_is_refused(base: Path, tmp_path: Path) -> None:
    wide = write_adapter(tmp_path / "wide", {"attn_q": (128, 128)})
    with pytest.raises(ServingError, match="another model"):
        merged(base, wide)
    deep = write_adapter(tmp_path / "deep", blocks=5)
    with pytest.raises(ServingError, match=r"layers\.2"):
        merged(base, deep)


def test_embeddings_are_never_merged(base: Path, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a")
    name = "base_model.model.model.embed_tokens.lora_embedding_A"
    write_safetensors(folder / "adapter_model.safetensors", {name: np.ones((4, 40), np.float32)})
    with pytest.raises(ServingError, match="embed_tokens"):
        merged(base, folder)


def break_weights(folder: Path) -> None:
    (folder / "adapter_model.safetensors").write_bytes(b"\x10")


def break_config(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{")


def not_finite(folder: Path) -> None:
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {f"{name}.lora_A.weight": np.full((4, 64), np.inf, np.float32),
               f"{name}.lora_B.weight": np.ones((64, 4), np.float32)}  # fmt: skip
    write_safetensors(folder / "adapter_model.safetensors", tensors)


@pytest.mark.parametrize("damage", [break_weights, break_config, not_finite])
def test_a_damaged_adapter_is_one_sentence(base: Path, adapter: Path, damage: Callable[[Path], None]) -> None:
    damage(adapter)
    with pytest.raises(ServingError) as refusal:
        merged(base, adapter)
    assert refusal.value.todo
    assert not base.with_name("merged.gguf").exists()


def test_a_disk_that_fills_up_leaves_no_file(
    base: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ServingError, match="No space left"):
        merged(base, adapter)
    assert not list(tmp_path.glob("merged*"))


def test_a_base_cut_short_is_refused(base: Path, adapter: Path) -> None:
    base.write_bytes(base.read_bytes()[:2000])
    with pytest.raises(BaseModelError):
        merged(base, adapter)


def test_the_size_is_known_beforehand(base: Path, adapter: Path) -> None:
    report, _ = merged(base, adapter)
    assert merged_size(base, adapter) == pytest.approx(report.size, rel=0.02)


@pytest.mark.slow
def test_in_a_child_the_same_file_is_made(base: Path, adapter: Path, tmp_path: Path) -> None:
    report, out = merged(base, adapter, base_digest="sha256:b", version="v1")
    again = merge_in_child(base, adapter, tmp_path / "child.gguf", MergeOptions("sha256:b", "v1"))
    assert again["digest"] == report.digest
    assert (tmp_path / "child.gguf").read_bytes() == out.read_bytes()
    with pytest.raises(ServingError, match="DoRA"):
        merge_in_child(base, write_adapter(tmp_path / "dora", use_dora=True), tmp_path / "no.gguf", MergeOptions())
    assert not list(tmp_path.glob("*.json")) + list(tmp_path.glob("*.log"))


# -- with the original weights --------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["llama", "qwen3"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_the_update_is_added_to_the_original_weights(tmp_path: Path, architecture: str, dtype: Any) -> None:
    """Rows in the GGUF's order, whatever the file of the originals holds them in."""
    base = write_gguf(tmp_path / "base.gguf", architecture=architecture)
    adapter = write_adapter(tmp_path / "adapter", strength=0.05)
    exact = write_copy(tmp_path / "exact", base, dtype=dtype)
    report, out = merged(base, adapter)
    plain = {tensor.name: tensor for tensor in report.tensors}
    with GgufFile(out) as file:
        before = {name: file.read(name) for name in plain}
    report, out = merged(base, adapter, originals=exact)
    with GgufFile(out) as file:
        for name, values in before.items():
            assert np.abs(file.read(name) - values).max() <= np.abs(values).max() / 127
    assert all(0.9 <= tensor.share <= 1.1 for tensor in report.tensors)


def test_a_base_in_8_bits_stays_in_8_with_the_originals(tmp_path: Path) -> None:
    base = write_gguf(tmp_path / "base.gguf", kind="Q8_0")
    report, _ = merged(base, write_adapter(tmp_path / "a"), originals=write_copy(tmp_path / "copy", base, noise=0.003))
    assert {(tensor.before, tensor.after) for tensor in report.tensors} == {(Q8_0, Q8_0)}


def test_the_bases_own_type_is_kept_only_where_there_is_no_grid_to_round_the_update_away(tmp_path: Path) -> None:
    base = write_gguf(tmp_path / "base.gguf")
    adapter = write_adapter(tmp_path / "a", strength=0.1)
    kept, out = merged(base, adapter, originals=write_copy(tmp_path / "copy", base, noise=0.003), keep=True)
    assert {tensor.after for tensor in kept.tensors} == {3}
    assert all(0.9 <= tensor.share <= 1.1 for tensor in kept.tensors)
    assert abs(out.stat().st_size - base.stat().st_size) < 1000
    alone, _ = merged(base, adapter, keep=True)
    assert {tensor.after for tensor in alone.tensors} == {Q8_0}


def test_originals_of_another_shape_are_a_sentence(base: Path, adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    write_safetensors(
        tmp_path / "copy" / "model.safetensors",
        {"model.layers.0.self_attn.q_proj.weight": np.ones((4, 4), np.float32)},
    )
    with pytest.raises(ServingError, match="cannot be read") as refusal:
        merged(base, adapter, originals=tmp_path / "copy")
    assert refusal.value.todo


@pytest.mark.parametrize("kind", sorted(K_TYPES))
def test_k_types_are_written_as_ggml_reads_them(kind: int) -> None:
    pytest.importorskip("libgguf", reason="no wheel for this Python or processor")
    values = np.random.default_rng(kind).standard_normal((3, 512)).astype(np.float32)
    packed, back = encode(values, kind)
    assert packed.shape == (3, row_bytes(kind, 512))
    assert np.array_equal(gguf.quants.dequantize(packed, gguf.GGMLQuantizationType(kind)), back)
    assert np.corrcoef(values.ravel(), back.ravel())[0, 1] > 0.93


def test_without_the_library_the_command_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "libgguf", None)
    base, adapter = write_wide(tmp_path / "base.gguf"), write_adapter(tmp_path / "a", WIDE, blocks=1)
    with pytest.raises(ServingError, match="libgguf") as refusal:
        merged(base, adapter, originals=tmp_path, keep=True)
    assert refusal.value.todo == 'pip install "aeon-plugin-ft[kquants]"'
    assert merged(base, adapter)[0].tensors[0].after == Q8_0  # the usual way needs no library
    assert not list(tmp_path.glob("*.part"))


def test_a_k_quant_base_keeps_its_size_with_the_originals(tmp_path: Path) -> None:
    pytest.importorskip("libgguf", reason="no wheel for this Python or processor")
    base, adapter = write_wide(tmp_path / "base.gguf"), write_adapter(tmp_path / "a", WIDE, blocks=1, strength=0.05)
    copy = tmp_path / "copy"
    copy.mkdir()
    with GgufFile(base) as file:
        weights = file.read("blk.0.ffn_down.weight")
    noisy = weights + 0.005 * np.random.default_rng(3).standard_normal(weights.shape)
    write_safetensors(copy / "model.safetensors", {"model.layers.0.mlp.down_proj.weight": noisy.astype(np.float32)})
    report, out = merged(base, adapter, originals=copy, keep=True)
    assert [(tensor.before, tensor.after) for tensor in report.tensors] == [(Q4_K, Q4_K)]
    assert 0.9 <= lowest_share(report) <= 1.1
    assert merged_size(base, adapter, MergeOptions(originals=copy, keep=True)) == base.stat().st_size
    assert abs(out.stat().st_size - base.stat().st_size) < 1000


WIDE = {"ffn_down": (256, 512)}
Q4_K = 12


def write_wide(path: Path) -> Path:
    """One linear layer of random Q4_K blocks, whose rows are long enough for K types."""
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (256, 2 * 144), dtype=np.uint8)
    blocks.reshape(-1, 144)[:, :4] = np.full((512, 2), [1e-3, 2e-3], np.float16).view(np.uint8)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_head_count(HEADS)
    writer.add_tensor("blk.0.ffn_down.weight", blocks, raw_dtype=gguf.GGMLQuantizationType.Q4_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.floats(1e-2, 1e4), st.integers(1, 6), st.integers(1, 8))
def test_q8_0_is_what_ggml_reads_back(seed: int, size: float, rows: int, blocks: int) -> None:
    values = (np.random.default_rng(seed).standard_normal((rows, 32 * blocks)) * size).astype(np.float32)
    packed, back = encode(values, Q8_0)
    assert packed.shape == (rows, row_bytes(Q8_0, values.shape[1]))
    assert np.array_equal(gguf.quants.dequantize(packed, gguf.GGMLQuantizationType.Q8_0), back)
    assert np.abs(back - values).max() <= STEPS * np.abs(values).max() / 127 + 1e-7


@pytest.mark.parametrize(
    ("kind", "length", "after"),
    [(12, 256, Q8_0), (12, 100, F16), (8, 256, F16), (F16, 256, F16), (BF16, 256, F16), (F32, 256, F32)],
)
def test_types_are_promoted_by_rule(kind: int, length: int, after: int) -> None:
    assert promoted(kind, length) == after
