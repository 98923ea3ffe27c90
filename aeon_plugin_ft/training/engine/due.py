"""When a checkpoint is due: by steps where they are short, by time where they are long."""

from __future__ import annotations

from collections.abc import Callable

from aeon_plugin_ft.processes.awake import awake_seconds

CHECKPOINT_SECONDS = 120.0
"""At most so much work is lost to a power cut; a checkpoint of a model of 8 billion weights is half a gigabyte."""


class CheckpointDue:
    """Every `every` steps, and as soon as `seconds` have gone by since the last one (or since the start): of a large
    model each step is saved, since it takes minutes. What a run learns does not depend on it."""

    def __init__(
        self, every: int, seconds: float = CHECKPOINT_SECONDS, clock: Callable[[], float] = awake_seconds
    ) -> None:
        self.every, self.seconds, self.clock = every, seconds, clock
        self._saved = clock()

    def after(self, step: int, steps: int) -> bool:
        """Whether to save after this step; never after the last one, whose result is saved itself."""
        late = self.clock() - self._saved >= self.seconds
        return step < steps and (step % self.every == 0 or late)

    def saved(self) -> None:
        """Count from now."""
        self._saved = self.clock()
