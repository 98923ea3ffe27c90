"""A transformers model whose matrices are not there: everything else of it is real.

Norms and biases are read at once, they are small. A matrix is one number that is shown in the matrix's shape (strides
of zero), on the CPU and in fp32, so that PEFT, transformers and the checks of the engine see what they expect, and a
model of 8 billion parameters takes a few megabytes. The numbers come in for a layer at a time, by `LayerWeights`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoModelForCausalLM

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.training.engine.attention import NotShareableError
from aeon_plugin_ft.training.engine.loading import with_attention
from aeon_plugin_ft.weights.dequantise import Floats
from aeon_plugin_ft.weights.sources import WeightSource

_say = Speaker("errors/training")

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"


def load_skeleton(folder: Path, source: WeightSource, at_most: int = 0, device: str = "cpu") -> Any:
    """The frozen model that a folder's config.json describes, without its matrices; `at_most` so many layers of it,
    0 for all.

    Raises BaseModelError where `source` does not have what the config asks for.
    """
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    text = config.get_text_config()
    if 0 < at_most < text.num_hidden_layers:
        text.num_hidden_layers = at_most
        # Some families list the kind of attention of each layer.
        if getattr(text, "layer_types", None):
            text.layer_types = text.layer_types[:at_most]
    return skeleton(config, source, device)


def skeleton(config: Any, source: WeightSource, device: str = "cpu") -> Any:
    """`load_skeleton` for a config that is at hand."""
    with _Unmade():
        model = with_attention(
            lambda kind: AutoModelForCausalLM.from_config(config, attn_implementation=kind, dtype=torch.float32)
        )
    shapes = source.shapes
    for path, module in model.named_modules():
        for part, parameter in module.named_parameters(path, recurse=False):
            name = part.rpartition(".")[2]
            _require(part, tuple(parameter.shape), shapes, tied=bool(config.get_text_config().tie_word_embeddings))
            values = placeholder(parameter, device) if parameter.ndim > 1 else _read(source, part, parameter).to(device)
            module.register_parameter(name, torch.nn.Parameter(values, requires_grad=False))
        # Not `model.to`: it would make the matrices.
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, buffer.to(device))
    return model


class _Unmade(TorchFunctionMode):
    """Matrices that are made in here take no memory, not for a moment: an embedding of 128 thousand words would be
    2 GB. All else is made as always; rotary frequencies are computed, not loaded."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if func is torch.empty and len(args[0] if isinstance(args[0], (tuple, list)) else args) > 1:
            given["device"] = "meta"
        return func(*args, **given)


def load_whole(folder: Path, source: WeightSource, device: str, dtype: torch.dtype = torch.float32) -> Any:
    """The frozen model with its matrices, read from `source` one after the other, in the type to compute
    in. Raises BaseModelError as `load_skeleton`."""
    model = load_skeleton(folder, source)
    tied = bool(model.config.get_text_config().tie_word_embeddings)
    for name, parameter in model.named_parameters():
        if is_placeholder(parameter.data) and not (tied and name == HEAD):
            values = torch.empty(parameter.shape)
            # A head that the file does not have is the embedding, though the config does not say so.
            source.read_into(name if name in source.shapes else EMBEDDING, values.numpy())
            parameter.data = values
        parameter.data = parameter.data.to(device, dtype)
    model.tie_weights()
    return model.to(device).eval()


def _require(name: str, shape: tuple[int, ...], shapes: dict[str, tuple[int, ...]], *, tied: bool) -> None:
    stored = shapes.get(EMBEDDING if name == HEAD and (tied or HEAD not in shapes) else name)
    if stored != shape:
        if stored is None:
            raise BaseModelError(*_say.error("base.no_tensor", name=name, shape=shape))
        raise BaseModelError(*_say.error("base.shape", name=name, shape=shape, stored=stored))


def _read(source: WeightSource, name: str, parameter: Tensor) -> Tensor:
    made = torch.empty(parameter.shape)
    source.read_into(name, made.numpy())
    return made


def placeholder(like: Tensor, device: str = "cpu") -> Tensor:
    """A matrix of that shape which is one number in memory: NaN, so that whatever computes with it is seen to."""
    return torch.full((1,), torch.nan, device=device).expand(like.shape)


def is_placeholder(tensor: Tensor) -> bool:
    """Whether a tensor is a `placeholder`."""
    return tensor.ndim > 1 and not any(tensor.stride())


class LayerWeights:
    """The matrices of one decoder layer at a time, in one buffer that all layers share.

    `layers` are the model's decoder layers, called "model.layers.<n>" in `source`. `between` is called before each
    matrix and may raise. `dtype` is what they are given as, on `device`.
    """

    def __init__(
        self, layers: Any, source: WeightSource, between: Callable[[], None], device: torch.device | str = "cpu"
    ) -> None:
        self.source, self.between, self.device = source, between, torch.device(device)
        self.dtype = torch.float32
        self.loaded: int | None = None
        self._matrices = [_matrices(number, layer) for number, layer in enumerate(layers)]
        self._places = [[(parameter, parameter.data) for _, parameter in of_layer] for of_layer in self._matrices]
        self._buffer: Tensor | None = None

    @property
    def most(self) -> int:
        """Numbers of the largest layer."""
        return max(sum(parameter.numel() for _, parameter in of_layer) for of_layer in self._matrices)

    def load(self, layer: int) -> None:
        """Point the layer's parameters at their numbers, which are read now unless they are there already."""
        if self.loaded == layer:
            return
        self._take_away()
        if self._buffer is None or self._buffer.dtype != self.dtype:
            self._buffer = None  # before the other one is made
            self._buffer = torch.empty(self.most, dtype=self.dtype, device=self.device)
        self._fill(layer, self._buffer)
        self.loaded = layer

    def _fill(self, layer: int, buffer: Tensor) -> None:
        for name, parameter, values in self._parts(layer, buffer):
            self.between()
            self.read(name, values)
            parameter.data = values

    def _parts(self, layer: int, buffer: Tensor) -> Iterator[tuple[str, Tensor, Tensor]]:
        """(name, parameter, where its numbers go) of each of the layer's matrices."""
        at = 0
        for name, parameter in self._matrices[layer]:
            yield name, parameter, buffer[at : at + parameter.numel()].view(parameter.shape)
            at += parameter.numel()

    def read(self, name: str, out: Tensor, first: int = 0) -> None:
        """Rows from `first` on of any tensor of the source, as many as `out` [rows, columns] holds."""
        if out.dtype == torch.float32 and out.device.type == "cpu":
            self.source.read_into(name, out.numpy(), first)
        else:
            self._narrow(name, out, first)

    def _narrow(self, name: str, out: Tensor, start: int) -> None:
        """Some rows at a time, which are still in the cache when they are rounded, by the threads that decode them."""

        def take(first: int, numbers: Floats) -> None:
            out[first : first + len(numbers)].copy_(torch.from_numpy(numbers))

        self.source.read_pieces(name, len(out), take, start)

    def are_neighbours(self, parameters: Sequence[Tensor]) -> bool:
        """Whether these matrices of one layer come one behind the other, and so can be read as one."""
        wanted = [id(parameter) for parameter in parameters]
        for of_layer in self._matrices:
            order = [id(parameter) for _, parameter in of_layer]
            if wanted[0] in order:
                start = order.index(wanted[0])
                return order[start : start + len(wanted)] == wanted
        return False

    @contextmanager
    def of_type(self, dtype: torch.dtype) -> Iterator[None]:
        """Meanwhile, layers are loaded as numbers of this type."""
        before, self.dtype = self.dtype, dtype
        try:
            self.unload()
            yield
        finally:
            self.unload()
            self.dtype = before

    def unload(self) -> None:
        """Every layer without its matrices again: a pass over them is over."""
        self._take_away()

    def _take_away(self) -> None:
        for of_layer in self._places:
            for parameter, nothing in of_layer:
                parameter.data = nothing
        self.loaded = None

    def release(self) -> None:
        """Give the buffer back as well, until the next layer is loaded."""
        self.unload()
        self._buffer = None

    @property
    def matrices(self) -> list[Tensor]:
        """The parameters whose numbers come and go."""
        return [parameter for of_layer in self._matrices for _, parameter in of_layer]


def _matrices(number: int, layer: Any) -> list[tuple[str, Tensor]]:
    # PEFT puts the frozen layer one level deeper, under "base_layer".
    return [
        (f"model.layers.{number}.{name.replace('.base_layer.', '.')}", parameter)
        for name, parameter in layer.named_parameters()
        if is_placeholder(parameter.data)
    ]


def decoder_layers(causal: Any) -> Any:
    """The decoder layers of a transformers model. Raises NotShareableError where they are not where they always are."""
    inner = causal.base_model
    if not hasattr(inner, "layers") or not hasattr(inner, "norm") or not hasattr(inner, "embed_tokens"):
        raise NotShareableError("the model is not built of embeddings, layers and a norm")
    return inner.layers
