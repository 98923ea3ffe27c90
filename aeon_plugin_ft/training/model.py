"""A training run as a folder, its states and its outcome.

<data>/runs/<id>/run.json         what to do (RunConfig); written once
                 progress.jsonl   one line an event of the worker, appended and flushed
                 checkpoints/     newest complete one is resumed from
                 stages/          what a finished stage of a run with several ended with; gone when all are finished
                 adapter/         PEFT LoRA folder; there only when the run has finished
                 outcome.json     written last: state, steps, losses, seconds, peak memory
                 worker.log       the worker's own output
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from aeon_plugin_ft.causes import RunPhase


class RunState(str, Enum):
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    """Left on request; resumes to the same result."""
    INTERRUPTED = "interrupted"
    """Died without a word (killed, power, out of memory); resumes from its last checkpoint."""
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Exit:
    """Exit codes of the training worker."""

    FINISHED = 0
    FAILED = 1
    REFUSED = 3
    OUT_OF_MEMORY = 71
    PAUSED = 75


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every number of a run, with nothing left to choose.

    `batch_size` is the effective batch (examples per optimizer step). `steps` is the number of optimizer
    steps. `alpha / rank` scales the update. `target_modules` is "all-linear" or names.
    """

    rank: int
    alpha: int
    learning_rate: float
    batch_size: int
    epochs: float
    steps: int
    warmup_steps: int
    max_length: int
    seed: int
    threads: int
    checkpoint_steps: int
    target_modules: str | tuple[str, ...] = "all-linear"
    max_grad_norm: float = 1.0
    weight_decay: float = 0.0
    rslora: bool = False
    lora_plus: float = 0.0
    micro_tokens: int = 2048
    """Suffix tokens that are in memory at once; never changes the result by more than rounding. 0: chosen from the
    memory that is free when the run first starts, and kept for its later attempts."""
    dora: bool = False
    quantize: str = "none"
    tool_share: float = 0.0
    """At least this share of what an epoch shows are tool calls, as far as repeating the ones there are goes."""
    replay_share: float = 0.0
    """Share of older examples in an epoch of a run that goes on from another adapter."""
    talk_share: float = 0.0
    """At least this share of an epoch with lessons was really said, as far as repeating it goes."""
    validation: int = 0
    """Training examples that are kept aside to measure on; 0: none, and no early end."""
    evaluate_steps: int = 0
    patience: int = 0
    """Measurements without an improvement after which the run ends; its best moment is its result."""
    preference_min: int = 0
    """Opinions of a sort from which on they are trained on; 0: never."""
    preference_rate: float = 0.0
    preference_beta: float = 0.1
    report_to: str = "none"
    """A tracker of transformers' that also gets the numbers; never changes the result."""


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt to train; the row in the store says its state."""

    id: str
    folder: Path

    @property
    def adapter(self) -> Path:
        """The PEFT folder; there only when the run has finished."""
        return self.folder / "adapter"

    @property
    def progress_file(self) -> Path:
        """What the worker tells while it runs, one JSON object a line."""
        return self.folder / "progress.jsonl"

    @property
    def outcome_file(self) -> Path:
        """What became of the newest attempt, written last."""
        return self.folder / "outcome.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """The newest state of a run. `loss` is nats per supervised token of the last step; `saving` is how many
    times fewer tokens were computed than without prefix sharing; `seconds_left` is an estimate."""

    step: int
    steps: int
    loss: float | None
    examples_per_second: float
    saving: float
    seconds: float
    seconds_left: float
    phase: RunPhase = RunPhase.TRAINING
    grad_norm: float | None = None
    learning_rate: float | None = None
    validation_loss: float | None = None
    """Of the newest measurement on the examples kept aside."""
    stage_step: int = 0
    stage_steps: int = 0
    """Where a preference stage is; 0 of 0 outside of one."""
    part: float = 0.0
    """Share of the step under way that is done, from 0 to 1; told where steps take minutes."""

    @property
    def done(self) -> float:
        """Steps that are done, with the part of the one under way."""
        return self.step + self.part


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What outcome.json says. `dropped` counts the examples that were left out, by reason; `truncated` those
    that lost their oldest turns to fit. `engine` is "shared-prefix" or "stock" (with "layered-" before it
    where it went one layer at a time), with the reason in `engine_reason`.
    `best_step` is the step whose weights are the result where early stopping chose (0: the last one's), and
    `validation_loss` what was measured there. `preferences` tells of each preference stage."""

    state: RunState
    step: int
    steps: int
    seconds: float
    peak_bytes: int
    reason: str = ""
    cause: str = ""
    """Why it left or failed, a value of PauseCause or EndCause; "" when it finished."""
    first_loss: float | None = None
    loss: float | None = None
    examples: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    truncated: int = 0
    engine: str = ""
    engine_reason: str = ""
    saving: float = 1.0
    best_step: int = 0
    validation_loss: float | None = None
    preferences: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run takes on this machine, measured by a short micro-benchmark."""

    seconds: float
    ram_bytes: int
    disk_bytes: int
    step_seconds: float
    steps: int
    quiet_seconds: float = 0.0
    """What it would take without the other programs that ran while it was measured; 0: not known."""
