"""Which bases this machine can train, and what that takes: by arithmetic, from a model's shape. Torch-free.

The same arithmetic as in docs/training.md. N weights in the layers, T tokens a step: 4NT floating-point operations
where the model is in memory (forward, and back to the inputs), about 6NT one layer at a time, where the forward pass is
computed twice. How fast the processor multiplies, decodes and does what lies between is measured;
`aeon-ft estimate` measures everything.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import psutil

from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.processes.children import ask, interpreter
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.training.advice_card import Card, CardForm, card_bytes, card_seconds, form_on
from aeon_plugin_ft.training.memory import MICRO_TOKENS
from aeon_plugin_ft.training.mix import Survey
from aeon_plugin_ft.training.model import Recipe
from aeon_plugin_ft.training.recipe import make_recipe, physical_cores
from aeon_plugin_ft.training.supervise import child_environment

PROMPT, SUFFIX = 450, 50
"""Tokens that all examples share, and of one example behind them: the assistant's real prompt and talk."""
EXAMPLES = 100
"""That the time of a base is told for, whatever there is to learn."""
PROCESS_BYTES = 450_000_000
"""Python with its libraries and what comes and goes in blocks."""
INPUT_BYTES = 1 << 30
"""Layer inputs above this size are on disk."""
WEIGHTS_SHARE = 0.6
"""Of the free memory: more weights in fp32 than that are read a layer at a time."""
MEMORY_MARGIN = 1.1
WHOLE_SHARE = 0.85
"""Of the rate of bare products that a step reaches with the model in memory."""
LEAST_GAIN = 1.5
"""The products of layers are computed in bf16 where they are that much faster in it."""
RATES_SECONDS = 120.0
"""After which a child that measures the rates is given up."""
DECODED_A_SECOND, BETWEEN_SECONDS = 0.8e9, 25e-9
"""Of one thread, where it cannot be measured here: quantised weights that are decoded in a second, and what one of the
numbers of `between_numbers` takes."""
NIGHT_MINUTES = 8 * 60.0


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A model's shape. `layer` are the weights of one layer, `outside` those of the embedding and the head; `words` is
    how many it knows, 0 where that is not told."""

    name: str
    layers: int
    width: int
    inner: int
    layer: int
    outside: int
    words: int = 0

    @classmethod
    def of(cls, name: str, info: Mapping[str, Any]) -> ModelShape:
        """By a GGUF's metadata, as Ollama's /api/show tells it too ("llama.block_count", "general.parameter_count").
        Raises KeyError where something is missing."""
        kind = str(info["general.architecture"])
        layers, width = int(info[f"{kind}.block_count"]), int(info[f"{kind}.embedding_length"])
        inner, heads = int(info[f"{kind}.feed_forward_length"]), int(info[f"{kind}.attention.head_count"])
        kv_heads = int(info.get(f"{kind}.attention.head_count_kv") or heads)
        head = int(info.get(f"{kind}.attention.key_length") or width // heads)
        layer = 2 * width * head * (heads + kv_heads) + 3 * width * inner
        outside = int(info["general.parameter_count"]) - layers * layer
        return cls(name, layers, width, inner, layer, outside, int(info.get(f"{kind}.vocab_size") or 0))

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.layers * self.layer + self.outside

    @property
    def head(self) -> int:
        """Weights of the head; all outside the layers where nothing tells how many words it knows."""
        return self.words * self.width or self.outside

    @property
    def adapter(self) -> int:
        """Parameters of a LoRA of rank 1 on every linear layer, keys and values being a quarter as wide as queries."""
        return self.layers * (13 * self.width // 2 + 3 * (self.width + self.inner))


KNOWN = (
    ModelShape("Llama 3.2 1B", 16, 2048, 8192, 60_817_408, 262_668_288, 128_256),
    ModelShape("Llama 3.2 3B", 28, 3072, 8192, 100_663_296, 394_002_432, 128_256),
    ModelShape("Qwen 3 4B", 36, 2560, 9728, 100_925_440, 388_956_160, 151_936),
    ModelShape("Llama 3.1 8B", 32, 4096, 14_336, 218_103_808, 1_050_673_152, 128_256),
    ModelShape("Qwen 3 8B", 36, 4096, 12_288, 192_937_984, 1_244_659_712, 151_936),
)
"""What people run, for a machine that has no Ollama yet."""


class Fit(str, Enum):
    """Whether a base can be trained here."""

    NIGHT = "overnight"
    DAYS = "takes days"
    MEMORY = "does not fit the memory"


@dataclass(frozen=True, slots=True)
class Machine:
    """`memory` bytes are free; `rate` is floating-point operations a second of all `threads` together in fp32,
    `narrow` in bf16. `decoded` are the weights that they decode in a second, and `between` the seconds that one of the
    numbers of `between_numbers` takes, both a layer at a time in the type that is the better one here. 0: not measured.
    `card` is what trains, where there is one."""

    memory: int
    threads: int
    rate: float
    narrow: float = 0.0
    card: Card | None = None
    decoded: float = 0.0
    between: float = 0.0

    @property
    def is_narrow(self) -> bool:
        """Whether models are computed in bf16 here."""
        return self.narrow >= LEAST_GAIN * self.rate


@dataclass(frozen=True, slots=True)
class Advice:
    """`layered`: a layer at a time; `form`: how it is kept on a card, where one trains. `minutes` are for EXAMPLES
    examples, all epochs; `training_minutes` for all that there is to learn, which `fit` is about."""

    shape: ModelShape
    layered: bool
    memory: int
    minutes: float
    training_minutes: float
    fit: Fit
    form: CardForm | None = None


def advise(
    shape: ModelShape, machine: Machine, survey: Survey | None = None, settings: TrainSection | None = None
) -> Advice:
    """What training a base on so many examples (EXAMPLES unless told) takes on a machine, with the recipe that it
    would get."""
    settings = settings or TrainSection()
    recipe = make_recipe(settings, shape.parameters, survey or Survey(EXAMPLES))
    if machine.card is not None:
        return _advise_card(
            shape, machine.card, recipe, form_on(shape, machine.card, four_bits=recipe.quantize == "4bit")
        )
    width = 2 if machine.is_narrow else 4
    # In fp32 whatever it then computes in: so is the start-up check.
    layered = 4 * shape.parameters > WEIGHTS_SHARE * machine.memory
    of_run = layered_bytes if layered else whole_bytes
    memory = of_run(shape, recipe.rank, recipe.batch_size, width)
    step = step_seconds(shape, machine, recipe.batch_size, layered=layered) / 60
    minutes, training, fit = _times(step, recipe)
    return Advice(shape, layered, memory, minutes, training, fit if fits(memory, machine.memory) else Fit.MEMORY)


def _advise_card(shape: ModelShape, card: Card, recipe: Recipe, form: CardForm) -> Advice:
    tokens, scored = PROMPT + recipe.batch_size * SUFFIX, recipe.batch_size * SUFFIX // 2
    memory = card_bytes(shape, card, form, tokens, recipe.rank)
    minutes, training, fit = _times(card_seconds(shape, card, form, tokens, scored) / 60, recipe)
    return Advice(shape, False, memory, minutes, training, fit if memory <= card.memory else Fit.MEMORY, form)


def _times(step: float, recipe: Recipe) -> tuple[float, float, Fit]:
    """(minutes for EXAMPLES examples, for all that there is to learn, whether a night does) for minutes of a step."""
    training = recipe.steps * step
    fit = Fit.NIGHT if training <= NIGHT_MINUTES else Fit.DAYS
    return recipe.epochs * EXAMPLES / recipe.batch_size * step, training, fit


def fits(needed: int, free: int) -> bool:
    """With the margin that a run is refused without."""
    return needed * MEMORY_MARGIN <= free


def layered_bytes(shape: ModelShape, rank: int = 16, batch: int = 8, width: int = 4) -> int:
    """The most anonymous memory of a run that goes a layer at a time, with weights of so many bytes."""
    inputs = 4 * shape.layers * (PROMPT + batch * SUFFIX) * shape.width
    inside = 4 * 12 * shape.width * 512 + 7 * 16 * (1 << 20)
    kept = inputs if inputs <= INPUT_BYTES else 0
    # The adapter, its gradient and its moments, and what the optimizer makes of them in a step.
    return PROCESS_BYTES + width * shape.layer + kept + inside + 20 * rank * shape.adapter


def whole_bytes(shape: ModelShape, rank: int = 16, batch: int = 8, width: int = 4) -> int:
    """The memory that a run needs with all weights in it, and the fewest tokens behind the prompt at once."""
    kept = 1.25 * width * shape.layers * (10 * shape.width + 4 * shape.inner) * (PROMPT + MICRO_TOKENS[0])
    return PROCESS_BYTES + width * shape.parameters + round(kept) + 16 * rank * shape.adapter


def between_numbers(width: int, inner: int) -> int:
    """How many numbers of a token pass through a layer between its products, both ways: some twelve vectors of its
    width and seven of its MLP's inner one."""
    return 12 * width + 7 * inner


def again_weights(layer: int, width: int, inner: int) -> int:
    """Those of a layer whose products a layer at a time are computed again on the way back: all but the way down of the
    MLP (training/engine/layered/rows.py)."""
    return layer - width * inner


def step_seconds(shape: ModelShape, machine: Machine, batch: int = 8, *, layered: bool) -> float:
    """One step of so many examples."""
    weights, tokens = shape.layers * shape.layer, PROMPT + batch * SUFFIX
    rate = machine.narrow if machine.is_narrow else machine.rate
    head = 4.0 * batch * SUFFIX / 2 * shape.head
    if not layered:
        return (4.0 * weights * tokens + head) / (WHOLE_SHARE * rate)
    again = shape.layers * again_weights(shape.layer, shape.width, shape.inner)
    products = ((4.0 * weights + 2.0 * again) * tokens + head) / rate
    decoding = (2 * weights + shape.head) / (machine.decoded or DECODED_A_SECOND * machine.threads)
    between = shape.layers * tokens * between_numbers(shape.width, shape.inner)
    return products + decoding + between * (machine.between or BETWEEN_SECONDS / machine.threads)


def this_machine() -> Machine:
    """Free memory now, and how fast it multiplies, decodes and computes what lies between."""
    threads = physical_cores()
    rates: dict[str, Any] = _rates_of_torch(threads) or {"float32": _rate_of_numpy(threads)}
    return Machine(
        int(psutil.virtual_memory().available), threads, rates["float32"], rates.get("bfloat16", 0.0),
        None if rates.get("card") is None else Card.of(rates["card"]),
        rates.get("decoded", 0.0), rates.get("between", 0.0),
    )  # fmt: skip


def _rates_of_torch(threads: int) -> dict[str, Any] | None:
    """As the library that trains multiplies here; None where it is not installed."""
    try:
        command = [str(interpreter()), "-m", "aeon_plugin_ft.training.worker.rates", str(threads)]
        made = ask(command, seconds=RATES_SECONDS, check=True, environment=child_environment(threads))
        measured: dict[str, Any] = json.loads(made.stdout)
        return measured
    except (InstallError, OSError, subprocess.SubprocessError, ValueError):
        return None


def _rate_of_numpy(threads: int) -> float:
    one = np.ones((512, 2048), np.float32)
    other = np.ones((2048, 2048), np.float32)
    rates = []
    for _ in range(4):  # the first one starts the threads
        wall, cpu = time.perf_counter(), time.process_time()
        one @ other
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        # Windows' clock of processor time may stand still in a product of milliseconds.
        rates.append(2.0 * 512 * 2048 * 2048 / (min(wall, cpu / threads) or wall))
    return sorted(rates[1:])[1]
