"""`aeon-ft models advise`: which base models this computer can train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from aeon_plugin_ft.cli.context import of, out, show_json, size, span, table
from aeon_plugin_ft.cli.models import Json, models

if TYPE_CHECKING:
    from aeon_plugin_ft.training.advice import Advice, Machine, ModelShape


@models.command("advise")
def advise(context: typer.Context, as_json: Json = False) -> None:
    """Say which base models this computer can train overnight, and what that takes. Computed, not measured."""
    from aeon_plugin_ft.training import advice

    shared = of(context)
    tags = ollama_shapes(shared.settings_file.current.serve.ollama_url)
    machine = advice.this_machine()
    turns = max(advice.TURNS, shared.pipeline().index.count())
    advised = [advice.advise(shape, machine, turns) for shape in (*tags, *advice.KNOWN)]
    named = {shape.name for shape in tags}
    if as_json:
        show_json({"turns": turns, "free_bytes": machine.memory, "models": [_as_dict(a, named) for a in advised]})
        return
    _show(advised, named, machine, turns)


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
        "memory_bytes": advice.memory, "minutes": round(advice.minutes, 1), "fit": advice.fit.value,
    }  # fmt: skip


def _show(advised: list[Advice], named: set[str], machine: Machine, turns: int) -> None:
    from aeon_plugin_ft.training.advice import TURNS, Fit

    table(
        f"Bases on this computer ({size(machine.memory)} of memory free, {machine.threads} cores)",
        ("model", "memory", f"time per {TURNS} turns", "how", f"with {turns} turns"),
        [
            (
                a.shape.name,
                size(a.memory),
                span(60 * a.minutes),
                "a layer at a time" if a.layered else "in memory",
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
