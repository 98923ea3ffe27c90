"""Which Hugging Face model an Ollama tag is, for those who cannot train on the tag's own file.

Decided by what Ollama says of the weights, never by the tag's name alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/base")

TRAINABLE: tuple[tuple[str, str, float, str], ...] = (
    ("deepseek-r1", "llama", 8.03, "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"),
    ("deepseek-r1", "llama", 70.55, "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"),
    ("deepseek-r1", "qwen3", 8.19, "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B"),
    ("deepseek-r1", "qwen2", 1.78, "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"),
    ("deepseek-r1", "qwen2", 7.62, "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"),
    ("deepseek-r1", "qwen2", 14.77, "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B"),
    ("deepseek-r1", "qwen2", 32.76, "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"),
    ("llama3.2", "llama", 1.24, "meta-llama/Llama-3.2-1B-Instruct"),
    ("llama3.2", "llama", 3.21, "meta-llama/Llama-3.2-3B-Instruct"),
    ("llama3.1", "llama", 8.03, "meta-llama/Llama-3.1-8B-Instruct"),
    ("qwen3", "qwen3", 0.6, "Qwen/Qwen3-0.6B"),
    ("qwen3", "qwen3", 0.752, "Qwen/Qwen3-0.6B"),  # the GGUF holds the shared embedding twice
    ("qwen3", "qwen3", 1.72, "Qwen/Qwen3-1.7B"),
    ("qwen3", "qwen3", 2.03, "Qwen/Qwen3-1.7B"),
    ("qwen3", "qwen3", 4.02, "Qwen/Qwen3-4B"),
    ("qwen3", "qwen3", 8.19, "Qwen/Qwen3-8B"),
    ("qwen2.5", "qwen2", 0.494, "Qwen/Qwen2.5-0.5B-Instruct"),
    ("qwen2.5", "qwen2", 1.54, "Qwen/Qwen2.5-1.5B-Instruct"),
    ("qwen2.5", "qwen2", 3.09, "Qwen/Qwen2.5-3B-Instruct"),
    ("qwen2.5", "qwen2", 7.62, "Qwen/Qwen2.5-7B-Instruct"),
    ("gemma3", "gemma3", 0.268, "google/gemma-3-270m-it"),
    ("gemma3", "gemma3", 1.0, "google/gemma-3-1b-it"),
)
"""(Ollama's model, architecture of the weights, billions of weights, the Hugging Face model that they are).
The architecture decides: deepseek-r1:8b is a llama on pulls before the middle of 2025, a qwen3 on later ones."""

_SIZE_TOLERANCE = 0.05


def trainable_for(tag: str, show: Mapping[str, Any]) -> str | None:
    """The Hugging Face id of the weights that `tag` is, by the architecture and the number of weights that
    /api/show reports; None for a model that is not in the checked list."""
    architecture, billions = kind_of(show)
    for _, of_kind, size, hub in _rows(tag):
        # Within 5 %: quantised files count shared embeddings once or twice.
        if of_kind == architecture and abs(billions - size) <= _SIZE_TOLERANCE * size:
            return hub
    return None


def options_for(tag: str, show: Mapping[str, Any]) -> str:
    """What [base] model can be set to in place of `tag`, as the end of a sentence: the same weights on Hugging
    Face where they are known, else those of the same family that might be them."""
    exact = trainable_for(tag, show)
    if exact is not None:
        return _say("instead.same", model=exact)
    architecture, _ = kind_of(show)
    rows = _rows(tag)
    near = [hub for _, of_kind, _, hub in rows if of_kind == architecture] or [hub for _, _, _, hub in rows]
    names = ", ".join(dict.fromkeys(near))
    return _say("instead.near", models=names) if names else _say("instead.folder")


def kind_of(show: Mapping[str, Any]) -> tuple[str, float]:
    """(architecture, billions of weights) as Ollama reports them."""
    info = show.get("model_info") or {}
    return str(info.get("general.architecture", "unknown")), int(info.get("general.parameter_count") or 0) / 1e9


def _rows(tag: str) -> list[tuple[str, str, float, str]]:
    family = tag.rsplit("/", 1)[-1].split(":")[0].lower()
    return [row for row in TRAINABLE if row[0] == family]
