"""Where a run starts: anew from the base, or from the model in use. Torch-free.

While there are few examples a run learns all of them from the base: it cannot drift, and sharing the prompt
makes it affordable. Above [train] rebuild_max it goes on from the adapter in use with the examples that
adapter has not seen and a share of the older ones; every REBUILD_EVERY-th run starts from the base all the
same, and so does one that cannot tell what is new.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft.dataset.frozen import read_lineage
from aeon_plugin_ft.dataset.lessons import lesson_groups
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.dataset.tool_calls import tool_call
from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.training.mix import Survey
from aeon_plugin_ft.training.runs import RunConfig

REBUILD_EVERY = 5


@dataclass(frozen=True, slots=True)
class Parent:
    """The version in use: its adapter, and the folder of the run that made it."""

    adapter: Path
    run: Path


@dataclass(frozen=True, slots=True)
class Start:
    """`parent` and `new` (lines of train.jsonl, from 0) are None where a run starts from the base, for `reason`.
    `generation` is how many runs in a row have gone on from another."""

    survey: Survey
    reason: str
    parent: Path | None = None
    new: tuple[int, ...] | None = None
    generation: int = 0


def choose_start(settings: TrainSection, dataset: Dataset, base_digest: str, current: Parent | None) -> Start:
    """Where a run on `dataset` starts when `current` is in use (None: the base itself)."""
    lines = list(_lines(dataset.train_file))
    tools = sum(_is_tool_call(line) for line in lines)
    whole = Survey(len(lines), tools, lessons=dataset.lessons)
    if len(lines) <= settings.rebuild_max or current is None:
        why = "no trained model is in use" if current is None else f"there are at most {settings.rebuild_max} examples"
        return Start(whole, why)
    try:
        config = RunConfig.read(current.run)
        # Whole lines are compared: an example whose prompt or reply was changed since is a new one.
        seen = set(_lines(config.dataset / "train.jsonl"))
        shape = json.loads((current.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TrainingError) as error:
        return Start(whole, f"it cannot be told what the model in use has learnt ({error})")
    new = tuple(number for number, line in enumerate(lines) if line not in seen)
    refusal = _why_not(settings, config, base_digest, shape, new)
    if refusal:
        return Start(whole, refusal)
    reason = f"{len(new)} of {len(lines)} examples are new to the model in use"
    groups = lesson_groups(read_lineage(dataset)) if dataset.lessons else {}
    survey = Survey(len(lines), tools, len(new), sum(line in groups for line in new))
    return Start(survey, reason, current.adapter, new, config.generation + 1)


def _why_not(
    settings: TrainSection, config: RunConfig, base_digest: str, shape: dict[str, object], new: tuple[int, ...]
) -> str:
    """Why a run must not go on from an adapter; "" when it may."""
    configured = (settings.rank, settings.alpha, settings.rslora, settings.dora)
    has = (shape.get("r"), shape.get("lora_alpha"), bool(shape.get("use_rslora")), bool(shape.get("use_dora")))
    if config.base.digest != base_digest:
        return "the model in use was trained on another base"
    if configured != has:
        return "[train] asks for another adapter than that of the model in use"
    # A chain of runs drifts: what it has half forgotten is learnt again from the base.
    if config.generation + 1 >= REBUILD_EVERY:
        return f"every {REBUILD_EVERY}th training does"
    return "" if new else "no example is new to the model in use"


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        yield from lines


def _is_tool_call(line: str) -> bool:
    # The cheap test first: a reply is JSON inside JSON, so its quotes are escaped, and few lines hold these letters.
    return '\\"tool\\"' in line and tool_call(json.loads(line)["messages"][-1]["content"]) is not None
