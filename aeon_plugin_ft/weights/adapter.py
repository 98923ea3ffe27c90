"""A PEFT LoRA folder, read without torch: what it adds to which tensor of a GGUF, or why it cannot be merged.

    adapter_config.json         rank, alpha and everything that would make the update more than scale * B @ A
    adapter_model.safetensors   base_model.model.<module>.lora_A.weight (rank, in) and .lora_B.weight (out, rank)

Names of modules: https://github.com/huggingface/peft/blob/main/src/peft/utils/save_and_load.py
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.digest import sha256

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
WHOLE = "model.gguf"
"""In the place of these two: a whole model, of a version that was brought as one (weights.whole)."""

_say = Speaker("errors/weights")
_LORA = re.compile(r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight")
_CHANGES_BASE = ("pissa", "olora", "loftq", "corda")
"""Initialisations of PEFT that also change the base's own weights, so that B @ A is not the whole update."""


@dataclass(frozen=True, slots=True)
class Update:
    """What is added to one linear module: scale * b @ a, with `a` (rank, in) and `b` (out, rank), float32."""

    module: str
    a: npt.NDArray[np.float32]
    b: npt.NDArray[np.float32]
    scale: float

    @property
    def is_zero(self) -> bool:
        """Whether it changes nothing: B is zero until something is learnt."""
        return not (self.scale and self.a.any() and self.b.any())


@dataclass(frozen=True, slots=True)
class AdapterFolder:
    """`updates` by Hugging Face module ("model.layers.0.self_attn.q_proj"). `digest` is over both files."""

    folder: Path
    config: Mapping[str, Any]
    updates: Mapping[str, Update]
    digest: str

    @property
    def rank(self) -> int:
        """The largest rank in it."""
        return max(int(update.a.shape[0]) for update in self.updates.values())


def read_adapter(folder: Path) -> AdapterFolder:
    """Raises ServingError for a folder that is no LoRA adapter, or one that is more than scale * B @ A."""
    if whole_model(folder) is not None:
        raise ServingError(*_say.error("adapter.whole", folder=folder))
    try:
        file = CONFIG
        config: Any = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        file = WEIGHTS
        tensors = read_safetensors(folder / WEIGHTS)
        digest = adapter_digest(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        missing = isinstance(error, FileNotFoundError)
        why = _say.error("adapter.missing" if missing else "adapter.damaged", folder=folder, file=file)
        raise ServingError(*why) from error
    refuse_inexact(config)
    return AdapterFolder(folder, config, _updates(config, tensors), digest)


def whole_model(folder: Path) -> Path | None:
    """The whole model that a version is, None where it is an adapter."""
    path = folder / WHOLE
    return path if path.is_file() else None


def adapter_digest(folder: Path) -> str:
    """ "sha256:<64 hex>" of the adapter, its configuration and its weights, or of the whole model in its place."""
    whole = whole_model(folder)
    if whole is not None:
        return sha256(whole)
    return sha256(folder / CONFIG, folder / WEIGHTS)


def refuse_inexact(config: Mapping[str, Any]) -> None:
    """Raise ServingError unless the update is exactly scale * B @ A on linear modules."""
    kind = str(config.get("peft_type", "")).upper()
    start = str(config.get("init_lora_weights", "")).lower()
    modules = config.get("modules_to_save")
    problems = {
        "type" if kind else "no_type": kind != "LORA",
        "dora": config.get("use_dora"),
        "bias": config.get("bias", "none") != "none" or config.get("lora_bias"),
        "modules": modules,
        "layers": config.get("layer_replication"),
        "tokens": config.get("trainable_token_indices"),
        "experts": config.get("target_parameters"),
        "transposed": config.get("fan_in_fan_out"),
        "start": start.startswith(_CHANGES_BASE),
        "activated": config.get("alora_invocation_tokens"),
    }
    problem = next((name for name, applies in problems.items() if applies), None)
    if problem is not None:
        reason = _say(f"inexact.{problem}", kind=kind, modules=modules, start=start)
        raise ServingError(*_say.error("adapter.inexact", reason=reason))


def _updates(config: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Update]:
    sides: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    for name, tensor in tensors.items():
        named = _LORA.fullmatch(name)
        if named is None or tensor.ndim != 2:
            raise ServingError(*_say.error("adapter.inexact", reason=_say("inexact.holds", name=name)))
        sides.setdefault(named["module"], {})[named["side"]] = tensor
    updates = {}
    for module, pair in sides.items():
        if len(pair) != 2 or pair["A"].shape[0] != pair["B"].shape[1]:
            raise ServingError(*_say.error("adapter.damaged_at", module=module))
        if not (np.isfinite(pair["A"]).all() and np.isfinite(pair["B"]).all()):
            raise ServingError(*_say.error("adapter.not_finite", module=module))
        updates[module] = Update(module, pair["A"], pair["B"], _scale(config, module, pair["A"].shape[0]))
    if not updates:
        raise ServingError(*_say.error("adapter.empty"))
    return updates


def _scale(config: Mapping[str, Any], module: str, rank: int) -> float:
    """alpha / rank, or alpha / sqrt(rank) for rank-stabilised LoRA (https://arxiv.org/abs/2312.03732); patterns
    of PEFT match the end of a module's name."""
    patterns: Mapping[str, float] = config.get("alpha_pattern") or {}
    matching = (alpha for key, alpha in patterns.items() if re.fullmatch(rf"(.*\.)?({key})", module))
    # The first pattern that fits, as PEFT takes it.
    alpha = float(next(matching, config["lora_alpha"]))
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def read_safetensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Every tensor of a small .safetensors file as float32. Raises OSError, ValueError, KeyError."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    # The first eight bytes are the header's length, little-endian.
    if not 0 < length <= len(content) - 8:
        raise ValueError(_say("folder.cut_short", file=path.name))
    header = json.loads(content[8 : 8 + length])
    body = memoryview(content)[8 + length :]
    return {
        name: decode(body[slice(*info["data_offsets"])], info["dtype"]).reshape(info["shape"])
        for name, info in header.items()
        if name != "__metadata__"
    }


def decode(raw: memoryview | bytes, dtype: str) -> npt.NDArray[np.float32]:
    """Raw little-endian floats to float32. BF16 is the upper half of a float32."""
    if dtype == "BF16":
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    plain = {"F32": "<f4", "F16": "<f2"}
    if dtype not in plain:
        raise ValueError(_say("numbers.type", dtype=dtype))
    return np.frombuffer(raw, plain[dtype]).astype(np.float32)
