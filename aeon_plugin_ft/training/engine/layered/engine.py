"""Shared-prefix training one layer at a time: exact, with one layer's weights in memory.

    forward    layer by layer, without graphs: the prefix and every micro-batch go through a layer before the next one
               is read; kept are the layers' inputs
    head       read in blocks of words: losses, and gradients of the last hidden states
    backward   layer by layer from the end: each part is computed again from its kept input, with a graph that lives
               for that layer alone. The prefix first, whose keys and values are then cut off as leaves; each
               micro-batch against them, adding to their gradients; at last the prefix's own graph

So each layer is read and decoded twice a step, whatever the batch. What is computed is what `SharedPrefix` computes,
and the forward pass a second time: 6 products a weight and token in place of 4. See docs/training.md.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from copy import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.attention import KeyValue, NotShareableError, PrefixDone, Sharing
from aeon_plugin_ft.training.engine.layered.batches import Batches
from aeon_plugin_ft.training.engine.layered.card import card_weights
from aeon_plugin_ft.training.engine.layered.head import StreamedHead
from aeon_plugin_ft.training.engine.layered.parts import (
    Bundle,
    LayerInputs,
    Part,
    Recorder,
    backward_from,
    spread,
)
from aeon_plugin_ft.training.engine.layered.rows import ChunkedLayers
from aeon_plugin_ft.training.engine.layered.skeleton import (
    EMBEDDING,
    HEAD,
    LayerWeights,
    decoder_layers,
    is_placeholder,
)
from aeon_plugin_ft.training.engine.layered.written import Pass, WrittenLayers, keep_inputs
from aeon_plugin_ft.training.engine.shared import Checkpoint, SharedPrefix, cut
from aeon_plugin_ft.training.plan import Row
from aeon_plugin_ft.weights.sources import WeightSource

log = logging.getLogger(__name__)

INPUT_BYTES = 1 << 30
"""Layer inputs of this size stay in memory; larger ones are on disk, mapped."""
ALL_LAYERS = 1 << 30
"""More layers than any model has: the pass over a prefix is not over with this one."""


class LayeredPrefix(SharedPrefix):
    """The engine around a model of `load_skeleton`, with an adapter. `source` has its weights. `between` is called
    before each product with a weight and raises to leave: what the step has added to the gradients is then dropped.
    `scratch` is the folder for layer inputs that are too large for the memory. `dtype` is what products with weights
    of the layers are computed in, all else being in fp32; these are too where `fast` does not know a layer. Raises
    NotShareableError for a model it has no exact form for."""

    def __init__(
        self,
        model: torch.nn.Module,
        source: WeightSource,
        micro_tokens: int = 512,
        between: Checkpoint = lambda: None,
        scratch: Path | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(model, micro_tokens, between)
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.fast.between = between
        self.source, self.scratch = source, scratch
        self.input_bytes = INPUT_BYTES
        self.sharing = True
        self.modules = decoder_layers(self.causal)
        self.chunked = ChunkedLayers(self.modules, int(self.config.intermediate_size), self.device.type)
        self.weights = self._weights()
        self.dtype = dtype if self.fast.all_of(self.weights.matrices) else torch.float32
        self.written = self._written()
        name = HEAD if HEAD in source.shapes else EMBEDDING
        self.streamed = StreamedHead(self.head, source.shapes[name][0], name, self.weights.read, between)
        self.record = Recorder(self.causal, source)
        self.batches = Batches(self.record, self.device)
        self._refuse_trained_outside()

    def _weights(self) -> LayerWeights:
        if self.device.type == "cpu":
            return LayerWeights(self.modules, self.source, self.between)
        return card_weights(self.modules, self.source, self.between, self.device, self.trained)

    def _written(self) -> WrittenLayers | None:
        """The layers with their way back written out, where the model's are known and products are narrow."""
        if self.dtype == torch.float32 or self.device.type != "cpu":
            return None
        try:
            return WrittenLayers(self.causal, self.weights, lambda: self.between())
        except NotShareableError as error:
            log.info("Computing through the model's own layers: %s", error)
            return None

    def _refuse_trained_outside(self) -> None:
        inside = {id(parameter) for layer in self.modules for parameter in layer.parameters()}
        outside = any(id(parameter) not in inside for parameter in self.trained)
        if outside or not is_placeholder(self.head.weight):
            raise NotShareableError("something outside the model's layers is trained")

    def step(self, rows: Sequence[Row], denominator: int | None = None) -> tuple[float, int]:
        """As `SharedPrefix.step`."""
        count = sum(row.supervised for row in rows)
        scale = 1.0 / max(1, count if denominator is None else denominator)
        return self._learn(rows, [scale] * len(rows), stock=not self.sharing), count

    def accumulate(self, rows: Sequence[Row], weights: Sequence[float]) -> None:
        """As `SharedPrefix.accumulate`."""
        self._learn(rows, weights, stock=not self.sharing)

    def losses(self, rows: Sequence[Row]) -> list[float]:
        """As `SharedPrefix.losses`."""
        if not self.sharing:
            return self.stock_losses(rows)
        if (written := self._written_for(rows)) is not None:
            return self._written_losses(written, rows)
        with self._ours():
            return self._scored(rows, self.batches.shared(rows, self.micro_tokens))

    def stock_losses(self, rows: Sequence[Row]) -> list[float]:
        """As `SharedPrefix.stock_losses`: each row by itself, with the model's own attention and PEFT's layers."""
        return self._scored(rows, self.batches.alone(rows))

    def logits(self, ids: Sequence[int], at: Sequence[int]) -> Tensor:
        """What comes after each of the tokens `at` of one sequence [n, vocabulary], by the model's own attention and
        PEFT's layers; no gradient."""
        first, arguments = self.record(torch.tensor(ids), None)
        places = torch.tensor(at, device=self.device)
        part = Part(slice(0, len(ids)), arguments, None, places, torch.zeros_like(places))
        with self._whole(), torch.no_grad():
            hidden = self._forward([(Bundle(None, (part,)), [first])], None)
            return self.streamed.logits(self.causal.base_model.norm(hidden))

    def stock_step(self, rows: Sequence[Row]) -> float:
        """The mean loss of the rows and its gradients, each row by itself, with the model's own attention and PEFT's
        layers: what the shared path is checked against. Only the order of work is ours."""
        scale = 1.0 / max(1, sum(row.supervised for row in rows))
        return self._learn(rows, [scale] * len(rows), stock=True)

    def settle(self, *, shared: bool, dtype: str = "", through_layers: bool = False) -> LayeredPrefix:
        """This engine: nothing else can compute a model that is not there. Without sharing, each row by itself."""
        self.sharing = shared
        if dtype:
            self.dtype = getattr(torch, dtype)
        # By the verdict alone: a resumed attempt may have measured another type, and ends in the same adapter.
        if through_layers or self.dtype == torch.float32:
            self.written = None
        elif self.written is None:
            self.written = self._written()
        return self

    def through_layers(self) -> LayeredPrefix | None:
        """As `SharedPrefix.through_layers`."""
        if self.written is None:
            return None
        made = copy(self)
        made.written = None
        return made

    @property
    def is_narrowed(self) -> bool:
        """As `SharedPrefix.is_narrowed`."""
        return self.dtype != torch.float32

    @contextmanager
    def widened(self) -> Iterator[None]:
        """As `SharedPrefix.widened`."""
        before, self.dtype = self.dtype, torch.float32
        try:
            yield
        finally:
            self.dtype = before

    # -- one step --------------------------------------------------------------------------------

    def _learn(self, rows: Sequence[Row], weights: Sequence[float], *, stock: bool = False) -> float:
        """Sum of the rows' losses times their weights; its gradients are added to the adapter's."""
        self._refuse_checkpointing()
        if not stock and (written := self._written_for(rows)) is not None:
            return self._learn_written(written, rows, weights)
        with self._whole(), nullcontext() if stock else self._ours():
            bundles = self.batches.alone(rows) if stock else self.batches.shared(rows, self.micro_tokens)
            parts = [part for bundle, _ in bundles for part in bundle.micro]
            if not parts:
                return 0.0
            tokens = max(part.place.stop for bundle, _ in bundles for part in bundle.micro)
            with self._inputs(tokens) as inputs:
                hidden = self._forward(bundles, inputs)
                owners = [owner for part in parts for owner in part.owners]
                of_tokens = torch.tensor([weights[owner] for owner in owners], device=self.device)
                losses, d_hidden = self._score(hidden, torch.cat([part.targets for part in parts]), of_tokens)
                self._backward([bundle for bundle, _ in bundles], inputs, d_hidden)
        return float((losses * of_tokens.double()).sum())

    def _scored(self, rows: Sequence[Row], bundles: list[tuple[Bundle, list[Tensor]]]) -> list[float]:
        by_row = [0.0] * len(rows)
        parts = [part for bundle, _ in bundles for part in bundle.micro]
        if not parts:
            return by_row
        with self._whole(), torch.no_grad():
            hidden = self._forward(bundles, None)
            normed, targets = self.causal.base_model.norm(hidden), torch.cat([part.targets for part in parts])
            losses = self.streamed.losses(normed, targets, self._head_type)
        for owner, loss in zip((owner for part in parts for owner in part.owners), losses.tolist(), strict=True):
            by_row[owner] += loss
        return by_row

    # -- the same with layers that are written out -----------------------------------------------

    def _written_for(self, rows: Sequence[Row]) -> WrittenLayers | None:
        return None if self.written is None or self.written.sees_less(rows) else self.written

    @torch.no_grad()
    def _learn_written(self, written: WrittenLayers, rows: Sequence[Row], weights: Sequence[float]) -> float:
        with self._whole(), self._typed():
            passes = self._passes(written, rows)
            if not any(one.layout.owners for one in passes):
                return 0.0
            with self._inputs(passes[-1].place.stop) as inputs:
                hidden = self._forward_written(written, passes, inputs)
                owners = [owner for one in passes for owner in one.layout.owners]
                of_tokens = torch.tensor([weights[owner] for owner in owners], device=self.device)
                targets = torch.cat([one.layout.targets for one in passes])
                with torch.enable_grad():
                    losses, d_hidden = self._score(hidden, targets, of_tokens)
                self._backward_written(written, passes, inputs, d_hidden)
        return float((losses * of_tokens.double()).sum())

    @torch.no_grad()
    def _written_losses(self, written: WrittenLayers, rows: Sequence[Row]) -> list[float]:
        by_row = [0.0] * len(rows)
        with self._whole(), self._typed():
            passes = self._passes(written, rows)
            owners = [owner for one in passes for owner in one.layout.owners]
            if not owners:
                return by_row
            normed = self.causal.base_model.norm(self._forward_written(written, passes, None))
            targets = torch.cat([one.layout.targets for one in passes])
            losses = self.streamed.losses(normed, targets, self._head_type)
        for owner, loss in zip(owners, losses.tolist(), strict=True):
            by_row[owner] += loss
        return by_row

    def _passes(self, written: WrittenLayers, rows: Sequence[Row]) -> list[Pass]:
        written.look()
        return written.passes(rows, self.micro_tokens, lambda ids, positions: self.record(ids, positions)[0])

    def _forward_written(self, written: WrittenLayers, passes: Sequence[Pass], kept: LayerInputs | None) -> Tensor:
        current: list[Tensor] = []
        for one in passes:
            assert one.first is not None
            current.append(one.first)
            one.first = None  # or it would be in memory until the end
        for layer in range(self.layers):
            written.load(layer)
            for number, one in enumerate(passes):
                keep_inputs(kept, layer, one, current[number])
                current[number] = written.forward(layer, one, current[number], last=layer == self.layers - 1)
            self._told(layer + 1, kept)
        return torch.cat(current)

    def _backward_written(
        self, written: WrittenLayers, passes: Sequence[Pass], inputs: LayerInputs, d_hidden: Tensor
    ) -> None:
        gradients: list[Tensor | None] = list(torch.split(d_hidden, [len(one.layout.owners) for one in passes]))
        for layer in reversed(range(self.layers)):
            written.load(layer)
            for number, one in enumerate(passes):
                gradient, x = gradients[number], inputs.rows(layer, one.place)
                assert gradient is not None
                gradients[number] = written.backward(layer, one, x, gradient, last=layer == self.layers - 1)
            self._told(2 * self.layers - layer, inputs)

    @contextmanager
    def _typed(self) -> Iterator[None]:
        # Adapters that are switched off meanwhile leave PEFT's layers to themselves, which know of one type only.
        narrow = self.fast.all_of(self.weights.matrices)
        with self.weights.of_type(self.dtype if narrow else torch.float32):
            yield

    @contextmanager
    def _ours(self) -> Iterator[None]:
        """Attention, LoRA layers and norms through ours, and the MLPs some rows at a time."""
        with self._attention(), self.chunked.active(), self._typed():
            yield

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A step is added whole or not at all: one that is left in its middle leaves no gradients behind."""
        try:
            yield
        except BaseException:
            for parameter in self.trained:
                parameter.grad = None
            raise
        finally:
            self.weights.unload()
            if self.written is not None:
                self.written.unload()

    @contextmanager
    def _inputs(self, tokens: int) -> Iterator[LayerInputs]:
        folder = self.scratch or Path(tempfile.gettempdir())
        made = LayerInputs(self.layers, tokens, int(self.config.hidden_size), self.input_bytes, folder, self.device)
        try:
            yield made
        finally:
            made.close()

    @property
    def _head_type(self) -> torch.dtype:
        """What the head's products are computed in: what those of the layers are, on a processor. A card's are in fp32,
        where nobody has measured them in anything else."""
        return self.weights.dtype if self.device.type == "cpu" else torch.float32

    # -- forward ---------------------------------------------------------------------------------

    def _forward(self, bundles: list[tuple[Bundle, list[Tensor]]], kept: LayerInputs | None) -> Tensor:
        """Last hidden states [n, width] at the scored positions, before the model's last norm. `kept` takes the
        layers' inputs, if anybody needs them afterwards."""
        current = [list(inputs) for _, inputs in bundles]
        for _, inputs in bundles:
            inputs.clear()  # or the first layer's would be in memory until the end
        with torch.no_grad():
            for layer in range(self.layers):
                self.weights.load(layer)
                for number, (bundle, _) in enumerate(bundles):
                    if kept is not None:
                        for part, hidden in zip(bundle.parts, current[number], strict=True):
                            kept.of(layer, part).copy_(hidden)
                    current[number] = self._forward_bundle(layer, bundle, current[number])
                self._told(layer + 1, kept)
        last = [state for (bundle, _), states in zip(bundles, current, strict=True)
                for state in states[-len(bundle.micro):]]  # fmt: skip
        parts = [part for bundle, _ in bundles for part in bundle.micro]
        return torch.cat([state[0].index_select(0, part.at) for state, part in zip(last, parts, strict=True)])

    def _forward_bundle(self, layer: int, bundle: Bundle, states: list[Tensor]) -> list[Tensor]:
        prefix: KeyValue | None = None
        outputs = []
        if bundle.prefix is not None:
            output, prefix = self._prefix_layer(layer, bundle.prefix, states[0])
            # After the last layer nobody looks at the prefix any more.
            outputs.append(states[0] if output is None else output)
        for part, state in zip(bundle.micro, states[-len(bundle.micro) :], strict=True):
            self.between()
            outputs.append(self._suffix_layer(layer, part, state, prefix))
        return outputs

    def _prefix_layer(self, layer: int, part: Part, hidden: Tensor) -> tuple[Tensor | None, KeyValue]:
        """(output, keys and values) of a layer over a prefix; the last layer's output is not computed."""
        sharing = Sharing.of_prefix(part.tokens, 1 if layer == self.layers - 1 else ALL_LAYERS, self.device)
        output = None
        with sharing, suppress(PrefixDone):
            output = self._layer(layer, part, hidden)
        if layer not in sharing.kept:
            raise NotShareableError("not every layer of the model keeps keys and values")
        return output, sharing.kept[layer]

    def _suffix_layer(self, layer: int, part: Part, hidden: Tensor, prefix: KeyValue | None) -> Tensor:
        if part.packing is None:
            return self._layer(layer, part, hidden)
        with Sharing(1, part.packing, {} if prefix is None else {layer: prefix}):
            return self._layer(layer, part, hidden)

    def _layer(self, layer: int, part: Part, hidden: Tensor) -> Tensor:
        output = _first(self.modules[layer](hidden, **part.arguments[layer]))
        self.chunked.settle(layer, output)
        return output

    def _told(self, done: int, kept: LayerInputs | None) -> None:
        if kept is not None:
            self.on_layer(done, 2 * self.layers)

    def _score(self, hidden: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(loss of each position, gradient of the weighted sum for the last hidden states)."""
        leaf = hidden.requires_grad_()
        normed = self.causal.base_model.norm(leaf)
        losses, gradient = self.streamed.losses_and_gradients(normed.detach(), targets, self._head_type)
        normed.backward(gradient.mul_(weights[:, None]))
        assert leaf.grad is not None
        return losses, leaf.grad

    # -- backward --------------------------------------------------------------------------------

    def _backward(self, bundles: Sequence[Bundle], inputs: LayerInputs, d_hidden: Tensor) -> None:
        """From the gradients of the last hidden states to the adapter's."""
        d_outputs = spread(bundles, d_hidden)
        for layer in reversed(range(self.layers)):
            self.weights.load(layer)
            for number, bundle in enumerate(bundles):
                d_outputs[number] = self._backward_bundle(layer, bundle, inputs, d_outputs[number])
            self._told(2 * self.layers - layer, inputs)

    def _backward_bundle(
        self, layer: int, bundle: Bundle, inputs: LayerInputs, d_outputs: list[Tensor | None]
    ) -> list[Tensor | None]:
        """Gradients of the layer's inputs from those of its outputs, a part each; None where nobody needs one."""
        prefix = leaves = output = state = None
        if bundle.prefix is not None:
            state = self._leaf(layer, inputs, bundle.prefix)
            output, prefix = self._prefix_layer(layer, bundle.prefix, state)
            leaves = (cut(prefix[0]), cut(prefix[1]))
        d_inputs: list[Tensor | None] = []
        for part, d_output in zip(bundle.micro, d_outputs[-len(bundle.micro) :], strict=True):
            self.between()
            leaf = self._leaf(layer, inputs, part)
            torch.autograd.backward([self._suffix_layer(layer, part, leaf, leaves)], [d_output])
            d_inputs.append(leaf.grad)
        if prefix is not None and leaves is not None and state is not None:
            self.between()
            pairs = [(output, d_outputs[0]), *((made, leaf.grad) for made, leaf in zip(prefix, leaves, strict=True))]
            backward_from(pairs)
            d_inputs.insert(0, state.grad)
        return d_inputs

    def _leaf(self, layer: int, inputs: LayerInputs, part: Part) -> Tensor:
        # The first layer's inputs are frozen embeddings: products for their gradients are saved.
        return inputs.of(layer, part).to(self.device).detach().requires_grad_(layer > 0)


def _first(output: Any) -> Tensor:
    """A layer's hidden states; some architectures' layers return them as the first of several things."""
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden
