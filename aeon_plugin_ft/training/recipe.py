"""From the settings to a recipe with nothing left to choose.

Sources of the defaults: all linear layers and a rate of about ten times full fine-tuning's, more for runs
of under a hundred steps (https://thinkingmachines.ai/blog/lora/); rank 16, no dropout, a few passes and
small batches as LLaMA-Factory, Axolotl and Unsloth recommend. The rates of small models were measured on
this project's sample conversation: see docs/training.md.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator

import psutil

from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.training.model import Recipe

RATES = ((300e6, 1e-3), (1e9, 5e-4), (5e9, 2e-4), (math.inf, 1e-4))
"""(up to this many parameters, peak learning rate)."""

PASSES = ((150, 3.0), (2000, 2.0), (math.inf, 1.0))
"""(up to this many examples, epochs)."""

WARMUP = 0.1


def make_recipe(settings: TrainSection, parameters: int, examples: int) -> Recipe:
    """Fill in what the settings leave open (0), from the size of the model and of the data."""
    batch = min(settings.batch_size or _batch(examples), max(1, examples))
    epochs = settings.epochs or next(passes for limit, passes in PASSES if examples <= limit)
    steps = max(1, math.ceil(epochs * examples / batch))
    rate = settings.learning_rate or next(rate for limit, rate in RATES if parameters <= limit)
    return Recipe(
        rank=settings.rank,
        alpha=settings.alpha,
        learning_rate=rate,
        batch_size=batch,
        epochs=epochs,
        steps=steps,
        warmup_steps=min(steps - 1, max(1, round(WARMUP * steps))),
        max_length=settings.max_length,
        seed=settings.seed,
        threads=settings.threads or physical_cores(),
        checkpoint_steps=settings.checkpoint_steps,
        rslora=settings.rslora,
        lora_plus=settings.lora_plus,
    )


def _batch(examples: int) -> int:
    """8 while every step counts, 16 once there are enough steps anyway; beyond 32 LoRA learns less per example."""
    return 8 if examples < 1000 else 16


def physical_cores() -> int:
    """Cores that this process may use: hyper-threads only get in each other's way in matrix products."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def step_examples(recipe: Recipe, examples: int) -> Iterator[list[int]]:
    """The examples of each optimizer step: a pure function of the seed, so that any attempt sees the same.

    Passes over all examples, each in its own random order, cut into batches that cross their borders:
    every example comes up equally often.
    """
    stream = _passes(recipe.seed, examples)
    for _ in range(recipe.steps):
        yield [next(stream) for _ in range(recipe.batch_size)]


def _passes(seed: int, examples: int) -> Iterator[int]:
    number = 0
    while True:
        order = list(range(examples))
        random.Random(f"{seed}/{number}").shuffle(order)
        yield from order
        number += 1
