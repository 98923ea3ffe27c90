"""A base model, resolved: where its weights are for serving and for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BaseModel:
    """`spec` is what the user wrote in [base] model. `digest` is the sha256 of the weights that define it
    ("sha256:<64 hex>"); adapters belong to one digest. `gguf` serves it in the embedded engine, and its
    weights are read from it; None: they are in `training_copy`. That is a Hugging Face folder (config.json,
    tokenizer.json, chat template). `architecture` is GGUF's name ("llama", "qwen3").
    """

    spec: str
    digest: str
    architecture: str
    parameters: int
    training_copy: Path
    gguf: Path | None
