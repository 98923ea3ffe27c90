"""An Ollama tag is told by its weights, and one that cannot be trained on is refused with what can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base import resolve_base
from aeon_plugin_ft.base.trainable import TRAINABLE, options_for, trainable_for
from aeon_plugin_ft.errors import BaseModelError
from tests.servers.ollama import FakeOllama


def info(architecture: str, count: float) -> dict[str, Any]:
    return {"model_info": {"general.architecture": architecture, "general.parameter_count": int(count)}}


def test_deepseek_is_told_apart_by_its_architecture() -> None:
    assert trainable_for("deepseek-r1:8b", info("llama", 8.03e9)) == "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"
    assert trainable_for("deepseek-r1:8b", info("qwen3", 8.19e9)) == "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B"
    assert trainable_for("deepseek-r1", info("qwen2", 7.62e9)) == "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"
    assert trainable_for("deepseek-r1:671b", info("deepseek2", 671e9)) is None


@pytest.mark.parametrize("row", TRAINABLE)
def test_every_row_of_the_list_is_found_by_its_own_size(row: tuple[str, str, float, str]) -> None:
    family, architecture, billions, hub = row
    assert trainable_for(f"{family}:any", info(architecture, billions * 1e9)) == hub


def test_the_options_are_the_same_model_or_those_of_its_family() -> None:
    assert "R1-Distill-Llama-8B, which is the same" in options_for("deepseek-r1:8b", info("llama", 8.03e9))
    assert "DeepSeek-R1-Distill-Llama-8B, deepseek-ai/" in options_for("deepseek-r1:5b", info("llama", 5e9))
    assert options_for("somebody/else:1b", info("rwkv", 1e9)) == "set [base] model to its folder"


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    with FakeOllama() as server:
        yield server


@pytest.mark.parametrize(
    ("architecture", "billions", "option"),
    [
        ("llama", 8.03, "DeepSeek-R1-Distill-Llama-8B, which is the same"),
        ("qwen3", 8.19, "DeepSeek-R1-0528-Qwen3-8B, which is the same"),
    ],
)
def test_a_tag_whose_file_is_elsewhere_names_the_weights_that_it_is(
    ollama: FakeOllama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, billions: float, option: str
) -> None:
    """An Ollama in a container or on another machine: its blob is not readable here."""
    shown = {**info(architecture, billions * 1e9), "modelfile": "FROM /root/.ollama/models/blobs/sha256-0"}
    monkeypatch.setattr(ollama, "_show", lambda request: request.send(200, shown))
    with pytest.raises(BaseModelError, match="not on this machine") as refusal:
        resolve_base("ollama:deepseek-r1:8b", tmp_path, ollama=ollama.url)
    assert "Copy the GGUF here" in refusal.value.todo and option in refusal.value.todo


def test_a_family_that_cannot_be_trained_on_is_refused_before_its_file_is_read(
    ollama: FakeOllama, tmp_path: Path
) -> None:
    ollama.add_model("deepseek-r1:671b", architecture="deepseek2")
    with pytest.raises(BaseModelError, match="is a deepseek2") as refusal:
        resolve_base("ollama:deepseek-r1:671b", tmp_path, ollama=ollama.url)
    assert "qwen3" in refusal.value.todo and "DeepSeek-R1-Distill-Llama-8B" in refusal.value.todo
    assert not (tmp_path / "copies").exists()
