"""A GGUF becomes the Hugging Face model that it came from."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from aeon_plugin_ft.base import resolve_base
from aeon_plugin_ft.base.training_copy import training_copy, whole_copy
from aeon_plugin_ft.errors import BaseModelError, NoSpaceError
from aeon_plugin_ft.weights.architectures import FAMILIES, permute, unpermute
from aeon_plugin_ft.weights.gguf_file import GgufFile
from tests.base.tiny import make_tiny
from tests.base.whole import whole_folder

DIGEST = "sha256:" + "1" * 64


def load(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder).eval()


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_copy_has_the_weights_and_the_answers_of_the_original(family: str, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path, family)
    copy = load(whole_copy(tiny.path, DIGEST, tmp_path / "cache"))
    original = tiny.model.state_dict()
    assert set(copy.state_dict()) == set(original)
    for name, weight in copy.state_dict().items():
        tolerance = 1e-7 if family == "gemma3" and "norm" in name else 0.0
        assert torch.allclose(weight, original[name], rtol=0, atol=tolerance), name
    tokens = torch.arange(5, 37)[None]
    with torch.no_grad():
        assert torch.allclose(copy(tokens).logits, tiny.model(tokens).logits, atol=1e-4)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_training_copy_has_no_weights_and_the_model_reads_them_from_the_gguf(family: str, tmp_path: Path) -> None:
    """The same model, to the last bit, as from a folder that holds them."""
    from aeon_plugin_ft.training.engine.layered.choice import load_to_measure

    tiny = make_tiny(tmp_path, family, "Q8_0")
    copy = training_copy(tiny.path, DIGEST, tmp_path / "cache")
    assert not list(copy.rglob("*.safetensors"))
    model, source = load_to_measure(copy, tiny.path, 1, "cpu", layered=False)
    assert source is None and not model.training
    theirs = load(whole_copy(tiny.path, DIGEST, tmp_path / "cache")).state_dict()
    assert set(model.state_dict()) == set(theirs)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, theirs[name]), name
    shared = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert shared == model.config.tie_word_embeddings


def test_a_type_of_weights_that_nothing_decodes_is_refused_before_training(tmp_path: Path) -> None:
    path = make_tiny(tmp_path, "llama", "Q8_0").path
    data = bytearray(path.read_bytes())
    name = b"blk.0.ffn_up.weight"
    # Behind its name: 4 bytes with the number of dimensions, 8 for each of the two, then the type.
    at = data.index(name) + len(name) + 4 + 16
    data[at : at + 4] = (24).to_bytes(4, "little")  # whole numbers of a byte, no weights
    path.write_bytes(data)
    with pytest.raises(BaseModelError, match=r"blk\.0\.ffn_up\.weight cannot be read") as caught:
        training_copy(path, DIGEST, tmp_path / "cache")
    assert caught.value.todo


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_a_quantised_gguf_gives_the_weights_that_transformers_reads_from_it(family: str, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path, family, "Q8_0")
    ours = load(whole_copy(tiny.path, DIGEST, tmp_path / "cache")).state_dict()
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=tiny.path.name).state_dict()
    assert set(ours) == set(theirs)
    for name, weight in ours.items():
        assert torch.equal(weight, theirs[name].float()), name


def test_threads_that_want_the_same_copy_at_once_make_it_once(tmp_path: Path) -> None:
    """A host's follower and its learning resolve the base at the same moment."""
    tiny = make_tiny(tmp_path, "llama")
    made: list[str] = []

    def progress(sentence: str) -> None:
        made.append(sentence)
        time.sleep(0.5)  # whoever does not wait for this one begins now

    with ThreadPoolExecutor(2) as pool:
        copies = [pool.submit(whole_copy, tiny.path, DIGEST, tmp_path / "cache", progress) for _ in range(2)]
        folders = {copy.result() for copy in copies}
    assert len(folders) == 1 and len(made) == 1
    assert load(folders.pop()).state_dict()


def test_biases_of_permuted_projections_come_back(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path, "llama", attention_bias=True)
    folder = whole_copy(tiny.path, DIGEST, tmp_path / "cache")
    copy = load(folder)
    assert torch.equal(
        copy.state_dict()["model.layers.1.self_attn.k_proj.bias"],
        tiny.model.state_dict()["model.layers.1.self_attn.k_proj.bias"],
    )


@pytest.mark.parametrize("factor", [8.0, 32.0])
def test_llama3_position_scaling_comes_back(factor: float, tmp_path: Path) -> None:
    rope = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    tiny = make_tiny(tmp_path, "llama", head_dim=64, rope_parameters=rope, max_position_embeddings=131072)
    copy = load(whole_copy(tiny.path, DIGEST, tmp_path / "cache"))
    assert torch.allclose(copy.model.rotary_emb.inv_freq, tiny.model.model.rotary_emb.inv_freq, rtol=1e-5)


def test_a_big_model_is_copied_as_bf16_like_torch_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeon_plugin_ft.base.training_copy.F32_LIMIT", 0)
    tiny = make_tiny(tmp_path, "qwen3")
    folder = whole_copy(tiny.path, DIGEST, tmp_path / "cache")
    copy = AutoModelForCausalLM.from_pretrained(folder)
    assert copy.dtype == torch.bfloat16
    for name, weight in copy.state_dict().items():
        assert torch.equal(weight, tiny.model.state_dict()[name].to(torch.bfloat16)), name


def test_the_chat_template_and_the_end_of_a_reply_come_back(tmp_path: Path) -> None:
    for family in ("llama", "gemma3"):
        tokenizer = AutoTokenizer.from_pretrained(
            training_copy(make_tiny(tmp_path, family).path, DIGEST, tmp_path / family)
        )
        chat = [{"role": "user", "content": "olá, são 2024"}]
        text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        assert text == "<|user|>olá, são 2024<|end|><|assistant|>"
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert tokenizer.decode(ids) == text
        assert tokenizer.eos_token == "<|end|>"
        generation = json.loads((tmp_path / family / "copies").glob("*/generation_config.json").__next__().read_text())
        assert generation["eos_token_id"] == tokenizer.eos_token_id


def test_it_is_made_once_and_a_copy_without_its_last_file_is_made_again(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path, "llama")
    folder = whole_copy(tiny.path, DIGEST, tmp_path / "cache")
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert whole_copy(tiny.path, DIGEST, tmp_path / "cache") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    shutil.rmtree(folder)
    left = folder.with_name(f"{folder.name}.{_dead_pid()}.part")
    left.mkdir()
    (left / "model.safetensors").write_bytes(b"half")
    whole_copy(tiny.path, DIGEST, tmp_path / "cache")
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def _dead_pid() -> int:
    return next(pid for pid in range(400_000, 4_000_000) if not psutil.pid_exists(pid))


def test_a_failure_on_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = make_tiny(tmp_path, "llama")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aeon_plugin_ft.base.training_copy.write_safetensors", fail)
    with pytest.raises(BaseModelError, match="cannot be written"):
        whole_copy(tiny.path, DIGEST, tmp_path / "cache")
    assert list((tmp_path / "cache" / "copies").iterdir()) == []


def test_too_little_space_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = make_tiny(tmp_path, "llama")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("aeon_plugin_ft.base.training_copy.shutil.disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(NoSpaceError):
        training_copy(tiny.path, DIGEST, tmp_path / "cache")
    assert list((tmp_path / "cache" / "copies").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("general.architecture", "mamba"), "architecture"),
        (("llama.expert_count", 8), "mixture of experts"),
        (("llama.rope.scaling.type", "yarn"), "positions"),
        (("llama.rope.dimension_count", 8), "part of each head"),
        (("tokenizer.ggml.pre", "unheard-of"), "splits text"),
        (("tokenizer.ggml.model", "bert"), "tokenizer"),
        (("tokenizer.chat_template", ""), "chat template"),
        (("tokenizer.ggml.tokens", None), "tokenizer.ggml.tokens"),
        (("tokenizer.ggml.merges", None), "tokenizer.ggml.merges"),
    ],
)
def test_what_cannot_be_copied_exactly_is_refused(
    change: tuple[str, Any], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = make_tiny(tmp_path, "llama")
    key, value = change
    from aeon_plugin_ft.weights.gguf_file import GgufFile, MetadataEntry

    parse = GgufFile._parse

    def changed(self: GgufFile) -> None:
        parse(self)
        self.entries[key] = MetadataEntry(value, 8, 0, 0)

    monkeypatch.setattr(GgufFile, "_parse", changed)
    with pytest.raises(BaseModelError, match=reason) as caught:
        training_copy(tiny.path, DIGEST, tmp_path / "cache")
    assert caught.value.todo


def test_unpermute_undoes_permute() -> None:
    rows = np.arange(24 * 5, dtype=np.float32).reshape(24, 5)
    assert np.array_equal(unpermute(permute(rows, 3), 3), rows)
    assert not np.array_equal(permute(rows, 3), rows)


def test_a_gguf_file_is_resolved(tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path, "qwen3")
    base = resolve_base(str(tiny.path), tmp_path / "cache")
    assert base.architecture == "qwen3"
    assert base.gguf == tiny.path
    assert base.parameters == sum(p.numel() for p in tiny.model.parameters())
    assert load(whole_folder(base))
