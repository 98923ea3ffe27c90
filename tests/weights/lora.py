"""Random adapters as PEFT saves them, and what a model with one answers: in PEFT, and as served."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from peft import PeftModel
from safetensors import safe_open
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.registry.model import Version, VersionState
from hooks import Route
from tests.base.whole import whole_folder

LETTER = 70
"""A token that is one ASCII letter in every vocabulary used here."""
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "qkv_proj", "gate_up_proj")


def make_adapter(
    folder: Path,
    base: BaseModel,
    *,
    seed: int = 1,
    strength: float = 1.0,
    rank: int = 4,
    alpha: float = 8,
    only: Sequence[str] = LINEAR,
    ranks: Mapping[str, int] | None = None,
    **config: Any,
) -> Path:
    """A PEFT LoRA folder with random A and B on every linear layer named in `only`.

    `strength` is the size of scale * B @ A against the base's weights, about. `ranks` is PEFT's rank_pattern.
    """
    rng = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}
    with safe_open(whole_folder(base) / "model.safetensors", "np") as weights:
        for name in weights.keys():  # noqa: SIM118 - not a mapping
            module = name.removesuffix(".weight")
            if module.rpartition(".")[2] not in only or name.endswith(".bias"):
                continue
            out, into = weights.get_slice(name).get_shape()
            size = float(np.abs(weights.get_tensor(name)).mean())
            r = (ranks or {}).get(module.rpartition(".")[2], rank)
            a = rng.normal(size=(r, into)).astype(np.float32)
            b = rng.normal(size=(out, r)).astype(np.float32) * size * strength / np.sqrt(r) / (alpha / r)
            tensors[f"base_model.model.{module}.lora_A.weight"] = a
            tensors[f"base_model.model.{module}.lora_B.weight"] = b.astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "",
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": [name for name in only if any(f".{name}." in key for key in tensors)],
        "rank_pattern": dict(ranks or {}),
        "bias": "none",
        "lora_dropout": 0.0,
        "inference_mode": True,
        **config,
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def make_version(folder: Path, base: BaseModel, name: str = "v0001", **adapter: Any) -> Version:
    """A version with a random adapter in `folder`."""
    make_adapter(folder / "adapter", base, **adapter)
    return Version(
        name=name,
        folder=folder,
        run=f"run-{name}",
        dataset="d" * 16,
        base=base.spec,
        base_digest=base.digest,
        parent=None,
        created=0.0,
        verdict=Verdict(True, (), {}),
        state=VersionState.ACCEPTED,
    )


def load_peft(base: BaseModel, adapter: Path | None) -> Any:
    """The base with the adapter, in F32, loaded by transformers itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_pretrained(whole_folder(base), dtype=torch.float32)
        return (model if adapter is None else PeftModel.from_pretrained(model, adapter)).eval()


def peft_logprobs(model: Any, tokens: Sequence[int]) -> np.ndarray:
    """Log-probabilities of the next token, over the vocabulary."""
    with torch.no_grad():
        logits = model(torch.tensor([list(tokens)])).logits[0, -1]
    return torch.log_softmax(logits.double(), -1).numpy()


def served_logprobs(
    route: Route, tokens: Sequence[int], vocabulary: int, *, top: int | None = None, letter: int = LETTER
) -> np.ndarray:
    """The same from a llama.cpp server, raw, before its sampler; -inf where it gives none, as beyond the `top`.

    The sampler is made to choose a `letter`: after the end or half a UTF-8 character nothing is reported.
    """
    body = {"prompt": list(tokens), "n_predict": 1, "n_probs": top or vocabulary, "cache_prompt": False}
    body |= {"temperature": 0, "logit_bias": [[letter, 1000.0]]}
    answer = httpx.post(
        f"{route.base_url}/completion",
        json=body,
        headers={"Authorization": f"Bearer {route.token}"},
        timeout=120,
        trust_env=False,
    )
    answer.raise_for_status()
    found = np.full(vocabulary, -np.inf)
    for one in answer.json()["completion_probabilities"][0]["top_logprobs"]:
        found[one["id"]] = one["logprob"]
    return found


def divergence(reference: np.ndarray, other: np.ndarray) -> float:
    """KL(reference || other) in nats, over what both know; the rest of a distribution weighs nothing here."""
    known = np.isfinite(other) & (reference > -30)
    p, q = np.exp(reference[known]), np.exp(other[known])
    return float(np.sum(p * (np.log(p / p.sum()) - np.log(q / q.sum()))) / p.sum())


def chat(route: Route, text: str, max_tokens: int = 12, timeout: float = 300) -> str:
    """One greedy reply."""
    answer = httpx.post(
        f"{route.base_url}/v1/chat/completions",
        json={
            "model": route.model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": max_tokens,
            "temperature": 0,
        },
        headers={"Authorization": f"Bearer {route.token}"},
        timeout=timeout,
        trust_env=False,
    )
    answer.raise_for_status()
    return str(answer.json()["choices"][0]["message"]["content"])
