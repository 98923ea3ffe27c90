"""The comparison of a merged file with its adapter: the arithmetic here, the models in the contract suite."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.serving.merging.check import KL_LIMIT, MergeCheck, divergence, heldout_replies, why_not
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.weights.merge_identity import correlation, read_tensor, require_same_model
from tests.servers.models import make_base, make_version, write_adapter, write_copy, write_gguf


def logprobs(seed: int, size: int = 50) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(size) * 2
    return np.asarray(values - np.log(np.exp(values).sum()))


def top(full: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    ids = np.argsort(-full)[:count]
    return ids, full[ids]


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 50))
def test_divergence_is_kl_with_the_rare_tokens_as_one(one: int, other: int, count: int) -> None:
    served, reference = logprobs(one), logprobs(other)
    exact = float(np.sum(np.exp(served) * (served - reference)))
    found = divergence(*top(served, count), reference)
    assert -1e-9 <= found <= exact + 1e-9
    if count == 50:
        assert found == pytest.approx(exact, abs=1e-6)


def test_a_model_that_says_the_same_has_no_divergence() -> None:
    same = logprobs(1)
    assert divergence(*top(same, 10), same) == pytest.approx(0, abs=1e-9)


def test_the_limit_is_what_passes() -> None:
    assert MergeCheck(KL_LIMIT, 1.0, 1.0, 1.0, 8).passed
    assert not MergeCheck(KL_LIMIT * 1.01, 1.0, 1.0, 1.0, 8).passed


def test_what_stands_in_the_way_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gguf = write_gguf(tmp_path / "base.gguf")
    copy = write_copy(tmp_path / "copy", gguf)
    base = BaseModel("b", "sha256:b", "llama", 1, copy, gguf)
    assert why_not(base, 1000, ["talk"]) == ""
    assert "held-out" in why_not(base, 1000, [])
    assert "training copy" in why_not(make_base(gguf), 1000, ["talk"])
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    assert "memory" in why_not(base, 1000, ["talk"])


def test_replies_that_were_never_trained_on_are_taken_from_the_versions_dataset(data: DataFolder) -> None:
    base = make_base(write_gguf(data.root / "base.gguf"))
    version = make_version(data.versions, write_adapter(data.root / "a"), base)
    assert heldout_replies(data, version) == []
    folder = data.datasets / version.dataset
    folder.mkdir()
    talks = [[{"role": "user", "content": "Oi"}, {"role": "assistant", "content": f"Oi {n}"}] for n in range(9)]
    talks.insert(0, [{"role": "user", "content": "sem resposta"}])
    lines = [json.dumps({"messages": talk}) for talk in talks]
    (folder / "heldout.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = heldout_replies(data, version)
    assert [talk[-1].content for talk in found] == ["Oi 0", "Oi 1", "Oi 2", "Oi 3"]


@pytest.mark.parametrize("architecture", ["llama", "qwen3"])
def test_the_same_model_in_16_bits_is_recognised_and_another_is_not(tmp_path: Path, architecture: str) -> None:
    gguf = write_gguf(tmp_path / "base.gguf", architecture=architecture)
    require_same_model(gguf, write_copy(tmp_path / "same", gguf, noise=0.002))
    with pytest.raises(ServingError, match="another model"):
        require_same_model(gguf, write_copy(tmp_path / "tuned", gguf, noise=0.05))
    (tmp_path / "same" / "model.safetensors").write_bytes(b"\xff" * 8)
    with pytest.raises(ServingError, match="cannot be read"):
        require_same_model(gguf, tmp_path / "same")
    assert read_tensor(tmp_path, "nothing") is None


def test_correlation_of_constants_is_nothing() -> None:
    ones = np.ones((2, 2), np.float32)
    assert correlation(ones, ones) == 0.0
    assert correlation(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)) == pytest.approx(1)
