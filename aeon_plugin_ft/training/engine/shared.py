"""Shared-prefix computation of a causal language model: exact losses and gradients, the prefix once.

For one group of rows with a common prefix:

    1. the prefix runs once, keeping keys and values of every layer with their graph;
    2. its keys and values are cut off as leaves; each micro-batch of suffixes runs against them, and
       its backward adds to the adapter's gradients and to the leaves';
    3. one backward through the prefix with the gradients of the leaves.

So the effective batch is bound by learning, not by memory, and costs P + sum of the suffixes in tokens
instead of P for each row. See docs/training.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.attention import (
    NAME,
    KeyValue,
    NotShareableError,
    PrefixDone,
    Sharing,
    shared_prefix_attention,
)
from aeon_plugin_ft.training.engine.fast import FastLayers
from aeon_plugin_ft.training.engine.head import Head, summed_loss, token_losses
from aeon_plugin_ft.training.engine.packing import Packing
from aeon_plugin_ft.training.engine.stock import stock_step
from aeon_plugin_ft.training.plan import Group, Row, plan_batch

Checkpoint = Callable[[], None]
"""Called between micro-batches; raises when the run is to stop."""
OnLayer = Callable[[int, int], None]
"""Hears that so many of so many layers of a step are computed; forward and backward count as one each."""


def _nothing() -> None:
    return None


class SharedPrefix:
    """The engine around one model. `model` may be wrapped by PEFT; `micro_tokens` bounds the suffix tokens that
    are in memory at once. Raises NotShareableError for a model it has no exact form for."""

    def __init__(self, model: torch.nn.Module, micro_tokens: int = 2048, between: Checkpoint = _nothing) -> None:
        causal: Any = causal_model(model)
        self.model = model
        self.causal = causal
        self.config: Any = causal.config.get_text_config()
        self.micro_tokens = micro_tokens
        self.between = between
        self.on_layer: OnLayer = lambda done, of: None
        """Of an engine whose steps take long enough to tell of their layers."""
        self.head = Head.of(self.causal)
        self.dtype: torch.dtype = self.head.weight.dtype
        # Of the wrapper, not of the model inside it: the layers that are replaced are PEFT's.
        self.fast = FastLayers(model)
        self.layers = int(self.config.num_hidden_layers)
        _register()

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.head.weight.device

    def step(self, rows: Sequence[Row], denominator: int | None = None) -> tuple[float, int]:
        """Add the gradients of the mean loss of `rows` to the adapter; (loss, supervised tokens).

        `denominator` replaces the number of supervised tokens that the summed loss is divided by.
        """
        self._refuse_checkpointing()
        count = sum(row.supervised for row in rows)
        scale = 1.0 / max(1, count if denominator is None else denominator)
        total = 0.0
        for group in plan_batch(rows, self.micro_tokens):
            total += self._group(rows, group, scale)
        return total * scale, count

    def accumulate(self, rows: Sequence[Row], weights: Sequence[float]) -> None:
        """Add the gradients of the sum of weights[i] times the summed loss of rows[i] to the adapter's.

        With weights d L / d (loss of a row), this is the gradient of any L of the rows' log-probabilities.
        """
        self._refuse_checkpointing()
        for group in plan_batch(rows, self.micro_tokens):
            self._group(rows, group, 1.0, weights)

    def losses(self, rows: Sequence[Row]) -> list[float]:
        """Summed loss of each row in nats, without gradients; the prefix once for all of them."""
        by_row = [0.0] * len(rows)
        with torch.no_grad(), self._attention():
            for group in plan_batch(rows, self.micro_tokens):
                prefix = self._prefix(rows[group.rows[0]].ids[: group.prefix])
                for members in group.micro:
                    self.between()
                    hidden, targets, owners = self._suffixes(rows, members, group.prefix, prefix)
                    for owner, loss in zip(owners, token_losses(hidden, targets, self.head).tolist(), strict=True):
                        by_row[owner] += loss
        return by_row

    def stock_losses(self, rows: Sequence[Row]) -> list[float]:
        """The same by the model's own forward pass, row by row: slower, for models that cannot share."""
        by_row = []
        with torch.no_grad():
            for row in rows:
                self.between()
                ids = torch.tensor(row.ids, device=self.device)[None]
                hidden = self.causal.base_model(input_ids=ids, use_cache=False).last_hidden_state[0]
                at, targets, _ = targets_of([row], [0], 0)
                target_ids = torch.tensor(targets, device=self.device)
                by_row.append(float(token_losses(hidden[at], target_ids, self.head).sum()))
        return by_row

    def stock_step(self, rows: Sequence[Row]) -> float:
        """The mean loss of the rows, and its gradients, by the model's own forward pass."""
        return stock_step(self.causal, rows)

    def settle(self, *, shared: bool, dtype: str = "", through_layers: bool = False) -> SharedPrefix | None:
        """The engine to train with, now that it is known whether sharing is exact, in what type ("": as it is), and
        whether only `through_layers`. None: the stock path."""
        return self if shared else None

    def through_layers(self) -> SharedPrefix | None:
        """The engine that goes through the model's own layers, where this one does not; else None."""
        return None

    @property
    def is_narrowed(self) -> bool:
        """Whether products are computed in a narrower type than the rest; False where there is one type only."""
        return False

    @contextmanager
    def widened(self) -> Iterator[None]:
        """While it lasts, everything is computed in the widest type that the weights are there in."""
        yield

    def _group(self, rows: Sequence[Row], group: Group, scale: float, weights: Sequence[float] | None = None) -> float:
        """Summed loss of a group, each row times its weight; gradients scaled by `scale`."""
        total = 0.0
        with self._attention():
            # Any row of the group would do: its first `prefix` tokens are those of all of them.
            prefix = self._prefix(rows[group.rows[0]].ids[: group.prefix])
            leaves = {layer: (cut(key), cut(value)) for layer, (key, value) in prefix.items()}
            for members in group.micro:
                self.between()
                hidden, targets, owners = self._suffixes(rows, members, group.prefix, leaves)
                of_rows = None if weights is None else torch.tensor([weights[row] for row in owners])
                loss = summed_loss(hidden, targets, self.head, None if of_rows is None else of_rows.to(self.device))
                # A backward for each micro-batch frees its graph at once; the prefix's graph waits for all of them.
                (loss * scale).backward()  # type: ignore[no-untyped-call]
                total += loss.item()
            self.between()
            # Once, when every micro-batch has added to the leaves: the prefix's own graph may be gone through only
            # once.
            _backward_through_prefix(prefix, leaves)
        return total

    def _prefix(self, ids: Sequence[int]) -> dict[int, KeyValue]:
        if not ids:
            return {}
        sharing = Sharing.of_prefix(len(ids), self.layers, self.device)
        with sharing:
            try:
                self._hidden(torch.tensor(ids), sharing.packing)
            # The usual way out: the last layer leaves as soon as its keys and values are kept. A pass that comes back
            # by itself has gone past a layer that keeps none (a linear attention, say).
            except PrefixDone:
                pass
            else:
                raise NotShareableError("not every layer of the model keeps keys and values")
        return sharing.kept

    def _suffixes(
        self, rows: Sequence[Row], members: Sequence[int], prefix: int, kept: dict[int, KeyValue]
    ) -> tuple[Tensor, Tensor, list[int]]:
        """Hidden states [n, width] at the positions that predict supervised tokens, those tokens [n], and
        the row that each belongs to."""
        ids = [token for member in members for token in rows[member].ids[prefix:]]
        packing = Packing.of([len(rows[member].ids) - prefix for member in members], prefix, self.device)
        at, targets, owners = targets_of(rows, members, prefix)
        with Sharing(self.layers, packing, kept):
            hidden = self._hidden(torch.tensor(ids), packing)
        picked = hidden[0].index_select(0, torch.tensor(at, device=self.device))
        return picked, torch.tensor(targets, device=self.device), owners

    def _hidden(self, ids: Tensor, packing: Packing) -> Tensor:
        # The model without its head: logits of every position would be M x vocabulary numbers. Positions are given,
        # because packed suffixes all start again behind the prefix.
        hidden: Tensor = self.causal.base_model(
            input_ids=ids[None].to(self.device), position_ids=packing.positions[None], use_cache=False
        ).last_hidden_state
        return hidden

    @contextmanager
    def _attention(self) -> Iterator[None]:
        """Send attention, LoRA layers and norms through ours; every config that the model looks at is switched."""
        # By identity: the text config of an ordinary model is the config itself, and configs do not hash.
        configs = {id(c): c for c in (self.causal.config, self.config)}.values()
        before = [config._attn_implementation for config in configs]
        try:
            for config in configs:
                # Past the public setter, which switches the sub-models of a multimodal one along.
                config._attn_implementation_internal = NAME
            with self.fast.active():
                yield
        finally:
            for config, name in zip(configs, before, strict=True):
                config._attn_implementation_internal = name

    def _refuse_checkpointing(self) -> None:
        """Recomputed layers would run outside their pass: wrong gradients without an error."""
        if any(getattr(module, "gradient_checkpointing", False) for module in self.causal.modules()):
            raise NotShareableError("gradient checkpointing is on, which recomputes layers without their prefix")


def causal_model(model: torch.nn.Module) -> torch.nn.Module:
    """The transformers model inside a PEFT wrapper, or the model itself."""
    wrapped: Any = model
    inner: torch.nn.Module = wrapped.get_base_model() if hasattr(wrapped, "get_base_model") else wrapped
    return inner


def cut(tensor: Tensor) -> Tensor:
    """The same values as a leaf that collects its own gradient."""
    return tensor.detach().requires_grad_(torch.is_grad_enabled())


def _backward_through_prefix(prefix: dict[int, KeyValue], leaves: dict[int, KeyValue]) -> None:
    tensors, gradients = [], []
    for layer, pair in prefix.items():
        for tensor, leaf in zip(pair, leaves[layer], strict=True):
            # The keys of a first layer without an adapter depend on nothing that is trained.
            if tensor.requires_grad and leaf.grad is not None:
                tensors.append(tensor)
                gradients.append(leaf.grad)
    if tensors:
        torch.autograd.backward(tensors, gradients)


def targets_of(rows: Sequence[Row], members: Sequence[int], prefix: int) -> tuple[list[int], list[int], list[int]]:
    """What is scored of some rows' suffixes: (packed positions, the tokens wanted there, the rows they are of)."""
    at: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    start = 0
    for member in members:
        row = rows[member]
        # The token at `prefix` is predicted by the prefix's last position, which is not in this pass. It is never a
        # supervised one (Row.shareable); without a prefix, the very first token has nothing that predicts it.
        for place in range(max(1, prefix + 1), len(row.ids)):
            if row.labels[place] >= 0:
                at.append(start + place - 1 - prefix)
                targets.append(row.labels[place])
                owners.append(member)
        start += len(row.ids) - prefix
    return at, targets, owners


def _register() -> None:
    """Make our attention known to transformers. It has no entry among the mask functions, which makes the models
    pass no mask."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, shared_prefix_attention)
