"""Numbers as the points of a drawing; the templates make SVG of it, in the page's own colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDE = (760.0, 260.0)
CARD = (400.0, 190.0)
"""Width and height in CSS pixels, about as they are shown: letters keep their size."""
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 16.0, 32.0
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: where it is drawn, and the value that it stands for."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """In a box of `width` x `height`. `lines` are texts for <polyline points>; `dots` have where they are drawn, and
    their values."""

    lines: tuple[str, ...]
    dots: tuple[tuple[float, float, float, float], ...]
    across: tuple[float, float]
    """The values at the left and right ends."""
    ticks: tuple[Tick, ...]
    digits: int
    """With which the values of the ticks differ."""
    width: float
    height: float
    left: float = LEFT
    top: float = TOP

    @property
    def right(self) -> float:
        """Where lines end."""
        return self.width - RIGHT

    @property
    def floor(self) -> float:
        """Where the lowest value stands."""
        return self.height - BOTTOM


def draw(
    lines: Sequence[Points],
    *,
    dots: Points = (),
    across: tuple[float, float] | None = None,
    bounds: tuple[float, float] | None = None,
    box: tuple[float, float] = WIDE,
) -> Drawing:
    """Lines and dots in one box. `across` and `bounds` are what it reaches over, by default just what there is."""
    every = [point for line in lines for point in line] + list(dots)
    xs, ys = [x for x, _ in every] or [0.0], [y for _, y in every] or [0.0]
    left, right = across or (min(xs), max(xs))
    low, high = bounds or (min(ys), max(ys))
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    step = _step(high - low)
    low, high = step * (low // step), step * -(-high // step)

    def at(x: float, y: float) -> tuple[float, float]:
        share = 0.5 if right == left else (x - left) / (right - left)
        height = box[1] - TOP - BOTTOM
        return round(LEFT + share * (box[0] - LEFT - RIGHT), 1), round(TOP + (high - y) / (high - low) * height, 1)

    count = round((high - low) / step)
    return Drawing(
        lines=tuple(" ".join("{},{}".format(*at(*point)) for point in line) for line in lines if line),
        dots=tuple((*at(*point), *point) for point in dots),
        across=(left, right),
        ticks=tuple(Tick(at(left, low + step * n)[1], low + step * n) for n in range(count + 1)),
        digits=0 if step >= 1 else 1 if round(step * 10, 6) == round(step * 10) else 2,
        width=box[0],
        height=box[1],
    )


def _step(span: float) -> float:
    """A round number of which some four make the span."""
    scale = 1.0
    while scale * _STEPS[-1] * 4 < span:
        scale *= 10
    while scale * 4 > span:
        scale /= 10
    return next(scale * step for step in _STEPS if scale * step * 5 >= span)
