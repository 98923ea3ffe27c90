"""Models that the engine or PyTorch's attention does not fit are trained more slowly, not wrongly and not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transformers

from aeon_plugin_ft.training.engine.layered.skeleton import skeleton
from aeon_plugin_ft.training.engine.loading import load_base, with_attention
from aeon_plugin_ft.training.engine.parity import check, turns_by_length
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.weights.sources import GgufSource
from tests.training import architectures
from tests.training.architectures import PROMPT, rows, tiny_model
from tests.training.engine.layered import make_gguf


@pytest.fixture
def no_fused_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a family that PyTorch's fused attention has no form for."""
    monkeypatch.setattr(transformers.LlamaPreTrainedModel, "_supports_sdpa", False)


@pytest.mark.usefixtures("no_fused_attention")
def test_a_family_without_the_fused_attention_is_computed_with_the_plain_one(tiny_copy: Path, tmp_path: Path) -> None:
    assert load_base(tiny_copy, "cpu").config._attn_implementation == "eager"
    config, path = make_gguf(tmp_path, "llama")
    source = GgufSource(path, 1)
    assert skeleton(config, source).config._attn_implementation == "eager"
    source.close()


def test_another_mistake_is_not_taken_for_that() -> None:
    def broken(kind: str) -> Any:
        raise ValueError(f"no model of kind {kind}")

    with pytest.raises(ValueError, match="kind sdpa"):
        with_attention(broken)


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_positions_that_depend_on_a_rows_length_are_not_shared(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prompt alone is shorter than the length from which it is turned in another way, the rows are longer."""
    rope: dict[str, Any] = {"rope_type": kind, "rope_theta": 10_000.0, "factor": 4.0}
    if kind == "longrope":
        rope |= {"short_factor": [1.0] * 8, "long_factor": [3.0] * 8}
    batch = rows("uneven", 4)
    longest = max(len(row.ids) for row in batch)
    for first, shared in ((PROMPT + 2, False), (longest, True)):
        rope["original_max_position_embeddings"] = first
        most = first if kind == "dynamic" else 4 * first
        monkeypatch.setitem(architectures._COMMON, "max_position_embeddings", most)
        monkeypatch.setitem(architectures.CONFIGS, "llama", ("LlamaConfig", {"rope_parameters": dict(rope)}))
        model = tiny_model("llama")
        verdict = check(model, SharedPrefix(model), batch)
        assert verdict.shared is shared, verdict.reason
        assert shared or verdict.reason == "the model's positions depend on how long a row is"


def test_the_longest_row_counts_though_the_check_computes_the_shortest() -> None:
    config = tiny_model("gemma3", adapted=False).config
    assert not turns_by_length(config, 10_000)
    config.rope_parameters["full_attention"] |= {"rope_type": "dynamic", "original_max_position_embeddings": 64}
    assert turns_by_length(config, 65) and not turns_by_length(config, 64)
