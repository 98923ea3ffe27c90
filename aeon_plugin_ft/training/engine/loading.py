"""The model on its device, with an adapter around it. Imports torch: only workers use it."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.extras import pip_command
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.calm import keep_calm
from aeon_plugin_ft.training.model import Recipe

_say = Speaker("errors/training")

CARDS = ("cuda", "xpu")
"""Devices with a memory of their own."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
KEPT_BYTES = 1 << 30


def set_up_torch(threads: int) -> None:
    """Threads, how they wait for one another, and denormal numbers as zero: vanishing gradients would otherwise cost a
    trap each."""
    torch.set_num_threads(threads)
    keep_calm(threads)
    torch.set_flush_denormal(True)


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, in place of giving blocks of some megabytes back: each new one would come a page at
    a time, cleared by the kernel, which takes as long as a pass over it. Nothing elsewhere."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)


def pick_device() -> str:
    """The best one that PyTorch can use here: "cuda" (NVIDIA's cards, and AMD's in PyTorch for ROCm), "xpu" (Intel's),
    "mps" (Apple's) or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    if torch.xpu.is_available():
        return "xpu"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(device: str) -> torch.dtype:
    """bf16 where the hardware computes in it; fp32 on CPUs, most of which only emulate it, and on MPS."""
    if device == "cuda":
        # Cards before Ampere emulate it, many times slower.
        narrow = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        narrow = device == "xpu" and torch.xpu.is_bf16_supported()
    return torch.bfloat16 if narrow else torch.float32


def free_bytes(device: str) -> int:
    """Memory that is free now on the device that trains."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    if device == "xpu":
        return int(torch.xpu.mem_get_info()[0])
    # Also for MPS: Apple's GPUs use the machine's own memory.
    return int(psutil.virtual_memory().available)


def load_base(folder: Path, device: str, dtype: torch.dtype | None = None, quantize: str = "none") -> Any:
    """The frozen model of a training copy. `quantize` "4bit": QLoRA (https://arxiv.org/abs/2305.14314).

    Raises TrainingError where 4 bits are wanted and cannot be had.
    """
    dtype = dtype or pick_dtype(device)
    # Quantised weights are placed while they are loaded (`device_map`) and cannot be moved afterwards.
    more: dict[str, Any] = four_bits(device, dtype) if quantize == "4bit" else {}
    model = with_attention(
        lambda kind: AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, attn_implementation=kind, local_files_only=True, **more
        )
    )
    # As it was loaded: PEFT's preparation for 4 bits makes embeddings, head and norms fp32, which takes half as much
    # again as the whole base.
    model.requires_grad_(False)
    if more:
        keep_embedding_off(model)
        return model
    return model.to(device)


def keep_embedding_off(model: Any) -> None:
    """Leave the table of words in the machine's own memory, unless it is the head as well: of a step's words a few
    megabytes go to the card, where the table of an 8B would take one of 8 GiB."""
    table, device = model.get_input_embeddings(), model.device
    head = model.get_output_embeddings()
    if head is None or head.weight is table.weight:
        return
    table.to("cpu")
    table.register_forward_pre_hook(lambda _, given: (given[0].to("cpu"),))
    table.register_forward_hook(lambda _, given, made: made.to(device))


def with_attention(make: Callable[[str], Any]) -> Any:
    """The model that `make` makes with an implementation of attention: that of the parity check and the stock path;
    the engine switches to its own and back. The plain one for families that PyTorch's fused one does not fit."""
    try:
        return make("sdpa")
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        return make("eager")


def narrow(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """The frozen weights in another type, in place; as if they had been loaded in it."""
    for parameter in model.parameters():
        if not parameter.requires_grad and parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)


def four_bits(device: str, dtype: torch.dtype) -> dict[str, Any]:
    """What `from_pretrained` needs to load in NF4 with double quantisation."""
    if device != "cuda":
        raise TrainingError(*_say.error("four_bits.no_card"))
    if importlib.util.find_spec("bitsandbytes") is None:
        raise TrainingError(_say("four_bits.no_library"), pip_command("4bit"))
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": config, "device_map": {"": 0}}


def add_adapter(model: Any, recipe: Recipe, parent: Path | None = None) -> Any:
    """A fresh LoRA adapter around the model, or `parent`'s weights to go on from."""
    if parent is not None:
        return PeftModel.from_pretrained(model, parent, is_trainable=True)
    # A is drawn at random: the same seed must give the same run, and transformers seeds itself only later.
    torch.manual_seed(recipe.seed)
    targets = recipe.target_modules
    return get_peft_model(
        model,
        LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            # Dropout would draw other numbers on the two paths, and the parity check could prove nothing.
            lora_dropout=0.0,
            use_rslora=recipe.rslora,
            use_dora=recipe.dora,
            bias="none",
            target_modules=targets if isinstance(targets, str) else list(targets),
            task_type="CAUSAL_LM",
        ),
    )
