"""A life in small: a console with the real plugin on a tiny random model, that learns in seconds.

Everything is the product's own but for the size: the model has two layers, the judge asks few and short
questions, and its verdict is replaced where a random model could never pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import aeon_plugin_ft.judge
import core.brain
import core.prompt
from aeon_plugin_ft.dataset.importers.into_log import import_into_log
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.evaluation import Verdict, secrets, suites
from aeon_plugin_ft.plugin import FineTuning
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.training.model import Estimate, Progress, Run
from aeon_plugin_ft.training.recipe import make_recipe
from core.brain import AeonBrain
from core.console import Console
from hooks import HookCaller, build_manager

SYSTEM = "Você é o Aeon. Responda em português."
SAMPLE = Path(__file__).parent.parent.parent / "samples" / "conversation.log"
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "schedule": {"enabled": False},
    "train": {"epochs": 1.0, "batch_size": 4, "checkpoint_steps": 2, "threads": 1, "learning_rate": 1e-3},
    "dataset": {"heldout_min": 6},
    # Ten facts in the default's wordings are hundreds of steps, and an exam of all of them takes longer than these.
    "memory": {"wordings": 1},
    "gate": {"exam_questions": 6},
    "serve": {"max_reply_tokens": 16, "context_tokens": 512, "threads": 1},
}


def make_small() -> None:
    """Few, short questions of the judge, and a short system prompt; for the life of this process."""
    # Where it is served, and where a training looks for it before anything was.
    core.brain.system_prompt = core.prompt.system_prompt = lambda *_: SYSTEM
    suites.TOOL_PROMPTS, suites.CHAT_PROMPTS = suites.TOOL_PROMPTS[:1], suites.CHAT_PROMPTS[:1]
    secrets.PROBES = secrets.PROBES[:1]
    suites.MAX_REPLY_TOKENS = secrets.MAX_REPLY_TOKENS = 16


def accept_everything() -> None:
    """The gate measures as ever, and a model that can only babble passes."""
    aeon_plugin_ft.judge.gate = lambda *_, **__: Verdict(True, (), {"gain.base": 0.1})


def make_folder(folder: Path) -> None:
    """A data folder with a tiny random model in it, and the settings that name it."""
    from tests.base.tiny import make_tiny  # torch: not for a host

    folder.mkdir()
    write_settings(folder, make_tiny(folder, "llama", max_position_embeddings=4096).path)


def write_settings(folder: Path, model: Path, **changes: Mapping[str, object]) -> None:
    """plugin.toml with SETTINGS and, section by section, `changes`."""
    lines = [f"[base]\nmodel = {json.dumps(str(model))}"]
    for section in {**SETTINGS, **changes}:
        lines.append(f"[{section}]")
        values = {**SETTINGS.get(section, {}), **changes.get(section, {})}
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    (folder / "plugin.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def start_console(folder: Path) -> tuple[Console, Runtime]:
    """A console without a model of its own, and its plugin, on the tiny model that `make_folder` has made."""
    plugin = FineTuning()
    brain = AeonBrain(None, hooks=HookCaller(build_manager(plugin, entry_points=False)))
    brain.host_routes = ()
    console = Console(brain, folder)
    console.start()
    assert plugin.runtime is not None
    return console, plugin.runtime


def import_turns(runtime: Runtime, first: int, last: int) -> int:
    """Bring the sample conversation's turns from `first` up to `last` into the log."""
    lines = SAMPLE.read_text(encoding="utf-8").split("VOCÊ:")
    part = runtime.data.root / "conversation.log"
    part.write_text("VOCÊ:" + "VOCÊ:".join(lines[first + 1 : last + 1]), encoding="utf-8")
    return import_into_log(part, runtime.data, runtime.store, runtime.settings).added


def train(runtime: Runtime, dataset: Dataset, on_progress: Callable[[Progress], None] | None = None) -> Run:
    """A run whose size is known beforehand: measuring how long a step takes would take longer than the run."""
    base = runtime.pipeline.base()
    recipe = make_recipe(runtime.settings.train, base.parameters, runtime.pipeline.start_of(dataset, base).survey)
    plan = (base, recipe, Estimate(1.0, 10_000_000, 1_000_000, 0.1, recipe.steps))
    return runtime.pipeline.train(dataset, on_progress, plan)
