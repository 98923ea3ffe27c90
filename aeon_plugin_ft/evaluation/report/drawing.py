"""A loss curve as inline SVG: no script, no font, no file from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 30
AROUND = 3
"""Steps on either side that the smoothed line averages over."""

Points = Sequence[tuple[float, float]]


def loss_curve(points: Points, label: str) -> str:
    """One <svg> of (step, loss): every step as a dot, their moving average as a line. "" for fewer than two."""
    if len(points) < 2:
        return ""
    steps, losses = [p[0] for p in points], [p[1] for p in points]
    low, high = min(losses), max(losses)
    span_x, span_y = (steps[-1] - steps[0]) or 1, (high - low) or 1

    def at(step: float, loss: float) -> tuple[float, float]:
        x = LEFT + (step - steps[0]) / span_x * (WIDTH - LEFT - RIGHT)
        return round(x, 1), round(TOP + (high - loss) / span_y * (HEIGHT - TOP - BOTTOM), 1)

    dots = "".join('<circle cx="{}" cy="{}" r="2"/>'.format(*at(*point)) for point in points)
    line = " ".join("{},{}".format(*at(*point)) for point in smoothed(points))
    floor = HEIGHT - BOTTOM
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f'<path class="axis" d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}"/>'
        f'<g class="dots">{dots}</g><polyline class="line" points="{line}"/>'
        f'<text x="{LEFT - 6}" y="{TOP + 10}" text-anchor="end">{high:.2f}</text>'
        f'<text x="{LEFT - 6}" y="{floor}" text-anchor="end">{low:.2f}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 10}">{steps[0]:g}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 10}" text-anchor="end">{steps[-1]:g}</text></svg>'
    )


def smoothed(points: Points) -> list[tuple[float, float]]:
    """The mean of the losses around each step."""
    smooth = []
    for index, (step, _) in enumerate(points):
        near = [loss for _, loss in points[max(0, index - AROUND) : index + AROUND + 1]]
        smooth.append((step, sum(near) / len(near)))
    return smooth
