"""What a layer at a time costs beside its products is measured with the engine's own step."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from aeon_plugin_ft.training.advice import PROMPT, SUFFIX, between_numbers
from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
from aeon_plugin_ft.training.engine.layered.written import WrittenLayers
from aeon_plugin_ft.training.worker import layer_rates
from aeon_plugin_ft.training.worker.layer_rates import EXAMPLES, Nothing, measure_layer
from aeon_plugin_ft.training.worker.projection import Meter

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning")]  # PEFT 0.21
ENDLESS = 1e20
"""Operations a second: products that take no time."""
DELAY = 0.1


class Clock:
    """A microsecond later each time that it is looked at: what is measured here is what a test lets it pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(layer_rates, "WIDTH", 256)
    monkeypatch.setattr(layer_rates, "INNER", 512)
    monkeypatch.setattr(layer_rates, "STEPS", 2)
    monkeypatch.setattr(layer_rates, "time", SimpleNamespace(perf_counter=made))
    # By the clock of the machine, whose other programs it is about.
    monkeypatch.setattr(Meter, "quiet_share", lambda _: 1.0)
    return made


@pytest.mark.parametrize(
    ("dtype", "where", "calls"),
    [
        # The prompt and, all at once here, what follows it, each forward and back.
        (torch.float32, [(LayeredPrefix, "_layer")], 4),
        # Written out, both are one pass.
        (torch.bfloat16, [(WrittenLayers, "forward"), (WrittenLayers, "backward")], 2),
    ],
)
def test_what_takes_longer_in_a_layer_is_what_lies_between(
    dtype: torch.dtype, where: list[tuple[type, str]], calls: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = measure_layer(1, dtype, ENDLESS)
    assert 0 <= before.between < 1e-8 and before.decoded > 1e6
    for owner, name in where:
        monkeypatch.setattr(owner, name, delayed(getattr(owner, name), clock))
    after = measure_layer(1, dtype, ENDLESS)
    numbers = (PROMPT + EXAMPLES * SUFFIX) * between_numbers(256, 512)
    assert (after.between - before.between) * numbers == pytest.approx(calls * DELAY, rel=1e-3)


def delayed(computed: Callable[..., Any], clock: Clock) -> Callable[..., Any]:
    """The same a tenth of a second later."""

    def slow(*arguments: Any, **named: Any) -> Any:
        clock.now += DELAY
        return computed(*arguments, **named)

    return slow


def test_products_are_not_counted_twice(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the rate that says that everything was products, nothing is left for what lies between them."""
    monkeypatch.setattr(LayeredPrefix, "_layer", delayed(LayeredPrefix._layer, clock))
    assert measure_layer(1, torch.float32, ENDLESS).between > 0
    assert measure_layer(1, torch.float32, 1e8).between == 0


def test_reading_that_takes_longer_is_decoding(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    before = measure_layer(1, torch.float32, ENDLESS)
    read = Nothing.read_into

    def slow(self: Nothing, name: str, out: np.ndarray[Any, Any], first: int = 0) -> None:
        clock.now += DELAY if ".layers." in name and out.ndim > 1 else 0.0
        read(self, name, out, first)

    monkeypatch.setattr(Nothing, "read_into", slow)
    after = measure_layer(1, torch.float32, ENDLESS)
    # Seven matrices of a layer.
    assert layer_rates._layer_weights() / after.decoded == pytest.approx(7 * DELAY, rel=1e-3)
    numbers = (PROMPT + EXAMPLES * SUFFIX) * between_numbers(256, 512)
    assert after.decoded < before.decoded and abs(after.between - before.between) * numbers < 1e-3 * DELAY


def test_a_source_of_nothing_reads_as_a_file_would() -> None:
    source = Nothing(1)
    for name, shape in source.shapes.items():
        out = np.full(shape, np.nan, np.float32)
        source.read_into(name, out)
        assert (out == (1.0 if len(shape) == 1 else 0.0)).all(), name
        if len(shape) == 2:
            pieces: dict[int, np.ndarray[Any, Any]] = {}
            source.read_pieces(
                name, shape[0], lambda first, numbers, pieces=pieces: pieces.update({first: numbers.copy()})
            )
            assert np.array_equal(np.concatenate([pieces[first] for first in sorted(pieces)]), out), name
            stored = source.stored(name)
            encoded = np.full(stored.size, 255, np.uint8)
            source.copy_stored(name, encoded)
            assert (stored.rows, stored.columns) == shape and not encoded.any()
    source.close()
