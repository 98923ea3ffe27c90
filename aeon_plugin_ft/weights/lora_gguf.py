"""A PEFT LoRA folder as a LoRA GGUF, which llama.cpp applies at run time on top of the quantised base.

Written so that llama.cpp's factor (alpha / rank, or 1 when alpha is 0) times lora_b @ lora_a is exactly
what PEFT adds, with q/k rows in llama.cpp's order, in F16. Format: llama.cpp `convert_lora_to_gguf.py` and
`src/llama-adapter.cpp`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import BaseModelError, ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.store.files import whole_file, why_refused
from aeon_plugin_ft.weights.adapter import Update, read_adapter
from aeon_plugin_ft.weights.architectures import Family, family_of, permute
from aeon_plugin_ft.weights.gguf_file import GgufFile

Rows = npt.NDArray[np.float32]
F16_LIMIT = 65504.0
_say = Speaker("errors/weights")


class ServedBase(Protocol):
    """What is needed of a base (base.model.BaseModel): its name, architecture and the file that is served."""

    @property
    def spec(self) -> str:
        """Its name in [base] model."""

    @property
    def architecture(self) -> str:
        """llama.cpp's name of its family."""

    @property
    def gguf(self) -> Path | None:
        """The file that is served; None where there is none."""


def export_lora_gguf(adapter: Path, base: ServedBase, out: Path) -> str:
    """Write `adapter` (a PEFT folder trained on `base`) to `out`; returns the file's "sha256:<hex>".

    `out` appears whole or not at all; the same adapter always gives the same bytes. Raises ServingError
    for an adapter that is more than scale * B @ A on linear layers, or that does not fit the base.
    """
    updates = list(read_adapter(adapter).updates.values())
    tensors, alpha = _tensors(updates, base)
    try:
        private.make_folder(out.parent)
        with whole_file(out, durable=True) as part:
            _write(part, base.architecture, alpha, tensors)
            # Of what is on the disk, before it has its name: nobody can have changed it.
            digest = sha256(part)
    except OSError as error:
        raise ServingError(*_say.error("lora_gguf.unwritable", path=out, reason=why_refused(error, out))) from error
    return digest


def _tensors(updates: list[Update], base: ServedBase) -> tuple[dict[str, Rows], float]:
    """GGUF names to F32 values, and adapter.lora.alpha. With one alpha for all it is kept as it is; with
    several it is folded into B and alpha is 0, which llama.cpp takes as a factor of 1."""
    if base.gguf is None:
        raise ServingError(*_say.error("lora_gguf.no_gguf", base=base.spec))
    # rsLoRA and rank patterns give scales that differ only by rounding: one alpha where they mean one.
    alphas = {round(update.scale * update.a.shape[0], 6) for update in updates}
    alpha = alphas.pop() if len(alphas) == 1 else 0.0
    tensors: dict[str, Rows] = {}
    try:
        family = family_of(base.architecture)
        with GgufFile(base.gguf) as file:
            for update in updates:
                name = _target(update, family, file)
                a, b = _balanced(update.a, update.b if alpha else update.b * np.float32(update.scale))
                # The base's own numbers: its key heads may be fewer, and are permuted among themselves.
                heads = int(file.require("attention.head_count"))
                permuted = family.permuted_heads(name, heads, int(file.field("attention.head_count_kv", heads)))
                tensors[f"{name}.lora_a"] = a
                tensors[f"{name}.lora_b"] = b if permuted is None else permute(b, permuted)
    except BaseModelError as error:
        raise ServingError(error.what, error.todo) from error
    return tensors, alpha


def _target(update: Update, family: Family, file: GgufFile) -> str:
    """The base's tensor that this update belongs to; its shape must fit."""
    module = update.module.removeprefix("base_model.model.")
    stem = family.gguf_name(module)
    tensor = file.tensors.get(f"{stem}.weight")
    if stem is None or tensor is None:
        raise ServingError(*_say.error("lora_gguf.lacks_module", module=module, file=file.path.name))
    if tensor.shape != (update.b.shape[0], update.a.shape[1]):
        theirs, ours = f"{update.b.shape[0]} x {update.a.shape[1]}", f"{tensor.shape[0]} x {tensor.shape[1]}"
        slots = {"file": file.path.name, "module": module, "theirs": theirs, "ours": ours}
        raise ServingError(*_say.error("lora_gguf.misfit", **slots))
    return tensor.name


def _balanced(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    """The same product with A and B of similar size, by a power of two: exact, and B, which starts at zero
    and stays small, keeps all its bits as F16."""
    top_a, top_b = float(np.abs(a).max()), float(np.abs(b).max())
    if not top_a or not top_b:
        return a, b
    # A power of two changes the exponent only, and no bit of any number.
    shift = np.float32(2.0 ** round(np.log2(top_a / top_b) / 2))
    a, b = a / shift, b * shift
    if max(np.abs(a).max(), np.abs(b).max()) > F16_LIMIT:
        raise ServingError(*_say.error("lora_gguf.too_large"))
    return a, b


def _write(path: Path, architecture: str, alpha: float, tensors: dict[str, Rows]) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, architecture)
    try:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", alpha)
        # In one order always: the digest of the file says whether it is the same adapter.
        for name in sorted(tensors):
            writer.add_tensor(name, np.ascontiguousarray(tensors[name], dtype=np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
