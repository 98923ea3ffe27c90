"""A whole model in one GGUF that another trainer made of the base, checked without running anything of it.

It is a version of its own kind: no adapter comes out of a file whose numbers were rounded, so it is judged and served
as it is, in place of the base and not on top of it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from aeon_plugin_ft.errors import BaseModelError, InputFileError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.weights.dequantise import require_decodable
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.sources import GgufSource, open_source

_HEAD = "lm_head.weight"
_SAME_KEYS = {"tokenizer.ggml.tokens": "vocabulary", "tokenizer.chat_template": "template"}
"""Which of the header's entries must be the base's, and how the catalogue says that one is not."""
_say = Speaker("errors/weights")


class Base(Protocol):
    """What is needed of a base (base.model.BaseModel)."""

    @property
    def spec(self) -> str:
        """Its name in [base] model."""

    @property
    def digest(self) -> str:
        """Of its weights."""

    @property
    def architecture(self) -> str:
        """llama.cpp's name of its family."""

    @property
    def training_copy(self) -> Path:
        """Its Hugging Face folder."""

    @property
    def gguf(self) -> Path | None:
        """The file that is served."""


@dataclass(frozen=True, slots=True)
class WholeModel:
    """A file that was checked; `named` is what it calls the model that it was made from ("" where it does not)."""

    file: Path
    digest: str
    named: str


def find_gguf(given: Path) -> Path | None:
    """The one GGUF that was meant: the file itself, or the only one in a folder without an adapter; None for none."""
    if given.is_file():
        return given if given.suffix == ".gguf" else None
    files = sorted(given.glob("*.gguf"))
    if not files or (given / "adapter_config.json").exists():
        return None
    if len(files) > 1:
        raise InputFileError(given, *_say.error("brought.several", count=len(files)))
    return files[0]


def read_whole_model(file: Path, base: Base) -> WholeModel:
    """A whole model that may stand in the place of `base`. Raises InputFileError with the first reason why not."""
    try:
        digest = sha256(file)
        if digest == base.digest:
            raise InputFileError(file, *_say.error("brought.nothing_learnt"))
        with GgufFile(file) as theirs:
            _require_whole(file, theirs, base)
            named = str(theirs.get("general.base_model.0.name") or theirs.get("general.name") or "")
        _require_same_shapes(file, base)
        with GgufFile(file) as theirs:
            _require_same_talk(file, theirs, base)
            require_decodable(theirs)
            _require_finite(file, theirs)
    except (OSError, BaseModelError) as error:
        reason = error.what if isinstance(error, BaseModelError) else str(error)
        raise InputFileError(file, *_say.error("brought.no_model", reason=reason)) from error
    return WholeModel(file, digest, named)


def _require_whole(file: Path, theirs: GgufFile, base: Base) -> None:
    if theirs.get("general.type", "model") != "model":
        raise InputFileError(file, *_say.error("brought.llama_adapter"))
    if int(theirs.get("split.count", 0)) > 1:
        raise InputFileError(file, *_say.error("brought.split"))
    if theirs.architecture != base.architecture:
        kinds = {"theirs": theirs.architecture, "ours": base.architecture}
        raise _of_another_base(file, _say("brought.architecture", base=base.spec, **kinds))


def _require_same_shapes(file: Path, base: Base) -> None:
    with (
        closing(open_source(base.training_copy, base.gguf, 1)) as ours_source,
        closing(GgufSource(file, 1)) as their_source,
    ):
        ours, theirs = dict(ours_source.shapes), dict(their_source.shapes)
    # A head that is tied to the embeddings may stand in the one file and not in the other.
    odd = sorted(name for name in set(ours) ^ set(theirs) if name != _HEAD)
    if odd:
        raise _of_another_base(file, _say("brought.in_one_only", name=odd[0]))
    for name in sorted(set(ours) & set(theirs)):
        if ours[name] != theirs[name]:
            shapes = {"theirs": theirs[name], "ours": ours[name]}
            raise _of_another_base(file, _say("brought.other_shape_of", name=name, base=base.spec, **shapes))


def _of_another_base(file: Path, why: str) -> InputFileError:
    return InputFileError(file, why, _say("brought.from_same_base"))


def _require_same_talk(file: Path, theirs: GgufFile, base: Base) -> None:
    """The prompt that the owner's talk is put in is the base's: another vocabulary or template would misread it."""
    if base.gguf is None:
        return  # nothing to compare with; what serves it reads its own
    with GgufFile(base.gguf) as ours:
        for key, name in _SAME_KEYS.items():
            if _plain(theirs.get(key)) != _plain(ours.get(key)):
                raise InputFileError(file, *_say.error(f"differs.{name}", base=base.spec))


def _plain(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _require_finite(file: Path, theirs: GgufFile) -> None:
    for name in theirs.tensors:
        if not all(np.isfinite(block).all() for block in theirs.rows(name)):
            raise InputFileError(file, *_say.error("brought.not_finite", name=name))
