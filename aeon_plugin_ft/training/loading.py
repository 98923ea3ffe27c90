"""The model on its device, with an adapter around it. Imports torch: only workers use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from aeon_plugin_ft.training.model import Recipe


def set_up_torch(threads: int) -> None:
    """Threads, and denormal numbers as zero: vanishing gradients would otherwise cost a trap each."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def pick_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(device: str) -> torch.dtype:
    """bf16 where the hardware computes in it; fp32 on CPUs, most of which only emulate it, and on MPS."""
    return torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


def load_base(folder: Path, device: str, dtype: torch.dtype | None = None) -> Any:
    """The frozen model of a training copy."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype or pick_dtype(device), attn_implementation="sdpa", local_files_only=True
    )
    model.requires_grad_(False)
    return model.to(device)


def add_adapter(model: Any, recipe: Recipe, parent: Path | None = None) -> Any:
    """A fresh LoRA adapter around the model, or `parent`'s weights to go on from."""
    if parent is not None:
        return PeftModel.from_pretrained(model, parent, is_trainable=True)
    torch.manual_seed(recipe.seed)
    targets = recipe.target_modules
    return get_peft_model(
        model,
        LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=0.0,
            use_rslora=recipe.rslora,
            bias="none",
            target_modules=targets if isinstance(targets, str) else list(targets),
            task_type="CAUSAL_LM",
        ),
    )
