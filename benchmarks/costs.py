"""What the parts of an optimizer step cost, when it goes one layer at a time."""

from __future__ import annotations

import sys
import time
from typing import Any

TOLD_EVERY = 30.0
"""Seconds between two lines about a step that is under way."""


class Costs:
    """Listens to an engine that computes layer by layer: seconds of each step's ways forward and back, of the head
    between them, and how much of them went into reading and decoding weights. Says on stderr how far a step is."""

    def __init__(self, engine: Any) -> None:
        self.steps: list[dict[str, float]] = []
        self.reading = 0.0
        self._half = int(engine.layers)
        engine.on_layer = self._layer
        read = engine.weights.read

        def timed(*arguments: Any) -> None:
            began = time.perf_counter()
            read(*arguments)
            self.reading += time.perf_counter() - began

        engine.weights.read = timed

    def begin(self) -> None:
        """A step begins."""
        self.reading, self._began = 0.0, time.perf_counter()
        self._told, self._forward, self._first_back, self._back = self._began, 0.0, 0.0, 0.0

    def end(self) -> None:
        """The step is over, its optimizer included."""
        over = time.perf_counter()
        # The head's time cannot be told from that of the first layer on the way back, which takes as long as the next.
        layer = (self._back - self._first_back) / max(1, self._half - 1)
        head = max(0.0, self._first_back - self._forward - layer)
        self.steps.append({
            "forward": self._forward - self._began, "head": head, "backward": self._back - self._forward - head,
            "rest": over - self._back, "reading": self.reading,
        })  # fmt: skip
        said = "  ".join(f"{name} {seconds:.2f}" for name, seconds in self.steps[-1].items())
        print(f"  step {len(self.steps)}: {over - self._began:.2f} s: {said}", file=sys.stderr, flush=True)

    def _layer(self, done: int, of: int) -> None:
        now = time.perf_counter()
        if done == self._half:
            self._forward = now
        elif done == self._half + 1:
            self._first_back = now
        self._back = now
        if now - self._told > TOLD_EVERY:
            self._told = now
            print(f"  {done} of {of} layers after {now - self._began:.0f} s", file=sys.stderr, flush=True)
