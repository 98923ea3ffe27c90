"""`aeon-ft models advise`: which base models this computer can train."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from aeon_plugin_ft.cli.context import Context, of, out, show_json, size, span, table
from aeon_plugin_ft.cli.models import Json, models
from aeon_plugin_ft.messages import Speaker

if TYPE_CHECKING:
    from aeon_plugin_ft.training.advice import Advice, Machine, ModelShape
    from aeon_plugin_ft.training.mix import Survey

_say = Speaker("cli/advise")


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
        return _say("machine.card", name=machine.card.name, memory=size(machine.card.memory))
    return _say("machine.cores", memory=size(machine.memory), cores=machine.threads)


def _how(advice: Advice) -> str:
    if advice.form is not None:
        return _say(f"how.{advice.form.name.lower()}")
    return _say("how.layers" if advice.layered else "how.memory")


def _show(advised: list[Advice], named: set[str], machine: Machine, examples: int) -> None:
    from aeon_plugin_ft.training.advice import EXAMPLES, Fit

    columns = (
        _say("table.model"), _say("table.memory"), _say("table.examples", count=EXAMPLES),
        _say("table.yours", count=examples), _say("table.how"), "",
    )  # fmt: skip
    table(
        _say("table.title", machine=_where(machine)),
        columns,
        [
            (
                a.shape.name,
                size(a.memory),
                span(60 * a.minutes),
                span(60 * a.training_minutes),
                _how(a),
                _say(f"fit.{a.fit.name.lower()}"),
            )
            for a in advised
        ],
    )
    trainable = [a.shape.name for a in advised if a.shape.name in named and a.fit is Fit.NIGHT]
    if trainable:
        out.print(_say("next.choose", model=trainable[-1]), markup=False)
    elif named:
        out.print(_say("next.smaller"))
    else:
        out.print(_say("next.no_ollama"))
    out.print(_say("next.computed"), markup=False)
