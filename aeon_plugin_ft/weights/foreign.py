"""A LoRA that another trainer wrote, read without torch and without running anything of it, and written again in the
one form that this project's own adapters have.

PEFT's folder (LLaMA-Factory, Axolotl, Unsloth, TRL): adapter_config.json and adapter_model.safetensors.
MLX-LM's (https://github.com/ml-explore/mlx-lm/blob/main/mlx_lm/LORA.md): adapter_config.json with "fine_tune_type" and
"lora_parameters", and adapters.safetensors with <module>.lora_a (in, rank) and .lora_b (rank, out); the update is
scale * (lora_a @ lora_b) transposed.

Only these two files are ever opened: a pickle (adapter_model.bin, training_args.bin) can run code when it is loaded.
"""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import InputFileError, ServingError
from aeon_plugin_ft.messages import Speaker, cause, refusal
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.weights.adapter import CONFIG, WEIGHTS, WHOLE, Update, read_adapter, read_safetensors
from aeon_plugin_ft.weights.extract import extract
from aeon_plugin_ft.weights.safetensors_writer import TensorSource, write_safetensors
from aeon_plugin_ft.weights.sources import WeightSource

MLX_WEIGHTS = "adapters.safetensors"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
MOST_RANK = 256
"""As [train] rank has it."""
_CONFIG_BYTES = 1 << 20
_HEADER_BYTES = 16 << 20
_say = Speaker("errors/weights")


class Trainer(str, Enum):
    """Which program wrote an adapter, as far as its files tell."""

    LLAMAFACTORY = "llamafactory"
    AXOLOTL = "axolotl"
    UNSLOTH = "unsloth"
    TRL = "trl"
    MLX = "mlx-lm"
    MERGED = "merged"
    """None of them: a whole model that an adapter was merged into."""
    WHOLE = "whole"
    """A whole model that stays one: a GGUF."""
    PEFT = "peft"
    """Some program that uses PEFT and does not say which."""


_TAGS = (
    # What stands in the model card, the most particular first: Axolotl's and Unsloth's name TRL as well.
    ("llama-factory", Trainer.LLAMAFACTORY), ("axolotl", Trainer.AXOLOTL), ("unsloth", Trainer.UNSLOTH),
    ("trl", Trainer.TRL),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ForeignAdapter:
    """`updates` by module; `base_named` is what its files call the base ("" where they do not), `rank` the largest,
    `rslora` whether it was scaled so, `digest` over the two files that were read."""

    folder: Path
    trainer: Trainer
    updates: Mapping[str, Update]
    base_named: str
    rank: int
    rslora: bool
    digest: str
    kept: float = 1.0
    """Of a merged model: the share of its difference from the base that `updates` hold."""
    whole: Path | None = None
    """A whole model in one file, which is no adapter and has no `updates`."""


def read_foreign(folder: Path, most_bytes: int) -> ForeignAdapter:
    """Read an adapter of at most `most_bytes`. Raises InputFileError for one that cannot be used, and says why."""
    if not folder.is_dir():
        raise InputFileError(folder, *_say.error("brought.no_folder"))
    config = _config(folder)
    weights = _weights_file(folder, config, most_bytes)
    try:
        mlx = weights.name == MLX_WEIGHTS
        updates = _read_mlx(config, weights) if mlx else read_adapter(folder).updates
        digest = sha256(folder / CONFIG, weights)
    except ServingError as error:
        raise InputFileError(folder, error.what, error.todo) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputFileError(folder, *_say.error("brought.no_adapter", error=cause(error))) from error
    rank = max(int(update.a.shape[0]) for update in updates.values())
    if rank > MOST_RANK:
        raise InputFileError(folder, *_say.error("brought.rank", rank=rank, most=MOST_RANK))
    named = str(config.get("model" if mlx else "base_model_name_or_path") or "")
    trainer = Trainer.MLX if mlx else _trainer(folder, config)
    plain = {module.removeprefix("base_model.model."): update for module, update in updates.items()}
    return ForeignAdapter(folder, trainer, plain, named, rank, bool(config.get("use_rslora")), digest)


def is_merged(folder: Path) -> bool:
    """Whether a folder has a whole Hugging Face model in it, and no adapter."""
    return not (folder / CONFIG).exists() and (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def read_merged(folder: Path, base: WeightSource) -> ForeignAdapter:
    """What a merged model in a Hugging Face folder adds to its base, as an adapter. Raises InputFileError."""
    found = extract(folder, base)
    named = str(_json(folder / "config.json").get("_name_or_path") or "")
    rank = max(int(update.a.shape[0]) for update in found.updates.values())
    digest = sha256(*sorted(folder.glob("*.safetensors")))
    return ForeignAdapter(folder, Trainer.MERGED, found.updates, named, rank, False, digest, found.kept)


def write_as_ours(adapter: ForeignAdapter, target: Path) -> None:
    """Write it into the new folder `target` in PEFT's form: only what is understood, in float32, modules by their whole
    names, and each rank and scale as the numbers have them. Nothing else of the other folder comes along. A whole model
    is copied as it is; raises InputFileError where the copy is not what was checked."""
    private.make_folder(target)
    if adapter.whole is not None:
        _copy_whole(adapter, adapter.whole, target / WHOLE)
        return
    ranks = {module: int(update.a.shape[0]) for module, update in adapter.updates.items()}
    alphas = {module: _alpha(update, adapter.rslora) for module, update in adapter.updates.items()}
    rank = Counter(ranks.values()).most_common(1)[0][0]
    alpha = Counter(alphas.values()).most_common(1)[0][0]
    config: dict[str, Any] = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "inference_mode": True, "bias": "none", "lora_dropout": 0.0,
        "base_model_name_or_path": None, "r": rank, "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "use_rslora": adapter.rslora, "use_dora": False, "target_modules": sorted(adapter.updates),
        "rank_pattern": {module: one for module, one in ranks.items() if one != rank},
        "alpha_pattern": {module: one for module, one in alphas.items() if one != alpha},
    }  # fmt: skip
    write_json(target / CONFIG, config)
    write_safetensors(target / WEIGHTS, list(_sources(adapter)))


def _copy_whole(adapter: ForeignAdapter, file: Path, copy: Path) -> None:
    shutil.copyfile(file, copy)
    if sha256(copy) != adapter.digest:
        raise InputFileError(file, *_say.error("brought.changed"))


def _alpha(update: Update, rslora: bool) -> float:
    rank = int(update.a.shape[0])
    # Rounded, so that a scale that came out of a division gives the alpha that went in.
    return round(update.scale * (math.sqrt(rank) if rslora else rank), 6)


def _sources(adapter: ForeignAdapter) -> Iterator[TensorSource]:
    for module in sorted(adapter.updates):
        update = adapter.updates[module]
        for side, value in (("A", update.a), ("B", update.b)):
            yield TensorSource(f"base_model.model.{module}.lora_{side}.weight", value.shape, _once(value))


def _once(value: npt.NDArray[np.float32]) -> Any:
    return lambda: iter([value])


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise InputFileError(folder, *_say.error("brought.no_config", file=CONFIG))
    return _json(path)


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _CONFIG_BYTES:
            raise ValueError(_say("brought.too_long"))
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError(_say("brought.no_object"))
    except (OSError, ValueError) as error:
        raise InputFileError(path, *_say.error("brought.unreadable", error=refusal(error))) from error
    return config


def _weights_file(folder: Path, config: Mapping[str, Any], most_bytes: int) -> Path:
    kind = str(config.get("fine_tune_type", "lora")).lower()
    if kind != "lora":
        raise InputFileError(folder, *_say.error("brought.mlx_type", kind=kind))
    weights = folder / (MLX_WEIGHTS if "lora_parameters" in config else WEIGHTS)
    if not weights.is_file():
        if any(True for pattern in PICKLES for _ in folder.glob(pattern)):
            raise InputFileError(folder, *_say.error("brought.pickle"))
        raise InputFileError(folder, *_say.error("brought.lacks_weights", file=weights.name))
    size = weights.stat().st_size
    if size > most_bytes + _HEADER_BYTES:
        sizes = {"size": f"{size / 1e6:.0f}", "most": f"{most_bytes / 1e6:.0f}"}
        raise InputFileError(weights, *_say.error("brought.too_large", **sizes))
    return weights


def _read_mlx(config: Mapping[str, Any], path: Path) -> dict[str, Update]:
    scale = float(config["lora_parameters"]["scale"])
    sides: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    for name, tensor in read_safetensors(path).items():
        module, _, side = name.rpartition(".")
        if side not in {"lora_a", "lora_b"} or tensor.ndim != 2:
            raise ValueError(_say("brought.holds", name=name))
        if not np.isfinite(tensor).all():
            raise ValueError(_say("brought.holds_not_finite", name=name))
        sides.setdefault(module, {})[side] = np.ascontiguousarray(tensor.T)
    updates = {}
    for module, pair in sides.items():
        if len(pair) != 2 or pair["lora_a"].shape[0] != pair["lora_b"].shape[1]:
            raise ValueError(_say("brought.damaged_at", module=module))
        updates[module] = Update(module, pair["lora_a"], pair["lora_b"], scale)
    if not updates:
        raise ValueError(_say("brought.empty"))
    return updates


def _trainer(folder: Path, config: Mapping[str, Any]) -> Trainer:
    if "unsloth" in json.dumps(config.get("auto_mapping") or {}).lower():
        return Trainer.UNSLOTH
    card = folder / "README.md"
    if not card.is_file():
        return Trainer.PEFT
    with card.open("rb") as file:
        text = file.read(8192).decode("utf-8", "replace").lower()
    # Whole words: "trl" stands inside of others.
    words = set("".join(letter if letter.isalnum() or letter == "-" else " " for letter in text).split())
    return next((trainer for tag, trainer in _TAGS if tag in words), Trainer.PEFT)
