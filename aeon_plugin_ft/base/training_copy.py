"""What is made of a GGUF so that it can be trained: its config, tokenizer and chat template. The weights stay in it.

    <cache>/copies/<digest>-texts-<format>/config.json  generation_config.json
                                           tokenizer.json  tokenizer_config.json  chat_template.jinja
                                           source.json      written last: a folder without it is not a copy

Whoever trains or measures reads the weights where they lie (`weights.sources`). `whole_copy` makes a Hugging Face
folder with all of them, for what can read nothing else:

    <cache>/copies/<digest>-<format>/...  model.safetensors

Streaming and without torch; the weights are bit-identical to those that transformers loads from the GGUF.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.base.hf_config import make_config, make_generation_config
from aeon_plugin_ft.base.hf_tokenizer import write_tokenizer
from aeon_plugin_ft.errors import BaseModelError, NoSpaceError
from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import whole_folder
from aeon_plugin_ft.store.seal import seal
from aeon_plugin_ft.weights.architectures import NOT_WEIGHTS, Family, family_of, unpermute
from aeon_plugin_ft.weights.dequantise import require_decodable
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.safetensors_writer import WIDTH, Precision, TensorSource, write_safetensors
from aeon_plugin_ft.weights.sources import odd_tensor

FORMAT = 1
"""Raised when what is written changes, so that old copies are made again."""
TEXTS_BYTES = 64_000_000
"""Room for a copy without weights: a vocabulary of 262 thousand words is 33 MB as JSON."""
F32_LIMIT = 2_000_000_000
"""Above this many parameters the copy is BF16: 2 bytes a weight on disk instead of 4."""
_say = Speaker("errors/base")

_ONE_AT_A_TIME = threading.Lock()
"""A host's threads resolve its base at the same moment, and would all write to the same part: it is the process's."""

Progress = Callable[[str], None]


def training_copy(gguf: Path, digest: str, cache: Path, progress: Progress | None = None) -> Path:
    """The training copy of `gguf` (whose digest is "sha256:<hex>"), made on first use.

    Raises BaseModelError (a model that cannot be trained on), NoSpaceError.
    """
    return _copy(gguf, digest, cache / "copies" / f"{_short(digest)}-texts-{FORMAT}", progress, weights=False)


def whole_copy(gguf: Path, digest: str, cache: Path, progress: Progress | None = None) -> Path:
    """A folder that `from_pretrained` reads, with all weights of `gguf`: 2 or 4 bytes each. Raises as above."""
    return _copy(gguf, digest, cache / "copies" / f"{_short(digest)}-{FORMAT}", progress, weights=True)


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:16]


def _copy(gguf: Path, digest: str, folder: Path, progress: Progress | None, *, weights: bool) -> Path:
    if _is_whole(folder):
        return folder
    with _ONE_AT_A_TIME:
        if not _is_whole(folder):
            with GgufFile(gguf) as file:
                _make(file, digest, folder, progress or (lambda _: None), weights=weights)
    return folder


def _make(file: GgufFile, digest: str, folder: Path, progress: Progress, *, weights: bool) -> None:
    family = family_of(file.architecture)
    precision: Precision = "F32" if file.parameters <= F32_LIMIT else "BF16"
    # Also where they are not written: before hours of training, not in its middle.
    sources = _sources(file, family)
    require_decodable(file)
    try:
        with whole_folder(folder) as part:
            _require_space(part, file.parameters * WIDTH[precision] if weights else TEXTS_BYTES)
            millions = f"{file.parameters / 1e6:.0f}"
            progress(_say("copy.making_whole" if weights else "copy.making", file=file.path.name, millions=millions))
            _write_texts(file, family, part, precision)
            if weights:
                write_safetensors(part / "model.safetensors", sources, precision)
            source = {"digest": digest, "file": file.path.name, "precision": precision, "files": seal(part)}
            private.write_file(part / "source.json", json.dumps(source))
            if not _is_whole(folder):
                # Left unfinished by an older release, which filled the folder in place.
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        if isinstance(error, FileExistsError) and _is_whole(folder):
            return  # another process was faster, and has made the same copy
        slots = {"file": file.path.name, "reason": refusal(error), "folder": folder.parent}
        raise BaseModelError(*_say.error("copy.unwritable", **slots)) from error


def _is_whole(folder: Path) -> bool:
    return (folder / "source.json").is_file()


def _require_space(where: Path, needed: int) -> None:
    free = shutil.disk_usage(where).free
    if free < needed:
        raise NoSpaceError(where, needed, free)


def _write_texts(file: GgufFile, family: Family, part: Path, precision: Precision) -> None:
    dtype = {"F32": "float32", "BF16": "bfloat16"}[precision]
    for name, value in (
        ("config.json", make_config(file, family, dtype)),
        ("generation_config.json", make_generation_config(file)),
    ):
        private.write_file(part / name, json.dumps(value, indent=2))
    write_tokenizer(file, part)


def _sources(file: GgufFile, family: Family) -> list[TensorSource]:
    sources = []
    for tensor in file.tensors.values():
        if tensor.name in NOT_WEIGHTS:
            continue
        name = family.hf_name(tensor.name)
        if name is None:
            raise odd_tensor(file, tensor.name)
        sources.append(TensorSource(name, tensor.shape, _reader(file, family, tensor.name)))
    return sources


def _reader(file: GgufFile, family: Family, name: str) -> Callable[[], Iterator[npt.NDArray[np.float32]]]:
    """Blocks of rows in Hugging Face's order and scale."""
    heads = int(file.require("attention.head_count"))
    permuted = family.permuted_heads(name, heads, int(file.field("attention.head_count_kv", heads)))

    def blocks() -> Iterator[npt.NDArray[np.float32]]:
        if permuted is not None:
            # Whole: a block of rows could end in the middle of a head, whose halves are woven into one another.
            yield unpermute(file.read(name), permuted)
        elif family.norm_offset and family.is_norm(name):
            yield file.read(name) - np.float32(family.norm_offset)
        else:
            yield from file.rows(name)

    return blocks
