"""`aeon-ft models | use | rollback | compare`: which versions there are, how they do, and which one answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.text import Text

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.cli.context import (
    counts,
    mark,
    of,
    out,
    say_chosen,
    show_json,
    size,
    span,
    table,
    verdict_word,
    when,
)
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.store import private
from aeon_plugin_ft.wording import english

if TYPE_CHECKING:
    from aeon_plugin_ft.registry import Version

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]

models = typer.Typer(help="The versions there are; the one in use is marked.", invoke_without_command=True)
app.add_typer(models, name="models")


@models.callback()
def list_models(context: typer.Context, as_json: Json = False) -> None:
    """List every version with its verdict; the one in use is marked."""
    if context.invoked_subcommand is not None:
        return
    registry = of(context).registry
    current, versions = registry.current(), registry.versions()
    if as_json:
        show_json({"current": current, "previous": registry.previous(), "versions": [_as_dict(v) for v in versions]})
        return
    rows = [("* base" if current == "base" else "  base", "-", "-", "-", "the untrained model")]
    for version in versions:
        in_use = "*" if version.name == current else " "
        gain = version.verdict.numbers.get("gain.base")
        rows.append(
            (
                f"{in_use} {version.name}",
                version.state.value,
                when(version.created),
                "-" if gain is None else f"{-gain:+.1%}",
                _remark(version, registry.reason(version.name)),
            )
        )
    table("Models (* in use)", ("version", "state", "made", "held-out loss against base", "verdict"), rows)


def _remark(version: Version, reason: str) -> str:
    """Damage before anything else: such a version is not served whatever its verdict was."""
    faults = version.faults()
    return f"damaged: {'; '.join(faults)}" if faults else reason or "better than what it was judged against"


@models.command("report")
def report(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help='A version ("v3").')],
    html: Annotated[bool, typer.Option("--html", help="Write the page and say where it is.")] = False,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="Where to write the page.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """The verdict on a version with everything it rests on: data, numbers, answers, and how to undo it."""
    from aeon_plugin_ft.evaluation.report.page import html_page
    from aeon_plugin_ft.serving.merging.version import proof_of

    registry = of(context).registry
    made = registry.get(version)
    kept = registry.report(made)
    served = {**made.served, **proof_of(of(context).data, made.name)}
    if as_json:
        checks = [_check(c) for c in made.verdict.checks]
        show_json({**_as_dict(made), "checks": checks, "served": served, "report": kept})
    elif html or output is not None:
        target = output or made.folder / "report.html"
        page = html_page(made.name, made.created, made.verdict, {**kept, "served": served})
        private.write_file(target, page)
        out.print(str(target), soft_wrap=True)
    else:
        _show_report(made, kept, registry.reason(made.name), served)


@models.command("import")
def import_(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(help="The adapter's folder: PEFT's (LLaMA-Factory, ...) or MLX's; or a merged model."),
    ],
    data: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--data", help="A JSONL file that it was trained on, where no export of ours lies around it."),
    ] = None,
    judge: Annotated[bool, typer.Option(help="Judge it, and use it if it is better.")] = True,
) -> None:
    """Bring an adapter back that was trained elsewhere: checked, judged and used like one that was trained here."""
    from aeon_plugin_ft.bringing import bring
    from aeon_plugin_ft.cli.learn import judge_and_settle, say_phase
    from aeon_plugin_ft.training.lease import learning

    shared = of(context)
    pipeline = shared.pipeline(on_phase=say_phase)
    with learning(shared.store):
        brought = bring(pipeline, folder, data or ())
        origin = brought.origin
        known = f"the export of dataset {origin.dataset}" if origin.dataset else "data that is not known"
        what = f"An adapter of {origin.trainer}, rank {brought.rank}," if brought.rank else "A whole model,"
        out.print(f"{what} trained on {known}.", markup=False)
        for unknown in origin.unknown:
            out.print(f"Note: {english(unknown)}.", markup=False)
        if origin.aside:
            out.print(f"{origin.aside} held-out examples that it may have seen are not asked of it.", markup=False)
        if brought.version is not None:
            out.print(
                f"It is here already, as {brought.version}. `aeon-ft models report {brought.version}` tells more."
            )
        elif judge:
            judge_and_settle(pipeline, brought.run)
        else:
            out.print(f"`aeon-ft judge {brought.run.id}` judges it.")


@models.command("prune")
def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Delete what the disk cap leaves no room for; current, previous and base always stay."""
    pipeline = of(context).pipeline()
    plan = pipeline.retention().plan() if dry_run else pipeline.prune()
    if as_json:
        items = [{"kind": i.kind, "name": i.name, "bytes": i.size, "why": i.why} for i in plan.items]
        show_json({"used": plan.used, "left": plan.left, "cap": plan.cap, "items": items, "dry_run": dry_run})
        return
    if plan.items:
        title = "Would be deleted" if dry_run else "Deleted"
        table(title, ("what", "name", "size", "why"), [(i.kind, i.name, size(i.size), i.why) for i in plan.items])
    out.print(
        f"{size(plan.used)} used, {size(plan.left)} afterwards, {size(plan.cap)} allowed ([plugin] disk_cap_gb).",
        markup=False,
    )
    if not plan.fits:
        out.print("What must stay does not fit below the cap: raise it with `aeon-ft config set plugin.disk_cap_gb`.")


@app.command()
def use(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help='A version ("v3"), or "base" for the untrained model.')],
) -> None:
    """Let the brain answer with this version from now on; a running Aeon switches within a second."""
    registry, backend = of(context).registry, of(context).settings_file.current.serve.backend
    previous = registry.promote(version, PromotionCause.OWNER)
    say_chosen(registry.current(), previous, backend)


@app.command()
def rollback(context: typer.Context) -> None:
    """Go back to the model that answered before; works offline."""
    registry = of(context).registry
    target = registry.previous()
    previous = registry.promote(target, PromotionCause.UNDONE)
    if previous == target:
        out.print(f"{target} is in use already, and nothing was in use before it.")
    else:
        out.print(f"Back to {target} (before: {previous}). `aeon-ft use {previous}` undoes this.")


def _show_report(version: Version, kept: dict[str, Any], reason: str, served: dict[str, Any]) -> None:
    from aeon_plugin_ft.evaluation.sentences import check_line

    word = verdict_word(version.verdict.accepted)
    made = f", made {when(version.created)}, {version.state.value} now"
    out.print(Text(f"{version.name}: ").append_text(word).append(made))
    if reason:
        out.print(reason, markup=False)
    for check in version.verdict.checks:
        mark(check.passed, check_line(check))
    data, training = kept.get("data"), kept.get("training", {})
    if data:
        out.print(
            f"Data: {data['dataset']}, {data['train']} examples to train on, {data['heldout']} to judge with"
            f" ({counts(data['sources']) or 'no source known'}); left out: {counts(data['dropped']) or 'nothing'}"
        )
    else:
        out.print("Its data was forgotten on the owner's request.")
    if training:
        out.print(f"Training: {training.get('steps')} steps in {span(training.get('seconds', 0))} on {kept['base']}")
    if "lowest_share" in served:
        out.print(_fidelity(served), markup=False)
    out.print(
        "Undo: `aeon-ft rollback`, or say “volta o modelo anterior”."
        if version.verdict.accepted
        else "Nothing to undo."
    )


def _fidelity(served: dict[str, Any]) -> str:
    """How faithfully the merged model says what the adapter says."""
    kept = f"Merged: {served['tensors']} tensors, at least {served['lowest_share']:.1%} of each update kept"
    if "kl" not in served:
        return f"{kept}; not compared with the adapter ({served['skipped']})"
    return f"{kept}; {served['kl']:.4f} nats per token from the adapter itself (at most {served['limit']:g})"


def _check(check: Any) -> dict[str, Any]:
    return {"name": check.name, "passed": check.passed, "detail": check.detail}


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
