"""Fixtures: a tiny model with a tokenizer and a chat template of its own, made here: no download, seconds to train."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.store.digest import folder_sha256
from aeon_plugin_ft.training.model import Recipe

TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SYSTEM = "Voce e o Aeon, um hacker cinico e competente que ajuda o dono em tudo, sem rodeios."


@pytest.fixture(scope="session")
def tiny_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training copy: a random two-layer llama over bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({symbol: index for index, symbol in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<pad>",
        additional_special_tokens=["<|im_start|>"],
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=fast.eos_token_id, pad_token_id=fast.pad_token_id)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_base(tiny_copy: Path, tmp_path: Path) -> BaseModel:
    digest = folder_sha256([tiny_copy / "model.safetensors", tiny_copy / "config.json"], tmp_path)
    return BaseModel("tiny", digest, "llama", 50_000, tiny_copy, None)


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Dataset:
    """24 examples and 6 held-out ones that share a system prompt, frozen as they are."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    words = random.Random(5)
    for name, count in (("train", 24), ("heldout", 6)):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for _ in range(count):
                file.write(json.dumps({"messages": _chat(words)}, ensure_ascii=False) + "\n")
    seal_dataset(folder)
    return Dataset(hash="d" * 16, folder=folder, train=24, heldout=6, dropped=0)


def seal_dataset(folder: Path) -> None:
    """Write the manifest of a dataset whose files were written by hand, as `freeze` would."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jsonl")}
    lines = {name: len((folder / f"{name}.jsonl").read_bytes().splitlines()) for name in ("train", "heldout")}
    counts = {**lines, "dropped": 0, "preferences": 0, "ratings": 0}
    manifest = {"format": 1, "hash": "d" * 16, "created": 0.0, "counts": counts, "dropped": {}, "files": files}
    (folder / "dataset.json").write_text(json.dumps(manifest), encoding="utf-8")


def _chat(words: random.Random) -> list[dict[str, str]]:
    question = " ".join(words.choices(["abre", "liga", "tipo", "cara", "hora", "luz", "som"], k=words.randint(2, 6)))
    reply = "massa, " + " ".join(words.choices(["rodando", "feito", "ja era", "show"], k=words.randint(1, 5)))
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": question},
        {"role": "assistant", "content": reply},
    ]


@pytest.fixture
def tiny_recipe() -> Callable[..., Recipe]:
    """A recipe of 6 steps of 4 examples; keyword arguments change it."""

    def made(**changes: object) -> Recipe:
        values: dict[str, object] = {
            "rank": 4, "alpha": 4, "learning_rate": 1e-2, "batch_size": 4, "epochs": 1.0, "steps": 6,
            "warmup_steps": 1, "max_length": 512, "seed": 17, "threads": 1, "checkpoint_steps": 2,
        }  # fmt: skip
        return Recipe(**{**values, **changes})  # type: ignore[arg-type]

    return made
