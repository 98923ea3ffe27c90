"""What a layer at a time costs beside its products, by the engine's own step on a few layers of nothing.

The products of a step follow from a model's shape and from how fast a product is. What lies between them (norms,
attention, the activation, casts, and fresh memory for each of their results) and the decoding do not: they depend on
the machine, on the type that it computes in, and on the engine, which gets faster. So they are measured, with a model
that is small enough to take some seconds anywhere and large enough that calling an operator counts for little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from aeon_plugin_ft.training.advice import PROMPT, SUFFIX, again_weights, between_numbers
from aeon_plugin_ft.training.plan import IGNORED, Row
from aeon_plugin_ft.training.worker.projection import Meter, Sample
from aeon_plugin_ft.weights.dequantise import Dequantiser, Floats, Take, fast_decode
from aeon_plugin_ft.weights.sources import Bytes, Stored

WIDTH, INNER, WORDS = 1024, 4096, 512
LAYERS = 3
"""The one in the middle is like all others of a deep model."""
EXAMPLES = 8
STEPS = 3
"""The first one is given its memory; of the others the quickest counts, since others use the machine as well."""
Q4_K, Q8_0 = 12, 8
ROW_BYTES = {Q4_K: (144, 256), Q8_0: (34, 32)}
"""(bytes, weights) of a block."""


@dataclass(frozen=True, slots=True)
class LayerRates:
    """`between`: seconds of what lies between the products, for each of the numbers of `between_numbers`;
    `decoded`: weights that are read and decoded in a second. Both of all threads together, as on a quiet machine."""

    between: float
    decoded: float


def measure_layer(threads: int, dtype: torch.dtype, rate: float) -> LayerRates:
    """Make some steps in this type, of whose products so many operations a second are made."""
    layer, reading = min(_steps(threads, dtype))
    weights, tokens = _layer_weights(), PROMPT + EXAMPLES * SUFFIX
    products = (4.0 * weights + 2.0 * again_weights(weights, WIDTH, INNER)) * tokens / rate
    # Reading is that of all layers, each of them twice but the last one.
    decoded = weights * (2 * LAYERS - 1) / reading
    rest = max(0.0, layer - products - 2 * weights / decoded)
    return LayerRates(rest / (tokens * between_numbers(WIDTH, INNER)), decoded)


def _layer_weights() -> int:
    # Of queries and the way out all heads, of keys and values a quarter of them.
    return WIDTH * WIDTH * 5 // 2 + 3 * WIDTH * INNER


def _steps(threads: int, dtype: torch.dtype) -> list[tuple[float, float]]:
    """(seconds of a layer, of reading all of them) of each step after the first."""
    from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
    from aeon_plugin_ft.training.engine.layered.skeleton import skeleton
    from aeon_plugin_ft.training.engine.loading import add_adapter
    from aeon_plugin_ft.training.model import Recipe

    config, source = _config(), Nothing(threads)
    recipe = Recipe(16, 16, 1e-3, EXAMPLES, 1.0, STEPS, 1, 1536, 17, threads, 1000)
    engine: Any = LayeredPrefix(add_adapter(skeleton(config, source), recipe), source, dtype=dtype)
    made = []
    try:
        for _ in range(STEPS):
            told: list[float] = []
            reading = Stopwatch(engine.weights.read)
            engine.weights.read = reading
            meter, began = Meter(threads), time.perf_counter()
            engine.on_layer = lambda *_, told=told, began=began: told.append(time.perf_counter() - began)
            engine.step(_rows())
            engine.weights.read = reading.call
            share, sample = meter.quiet_share(), Sample(LAYERS, LAYERS, told, time.perf_counter() - began)
            made.append((share * sample.layer, share * reading.seconds))
    finally:
        source.close()
    return made[1:]


class Stopwatch:
    """Stands for a function, and adds up the seconds that its calls take."""

    def __init__(self, call: Callable[..., None]) -> None:
        self.call, self.seconds = call, 0.0

    def __call__(self, *arguments: Any) -> None:
        """Call it."""
        began = time.perf_counter()
        self.call(*arguments)
        self.seconds += time.perf_counter() - began


class Nothing:
    """A source of weights (`weights.sources.WeightSource`) that are all zero, decoded as those of a file are."""

    def __init__(self, threads: int) -> None:
        self._dequantiser = Dequantiser(threads)
        # Without libgguf the gguf package decodes, which is quicker with this one and slow with both.
        self.kind = Q4_K if fast_decode() is not None else Q8_0
        size, weights = ROW_BYTES[self.kind]
        self._bytes = bytes(max(INNER * WIDTH, WORDS * WIDTH) // weights * size)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """As the contract says."""
        keys = (WIDTH // 4, WIDTH)
        layer = {
            "self_attn.q_proj": (WIDTH, WIDTH), "self_attn.k_proj": keys, "self_attn.v_proj": keys,
            "self_attn.o_proj": (WIDTH, WIDTH), "mlp.gate_proj": (INNER, WIDTH), "mlp.up_proj": (INNER, WIDTH),
            "mlp.down_proj": (WIDTH, INNER), "input_layernorm": (WIDTH,), "post_attention_layernorm": (WIDTH,),
        }  # fmt: skip
        made: dict[str, tuple[int, ...]] = {
            f"model.layers.{number}.{name}.weight": shape for number in range(LAYERS) for name, shape in layer.items()
        }
        return made | {"model.embed_tokens.weight": (WORDS, WIDTH), "model.norm.weight": (WIDTH,)}

    def read_into(self, name: str, out: Floats, first: int = 0) -> None:
        """As the contract says."""
        if out.ndim == 1:
            out[:] = 1.0
            return
        size, weights = ROW_BYTES[self.kind]
        self._dequantiser.into(memoryview(self._bytes)[: out.size // weights * size], self.kind, out)

    def read_pieces(self, name: str, count: int, take: Take, first: int = 0) -> None:
        """As the contract says."""
        columns = self.shapes[name][1]
        size, weights = ROW_BYTES[self.kind]
        encoded = memoryview(self._bytes)[: count * columns // weights * size]
        self._dequantiser.pieces(encoded, self.kind, (count, columns), take)

    def pick_into(self, name: str, rows: Sequence[int], out: Floats) -> None:
        """As the contract says; other numbers than zero, which no norm could divide by."""
        out[:] = np.random.default_rng(1).standard_normal(out.shape, np.float32)

    def stored(self, name: str) -> Stored:
        """As the contract says."""
        rows, columns = self.shapes[name]
        size, weights = ROW_BYTES[self.kind]
        return Stored(self.kind, rows, columns, columns // weights * size)

    def copy_stored(self, name: str, out: Bytes, first: int = 0) -> None:
        """As the contract says."""
        out[:] = 0

    def close(self) -> None:
        """As the contract says."""
        self._dequantiser.close()


def _config() -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(
        "llama", hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS, num_attention_heads=16,
        num_key_value_heads=4, vocab_size=WORDS, tie_word_embeddings=True, max_position_embeddings=4096,
        pad_token_id=0,
    )  # fmt: skip


def _rows() -> list[Row]:
    shared = tuple(range(3, 3 + PROMPT))
    half = SUFFIX // 2
    made = []
    for number in range(EXAMPLES):
        # Their first words differ, or they would share more than the prompt.
        own = (3 + number, *range(20, 19 + SUFFIX))
        made.append(Row((*shared, *own), (*[IGNORED] * (PROMPT + half), *own[half:])))
    return made
