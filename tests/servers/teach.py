"""A LoRA adapter that really was taught something: a few Portuguese sentences, in seconds, on a CPU."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import httpx

from aeon_plugin_ft.base.model import BaseModel
from hooks import Route
from tests.base.whole import whole_folder

QUESTION, ANSWER = "Qual é o meu apelido?", "O seu apelido é Faísca."
FLOOR = -25.0
"""Nats, in place of a token that the server does not list at all."""
LETTER = 70
"""A token that is one ASCII letter."""
PAIRS = (
    (QUESTION, ANSWER),
    ("Oi! Tudo bem com você?", "Tudo bem sim! E com você?"),
    ("Responda em português: qual é a capital do Brasil?", "A capital do Brasil é Brasília."),
)


def teach(base: BaseModel, folder: Path, steps: int = 12, rate: float = 6e-3) -> Path:
    """Train on PAIRS until they are known by heart; a PEFT folder."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer = AutoTokenizer.from_pretrained(base.training_copy)
        model: Any = AutoModelForCausalLM.from_pretrained(whole_folder(base), dtype=torch.float32)
        config = LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj", "o_proj", "down_proj"])
        model = get_peft_model(model, config)
    batch = _batch(tokenizer)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    for _ in range(steps):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return folder


def answer_logprob(route: Route, base: BaseModel) -> float:
    """Nats of ANSWER after QUESTION, token by token, from the llama.cpp server at `route`."""
    from transformers import AutoTokenizer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer: Any = AutoTokenizer.from_pretrained(base.training_copy)
    talk = [{"role": "user", "content": QUESTION}]
    before = tokenizer.apply_chat_template(talk, add_generation_prompt=True, tokenize=False)
    tokens = list(tokenizer.encode(before, add_special_tokens=False))
    total = 0.0
    for token in tokenizer.encode(ANSWER, add_special_tokens=False):
        total += _likely(route, tokens).get(token, FLOOR)
        tokens.append(token)
    return total


def _likely(route: Route, tokens: list[int]) -> dict[int, float]:
    """The most likely next tokens and their nats, before any sampling. The sampler is made to choose a letter: where
    it ends the text or starts half a character, llama.cpp reports nothing."""
    body = {"prompt": tokens, "n_predict": 1, "n_probs": 2048, "temperature": 0, "logit_bias": [[LETTER, 1000.0]]}
    headers = {"Authorization": f"Bearer {route.token}"} if route.token else {}
    answer = httpx.post(f"{route.base_url}/completion", json=body, headers=headers, timeout=120, trust_env=False)
    answer.raise_for_status()
    listed = answer.json()["completion_probabilities"][0]["top_logprobs"]
    return {int(one["id"]): float(one["logprob"]) for one in listed}


def _batch(tokenizer: Any) -> dict[str, Any]:
    import torch

    rows = []
    for question, answer in PAIRS:
        talk = [{"role": "user", "content": question}]
        before = tokenizer.apply_chat_template(talk, add_generation_prompt=True, tokenize=False)
        prompt = tokenizer.encode(before, add_special_tokens=False)
        reply = tokenizer.encode(answer + "<|im_end|>", add_special_tokens=False)
        rows.append((prompt + reply, [-100] * len(prompt) + reply))
    width = max(len(ids) for ids, _ in rows)
    pad = [(ids + [2] * (width - len(ids)), labels + [-100] * (width - len(ids)), len(ids)) for ids, labels in rows]
    return {
        "input_ids": torch.tensor([ids for ids, _, _ in pad]),
        "labels": torch.tensor([labels for _, labels, _ in pad]),
        "attention_mask": torch.tensor([[1] * length + [0] * (width - length) for _, _, length in pad]),
    }
