"""From the settings to a recipe with nothing left to choose.

Sources of the defaults: all linear layers and a rate of about ten times full fine-tuning's, more for runs
of under a hundred steps (https://thinkingmachines.ai/blog/lora/); rank 16, no dropout, a few epochs and
small batches as LLaMA-Factory, Axolotl and Unsloth recommend. The rates of small models were measured on
this project's sample conversation: see docs/training.md.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator

from aeon_plugin_ft.errors import RefusedError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.cores import usable_cores
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.training.mix import Mix, Shares, Survey, batches, epoch_length
from aeon_plugin_ft.training.model import Recipe

_say = Speaker("errors/training")

RATES = ((300e6, 1e-3), (1e9, 5e-4), (5e9, 2e-4), (math.inf, 1e-4))
"""(up to this many parameters, peak learning rate)."""
SMALL = 300e6
"""Parameters up to which the rate and the batch of lessons were measured."""
LESSON_RATE = 1.2e-3
"""Of a small model that is taught facts, at 8 examples a step; with more it grows with their square root, as it should
with Adam (https://arxiv.org/abs/2006.09092)."""

EPOCHS = ((150, 3.0), (2000, 2.0), (math.inf, 1.0))
"""(up to this many examples, epochs)."""
EPOCHS_WITH_LESSONS = ((4000, 2.0), (math.inf, 1.0))
"""The same where facts are taught: a style is learnt in one epoch, a name in two (docs/training.md has the figures)."""

TALK_SHARE = 0.2
"""Of an epoch with lessons is what was really said, as far as showing it twice goes: of lessons alone a small model
learns to answer exams and strings words together in talk (docs/training.md)."""

WARMUP = 0.1
WARM_RATE = 0.5
"""Of the rate from scratch, when a run goes on from an adapter (https://arxiv.org/abs/2403.08763 re-warms)."""


EARLY_FROM = 200
"""Examples from which on some can be spared to measure on."""

VALIDATION_SHARE = 0.05
VALIDATION_MOST = 64
MEASUREMENTS = 10
"""How often a run of full length measures."""

PREFERENCE_RATE = 1 / 20
"""Of the ordinary rate: 5e-6 for 8B as LLaMA-Factory's DPO and KTO examples have it, and so on downwards."""


def make_recipe(settings: TrainSection, parameters: int, examples: int | Survey) -> Recipe:
    """Fill in what the settings leave open (0), from the size of the model and of the data."""
    survey = examples if isinstance(examples, Survey) else Survey(examples)
    validation = _validation(settings, survey)
    shares = Shares(settings.tool_share, settings.replay_share, TALK_SHARE if survey.lessons else 0.0)
    shown = epoch_length(survey, shares, validation)
    teaches_small = bool(survey.lessons) and parameters <= SMALL
    batch = min(settings.batch_size or _batch(shown, teaches_small), max(1, shown))
    # By what is learnt anew, not by what is shown: the older examples of a warm run have had their epochs.
    by_amount = EPOCHS_WITH_LESSONS if survey.lessons else EPOCHS
    epochs = settings.epochs or next(epochs for limit, epochs in by_amount if survey.learnt <= limit)
    steps = max(1, math.ceil(epochs * shown / batch))
    rate = settings.learning_rate or _rate(parameters, batch, teaches_small)
    return Recipe(
        rank=settings.rank,
        alpha=settings.alpha,
        learning_rate=rate * (WARM_RATE if survey.warm else 1.0),
        batch_size=batch,
        epochs=epochs,
        steps=steps,
        # At least one, or AdamW's first step is as long as the full rate; never all, or the rate never gets there.
        warmup_steps=min(steps - 1, max(1, round(WARMUP * steps))),
        max_length=settings.max_length,
        seed=settings.seed,
        threads=settings.threads or physical_cores(),
        checkpoint_steps=settings.checkpoint_steps,
        rslora=settings.rslora,
        lora_plus=settings.lora_plus,
        micro_tokens=settings.micro_tokens,
        dora=settings.dora,
        quantize=settings.quantize,
        tool_share=settings.tool_share,
        replay_share=settings.replay_share,
        talk_share=shares.talk,
        validation=validation,
        evaluate_steps=max(1, round(steps / MEASUREMENTS)) if validation else 0,
        # Without examples to measure on there is nothing to be patient about.
        patience=settings.early_stopping if validation else 0,
        preference_min=settings.preference_min,
        preference_rate=settings.preference_rate or rate * PREFERENCE_RATE,
        preference_beta=settings.preference_beta,
        report_to=_tracker(settings.report_to),
    )


def _tracker(name: str) -> str:
    """Raises RefusedError before anything is loaded where the tracker's package is not there."""
    if name != "none" and importlib.util.find_spec(name) is None:
        raise RefusedError([_say("refused.tracker", name=name)])
    return name


def _validation(settings: TrainSection, survey: Survey) -> int:
    # Where facts are taught, nothing that could be measured tells the end: the loss on conversations is smallest when
    # a third of the facts is known, and that on spared wordings of the lessons when the style is learnt, since most of
    # an answer's words are style (docs/training.md).
    if not settings.early_stopping or survey.lessons or survey.learnt < EARLY_FROM:
        return 0
    return min(VALIDATION_MOST, round(VALIDATION_SHARE * survey.learnt))


def _rate(parameters: int, batch: int, teaches_small: bool) -> float:
    if teaches_small:
        return LESSON_RATE * math.sqrt(batch / 8)
    return next(rate for limit, rate in RATES if parameters <= limit)


def _batch(examples: int, teaches_small: bool) -> int:
    """8 while every step counts, more once there are enough steps anyway; beyond 32 LoRA learns less per example.

    Lessons are short, and the prompt before them is long and computed once a step: 16 of them take less than one and a
    half times the time of 8, and 32 teach less in the same time than 16 (docs/training.md)."""
    return 8 if examples < (600 if teaches_small else 1000) else 16


def physical_cores() -> int:
    """Cores that this process may use: hyper-threads only get in each other's way in matrix products."""
    return usable_cores()


def step_examples(recipe: Recipe, examples: int | Mix) -> Iterator[list[int]]:
    """The rows of each optimizer step: a pure function of recipe and data, so that any attempt sees the same.

    `examples` is the number of rows where all are alike, else the mix.
    """
    mix = examples if isinstance(examples, Mix) else Mix.plain(examples)
    shares = Shares(recipe.tool_share, recipe.replay_share, recipe.talk_share)
    return batches(recipe.steps, recipe.batch_size, recipe.seed, mix, shares)
