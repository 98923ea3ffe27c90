"""`aeon-ft models advise`: which base models this computer can train."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from aeon_plugin_ft.cli.context import Context, of, out, show_json, size, span, table
from aeon_plugin_ft.cli.models import Json, models

if TYPE_CHECKING:
    from aeon_plugin_ft.training.advice import Advice, Machine, ModelShape
    from aeon_plugin_ft.training.mix import Survey


@models.command("advise")
def advise(context: typer.Context, as_json: Json = False) -> None:
    """Say which base models this computer can train overnight, and what that takes. Computed, not measured."""
    from aeon_plugin_ft.training import advice

    shared = of(context)
    survey = next_survey(shared)
    tags = ollama_shapes(shared.settings_file.current.serve.ollama_url)
    machine = advice.this_machine()
    settings = shared.settings_file.current.train
    advised = [advice.advise(shape, machine, survey, settings) for shape in (*tags, *advice.KNOWN)]
    named = {shape.name for shape in tags}
    if as_json:
        head: dict[str, Any] = {"examples": survey.examples, "free_bytes": machine.memory, "bf16": machine.is_narrow}
        head["card"] = None if machine.card is None else asdict(machine.card)
        show_json({**head, "models": [_as_dict(a, named) for a in advised]})
        return
    _show(advised, named, machine, survey.examples)


def next_survey(shared: Context) -> Survey:
    """What the next training would learn from, lessons included; EXAMPLES where there is less."""
    from aeon_plugin_ft.dataset.lessons import count_lessons
    from aeon_plugin_ft.training.advice import EXAMPLES
    from aeon_plugin_ft.training.mix import Survey

    train = shared.pipeline().draft().train
    return Survey(max(EXAMPLES, len(train)), lessons=count_lessons(train).lessons)


def ollama_shapes(url: str) -> list[ModelShape]:
    """The models of the Ollama at `url` that a training can start from; none where nobody answers."""
    from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError
    from aeon_plugin_ft.serving.ollama.client import OllamaClient
    from aeon_plugin_ft.training.automatic import shape_of
    from aeon_plugin_ft.weights.architectures import FAMILIES
    from hooks.providers import ollama_url

    client = OllamaClient(ollama_url(url))
    try:
        shown = {tag: client.show(tag) or {} for tag in sorted(client.tags())}
    except (BackendDownError, BackendRefusedError):
        return []
    finally:
        client.close()
    known = {tag: one for tag, one in shown.items() if _kind(one) in FAMILIES}
    return [shape for tag, one in known.items() if (shape := shape_of(f"ollama:{tag}", one)) is not None]


def _kind(show: dict[str, Any]) -> str:
    return str((show.get("model_info") or {}).get("general.architecture", ""))


def _as_dict(advice: Advice, named: set[str]) -> dict[str, Any]:
    return {
        "model": advice.shape.name, "here": advice.shape.name in named, "layered": advice.layered,
        "on_card": None if advice.form is None else advice.form.value,
        "memory_bytes": advice.memory, "minutes": round(advice.minutes, 1),
        "training_minutes": round(advice.training_minutes, 1), "fit": advice.fit.value,
    }  # fmt: skip


def _where(machine: Machine) -> str:
    if machine.card is not None:
        return f"{machine.card.name}, {size(machine.card.memory)} of its memory free"
    return f"{size(machine.memory)} of memory free, {machine.threads} cores"


def _how(advice: Advice) -> str:
    if advice.form is not None:
        return advice.form.value
    return "a layer at a time" if advice.layered else "in memory"


def _show(advised: list[Advice], named: set[str], machine: Machine, examples: int) -> None:
    from aeon_plugin_ft.training.advice import EXAMPLES, Fit

    table(
        f"Bases on this computer ({_where(machine)})",
        ("model", "memory", f"{EXAMPLES} examples", f"your {examples} examples", "how", ""),
        [
            (
                a.shape.name,
                size(a.memory),
                span(60 * a.minutes),
                span(60 * a.training_minutes),
                _how(a),
                a.fit.value,
            )
            for a in advised
        ],
    )
    trainable = [a.shape.name for a in advised if a.shape.name in named and a.fit is Fit.NIGHT]
    if trainable:
        out.print(f'Choose one with `aeon-ft config set base.model "{trainable[-1]}"`.', markup=False)
    elif named:
        out.print("None of the models in Ollama can be trained here overnight: get a smaller one.")
    else:
        out.print("No Ollama answers, or it holds no model that can be trained; these are what people run in one.")
    out.print(
        "Computed from the models' shapes; `aeon-ft estimate` measures the one that [base] model names.", markup=False
    )
