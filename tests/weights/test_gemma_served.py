"""The real Gemma, an adapter on it and the two merged: served, they say what transformers and PEFT compute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.registry import Version
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.weights.merge import merge_gguf
from hooks import Route
from tests.conftest import REPOSITORY
from tests.weights.lora import divergence, load_peft, make_version, peft_logprobs, served_logprobs

pytestmark = pytest.mark.slow(seconds=25)

VOCABULARY, TOP = 262_144, 2048
"""Of so many words only the likeliest are asked for: all of them are 20 MB of JSON a question."""
LETTER = 236_746
"""The number of "a"."""
SETTINGS = ServeSection(threads=1, context_tokens=1024)
LIMIT = 0.02
"""Nats per token, as for a merged version."""


@pytest.fixture(scope="module")
def prompts(gemma3: BaseModel) -> list[list[int]]:
    """Some places in a reply of the persona's, and one behind more tokens than Gemma's sliding window holds (512)."""
    tokenizer: Any = AutoTokenizer.from_pretrained(gemma3.training_copy)
    chat = [{"role": "system", "content": "Você é o Aeon."}, {"role": "user", "content": "como se chama minha gata?"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    ids = tokenizer.encode(text + "Cara, é a Fork.", add_special_tokens=False)
    readme = (REPOSITORY / "README.pt-BR.md").read_text(encoding="utf-8")
    long = tokenizer.encode("<bos>" + readme, add_special_tokens=False)[:640]
    return [ids[:-6], ids[:-3], ids[:-1], long]


@pytest.fixture(scope="module")
def version(gemma3: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Version:
    return make_version(tmp_path_factory.mktemp("v"), gemma3, strength=0.15, rank=8, alpha=16)


@pytest.fixture(scope="module")
def adapted(gemma3: BaseModel, version: Version, prompts: list[list[int]]) -> list[np.ndarray]:
    model = load_peft(gemma3, version.adapter)
    return [peft_logprobs(model, prompt) for prompt in prompts]


@pytest.fixture(scope="module")
def bare(gemma3: BaseModel, prompts: list[list[int]]) -> list[np.ndarray]:
    model = load_peft(gemma3, None)
    return [peft_logprobs(model, prompt) for prompt in prompts]


@pytest.fixture
def deployer(data: DataFolder) -> Iterator[EmbeddedDeployer]:
    made = EmbeddedDeployer(data)
    yield made
    made.close()


def distances(route: Route, prompts: list[list[int]], references: list[np.ndarray]) -> list[float]:
    served = [served_logprobs(route, prompt, VOCABULARY, top=TOP, letter=LETTER) for prompt in prompts]
    return [divergence(reference, other) for reference, other in zip(references, served, strict=True)]


def test_the_training_copy_is_the_model_that_is_served(
    deployer: EmbeddedDeployer, gemma3: BaseModel, prompts: list[list[int]], bare: list[np.ndarray]
) -> None:
    found = distances(deployer.deploy(None, gemma3, SETTINGS).route, prompts, bare)
    assert np.mean(found) <= LIMIT, found


def test_an_adapter_is_served_as_it_was_trained(
    deployer: EmbeddedDeployer, gemma3: BaseModel, version: Version, prompts: list[list[int]],
    adapted: list[np.ndarray], bare: list[np.ndarray],
) -> None:  # fmt: skip
    found = distances(deployer.deploy(version, gemma3, SETTINGS).route, prompts, adapted)
    effects = [divergence(one, other) for one, other in zip(adapted, bare, strict=True)]
    assert np.mean(found) <= LIMIT, found
    assert np.mean(effects) > 0.2, effects


def test_a_merged_file_is_served_as_it_was_trained(
    deployer: EmbeddedDeployer, gemma3: BaseModel, version: Version, prompts: list[list[int]],
    adapted: list[np.ndarray], tmp_path: Path,
) -> None:  # fmt: skip
    assert gemma3.gguf is not None
    report = merge_gguf(gemma3.gguf, version.adapter, tmp_path / "merged.gguf")
    merged = replace(gemma3, gguf=tmp_path / "merged.gguf", digest=report.digest)
    found = distances(deployer.deploy(None, merged, SETTINGS).route, prompts, adapted)
    assert np.mean(found) <= LIMIT, found
    assert report.untouched > 100 and min(tensor.share for tensor in report.tensors) > 0.99
