"""Tiny random models of every architecture that prefix sharing is proven on, and rows to compute."""

from __future__ import annotations

import random
import warnings
from typing import Any

import torch
import transformers
from peft import LoraConfig, get_peft_model

from aeon_plugin_ft.training.plan import IGNORED, Row

VOCABULARY = 199
PROMPT = 40
WINDOW = 16
"""Sliding windows are shorter than the prompt, so that the prefix is partly out of sight."""

_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {}),
    "qwen2": ("Qwen2Config", {}),
    "qwen3": ("Qwen3Config", {"head_dim": 16}),
    "gemma3": (
        "Gemma3TextConfig",
        {
            "head_dim": 16,
            "sliding_window": WINDOW,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    ),
    "mistral": ("MistralConfig", {"sliding_window": WINDOW}),
    "phi3": ("Phi3Config", {}),
    "granite": (
        "GraniteConfig",
        {
            "logits_scaling": 3.0,
            "attention_multiplier": 0.1,
            "residual_multiplier": 0.5,
            "embedding_multiplier": 2.0,
        },
    ),
    "smollm3": ("SmolLM3Config", {}),
}


def tiny_model(name: str, dtype: torch.dtype = torch.float32, adapted: bool = True) -> Any:
    """A random model, with a LoRA adapter whose B is not zero."""
    kind, extra = CONFIGS[name]
    torch.manual_seed(1)
    config = getattr(transformers, kind)(**_COMMON, **extra)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").to(dtype)
    if not adapted:
        return model
    adapter = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT 0.21 asks transformers 5.23 by an old name
        model = get_peft_model(model, adapter)
    for parameter_name, parameter in model.named_parameters():
        if "lora_B" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.05)
    return model.train()


def rows(kind: str, count: int, seed: int = 0) -> list[Row]:
    """`uneven`: suffixes of 5 to 30 tokens behind one prompt. `identical`: one prompt, question included,
    with different replies. `varying`: the prompt's last tokens differ from row to row."""
    pick = random.Random(f"{kind}/{seed}")
    prompt = [pick.randrange(3, VOCABULARY) for _ in range(PROMPT)]
    question = [pick.randrange(3, VOCABULARY) for _ in range(6)]
    return [_row(kind, prompt, question, pick) for _ in range(count)]


def _row(kind: str, prompt: list[int], question: list[int], pick: random.Random) -> Row:
    if kind == "identical":
        before = prompt + question
    elif kind == "varying":
        before = prompt[:-8] + [pick.randrange(3, VOCABULARY) for _ in range(8)] + question
    else:
        before = prompt + [pick.randrange(3, VOCABULARY) for _ in range(pick.randint(2, 20))]
    reply = [pick.randrange(3, VOCABULARY) for _ in range(pick.randint(3, 12))]
    return Row((*before, *reply), (*[IGNORED] * len(before), *reply))


def stock_loss(model: Any, batch: list[Row]) -> torch.Tensor:
    """Mean loss of the padded batch through the model's own forward, nats per supervised token."""
    length = max(len(row.ids) for row in batch)
    ids, mask = torch.zeros(len(batch), length, dtype=torch.long), torch.zeros(len(batch), length, dtype=torch.long)
    labels = torch.full((len(batch), length), IGNORED)
    for index, row in enumerate(batch):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
        labels[index, : len(row.ids)] = torch.tensor(row.labels)
        mask[index, : len(row.ids)] = 1
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)


def gradients(model: Any) -> dict[str, torch.Tensor]:
    """The adapter's gradients, taken off the model."""
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found
