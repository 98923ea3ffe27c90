"""`python -m aeon_plugin_ft.training.worker.probe <folder>`: one real step of a run that has not started.

Loads the model and the data as the worker will, makes the start-up check, computes and applies one step
of the first batches, and writes result.json: time, peak memory and disk of the whole run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import AeonFtError, RefusedError
from aeon_plugin_ft.processes.awake import awake_seconds
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.memory import is_out_of_memory, peak_bytes
from aeon_plugin_ft.training.model import Estimate, Run
from aeon_plugin_ft.training.plan import Row, plan_batch, tokens_computed
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.worker.priority import take_priority
from aeon_plugin_ft.training.worker.stopping import StopRequested, StopWatch

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
        reason = "one training step alone takes more memory than there is"
        return {"refused": True, "reason": reason, "lacks_memory": True}
    if isinstance(error, RefusedError):
        return {"refused": True, "reason": "; ".join(error.reasons)}
    return {"refused": False, "reason": str(error)}


def measure(run: Run, config: RunConfig, watch: StopWatch, started: float) -> dict[str, Any]:
    """{"estimate": ..., "parity": ...}."""
    from aeon_plugin_ft.training.worker.session import Session

    session = Session(run, config, watch, lambda *_: None, lambda _: None)
    trainer, rows, verdict = session.prepare()
    prepared = awake_seconds() - started
    trainer.create_optimizer()
    seconds, shares = [], []
    for step in trainer.order[:MEASURED_STEPS]:
        batch = [rows[index] for index in step]
        began = awake_seconds()
        trainer.one_step(batch)
        seconds.append(awake_seconds() - began)
        shares.append(_cost(batch, trainer))
    mean_cost = sum(_cost([rows[i] for i in step], trainer) for step in trainer.order) / len(trainer.order)
    # Scaled from the batch that was measured to the mean of all: a step's time goes with the tokens it computes.
    step_seconds = seconds[-1] * mean_cost / shares[-1]
    parameters = [p for p in trainer.model.parameters() if p.requires_grad]
    adapter = sum(p.numel() * p.element_size() for p in parameters)
    made = Estimate(
        seconds=round(prepared + step_seconds * config.recipe.steps, 2),
        ram_bytes=peak_bytes(),
        # The finished adapter, and in each checkpoint the adapter and AdamW's two moments, of the same size each.
        disk_bytes=adapter * (1 + 3 * CHECKPOINTS_ON_DISK),
        step_seconds=round(step_seconds, 3),
        steps=config.recipe.steps,
    )
    return {"estimate": asdict(made), "parity": asdict(verdict)}


def _cost(batch: Sequence[Row], trainer: Any) -> float:
    """Tokens that a step computes."""
    if trainer.engine is None:
        return float(sum(len(row.ids) for row in batch))
    return float(tokens_computed(batch, plan_batch(batch, trainer.engine.micro_tokens))[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
