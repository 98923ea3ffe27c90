"""Which models have the layers that `layer` computes, and where their matrices are.

By name of the family, since nothing else tells that a layer adds nothing of its own; and the start-up check compares
the result with the model's own pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor

from aeon_plugin_ft.training.engine.attention import NotShareableError
from aeon_plugin_ft.training.engine.flat.layer import LayerParts, Norm
from aeon_plugin_ft.training.engine.flat.linear import Block, Lora, Member, Projection, quantised, side_by_side

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3", "granite", "smollm3"})
"""`model_type` of transformers' configs."""
Join = Callable[[Sequence[Any]], tuple[Callable[[], Tensor], Tensor | None]]
"""Gives the matrix of frozen linear layers that read the same, as one, and their bias."""


def layers_of(causal: Any, join: Join = side_by_side) -> list[LayerParts]:
    """The layers of a transformers model with an adapter around its linear ones, whose matrices `join` finds. Raises
    NotShareableError where they are not of this kind."""
    config = causal.config.get_text_config()
    if config.model_type not in FAMILIES:
        raise NotShareableError(f"layers of the family {config.model_type} are not written out")
    if config.hidden_act != "silu":
        raise NotShareableError(f"the model's MLP is gated by {config.hidden_act}")
    return [_layer(module, config, join) for module in causal.base_model.layers]


def _layer(module: Any, config: Any, join: Join) -> LayerParts:
    attention, mlp = module.self_attn, module.mlp
    if getattr(attention, "attention_dropout", 0.0):
        raise NotShareableError("the model's attention has attention dropout")
    width = int(attention.head_dim)
    heads, groups = int(config.num_attention_heads), int(config.num_key_value_heads)
    query, key = _norm(getattr(attention, "q_norm", None)), _norm(getattr(attention, "k_norm", None))
    before, middle = _norm(module.input_layernorm), _norm(module.post_attention_layernorm)
    assert before is not None and middle is not None
    return LayerParts(
        before=before,
        query_key_value=Projection(
            [_block([attention.q_proj, attention.k_proj], join), _block([attention.v_proj], join)]
        ),
        out=Projection([_block([attention.o_proj], join)]),
        middle=middle,
        gate_up=Projection([_block([mlp.gate_proj, mlp.up_proj], join)]),
        down=Projection([_block([mlp.down_proj], join)]),
        heads=heads,
        groups=groups,
        width=width,
        attention_scale=float(attention.scaling),
        query_norm=query,
        key_norm=key,
        turned=bool(getattr(attention, "use_rope", True)),
        factor=float(getattr(module, "residual_multiplier", 1.0)),
    )


def _norm(module: Any) -> Norm | None:
    if module is None:
        return None
    if not type(module).__name__.endswith("RMSNorm") or module.weight.requires_grad:
        raise NotShareableError("the model has other norms than frozen RMS norms")
    return Norm(module.weight.data, float(module.variance_epsilon))


def _block(modules: Sequence[Any], join: Join) -> Block:
    frozen = [getattr(module, "base_layer", module) for module in modules]
    kinds = {type(layer) for layer in frozen}
    if any(layer.weight.requires_grad for layer in frozen):
        raise NotShareableError("the model's own weights are trained")
    if kinds == {torch.nn.Linear}:
        matrix, bias = join(frozen)
    elif {kind.__name__ for kind in kinds} == {"Linear4bit"}:
        matrix, bias = quantised(frozen)
    else:
        raise NotShareableError(f"the model has linear layers of the kinds {sorted(kind.__name__ for kind in kinds)}")
    members = [
        Member(int(layer.out_features), lora_of(module)) for layer, module in zip(frozen, modules, strict=True)
    ]  # fmt: skip
    return Block(tuple(members), matrix, bias)


def lora_of(module: Any) -> Lora | None:
    """The adapter in use of a layer of PEFT's; None for a layer without one. Raises NotShareableError for adapters
    that compute something else than x A' B'."""
    if not isinstance(module, LoraLayer):
        return None
    plain = (
        # By name, since PEFT has the other one only where bitsandbytes is installed.
        type(module).__name__ in ("Linear", "Linear4bit")
        and not module.fan_in_fan_out
        and not any(module.use_dora.values())
        and not any(module.lora_bias.values())
        and all(type(dropout) is torch.nn.Identity for dropout in module.lora_dropout.values())
        and not getattr(module, "lora_variant", None)
    )
    names = list(module.active_adapters)
    if not plain or len(names) != 1 or module.merged:
        raise NotShareableError("the adapter computes more than two matrices do")
    if module.disable_adapters or names[0] not in module.lora_A:
        return None
    down, up = module.lora_A[names[0]].weight, module.lora_B[names[0]].weight
    return Lora(down, up, float(module.scaling[names[0]]))


def window_of(causal: Any) -> int | None:
    """How many tokens the layer that sees least looks back; None where all see everything."""
    config = causal.config.get_text_config()
    # Some families tell it to each layer, and the others read it in the config.
    everywhere = getattr(config, "sliding_window", None)
    windows = {getattr(module.self_attn, "sliding_window", everywhere) for module in causal.base_model.layers}
    return min((window for window in windows if window is not None), default=None)


def adapters_of(causal: Any) -> tuple[Any, ...]:
    """What of a model's adapters and weights decides about its parts: another tuple, other parts."""
    return tuple(
        # Where the weights are, too: they may have been put into another type.
        (
            tuple(layer.active_adapters), layer.disable_adapters, tuple(layer.merged_adapters),
            layer.get_base_layer().weight.data_ptr(),
        )
        for layer in causal.modules()
        if isinstance(layer, LoraLayer)
    )  # fmt: skip


def trained_outside(causal: Any, parts: Sequence[LayerParts]) -> bool:
    """Whether something is trained that the layers' projections do not have."""
    inside = {id(parameter) for layer in parts for one in layer.projections for parameter in one.parameters}
    return any(id(parameter) not in inside for parameter in causal.parameters() if parameter.requires_grad)


def embed(causal: Any, ids: Tensor) -> Tensor:
    """The first layer's input [tokens, n]."""
    made: Tensor = causal.base_model.embed_tokens(ids)
    factor = float(getattr(causal.config.get_text_config(), "embedding_multiplier", 1.0))
    return made if factor == 1.0 else made * factor
