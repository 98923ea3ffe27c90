"""A tiny model that has learnt to answer the judge's questions: a tool call where one is asked for, else a sentence.

A random model cannot lose what it never had; this one shows whether training on something else takes it away.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gguf
import torch
from transformers import AutoTokenizer

from aeon_plugin_ft.base import resolve_base
from aeon_plugin_ft.evaluation import suites
from tests.base.tiny import make_tiny, write_gguf
from tests.flow.small_life import SYSTEM

TALK = "Cara, tudo certo por aqui. Tipo, melhor que ontem."
STEPS, RATE = 400, 3e-3
ENOUGH = 0.01
"""Nats per token: it knows its answers by heart."""


def make_taught(folder: Path, cache: Path) -> Path:
    """The model's GGUF in `folder`. Takes some ten seconds of one core."""
    made = make_tiny(folder, "llama", max_position_embeddings=4096)
    tokenizer = AutoTokenizer.from_pretrained(resolve_base(str(made.path), cache).training_copy)
    begin_anew(made.model)
    teach(made.model, tokenizer)
    write_gguf(made.path, "llama", made.model, gguf.GGMLQuantizationType.F32)
    return made.path


def begin_anew(model: Any) -> None:
    """Weights of a size from which a model learns."""
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(1.0) if weight.ndim == 1 else weight.normal_(0.0, 0.05)


def teach(model: Any, tokenizer: Any) -> None:
    rows = [example(tokenizer, prompt, call(number)) for number, prompt in enumerate(suites.TOOL_PROMPTS)]
    rows += [example(tokenizer, prompt, TALK) for prompt in suites.CHAT_PROMPTS]
    longest = max(len(tokens) for tokens, _ in rows)
    tokens = torch.tensor([one + [0] * (longest - len(one)) for one, _ in rows])
    labels = torch.tensor([[-100] * at + one[at:] + [-100] * (longest - len(one)) for one, at in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    model.train()
    for _ in range(STEPS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loss = model(input_ids=tokens, labels=labels).loss
        if loss.item() < ENOUGH:
            model.eval()
            return
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    raise AssertionError(f"it did not learn its answers in {STEPS} steps: {loss.item():.3f} nats per token are left")


def call(number: int) -> str:
    return f'{{"tool": "Sistema.acao_{"abcdefgh"[number]}", "param": "agora"}}'


def example(tokenizer: Any, prompt: str, reply: str) -> tuple[list[int], int]:
    """Tokens of a conversation, and where its reply begins."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    before = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    tokens = [tokenizer(text, add_special_tokens=False).input_ids for text in (before, f"{reply}<|end|>")]
    return tokens[0] + tokens[1], len(tokens[0])
