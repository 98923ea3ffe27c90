"""An adapter as llama.cpp applies it is the adapter as PEFT applies it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file

from aeon_plugin_ft.base import BaseModel, resolve_base
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.weights.architectures import FAMILIES
from aeon_plugin_ft.weights.lora_gguf import export_lora_gguf
from tests.base.tiny import make_tiny
from tests.weights.lora import divergence, load_peft, make_adapter, make_version, peft_logprobs, served_logprobs

PROMPTS = [list(range(5, 37)), [40, 41, 42, 90, 200, 11, 7], [60]]


def tiny_base(folder: Path, family: str = "llama", **changes: Any) -> BaseModel:
    return resolve_base(str(make_tiny(folder, family, **changes).path), folder / "cache")


def product(path: Path, module: str) -> np.ndarray:
    """What llama.cpp adds to one tensor: alpha / rank (or 1) times B @ A."""
    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor.data.astype(np.float32) for tensor in reader.tensors}
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    a, b = tensors[f"{module}.weight.lora_a"], tensors[f"{module}.weight.lora_b"]
    return (alpha / a.shape[0] if alpha else 1.0) * b @ a


def expected(adapter: Path, module: str, scale: float) -> np.ndarray:
    tensors = load_file(adapter / "adapter_model.safetensors")
    prefix = f"base_model.model.{module}"
    return scale * tensors[f"{prefix}.lora_B.weight"] @ tensors[f"{prefix}.lora_A.weight"]


def close(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return bool(np.abs(ours - theirs).max() < 2e-3 * np.abs(theirs).max())


def test_the_factor_and_the_row_order_are_llama_cpps(tmp_path: Path) -> None:
    base = tiny_base(tmp_path)
    adapter = make_adapter(tmp_path / "a", base, rank=4, alpha=8)
    export_lora_gguf(adapter, base, tmp_path / "a.gguf")
    plain = expected(adapter, "model.layers.1.mlp.up_proj", 2.0)
    assert close(product(tmp_path / "a.gguf", "blk.1.ffn_up"), plain)
    query = expected(adapter, "model.layers.1.self_attn.q_proj", 2.0)
    interleaved = query.reshape(4, 2, 8, -1).swapaxes(1, 2).reshape(query.shape)
    assert close(product(tmp_path / "a.gguf", "blk.1.attn_q"), interleaved)
    assert not close(product(tmp_path / "a.gguf", "blk.1.attn_q"), query)


@pytest.mark.parametrize(
    ("options", "module", "scale"),
    [
        ({"use_rslora": True}, "v_proj", 8 / 2.0),
        ({"alpha_pattern": {"v_proj": 32}}, "v_proj", 32 / 4),
        ({"alpha_pattern": {"v_proj": 32}}, "o_proj", 8 / 4),
        ({"ranks": {"v_proj": 2}}, "v_proj", 8 / 2),
        ({"ranks": {"v_proj": 2}}, "o_proj", 8 / 4),
    ],
)
def test_peft_variants_of_the_factor_are_folded_in(
    options: dict[str, Any], module: str, scale: float, tmp_path: Path
) -> None:
    base = tiny_base(tmp_path, "qwen2")
    adapter = make_adapter(tmp_path / "a", base, rank=4, alpha=8, **options)
    export_lora_gguf(adapter, base, tmp_path / "a.gguf")
    name = {"v_proj": "attn_v", "o_proj": "attn_output"}[module]
    ours = product(tmp_path / "a.gguf", f"blk.0.{name}")
    assert close(ours, expected(adapter, f"model.layers.0.self_attn.{module}", scale))


def test_small_updates_keep_their_bits_in_f16(tmp_path: Path) -> None:
    base = tiny_base(tmp_path, "qwen2")
    adapter = make_adapter(tmp_path / "a", base, strength=1e-5)
    export_lora_gguf(adapter, base, tmp_path / "a.gguf")
    ours = product(tmp_path / "a.gguf", "blk.0.ffn_down")
    assert close(ours, expected(adapter, "model.layers.0.mlp.down_proj", 2.0))


def test_the_same_adapter_gives_the_same_file(tmp_path: Path) -> None:
    base = tiny_base(tmp_path)
    adapter = make_adapter(tmp_path / "a", base)
    digest = export_lora_gguf(adapter, base, tmp_path / "one.gguf")
    assert export_lora_gguf(adapter, base, tmp_path / "two.gguf") == digest
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()
    other = make_adapter(tmp_path / "b", base, seed=2)
    assert export_lora_gguf(other, base, tmp_path / "three.gguf") != digest


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "whole modules"),
        ({"bias": "all"}, "biases"),
        ({"peft_type": "IA3"}, "IA3"),
    ],
)
def test_what_is_more_than_an_update_of_linear_layers_is_refused(
    config: dict[str, Any], match: str, tmp_path: Path
) -> None:
    base = tiny_base(tmp_path)
    adapter = make_adapter(tmp_path / "a", base, **config)
    with pytest.raises(ServingError, match=match):
        export_lora_gguf(adapter, base, tmp_path / "a.gguf")
    assert not (tmp_path / "a.gguf").exists()


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    base = tiny_base(tmp_path, "qwen2")
    (tmp_path / "wide").mkdir()
    wide = tiny_base(tmp_path / "wide", "qwen2", intermediate_size=128)
    adapter = make_adapter(tmp_path / "a", wide)
    with pytest.raises(ServingError, match="does not fit"):
        export_lora_gguf(adapter, base, tmp_path / "a.gguf")
    (tmp_path / "deep").mkdir()
    deep = tiny_base(tmp_path / "deep", "qwen2", num_hidden_layers=3)
    with pytest.raises(ServingError, match="does not have"):
        export_lora_gguf(make_adapter(tmp_path / "b", deep), base, tmp_path / "a.gguf")


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_base_and_adapter_are_served_as_transformers_and_peft_compute_them(
    family: str, tmp_path: Path, data: DataFolder
) -> None:
    """Tiny models of every family: llama.cpp on the GGUF against transformers on the training copy made from it,
    and with an adapter against PEFT. One shows a wrong copy (config, row order), the other a wrong export."""
    base = tiny_base(tmp_path, family)
    version = make_version(tmp_path / "v", base, strength=0.3)
    deployer, settings = EmbeddedDeployer(data), ServeSection(threads=1, context_tokens=256)
    try:
        plain, tuned = deployer.deploy(None, base, settings), deployer.deploy(version, base, settings)
        bare, model = load_peft(base, None), load_peft(base, version.adapter)
        for prompt in PROMPTS:
            reference, adapted = peft_logprobs(bare, prompt), peft_logprobs(model, prompt)
            assert divergence(reference, served_logprobs(plain.route, prompt, 320)) < 1e-3
            assert divergence(adapted, served_logprobs(tuned.route, prompt, 320)) < 1e-3
            assert divergence(adapted, reference) > 0.02
    finally:
        deployer.close()


@pytest.mark.slow
def test_smollm2_with_an_adapter_is_served_within_a_fiftieth_of_a_nat(
    smollm2: BaseModel, tmp_path: Path, data: DataFolder
) -> None:
    version = make_version(tmp_path / "v", smollm2, strength=0.15, rank=8, alpha=16)
    model = load_peft(smollm2, version.adapter)
    bare = load_peft(smollm2, None)
    deployer, settings = EmbeddedDeployer(data), ServeSection(threads=1)
    rng = np.random.default_rng(5)
    prompts = [[1, 4093, 198, *rng.integers(100, 40_000, size=12).tolist()] for _ in range(3)]
    try:
        route = deployer.deploy(version, smollm2, settings).route
        distances, effects = [], []
        for prompt in prompts:
            reference = peft_logprobs(model, prompt)
            distances.append(divergence(reference, served_logprobs(route, prompt, 49_152)))
            effects.append(divergence(reference, peft_logprobs(bare, prompt)))
        assert np.mean(distances) <= 0.02, distances
        assert np.mean(effects) > 0.2, effects
    finally:
        deployer.close()
