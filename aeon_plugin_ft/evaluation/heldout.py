"""Held-out loss of any number of models, measured in a child process. Torch-free.

The child computes the shared system prompt once per model and pass, with the trainer's engine.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import Interrupt
from aeon_plugin_ft.errors import EvaluationError
from aeon_plugin_ft.evaluation.model import HeldoutLoss
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.recipe import physical_cores
from aeon_plugin_ft.training.supervise import spawn, wait_for

_say = Speaker("errors/evaluation")

MAX_LENGTH = 4096
"""Held-out conversations longer than this many tokens lose their oldest turns, the same for every model."""


def measure_losses(
    base: BaseModel,
    sets: Mapping[str, Path],
    adapters: Mapping[str, Path | None],
    work: Path,
    *,
    threads: int = 0,
    max_length: int = MAX_LENGTH,
    interrupt: Interrupt = lambda: None,
) -> dict[str, dict[str, HeldoutLoss]]:
    """Loss of each model on each set, in one child: {set: {model: loss}}.

    `sets` is name to JSONL file, `adapters` name to adapter folder, None for the base itself. `work` is a
    folder for request, result and log. Raises EvaluationError when nothing could be measured, PreemptedError
    when `interrupt` gives a reason to stop.
    """
    private.make_folder(work)
    # One for each measurement: a second one beside it must not read this one's result.
    folder = work / secrets.token_hex(4)
    private.make_folder(folder)
    request = {
        "base": asdict(base),
        "sets": {name: str(path.absolute()) for name, path in sets.items()},
        "adapters": {name: None if path is None else str(path.absolute()) for name, path in adapters.items()},
        "max_length": max_length,
        "threads": threads or physical_cores(),
    }
    write_json(folder / "request.json", json.loads(json.dumps(request, default=str)))
    code = _run(folder, threads or physical_cores(), interrupt)
    result = folder / "result.json"
    if code != 0 or not result.exists():
        told = _say.error("heldout.failed", reason=_reason(folder, code), log=folder / "worker.log")
        raise EvaluationError(*told)
    raw = json.loads(result.read_text(encoding="utf-8"))
    return {
        set_: {name: _loss(name, pairs) for name, pairs in by_model.items()} for set_, by_model in raw["losses"].items()
    }


def _loss(name: str, pairs: Sequence[Sequence[float]]) -> HeldoutLoss:
    return HeldoutLoss(name, tuple((float(nats), int(tokens)) for nats, tokens in pairs))


def _run(folder: Path, threads: int, interrupt: Interrupt) -> int:
    with open(folder / "worker.log", "wb", opener=private.opener) as log:
        process = spawn(["-m", "aeon_plugin_ft.evaluation.worker", str(folder)], threads, log)
    return wait_for(process, interrupt, _say("heldout.doing"))


def _reason(folder: Path, code: int) -> str:
    try:
        return str(json.loads((folder / "error.json").read_text(encoding="utf-8"))["reason"])
    except (OSError, ValueError, KeyError):
        return _say("heldout.ended", code=code)
