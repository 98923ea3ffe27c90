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
    pointed,
    say_chosen,
    share,
    show_json,
    size,
    span,
    table,
    verdict_word,
    when,
)
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.words import left_out, source, version_state, why_version
from aeon_plugin_ft.messages import Language, Speaker, decimal, language
from aeon_plugin_ft.store import private
from aeon_plugin_ft.wording import worded

if TYPE_CHECKING:
    from aeon_plugin_ft.registry import Version
    from aeon_plugin_ft.registry.retention import Item

_say = Speaker("cli/models")

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
    rows = [("* base" if current == "base" else "  base", "-", "-", "-", _say("list.base"))]
    for version in versions:
        in_use = "*" if version.name == current else " "
        gain = version.verdict.numbers.get("gain.base")
        rows.append(
            (
                f"{in_use} {version.name}",
                version_state(version.state.value),
                when(version.created),
                "-" if gain is None else share(-gain, 1, sign=True),
                _remark(version, registry.reason(version.name)),
            )
        )
    heads = ("version", "state", "made", "loss", "verdict")
    table(_say("list.title"), [_say(f"list.{head}") for head in heads], rows)


def _remark(version: Version, reason: str) -> str:
    """Damage before anything else: such a version is not served whatever its verdict was."""
    faults = version.faults()
    return _say("list.damaged", faults="; ".join(faults)) if faults else why_version(version, reason)


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
        known = _say("import.of_export", dataset=origin.dataset) if origin.dataset else _say("import.of_unknown")
        slots = {"trainer": origin.trainer, "rank": brought.rank, "known": known}
        out.print(_say("import.adapter" if brought.rank else "import.whole", **slots), markup=False)
        for unknown in origin.unknown:
            out.print(_say("import.note", unknown=worded(unknown)), markup=False)
        if origin.aside:
            out.print(_say("import.aside", count=origin.aside), markup=False)
        if brought.version is not None:
            out.print(_say("import.here_already", version=brought.version))
        elif judge:
            judge_and_settle(pipeline, brought.run)
        else:
            out.print(_say("import.judge", run=brought.run.id))


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
        title = _say("prune.would" if dry_run else "prune.done")
        heads = [_say(f"prune.{head}") for head in ("what", "name", "size", "why")]
        table(title, heads, [(_say(f"gone.{i.kind}"), i.name, size(i.size), _why_gone(i)) for i in plan.items])
    out.print(_say("prune.sums", used=size(plan.used), left=size(plan.left), cap=size(plan.cap)), markup=False)
    if not plan.fits:
        out.print(_say("prune.too_much"))


def _why_gone(item: Item) -> str:
    """Why a thing is not needed; what retention notes of it is English."""
    if language() is Language.EN:
        return item.why
    if item.kind == "version":
        return version_state(item.why)
    return _say(f"why_gone.{'heldout' if item.name.endswith('/heldout') else item.kind}")


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
        out.print(_say("rollback.nothing", version=target))
    else:
        out.print(_say("rollback.done", version=target, previous=previous))


def _show_report(version: Version, kept: dict[str, Any], reason: str, served: dict[str, Any]) -> None:
    from aeon_plugin_ft.evaluation.sentences import check_line

    word = verdict_word(version.verdict.accepted)
    made = _say("report.made", when=when(version.created), state=version_state(version.state.value))
    out.print(Text(f"{version.name}: ").append_text(word).append(f", {made}"))
    if reason:
        out.print(why_version(version, reason), markup=False)
    for check in version.verdict.checks:
        mark(check.passed, check_line(check))
    data, training = kept.get("data"), kept.get("training", {})
    if data:
        out.print(
            _say(
                "report.data", dataset=data["dataset"], train=data["train"], heldout=data["heldout"],
                sources=counts(data["sources"], source) or _say("report.no_source"),
                dropped=counts(data["dropped"], left_out) or _say("report.nothing"),
            )
        )  # fmt: skip
    else:
        out.print(_say("report.no_data"))
    if training:
        spent = span(training.get("seconds", 0))
        out.print(_say("report.training", steps=training.get("steps"), span=spent, base=kept["base"]))
    if "lowest_share" in served:
        out.print(_fidelity(served), markup=False)
    out.print(_say("report.undo" if version.verdict.accepted else "report.nothing_to_undo"))


def _fidelity(served: dict[str, Any]) -> str:
    """How faithfully the merged model says what the adapter says."""
    tensors, lowest = served["tensors"], share(served["lowest_share"], 1)
    if "kl" not in served:
        return _say("report.merged_only", tensors=tensors, share=lowest, why=served["skipped"])
    limit = pointed(f"{served['limit']:g}")
    return _say("report.merged", tensors=tensors, share=lowest, nats=decimal(served["kl"], 4), limit=limit)


def _check(one: Any) -> dict[str, Any]:
    return {"name": one.name, "passed": one.passed, "detail": one.detail}


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
