"""`aeon-ft train | estimate | status | runs`: the learning loop from the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.text import Text

from aeon_plugin_ft.causes import Doing
from aeon_plugin_ft.cli.context import (
    Context,
    mark,
    of,
    out,
    say_chosen,
    say_plainly,
    show_json,
    size,
    span,
    table,
    verdict_word,
    when,
)
from aeon_plugin_ft.cli.data import say_advice
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.schedule import next_now
from aeon_plugin_ft.extras import require_trainer
from aeon_plugin_ft.wording import doing_in_english, english

if TYPE_CHECKING:
    from aeon_plugin_ft.evaluation.model import Verdict
    from aeon_plugin_ft.pipeline import Pipeline
    from aeon_plugin_ft.registry import Version
    from aeon_plugin_ft.training.model import Estimate, Run
    from aeon_plugin_ft.training.model import Progress as RunProgress

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]

QUIET = 0.8
"""A quiet machine's time is said beside what it takes now where it is at most this part of it."""


@app.command()
def train(
    context: typer.Context,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest unfinished run.")] = False,
    judge: Annotated[bool, typer.Option(help="Judge the result, and use it if it is better.")] = True,
) -> None:
    """Train on everything learnt so far, judge the result, and use it if it is better.

    Ctrl-C saves and stops; `aeon-ft train --resume` goes on to the same result.
    """
    from aeon_plugin_ft.training.lease import learning

    require_trainer()
    shared = of(context)
    pipeline = shared.pipeline(on_phase=say_phase)
    # From here to the promotion: between two steps no other process may begin.
    with learning(shared.store):
        _train(shared, pipeline, resume=resume, judge=judge)


def _train(shared: Context, pipeline: Pipeline, *, resume: bool, judge: bool) -> None:
    with training_bar() as on_progress:
        if resume:
            run = pipeline.resume(_unfinished(shared), on_progress)
        else:
            draft = pipeline.draft()
            dataset = pipeline.freeze(draft)
            say_advice(draft)
            out.print(f"Dataset {dataset.hash}: {dataset.train} examples to train on, {dataset.heldout} to judge with.")
            plan = base, recipe, cost = pipeline.plan(dataset)
            out.print(estimate_sentence(cost, base.spec, dataset.train, recipe.batch_size))
            run = pipeline.train(dataset, on_progress, plan)
    out.print(f"Run {run.id} finished; its adapter is {run.adapter}.")
    if not judge:
        return
    judge_and_settle(pipeline, run)


def judge_and_settle(pipeline: Pipeline, run: Run) -> None:
    """Judge a run, use its version if it is better, keep the disk below its cap, and say all that."""
    before = pipeline.registry.current()
    settled = pipeline.settle(run)
    version, pruned = settled.version, settled.pruned
    show_verdict(version)
    if settled.in_use:
        say_chosen(version.name, before, pipeline.settings().serve.backend)
    elif version.verdict.accepted:
        out.print(f"{version.name} answers a share of the conversations first. `aeon-ft watch` shows how it does.")
    out.print(f"The report: `aeon-ft models report {version.name}`, or {version.folder / 'report.html'}")
    if pruned.items:
        out.print(f"{len(pruned.items)} things that are not needed any more were deleted ({size(pruned.freed)}).")
    if not version.verdict.accepted:
        raise typer.Exit(code=3)


@app.command()
def judge(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A finished run; the newest that has no verdict when left out.")] = "",
) -> None:
    """Judge a finished run that could not be judged then, and use it if it is better."""
    from aeon_plugin_ft.errors import TrainingError
    from aeon_plugin_ft.training.model import Run

    shared = of(context)
    pipeline = shared.pipeline(on_phase=say_phase)
    unjudged = Run(run, shared.data.runs / run) if run else pipeline.unjudged()
    if unjudged is None:
        raise TrainingError("Every finished run has a verdict", "`aeon-ft models` shows them")
    judge_and_settle(pipeline, unjudged)


@app.command()
def estimate(context: typer.Context, as_json: Json = False) -> None:
    """Say what a training run would take on this machine now: time, memory, disk. Nothing is started."""
    require_trainer()
    pipeline = of(context).pipeline(on_phase=say_detail if as_json else say_phase)
    dataset = pipeline.freeze()
    base, recipe, cost = pipeline.plan(dataset)
    if as_json:
        show_json(
            {
                "seconds": cost.seconds,
                "quiet_seconds": cost.quiet_seconds,
                "ram_bytes": cost.ram_bytes,
                "disk_bytes": cost.disk_bytes,
                "steps": cost.steps,
                "step_seconds": cost.step_seconds,
                "examples": dataset.train,
            }
        )
        return
    out.print(estimate_sentence(cost, base.spec, dataset.train, recipe.batch_size))


@app.command()
def status(context: typer.Context, as_json: Json = False) -> None:
    """Where things stand: what answers, what is being learnt, what was logged."""
    state = collect_status(of(context))
    if as_json:
        show_json(state)
        return
    out.print(f"Answering: {state['current']}   (before: {state['previous']})")
    out.print(f"Logged: {state['turns']} turns, {state['chat_turns']} of them conversation")
    unread = f", {state['facts_unread']} turns not read for facts yet" if state["facts_unread"] else ""
    out.print(f"Held: {state['facts']} facts{unread}   (`aeon-ft facts` shows them)")
    for run in state["active_runs"]:
        out.print(f"Run {run['id']}: {run['state']}, step {run['step']} of {run['steps']}")
    if state["learning"]:
        out.print(f"Process {state['learning']} measures, trains or judges.")
    elif not state["active_runs"]:
        out.print("No training under way.")
    missing = ", ".join(state["waiting_for"])
    out.print(f"By itself it waits for: {missing}." if missing else "By itself it would train now.")
    for event in state["events"]:
        out.print(f"  {when(event['at'])}  {event['name']}  {event['data']}")


@app.command()
def runs(context: typer.Context, as_json: Json = False) -> None:
    """List every training run and how it ended."""
    from aeon_plugin_ft.training.runs import reap_runs
    from aeon_plugin_ft.training.table import list_runs

    shared = of(context)
    reap_runs(shared.store, shared.data)
    listed = [row.plain() for row in reversed(list_runs(shared.store))]
    if as_json:
        show_json(listed)
        return
    if not listed:
        out.print("No training run yet. `aeon-ft train` starts one.")
        return
    rows = [
        (r["id"], when(r["created"]), r["state"], f"{r['step']}/{r['steps']}", r["dataset"], r["reason"] or "")
        for r in listed
    ]
    table("Training runs", ("run", "started", "state", "step", "dataset", "reason"), rows)


def collect_status(shared: Context) -> dict[str, Any]:
    """What `status` tells, ready for JSON."""
    from aeon_plugin_ft.training.lease import learner
    from aeon_plugin_ft.training.runs import reap_runs
    from aeon_plugin_ft.training.table import ACTIVE, runs_in
    from aeon_plugin_ft.turns import TurnIndex
    from aeon_plugin_ft.turns.model import TurnKind

    reap_runs(shared.store, shared.data)
    index = TurnIndex(shared.store, shared.data.log)
    index.ingest()
    return {
        "data": str(shared.place.root),
        "current": shared.registry.current(),
        "previous": shared.registry.previous(),
        "turns": sum(index.count(kind) for kind in TurnKind),
        "chat_turns": index.count(TurnKind.CHAT),
        # Not read here: an old log may take minutes, and a host, a dataset or `aeon-ft facts` does it.
        "facts": len(shared.book.current()),
        "facts_unread": len(shared.book.due()),
        "active_runs": [row.plain() for row in reversed(runs_in(shared.store, ACTIVE))],
        "learning": (learner(shared.store) or "").partition("-")[0] or None,
        "waiting_for": [condition.name for condition in next_now(shared).decision.missing],
        "events": shared.store.newest_events(8),
    }


def _unfinished(shared: Context) -> str:
    from aeon_plugin_ft.errors import TrainingError
    from aeon_plugin_ft.training.model import RunState
    from aeon_plugin_ft.training.runs import reap_runs
    from aeon_plugin_ft.training.table import LEFT, unfinished_run

    reap_runs(shared.store, shared.data)
    row = unfinished_run(shared.store, (RunState.PENDING, *LEFT))
    if row is None:
        raise TrainingError("There is no unfinished run", "`aeon-ft train` starts a new one")
    return row.id


# -- what training looks like ------------------------------------------------------------------


def say_phase(doing: Doing) -> None:
    """One dim line for what begins now."""
    out.print(f"... {doing_in_english(doing)}", style="dim")


def say_detail(doing: Doing) -> None:
    """Where standard output belongs to a script: what must be seen all the same, such as the terms of a base model, on
    standard error."""
    if doing.detail:
        say_plainly(doing.detail, error=True)


def estimate_sentence(cost: Estimate, base: str, examples: int, batch: int) -> str:
    """What a run takes, as one sentence."""
    if not cost.step_seconds:
        return f"{examples} examples on {base}: {cost.steps} steps of {batch}, not on this machine ([train] where)."
    busy = 0 < cost.quiet_seconds < cost.seconds * QUIET
    alone = f" ({span(cost.quiet_seconds)} without the other programs that run now)" if busy else ""
    return (
        f"{examples} examples on {base}: {cost.steps} steps of {batch}, about {span(cost.seconds)}{alone},"
        f" {size(cost.ram_bytes)} of memory, {size(cost.disk_bytes)} of disk."
    )


@contextmanager
def training_bar() -> Iterator[Callable[[RunProgress], None]]:
    """A progress bar with loss, speed, the share of work saved and the time left."""
    from rich.progress import BarColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[step]}/{task.total:.0f}  {task.fields[numbers]}"),
        console=out,
        refresh_per_second=4,
    )
    with bar:
        task: Optional[Any] = None  # noqa: UP045

        def on_progress(progress: RunProgress) -> None:
            nonlocal task
            if task is None:
                task = bar.add_task("training", total=max(1, progress.steps), step=0, numbers="")
            bar.update(
                task,
                description=run_phase_in_english(progress),
                total=max(1, progress.steps),
                completed=progress.done,
                step=progress.step,
                numbers=progress_numbers(progress),
            )

        yield on_progress


def run_phase_in_english(progress: RunProgress) -> str:
    """ "training"; in a preference stage also how far it is."""
    phase = english(progress.phase)
    return f"{phase}, step {progress.stage_step} of {progress.stage_steps}" if progress.stage_steps else phase


def progress_numbers(progress: RunProgress) -> str:
    """Loss, speed and time left behind the bar; "" while nothing of them is known."""
    parts = [] if progress.loss is None else [f"loss {progress.loss:.3f}"]
    if progress.examples_per_second:
        parts += [f"{progress.examples_per_second:.2f} examples/s", f"{progress.saving:.1f}x fewer tokens"]
    if progress.seconds_left:
        parts.append(f"{span(progress.seconds_left)} left")
    return "  ".join(parts)


def show_verdict(version: Version) -> None:
    """The gate's decision with every number it rests on."""
    verdict: Verdict = version.verdict
    out.print(Text(f"Verdict on {version.name}: ").append_text(verdict_word(verdict.accepted)))
    for check in verdict.checks:
        mark(check.passed, f"{check.name}: {check.detail}")
