"""The recipe: nothing left open, and the order of the examples a pure function of the seed."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from aeon_plugin_ft.errors import RefusedError
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.training import recipe
from aeon_plugin_ft.training.mix import Survey
from aeon_plugin_ft.training.recipe import make_recipe, physical_cores, step_examples


def test_what_the_settings_leave_open_is_chosen_from_model_and_data() -> None:
    small, large = make_recipe(TrainSection(), 135_000_000, 200), make_recipe(TrainSection(), 8_000_000_000, 200)
    assert small.learning_rate > large.learning_rate > 0
    assert make_recipe(TrainSection(), 135_000_000, 60).epochs > make_recipe(TrainSection(), 135_000_000, 5000).epochs
    assert small.threads == physical_cores()
    assert 0 < small.warmup_steps < small.steps


def test_every_number_of_the_settings_is_obeyed() -> None:
    settings = TrainSection(
        rank=8, alpha=32, learning_rate=3e-4, epochs=1.5, batch_size=4, max_length=700, seed=3, threads=1,
        checkpoint_steps=9, rslora=True, lora_plus=8,
    )  # fmt: skip
    made = make_recipe(settings, 1_000_000, 100)
    assert (made.rank, made.alpha, made.learning_rate, made.epochs, made.batch_size) == (8, 32, 3e-4, 1.5, 4)
    assert (made.max_length, made.seed, made.threads, made.checkpoint_steps) == (700, 3, 1, 9)
    assert (made.rslora, made.lora_plus) == (True, 8.0)
    assert made.steps == 38, "1.5 epochs over 100 examples in batches of 4"


def test_every_setting_of_precision_mix_and_preferences_is_obeyed() -> None:
    settings = TrainSection(
        dora=True, quantize="4bit", micro_tokens=512, tool_share=0.4, replay_share=0.1, preference_min=5,
        preference_rate=1e-5, preference_beta=0.3, early_stopping=4, learning_rate=1e-3,
    )  # fmt: skip
    made = make_recipe(settings, 1_000_000, 400)
    assert (made.dora, made.quantize, made.micro_tokens) == (True, "4bit", 512)
    assert (made.tool_share, made.replay_share) == (0.4, 0.1)
    assert (made.preference_min, made.preference_rate, made.preference_beta) == (5, 1e-5, 0.3)
    assert (made.validation, made.patience) == (20, 4)
    assert made.evaluate_steps == round(made.steps / 10)


def test_a_tracker_that_is_not_installed_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = TrainSection(report_to="tensorboard")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RefusedError, match="pip install tensorboard"):
        make_recipe(settings, 1_000_000, 100)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert make_recipe(settings, 1_000_000, 100).report_to == "tensorboard"
    assert make_recipe(TrainSection(), 1_000_000, 100).report_to == "none"


def test_preferences_are_learnt_at_a_small_part_of_the_rate() -> None:
    assert make_recipe(TrainSection(learning_rate=1e-3), 1, 100).preference_rate == pytest.approx(5e-5)


@pytest.mark.parametrize("settings, examples", [(TrainSection(), 199), (TrainSection(early_stopping=0), 5000)])
def test_nothing_is_kept_aside_of_little_data_or_when_early_stopping_is_off(
    settings: TrainSection, examples: int
) -> None:
    made = make_recipe(settings, 1_000_000, examples)
    assert (made.validation, made.evaluate_steps, made.patience) == (0, 0, 0)


def test_repeated_tool_calls_make_a_run_longer_instead_of_crowding_others_out() -> None:
    settings = TrainSection(batch_size=10, epochs=1, early_stopping=0, tool_share=0.2)
    assert make_recipe(settings, 1, Survey(100, 0)).steps == 10
    assert make_recipe(settings, 1, Survey(100, 10)).steps == 12, "90 others and 22 tool calls"
    assert make_recipe(settings, 1, Survey(100, 40)).steps == 10


@pytest.mark.parametrize("examples", [1, 3, 7])
def test_a_handful_of_examples_still_makes_a_run(examples: int) -> None:
    made = make_recipe(TrainSection(), 1_000_000, examples)
    assert made.batch_size <= examples and made.steps >= 1 and 0 <= made.warmup_steps < max(2, made.steps)


def test_every_example_comes_up_equally_often_in_an_order_that_only_the_seed_decides() -> None:
    made = make_recipe(TrainSection(batch_size=8, epochs=2), 1_000_000, 20)
    steps = list(step_examples(made, 20))
    assert steps == list(step_examples(made, 20))
    assert [len(step) for step in steps] == [8] * 5
    assert set(Counter(index for step in steps for index in step).values()) == {2}
    other = make_recipe(TrainSection(batch_size=8, epochs=2, seed=99), 1_000_000, 20)
    assert list(step_examples(other, 20)) != steps


TAUGHT = Survey(2000, lessons=1500)
SMALL_MODEL, LARGE_MODEL = 270_000_000, 8_000_000_000


def test_a_small_model_is_taught_facts_at_a_rate_of_its_own_that_grows_with_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By another rate than the measured one, so that a new measurement changes no test."""
    monkeypatch.setattr(recipe, "LESSON_RATE", 4e-3)
    rates = [make_recipe(TrainSection(batch_size=n), SMALL_MODEL, TAUGHT).learning_rate for n in (8, 16, 32)]
    assert rates == pytest.approx([4e-3, 4e-3 * 2**0.5, 8e-3])
    assert make_recipe(TrainSection(batch_size=32, learning_rate=1e-5), SMALL_MODEL, TAUGHT).learning_rate == 1e-5
    for size, survey in ((SMALL_MODEL, Survey(2000)), (LARGE_MODEL, TAUGHT)):
        other = {make_recipe(TrainSection(batch_size=n), size, survey).learning_rate for n in (8, 32)}
        assert other == {next(rate for limit, rate in recipe.RATES if size <= limit)}


def test_batches_grow_with_the_data_and_sooner_where_a_small_model_is_taught_facts() -> None:
    sizes = [10, 100, 700, 1000, 2000, 10_000, 100_000]

    def chosen(model: int, lessons: int) -> list[int]:
        surveys = [Survey(size, lessons=min(lessons, size // 2)) for size in sizes]
        return [make_recipe(TrainSection(early_stopping=0), model, survey).batch_size for survey in surveys]

    talk, taught, large = (
        chosen(*case) for case in ((SMALL_MODEL, 0), (SMALL_MODEL, 10**6), (LARGE_MODEL, 10**6))
    )  # fmt: skip
    assert talk == sorted(talk) and taught == sorted(taught) and talk[0] < talk[-1] <= max(taught) <= 32
    assert all(many >= few for many, few in zip(taught, talk, strict=True)) and taught != talk
    assert large == talk, "what a step of theirs takes was not measured"


def test_a_run_that_teaches_facts_goes_to_its_end() -> None:
    """Stopped by the loss on conversations, a run knows a third of what it was told."""
    talk, taught = (make_recipe(TrainSection(), 1, Survey(400, lessons=count)) for count in (0, 100))
    assert talk.validation == 20 and talk.patience == TrainSection().early_stopping and talk.evaluate_steps > 0
    assert (taught.validation, taught.patience, taught.evaluate_steps) == (0, 0, 0)


def test_a_run_that_teaches_facts_has_epochs_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """By other numbers than the measured ones, so that a new measurement changes no test."""
    monkeypatch.setattr(recipe, "EPOCHS", ((500, 7.0), (math.inf, 6.0)))
    monkeypatch.setattr(recipe, "EPOCHS_WITH_LESSONS", ((1000, 5.0), (math.inf, 4.0)))
    surveys = [Survey(400), Survey(1001), Survey(400, lessons=200), Survey(1000, lessons=1), Survey(1001, lessons=1)]
    assert [make_recipe(TrainSection(), 1, survey).epochs for survey in surveys] == [7, 6, 5, 5, 4]
