"""`aeon-ft schedule`: whether a training would begin by itself, and why it did or did not before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from aeon_plugin_ft.cli.context import Context, mark, of, out, show_json, table, when
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.words import act, condition
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.wording import worded

if TYPE_CHECKING:
    from aeon_plugin_ft.schedule import ScheduleStep
    from aeon_plugin_ft.schedule.decisions import Decided

_say = Speaker("cli/schedule")

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@app.command()
def schedule(
    context: typer.Context,
    explain: Annotated[
        bool, typer.Option("--explain", help="Replay the decisions so far, with the settings of now beside them.")
    ] = False,
    last: Annotated[int, typer.Option(min=1, help="How many decisions --explain replays.")] = 50,
    as_json: Json = False,
) -> None:
    """Say which conditions for training by itself are met now, and which are missing."""
    if explain:
        show_past(of(context), last, as_json)
    else:
        show_now(of(context), as_json)


def next_now(shared: Context) -> ScheduleStep:
    """What the schedule would do now."""
    from aeon_plugin_ft.schedule import next_step

    observer = shared.observer
    return next_step(observer.settings(), observer.observe())


def show_now(shared: Context, as_json: bool) -> None:
    """What the schedule would do now, with every condition."""
    step, source = next_now(shared), shared.observer.machine.idle_source
    conditions = step.decision.conditions
    if as_json:
        show_json(
            {
                "act": step.act.value,
                "start": step.decision.start,
                "idle_source": source,
                "conditions": [{"name": c.name, "met": c.met, "detail": c.detail} for c in conditions],
            }
        )
        return
    for one in conditions:
        mark(one.met, f"{condition(one.name.value)}: {one.detail}")
    out.print(_say("now.idle_source", source=source), markup=False)
    out.print(_say("now.starts" if step.decision.start else "now.waits"))


def show_past(shared: Context, last: int, as_json: bool) -> None:
    """Past decisions, and what the settings of now make of what was seen then."""
    from aeon_plugin_ft.schedule.decisions import Decisions

    settings = shared.settings_file.current.schedule
    made = [(then, then.again(settings)) for then in Decisions(shared.store).all(last)]
    if as_json:
        show_json([{**_plain(then), "today": now.act.value} for then, now in made])
    elif not made:
        out.print(_say("past.none"))
    else:
        heads = [_say(f"past.{head}") for head in ("from", "until", "did", "because", "today")]
        table(_say("past.title"), heads, list(_rows(made)))


def _plain(then: Decided) -> dict[str, object]:
    return {
        "at": then.at, "until": then.until, "act": then.act.value, "missing": then.missing, "reason": then.reason,
        "seen": then.seen.to_json(),
    }  # fmt: skip


def _rows(made: Sequence[tuple[Decided, ScheduleStep]]) -> Iterator[tuple[str, ...]]:
    for then, now in made:
        until = "-" if then.until is None else when(then.until)
        because = worded(then.cause) or ", ".join(map(condition, then.missing))
        yield when(then.at), until, act(then.act.value), because, act(now.act.value)
