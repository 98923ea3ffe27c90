"""`aeon-ft watch`: what answers, how it does, what is being learnt and what has happened, live."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from aeon_plugin_ft.cli.context import Context, counts, of, out, pointed, show_json, span, when
from aeon_plugin_ft.cli.happened import in_words
from aeon_plugin_ft.cli.learn import answering_lines, collect_status, progress_numbers, run_phase
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.words import run_state, signal
from aeon_plugin_ft.messages import Speaker, decimal

if TYPE_CHECKING:
    from aeon_plugin_ft.training.model import Progress

_say = Speaker("cli/watch")

REFRESH_SECONDS = 1.0
EVENTS = 12
SHOWN_CHARS = 160


@app.command()
def watch(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Once, for scripts.")] = False,
) -> None:
    """Watch the loop live: what answers and how it does, training under way, the newest events. Ctrl-C ends it."""
    shared = of(context)
    if as_json:
        show_json(look(shared))
        return
    if once:
        out.print(screen(look(shared)))
        return
    with Live(screen(look(shared)), console=out, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(REFRESH_SECONDS)
                live.update(screen(look(shared)), refresh=True)
        except KeyboardInterrupt:
            return


def look(shared: Context) -> dict[str, Any]:
    """Everything that is shown, read now from the store and the run folders."""
    from aeon_plugin_ft.registry.canaries import canary_under_way

    state = collect_status(shared)
    state["events"] = shared.store.newest_events(EVENTS)
    state["runs"] = [{**run, "progress": _progress(shared, run["id"])} for run in state.pop("active_runs")]
    canary = canary_under_way(shared.store)
    state["trial"] = (
        None if canary is None else {**_doing(shared, canary.version), "share": canary.share, "of": canary.turns}
    )
    state["doing"] = _doing(shared, state["current"]) if state["current"] != "base" else None
    return state


def _progress(shared: Context, run: str) -> Progress | None:
    from aeon_plugin_ft.training.progress import last_progress

    return last_progress(shared.data.runs / run / "progress.jsonl")


def _doing(shared: Context, version: str) -> dict[str, Any]:
    """How a version does with its owner since it took over, or since its trial began."""
    from aeon_plugin_ft.registry.canaries import canary_under_way
    from aeon_plugin_ft.watch.sequential import assess
    from aeon_plugin_ft.watch.signals import count_served, counts, newest_stretch, reference

    canary = canary_under_way(shared.store)
    promotion = shared.registry.last_promotion(version)
    if canary is not None and canary.version == version:
        since, baseline = canary.started, canary.baseline
    else:
        since, baseline = (promotion.at, promotion.previous) if promotion is not None else (0.0, "base")
    stretch, now = newest_stretch(shared.store, version, since)
    seen, before = counts(now, reference(shared.store, baseline, version, since))
    finding = assess(seen, before, stretch)
    bad = {name: count.bad for name, count in seen.items() if count.bad}
    return {
        "version": version,
        "turns": count_served(shared.store, version, since),
        "bad": bad,
        "evidence": finding.evidence,
        "needed": finding.needed,
    }


def screen(state: dict[str, Any]) -> RenderableType:
    """One frame."""
    parts: list[RenderableType] = [_head(state)]
    parts += [_run(run) for run in state["runs"]] or [Text(_say("training.none"), style="dim")]
    parts.append(_events(state["events"]))
    return Group(*parts)


def _head(state: dict[str, Any]) -> RenderableType:
    answering, logged = answering_lines(state)
    lines = [answering]
    for kind, doing in ((_say("doing.in_use"), state["doing"]), (_say("doing.on_trial"), state["trial"])):
        if doing is not None:
            lines.append(f"{kind}: {_does(doing)}")
    lines.append(logged)
    return Panel(Text("\n".join(lines)), title="Aeon", title_align="left")


def _does(doing: dict[str, Any]) -> str:
    return _say(
        "doing.answered_of" if "of" in doing else "doing.answered", version=doing["version"], turns=doing["turns"],
        all=doing.get("of"), bad=counts(doing["bad"], signal) or _say("doing.nothing_wrong"),
        evidence=pointed(f"{doing['evidence']:.2g}"), needed=decimal(doing["needed"]),
    )  # fmt: skip


def _run(run: dict[str, Any]) -> RenderableType:
    progress: Progress | None = run["progress"]
    title = _say("training.title", run=run["id"], state=run_state(run["state"]))
    if progress is None:
        return Panel(Text(_say("training.no_progress")), title=title, title_align="left")
    steps = f"{run_phase(progress)}  {progress.step}/{progress.steps}"
    numbers = Text(f"{steps}  {progress_numbers(progress)}  {span(progress.seconds)}")
    bar = ProgressBar(total=max(1, progress.steps), completed=progress.done)
    return Panel(Group(bar, numbers), title=title, title_align="left")


def _events(events: list[dict[str, Any]]) -> RenderableType:
    drawn = Table(box=None, show_header=False, pad_edge=False)
    for event in events:
        drawn.add_row(when(event["at"]), Text(in_words(event["name"], event["data"])[:SHOWN_CHARS]))
    return drawn
