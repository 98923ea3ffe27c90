"""When training ends early, and which moment of it counts."""

from __future__ import annotations

import math

from aeon_plugin_ft.training.engine.early import LOSS, best_step, is_over


def history(*losses: float) -> list[dict[str, float]]:
    """Measurements every 5 steps, between the trainer's own entries."""
    found: list[dict[str, float]] = []
    for number, loss in enumerate(losses, 1):
        found += [{"step": 5 * number, "loss": 1.0}, {"step": 5 * number, LOSS: loss}]
    return found


def test_it_ends_after_as_many_measurements_without_a_gain_as_it_has_patience() -> None:
    assert not is_over(history(), 2)
    assert not is_over(history(2.0, 1.5, 1.6), 2)
    assert is_over(history(2.0, 1.5, 1.6, 1.5), 2), "as good as the best is no gain"
    assert not is_over(history(2.0, 1.5, 1.6, 1.4), 2)
    assert not is_over(history(2.0, 3.0, 3.0, 3.0, 3.0), 0), "0: never"


def test_the_best_moment_is_the_first_of_the_smallest_losses() -> None:
    assert best_step(history(2.0, 1.5, 1.6, 1.5)) == 10
    assert best_step(history()) is None


def test_a_loss_that_is_no_number_is_never_the_best() -> None:
    assert best_step(history(math.nan, 1.5, math.nan)) == 10
    assert is_over(history(math.nan, 1.5, math.nan, math.nan), 2)
