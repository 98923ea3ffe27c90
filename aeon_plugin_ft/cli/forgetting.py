"""`aeon-ft forget`: what would go, turn by turn, and that it is gone."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from aeon_plugin_ft.cli.asking import confirm
from aeon_plugin_ft.cli.context import Context, of, out, show_json, table, when
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.words import relation
from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.messages import Speaker

if TYPE_CHECKING:
    from aeon_plugin_ft.facts.model import Fact
    from aeon_plugin_ft.forget import Forgetter, Forgetting
    from aeon_plugin_ft.forget_host import Traces

_say = Speaker("cli/forgetting")
_refuse = Speaker("errors/cli")

SHOWN_TURNS = 100
SHOWN_CHARS = 60
DAYS = ["%Y-%m-%d", "%d/%m/%Y"]
MOMENTS = [*DAYS, "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%d/%m/%Y %H:%M"]
Moment = Optional[datetime]  # noqa: UP045
Span = tuple[Optional[float], Optional[float], Optional[float]]  # noqa: UP045
"""From the last N minutes, from a moment on, up to a moment; seconds since the epoch."""
ALWAYS: Span = (None, None, None)


@app.command()
def forget(
    context: typer.Context,
    about: Annotated[Optional[str], typer.Option(help="Everything in which this stands.")] = None,  # noqa: UP045
    person: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Everything that names this person, and what they answered in imported chats."),
    ] = None,
    minutes: Annotated[Optional[int], typer.Option(min=1, help="Everything of the last N minutes.")] = None,  # noqa: UP045
    since: Annotated[Moment, typer.Option(formats=MOMENTS, help="Everything from this day or minute on.")] = None,
    until: Annotated[Moment, typer.Option(formats=MOMENTS, help="Everything up to this day or minute.")] = None,
    turn: Annotated[Optional[list[str]], typer.Option(help="This turn, by its id or the start of it.")] = None,  # noqa: UP045
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Then train a version without it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Forget conversations for good: log, datasets, runs; versions trained on them are marked.

    Several conditions together mean the turns that meet all of them; --turn adds single ones.
    """
    from aeon_plugin_ft.forget import Forgetter

    if all(one is None for one in (about, person, minutes, since, until)) and not turn:
        raise typer.BadParameter(_refuse("forget.what"), ctx=context)
    shared = of(context)
    forgetter = Forgetter(shared.data, shared.store, shared.book)
    forgetter.index.ingest()
    now = time.time()
    # A turn whose time is yet to come was logged before the clock was set back, and not in the last minutes.
    end = now if minutes and until is None else _end(until)
    span = (now - minutes * 60 if minutes else None, _start(since), end)
    ids = chosen(forgetter, about, person, span)
    ids += [_whole_id(forgetter, one) for one in turn or ()]
    written = _written(forgetter, [one for one in (about, person) if one is not None], span)
    sought = _sought(about, person, span)
    plan = forgetter.plan(ids, written, sought)
    if as_json:
        show_json({**asdict(plan), "done": not dry_run})
    else:
        say_plan(shared, forgetter, plan)
    if dry_run or plan.nothing:
        return
    if not yes:
        confirm(_say("ask.them"), abort=True)
    left = forgetter.forget(ids, written, sought).host
    if not as_json:
        say_done(shared, plan, left)
    if rebuild and plan.versions:
        from aeon_plugin_ft.cli.learn import train

        train(context)


def chosen(forgetter: Forgetter, about: str | None, person: str | None, span: Span) -> list[str]:
    """The turns that meet every condition that was given; none when none was."""
    matches: list[list[str]] = []
    if about is not None:
        matches.append(forgetter.about(about))
    if person is not None:
        matches.append(forgetter.person(person))
    last, start, end = span
    if span != ALWAYS:
        matches.append(forgetter.between(max(last or 0.0, start or 0.0), float("inf") if end is None else end))
    return [one for one in matches[0] if all(one in others for others in map(set, matches[1:]))] if matches else []


def _written(forgetter: Forgetter, named: Sequence[str], span: Span) -> list[Fact]:
    """The facts that the owner wrote about what is named; they belong to no turn, and to no time that is asked for."""
    return forgetter.edited_about(named[0]) if len(named) == 1 and span == ALWAYS else []


def _sought(about: str | None, person: str | None, span: Span) -> re.Pattern[str] | None:
    """What is looked for in Aeon's own files beside the turns that were found: one search, over all time."""
    from aeon_plugin_ft.dataset.sought import pattern_of

    searched = [one for one in (about, person) if one is not None]
    return pattern_of(searched[0]) if len(searched) == 1 and span == ALWAYS else None


def _start(moment: datetime | None) -> float | None:
    return None if moment is None else moment.astimezone().timestamp()


def _end(moment: datetime | None) -> float | None:
    """The end of the day, or of the minute, that was named."""
    if moment is None:
        return None
    whole_day = moment.time() == datetime.min.time()
    return (moment + (timedelta(days=1) if whole_day else timedelta(minutes=1))).astimezone().timestamp()


def _whole_id(forgetter: Forgetter, start: str) -> str:
    """Raises DatasetError for an id that is not there, or not whole and not of one turn."""
    ids = forgetter.starting(start)
    if len(ids) != 1:
        raise DatasetError(*_refuse.error("turn.ambiguous", count=len(ids), start=repr(start)))
    return ids[0]


def say_plan(shared: Context, forgetter: Forgetter, plan: Forgetting) -> None:
    """Everything that would go, by name; nothing has gone yet."""
    out.print(
        _say(
            "plan.sums", turns=_say("plan.turns", n=len(plan.turns)), quoting=_say("plan.quoting", n=len(plan.quoting)),
            datasets=_say("plan.datasets", n=len(plan.datasets)), runs=_say("plan.runs", n=len(plan.runs)),
            versions=", ".join(plan.versions) or _say("plan.none"),
        )
    )  # fmt: skip
    if plan.facts:
        heads = [_say(f"fact.{head}") for head in ("fact", "about", "what", "value")]
        table(_say("fact.title"), heads, [fact_row(fact) for fact in plan.facts[:SHOWN_TURNS]])
    for traces in plan.host:
        out.print(_say("plan.host", records=traces.records, file=traces.file))
    if not plan.turns:
        return
    rows = [
        *_rows(forgetter, plan.turns, _say("turn.asked_for")), *_rows(forgetter, plan.quoting, _say("turn.repeats"))
    ]  # fmt: skip
    table(_say("turn.title"), [_say(f"turn.{head}") for head in ("turn", "when", "why", "begins")], rows[:SHOWN_TURNS])
    if len(rows) > SHOWN_TURNS:
        out.print(_say("turn.more", count=len(rows) - SHOWN_TURNS))
    folders = [shared.data.datasets / one for one in plan.datasets] + [shared.data.runs / one for one in plan.runs]
    for folder in folders:
        out.print(_say("plan.deleted", folder=folder), markup=False)
    for version in plan.versions:
        out.print(_say("plan.marked", folder=shared.data.versions / version), markup=False)
    out.print(_say("plan.emptied", file=shared.data.own_log), markup=False)


def fact_row(fact: Fact) -> tuple[str, str, str, str]:
    """A fact in a table: its id, what it is about, what is said, and the value."""
    claim = fact.claim
    said = relation(claim.relation.value)
    return (
        fact.id,
        claim.subject or _say("fact.you"),
        f"{said} ({claim.attribute})" if claim.attribute else said,
        claim.value,
    )


def _rows(forgetter: Forgetter, ids: Sequence[str], why: str) -> list[tuple[str, str, str, str]]:
    turns = ((one, forgetter.index.get(one)) for one in ids[: SHOWN_TURNS + 1])
    rows = [(one, when(turn.at), why, " ".join(turn.user.split())[:SHOWN_CHARS]) for one, turn in turns if turn]
    return rows + [("", "", why, "")] * (len(ids) - len(rows))


def say_done(shared: Context, plan: Forgetting, left: Sequence[Traces] = ()) -> None:
    """That it is gone, or where it stays, and what to do about a model that has learnt it."""
    for traces in left:
        out.print(_say("done.left", file=traces.file, records=traces.records), style="yellow")
    if not plan.versions:
        out.print(_say("done.gone"))
        return
    out.print(_say("done.learnt", versions=", ".join(plan.versions)))
    if shared.registry.current() in plan.versions:
        out.print(_say("done.in_use"))
