"""The start-up check: on this model and this data, does sharing give what the stock path gives?

Loss and gradients of a few real rows are computed both ways, with the adapter nudged away from its start
(where B is zero and half of the gradients vanish). A mismatch means the stock path, never a wrong step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.attention import NotShareableError
from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.training.memory import is_out_of_memory
from aeon_plugin_ft.training.plan import Row, plan_batch, tokens_computed

ROWS = 2
MIN_SAVING = 1.1
"""Below this the detour is not worth it."""

TOLERANCE = {torch.float32: (1e-4, 1e-3), torch.bfloat16: (2e-2, 6e-2), torch.float16: (2e-2, 6e-2)}
"""Weights' type to (relative loss difference, relative difference of the whole gradient) still taken as rounding.
A mistake in masks, positions or targets is far above: the smallest known one changes the gradient by 5 %."""


@dataclass(frozen=True, slots=True)
class Parity:
    """`shared` says whether sharing may be used, `reason` why (or why not); `dtype` what type that holds for,
    `through_layers` whether only for the engine that goes through the model's own layers."""

    shared: bool
    reason: str
    loss_difference: float = math.nan
    gradient_difference: float = math.nan
    dtype: str = ""
    through_layers: bool = False


def choose_rows(rows: Sequence[Row]) -> list[Row]:
    """The cheapest rows that share a prefix, to compare the two paths on."""
    groups = [group for group in plan_batch(rows, micro_tokens=1 << 30) if group.prefix]
    if not groups:
        return []
    group = max(groups, key=lambda candidate: len(candidate.rows))
    # A group's rows come longest first, so these are its shortest.
    return [rows[index] for index in group.rows[-ROWS:]]


def check(model: torch.nn.Module, engine: SharedPrefix, rows: Sequence[Row]) -> Parity:
    """Compare both paths on some of `rows`, those of a real batch; the model is left as it was."""
    verdict = _check(model, engine, rows)
    other = engine.through_layers()
    # Where narrow products alone are more than rounding, the model's own layers narrow less.
    widened = engine.is_narrowed and verdict.dtype == "float32"
    if other is None or (verdict.shared and not widened):
        return verdict
    return replace(_check(model, other, rows), through_layers=True)


def _check(model: torch.nn.Module, engine: SharedPrefix, rows: Sequence[Row]) -> Parity:
    chosen = choose_rows(rows)
    if len(chosen) < 2:
        return Parity(False, "the examples share no prompt")
    computed, apart = tokens_computed(rows, plan_batch(rows, engine.micro_tokens))
    if apart < MIN_SAVING * computed:
        return Parity(False, f"sharing would save only a factor of {apart / computed:.2f}")
    if turns_by_length(engine.config, max(len(row.ids) for row in rows)):
        return Parity(False, "the model's positions depend on how long a row is")
    with _nudged(model):
        try:
            stock_loss, stock_gradients = engine.stock_step(chosen), _take_gradients(model)
            # Rounding hides no mistake in the wider type, and looks like none.
            with engine.widened():
                verdict = _compared(model, engine, chosen, stock_loss, stock_gradients)
            if verdict.shared and engine.is_narrowed:
                narrow = _compared(model, engine, chosen, stock_loss, stock_gradients)
                verdict = narrow if narrow.shared else verdict
        except NotShareableError as error:
            _take_gradients(model)
            return Parity(False, str(error))
        # Whatever an unknown architecture makes of packed rows: it then trains on the stock path. Out of memory is no
        # verdict on the model: it ends the attempt, and the next one takes a smaller micro-batch.
        except (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
            if is_out_of_memory(error):
                raise
            _take_gradients(model)
            return Parity(False, f"the model does not take it ({type(error).__name__}: {str(error)[:200]})")
    return verdict


def turns_by_length(config: Any, longest: int) -> bool:
    """Whether a row of `longest` tokens makes a model turn its positions in another way than the prompt alone does:
    with "longrope" and "dynamic", past the length that it was first trained for. The rows of the check may be shorter.
    """
    given = getattr(config, "rope_parameters", None) or {}
    # Families with two kinds of attention have one for each.
    for rope in given.values() if all(isinstance(value, dict) for value in given.values()) else [given]:
        if rope.get("rope_type") in ("longrope", "dynamic"):
            trained = int(rope.get("original_max_position_embeddings") or config.max_position_embeddings)
            if longest > min(trained, int(config.max_position_embeddings)):
                return True
    return False


def _compared(
    model: torch.nn.Module,
    engine: SharedPrefix,
    rows: Sequence[Row],
    stock_loss: float,
    stock_gradients: dict[str, Tensor],
) -> Parity:
    loss, _ = engine.step(rows)
    return judge(loss, stock_loss, _take_gradients(model), stock_gradients, engine.dtype)


def judge(
    loss: float, stock_loss: float, gradients: dict[str, Tensor], stock_gradients: dict[str, Tensor], dtype: torch.dtype
) -> Parity:
    """Compare losses and gradients within the rounding of the weights' type."""
    loss_difference = abs(loss - stock_loss) / max(abs(stock_loss), 1e-9)
    gradient_difference = difference(gradients, stock_gradients)
    most_loss, most_gradient = TOLERANCE.get(dtype, TOLERANCE[torch.float32])
    same = loss_difference <= most_loss and gradient_difference <= most_gradient  # false for NaN too
    name = str(dtype).removeprefix("torch.")
    apart = f"loss by {loss_difference:.1e}, gradient by {gradient_difference:.1e}"
    reason = (
        f"loss and gradient equal to the stock path's within the rounding of {name} ({apart})"
        if same
        else f"it would change the result ({apart})"
    )
    return Parity(same, reason, loss_difference, gradient_difference, name)


def difference(gradients: dict[str, Tensor], stock_gradients: dict[str, Tensor]) -> float:
    """Norm of the difference of two gradients, relative to the norm of `stock_gradients`."""
    apart = whole = 0.0
    for name in gradients.keys() | stock_gradients.keys():
        one, other = gradients.get(name), stock_gradients.get(name)
        if one is None or other is None:
            present = one if one is not None else other
            assert present is not None
            # A gradient that only one of the paths has counts in full: that is a wrong step, not rounding.
            apart += float(present.double().pow(2).sum())
        else:
            apart += float((one.double() - other.double()).pow(2).sum())
        if other is not None:
            whole += float(other.double().pow(2).sum())
    return math.sqrt(apart / whole) if whole else math.inf


def _take_gradients(model: torch.nn.Module) -> dict[str, Tensor]:
    taken = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            taken[name] = parameter.grad
            parameter.grad = None
    return taken


@contextmanager
def _nudged(model: torch.nn.Module) -> Iterator[None]:
    """Every zero-initialised B moved by a little, from a generator of its own, and put back afterwards."""
    random = torch.Generator().manual_seed(0)
    before: list[tuple[Any, Tensor]] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and "lora_B" in name:
            before.append((parameter, parameter.detach().clone()))
            # On the CPU and in fp32 wherever the model is: the same nudge on every device.
            noise = torch.randn(parameter.shape, generator=random) * 0.01
            parameter.data.add_(noise.to(parameter.device, parameter.dtype))
    try:
        yield
    finally:
        for parameter, value in before:
            parameter.data.copy_(value)
