"""`python -m aeon_plugin_ft.training.worker.probe <folder>`: one real step of a run that has not started.

Loads the model and the data as the worker will, makes the start-up check, computes and applies one step
of the first batches, and writes result.json: time, peak memory and disk of the whole run. Of a model that is
trained a layer at a time only some layers are computed (`projection`): all of them would take many minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import AeonFtError, RefusedError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.awake import awake_seconds
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.memory import is_out_of_memory, mapped_bytes, peak_bytes
from aeon_plugin_ft.training.model import Estimate, Run
from aeon_plugin_ft.training.plan import Row, plan_batch, tokens_computed
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.worker.priority import take_priority
from aeon_plugin_ft.training.worker.projection import Meter, Sample, inputs_on_disk, whole_memory
from aeon_plugin_ft.training.worker.stopping import StopRequested, StopWatch

_say = Speaker("errors/training")

MEASURED_STEPS = 2
"""The first one warms up; it counts only when there is no other."""

CHECKPOINTS_ON_DISK = 3
"""Two kept and one being written."""


def main(arguments: list[str]) -> int:
    """Measure one step; returns the exit code, with result.json or error.json written."""
    started = awake_seconds()
    folder = Path(arguments[0])
    watch = StopWatch(folder, supervised=True).start()
    take_priority(arguments)
    try:
        result = measure(Run("probe", folder), RunConfig.read(folder), watch, started)
        write_json(folder / "result.json", result)
    except StopRequested:
        # Exit.PAUSED: nothing was measured, and nothing is wrong.
        return 75
    except Exception as error:
        write_json(folder / "error.json", _reason(error))
        if not isinstance(error, AeonFtError) and not is_out_of_memory(error):
            raise
        return 1
    finally:
        watch.end()
    return 0


def _reason(error: Exception) -> dict[str, Any]:
    if is_out_of_memory(error):
        return {"refused": True, "reason": _say("refused.one_step"), "lacks_memory": True}
    if isinstance(error, RefusedError):
        return {"refused": True, "reason": "; ".join(error.reasons)}
    return {"refused": False, "reason": str(error)}


def measure(run: Run, config: RunConfig, watch: StopWatch, started: float) -> dict[str, Any]:
    """{"estimate": ..., "parity": ...}; "parity" None where only a sample of the model's layers was looked at."""
    from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
    from aeon_plugin_ft.training.worker.sampling import SampledSession

    session = SampledSession(run, config, watch, lambda *_: None, lambda _: None)
    trainer, rows, verdict = session.prepare()
    prepared = awake_seconds() - started
    trainer.create_optimizer()
    clock = Clock(config.recipe.threads)
    batches = [[rows[index] for index in step] for step in trainer.order]
    samples = [clock.step(trainer, session, batch) for batch in batches[:MEASURED_STEPS]]
    sample, costs = samples[-1], [_cost(batch, trainer) for batch in batches]
    # Scaled from the batch that was measured to the mean of all: a step's time goes with the tokens it computes.
    step = sample.whole_step * sum(costs) / len(costs) / costs[len(samples) - 1]
    adapter = sum(p.numel() * p.element_size() for p in trainer.model.parameters() if p.requires_grad)
    peak = peak_bytes() - mapped_bytes(config.base.gguf)
    scratch = 0
    if isinstance(trainer.engine, LayeredPrefix):
        inputs = round(4 * int(trainer.engine.config.hidden_size) * max(costs))
        peak = whole_memory(peak, sample, inputs, adapter, trainer.engine.input_bytes)
        scratch = inputs_on_disk(sample, inputs, trainer.engine.input_bytes)
    prepared += sample.whole(session.checking) - session.checking
    session.close()
    made = Estimate(
        seconds=round(prepared + step * config.recipe.steps, 2),
        ram_bytes=peak,
        # The finished adapter, and in each checkpoint the adapter and AdamW's two moments, of the same size each. And
        # while a step goes a layer at a time, what does not stay in memory of its layers' inputs.
        disk_bytes=round(sample.whole(adapter) * (1 + 3 * CHECKPOINTS_ON_DISK)) + scratch,
        step_seconds=round(step, 3),
        steps=config.recipe.steps,
        quiet_seconds=round((prepared + step * config.recipe.steps) * clock.quiet_share, 2),
    )
    return {"estimate": asdict(made), "parity": None if sample.more else asdict(verdict)}


class Clock:
    """Times steps, and what other programs take of the processor meanwhile."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.quiet_share = 1.0
        """What the newest step would take on a quiet machine, of what it took."""

    def step(self, trainer: Any, session: Any, batch: Sequence[Row]) -> Sample:
        """Make one step of a batch, and say what it took."""
        told: list[float] = []
        meter = Meter(self.threads)
        began = awake_seconds()
        if session.source is not None:
            trainer.engine.on_layer = lambda *_: told.append(awake_seconds() - began)
        trainer.one_step(batch)
        wall = awake_seconds() - began
        self.quiet_share = meter.quiet_share()
        return Sample(session.layers, session.sampled, told, wall)


def _cost(batch: Sequence[Row], trainer: Any) -> float:
    """Tokens that a step computes."""
    if trainer.engine is None:
        return float(sum(len(row.ids) for row in batch))
    return float(tokens_computed(batch, plan_batch(batch, trainer.engine.micro_tokens))[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
