"""`aeon-ft models | use | rollback`: which versions there are, and which one answers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from aeon_plugin_ft.cli.context import of, out, show_json, table, when
from aeon_plugin_ft.cli.main import app

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command()
def models(context: typer.Context, as_json: Json = False) -> None:
    """List every version with its verdict; the one in use is marked."""
    registry = of(context).registry
    current, versions = registry.current(), registry.versions()
    if as_json:
        show_json({"current": current, "previous": registry.previous(), "versions": [_as_dict(v) for v in versions]})
        return
    rows = [("* base" if current == "base" else "  base", "-", "-", "-", "the untrained model")]
    for version in versions:
        mark = "*" if version.name == current else " "
        gain = version.verdict.numbers.get("gain.base")
        rows.append(
            (
                f"{mark} {version.name}",
                version.state.value,
                when(version.created),
                "-" if gain is None else f"{-gain:+.1%}",
                "; ".join(version.verdict.reasons) or "better than what it was judged against",
            )
        )
    table("Models (* answers now)", ("version", "state", "made", "held-out loss against base", "verdict"), rows)


@app.command()
def use(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help='A version ("v3"), or "base" for the untrained model.')],
) -> None:
    """Let the brain answer with this version from now on; a running Aeon switches within a second."""
    registry = of(context).registry
    previous = registry.promote(version, "chosen by the owner")
    out.print(f"{registry.current()} answers now (before: {previous}). `aeon-ft rollback` goes back.")


@app.command()
def rollback(context: typer.Context) -> None:
    """Go back to the model that answered before; works offline."""
    registry = of(context).registry
    target = registry.previous()
    previous = registry.promote(target, "rolled back by the owner")
    if previous == target:
        out.print(f"{target} answers already, and nothing was in use before it.")
    else:
        out.print(f"Back to {target} (before: {previous}). `aeon-ft use {previous}` undoes this.")


def _as_dict(version: Any) -> dict[str, Any]:
    return {
        "name": version.name,
        "state": version.state.value,
        "created": version.created,
        "run": version.run,
        "dataset": version.dataset,
        "base": version.base,
        "accepted": version.verdict.accepted,
        "reasons": version.verdict.reasons,
        "numbers": version.verdict.numbers,
    }
