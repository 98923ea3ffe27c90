"""The same tiny model twice: whole in memory, and as a skeleton over the file that its weights are in."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model

from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
from aeon_plugin_ft.training.engine.layered.skeleton import skeleton
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.weights.sources import GgufSource, SafetensorsSource, WeightSource
from tests.base.tiny import make_tiny, write_gguf

# Rows of 256 weights, which the K types need, and more layers than one.
SHAPE: dict[str, Any] = {
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 64,
}  # fmt: skip
FAMILY_SHAPE: dict[str, dict[str, Any]] = {
    "gemma3": {"num_hidden_layers": 7, "hidden_size": 64, "intermediate_size": 96, "head_dim": 16},
    "phi3": {"num_key_value_heads": 4},
}
TYPES = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
         "IQ4_XS", "MXFP4"]  # fmt: skip
"""What people's files are made of."""
RARE = ["IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "TQ1_0", "TQ2_0", "NVFP4",
        "Q1_0"]  # fmt: skip
"""One to four bits a weight: libgguf decodes these as well."""
MIXED = "mixed"
"""Each matrix of a file in another one of them all."""


def make_gguf(folder: Path, family: str, kind: str = "F32") -> tuple[Any, Path]:
    """(the config, a GGUF of random weights of this type, or MIXED) of a tiny model."""
    small = {**SHAPE, **FAMILY_SHAPE.get(family, {})}
    if kind == MIXED:
        # Rows of 256 weights in every matrix, and more of these than there are types.
        small |= {**SHAPE, "num_hidden_layers": 7, "num_key_value_heads": small["num_key_value_heads"]}
    tiny = make_tiny(folder, family, "F32", **small)
    with torch.no_grad():
        for weight in tiny.model.parameters():
            # As a trained model's: 1 / sqrt(width). Larger ones make a model in which rounding grows from step to step.
            weight.mul_(1.0 if weight.ndim == 1 else 5 / small["hidden_size"] ** 0.5)
    write_gguf(tiny.path, family, tiny.model, gguf.GGMLQuantizationType.F32)
    if kind != "F32":
        requantise(tiny.path, folder / "quantised.gguf", kind)
        return tiny.model.config, folder / "quantised.gguf"
    return tiny.model.config, tiny.path


def requantise(source: Path, target: Path, kind: str) -> None:
    """The same GGUF with its matrices in another type, or in all of them in turns (MIXED)."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, str(reader.get_field("general.architecture").contents()))
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            sub = field.types[1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub)
    kinds = itertools.cycle([*TYPES, *RARE] if kind == MIXED else [kind])
    for tensor in reader.tensors:
        values = np.array(tensor.data).reshape(tuple(reversed(tensor.shape.tolist())))
        if values.ndim == 1:
            writer.add_tensor(tensor.name, values)
        else:
            _write_matrix(writer, tensor.name, values, next(kinds))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_matrix(writer: gguf.GGUFWriter, name: str, values: np.ndarray, kind: str) -> None:
    import libgguf

    of = gguf.GGMLQuantizationType[kind]
    if kind in ("F16", "BF16"):
        writer.add_tensor(name, gguf.quants.quantize(values, of), raw_dtype=of)
    else:
        writer.add_tensor(name, np.asarray(libgguf.quantize_rows(values, int(of))), raw_dtype=of)


def whole_model(config: Any, source: WeightSource) -> Any:
    """The model with all of its weights in memory, as the present engine wants it."""
    made = skeleton(config, source)
    for name, parameter in list(made.named_parameters(remove_duplicate=False)):
        stored = name if name in source.shapes else "model.embed_tokens.weight"
        values = torch.empty(parameter.shape)
        source.read_into(stored, values.numpy())
        parameter.data = values
    return adapted(made)


def adapted(model: Any, targets: str | list[str] = "all-linear") -> Any:
    """With an adapter that is the same for every model of the same shape, and whose B is not zero."""
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = get_peft_model(
            model, LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM")
        )  # fmt: skip
    random = torch.Generator().manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            made = torch.randn(parameter.shape, generator=random) * (0.02 if "lora_B" in name else 0.1)
            parameter.data = made.to(parameter.device)
    return model.train()


def narrow(config: Any, source: GgufSource, targets: str | list[str] = "all-linear") -> LayeredPrefix:
    """The layered engine that multiplies in bf16, with an adapter."""
    return LayeredPrefix(adapted(skeleton(config, source), targets), source, 50, dtype=torch.bfloat16)


def engines(config: Any, path: Path, micro_tokens: int) -> tuple[SharedPrefix, LayeredPrefix, GgufSource]:
    """(the present engine, the layered one, the source to close)."""
    source = GgufSource(path, 1)
    return *_both(config, source, micro_tokens), source


def folder_engines(
    model: Any, folder: Path, micro_tokens: int
) -> tuple[SharedPrefix, LayeredPrefix, SafetensorsSource]:
    """The same of a transformers model without an adapter, by way of a folder of it."""
    model.save_pretrained(folder)
    source = SafetensorsSource(folder)
    return *_both(model.config, source, micro_tokens), source


def _both(config: Any, source: WeightSource, micro_tokens: int) -> tuple[SharedPrefix, LayeredPrefix]:
    layered = LayeredPrefix(adapted(skeleton(config, source)), source, micro_tokens)
    return SharedPrefix(whole_model(config, source), micro_tokens), layered
