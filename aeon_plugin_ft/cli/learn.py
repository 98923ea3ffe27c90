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
from aeon_plugin_ft.cli.happened import say_events
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.schedule import next_now
from aeon_plugin_ft.cli.words import condition, inside, run_state, why_run
from aeon_plugin_ft.extras import require_trainer
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.wording import doing, worded

if TYPE_CHECKING:
    from aeon_plugin_ft.evaluation.model import Verdict
    from aeon_plugin_ft.pipeline import Pipeline
    from aeon_plugin_ft.registry import Version
    from aeon_plugin_ft.training.model import Estimate, Run
    from aeon_plugin_ft.training.model import Progress as RunProgress

_refuse = Speaker("errors/cli")

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]

_say = Speaker("cli/learn")

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
            out.print(_say("train.dataset", hash=dataset.hash, train=dataset.train, heldout=dataset.heldout))
            plan = base, recipe, cost = pipeline.plan(dataset)
            out.print(estimate_sentence(cost, base.spec, dataset.train, recipe.batch_size))
            run = pipeline.train(dataset, on_progress, plan)
    out.print(_say("train.finished", run=run.id, adapter=run.adapter))
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
        out.print(_say("judge.on_trial", version=version.name))
    out.print(_say("judge.report", version=version.name, page=version.folder / "report.html"))
    if pruned.items:
        out.print(_say("judge.pruned", n=len(pruned.items), size=size(pruned.freed)))
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
    from aeon_plugin_ft.training.table import get_run

    shared = of(context)
    pipeline = shared.pipeline(on_phase=say_phase)
    if run and get_run(shared.store, run) is None and shared.registry.version_of(run) is None:
        raise TrainingError(*_refuse.error("run.none", run=run))
    unjudged = Run(run, shared.data.runs / run) if run else pipeline.unjudged()
    if unjudged is None:
        raise TrainingError(*_refuse.error("run.none_unjudged"))
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
    for line in answering_lines(state):
        out.print(line)
    facts, unread = state["facts"], state["facts_unread"]
    out.print(_say("status.facts_unread" if unread else "status.facts", facts=facts, unread=unread))
    for run in state["active_runs"]:
        out.print(
            _say("status.run", run=run["id"], state=run_state(run["state"]), step=run["step"], steps=run["steps"])
        )
    if state["learning"]:
        out.print(_say("status.learning", process=state["learning"]))
    elif not state["active_runs"]:
        out.print(_say("status.no_training"))
    missing = ", ".join(inside(condition(name)) for name in state["waiting_for"])
    out.print(_say("status.waits", missing=missing) if missing else _say("status.trains"))
    say_events(state["events"])


@app.command()
def runs(context: typer.Context, as_json: Json = False) -> None:
    """List every training run and how it ended."""
    from aeon_plugin_ft.training.runs import reap_runs
    from aeon_plugin_ft.training.table import list_runs

    shared = of(context)
    reap_runs(shared.store, shared.data)
    listed = list_runs(shared.store)[::-1]
    if as_json:
        show_json([row.plain() for row in listed])
        return
    if not listed:
        out.print(_say("runs.none"))
        return
    rows = [
        (row.id, when(row.created), run_state(row.state.value), f"{row.step}/{row.steps}", row.dataset, why_run(row))
        for row in listed
    ]
    heads = ("run", "started", "state", "step", "dataset", "reason")
    table(_say("runs.title"), [_say(f"runs.{head}") for head in heads], rows)


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
        raise TrainingError(*_refuse.error("run.none_unfinished"))
    return row.id


# -- what training looks like ------------------------------------------------------------------


def answering_lines(state: dict[str, Any]) -> list[str]:
    """What answers, and how much was logged, of what `collect_status` found."""
    return [
        _say("status.answering", current=state["current"], previous=state["previous"]),
        _say("status.logged", turns=state["turns"], chat=state["chat_turns"]),
    ]


def say_phase(phase: Doing) -> None:
    """One dim line for what begins now."""
    out.print(f"... {doing(phase)}", style="dim")


def say_detail(phase: Doing) -> None:
    """Where standard output belongs to a script: what must be seen all the same, such as the terms of a base model, on
    standard error."""
    if phase.detail:
        say_plainly(phase.detail, error=True)


def estimate_sentence(cost: Estimate, base: str, examples: int, batch: int) -> str:
    """What a run takes, as one sentence."""
    if not cost.step_seconds:
        return _say("estimate.elsewhere", examples=examples, base=base, steps=cost.steps, batch=batch)
    busy = 0 < cost.quiet_seconds < cost.seconds * QUIET
    return _say(
        "estimate.busy" if busy else "estimate.here",
        examples=examples, base=base, steps=cost.steps, batch=batch, span=span(cost.seconds),
        quiet=span(cost.quiet_seconds), memory=size(cost.ram_bytes), disk=size(cost.disk_bytes),
    )  # fmt: skip


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
                task = bar.add_task(worded(progress.phase), total=max(1, progress.steps), step=0, numbers="")
            bar.update(
                task,
                description=run_phase(progress),
                total=max(1, progress.steps),
                completed=progress.done,
                step=progress.step,
                numbers=progress_numbers(progress),
            )

        yield on_progress


def run_phase(progress: RunProgress) -> str:
    """ "training"; in a preference stage also how far it is."""
    phase = worded(progress.phase)
    if not progress.stage_steps:
        return phase
    return _say("progress.stage", phase=phase, step=progress.stage_step, steps=progress.stage_steps)


def progress_numbers(progress: RunProgress) -> str:
    """Loss, speed and time left behind the bar; "" while nothing of them is known."""
    parts = [] if progress.loss is None else [_say("progress.loss", loss=decimal(progress.loss, 3))]
    if progress.examples_per_second:
        parts.append(_say("progress.speed", speed=decimal(progress.examples_per_second, 2)))
        parts.append(_say("progress.saving", times=decimal(progress.saving, 1)))
    if progress.seconds_left:
        parts.append(_say("progress.left", span=span(progress.seconds_left)))
    return "  ".join(parts)


def show_verdict(version: Version) -> None:
    """The gate's decision with every number it rests on."""
    from aeon_plugin_ft.evaluation.sentences import check_line

    verdict: Verdict = version.verdict
    out.print(Text(_say("judge.verdict", version=version.name)).append(" ").append_text(verdict_word(verdict.accepted)))
    for check in verdict.checks:
        mark(check.passed, check_line(check))
