"""`aeon-ft dataset review`: what is learnt and what is not, turn by turn, overruled with one key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from aeon_plugin_ft.cli.context import Context, counts, of, out, show_json
from aeon_plugin_ft.cli.data import Json, dataset
from aeon_plugin_ft.cli.keys import ESCAPE, ReadKey, reading_keys
from aeon_plugin_ft.cli.words import decision, left_out, why_left_out
from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.messages import Language, Speaker, language

if TYPE_CHECKING:
    from aeon_plugin_ft.dataset.feedback.opinions import Review, ReviewItem

_say = Speaker("cli/review")
_refuse = Speaker("errors/cli")

SHOWN_CHARS = 1500
Ids = Optional[list[str]]  # noqa: UP045


@dataset.command("review")
def review(
    context: typer.Context,
    dropped: Annotated[bool, typer.Option("--dropped", help="Only what is left out.")] = False,
    kept: Annotated[bool, typer.Option("--kept", help="Only what is learnt.")] = False,
    corrected: Annotated[bool, typer.Option("--corrected", help="Only replies that you corrected.")] = False,
    filter_: Annotated[Optional[str], typer.Option("--filter", help="Only what this filter left out.")] = None,  # noqa: UP045
    search: Annotated[Optional[str], typer.Option(help="Only turns with these words.")] = None,  # noqa: UP045
    keep: Annotated[Ids, typer.Option(help="Learn this turn whatever the filters say (its id); asks nothing.")] = None,
    drop: Annotated[Ids, typer.Option(help="Never learn this turn; asks nothing.")] = None,
    undo: Annotated[Ids, typer.Option(help="Let the filters decide about this turn again; asks nothing.")] = None,
    as_json: Json = False,
) -> None:
    """Go through what is learnt and what is left out, with the reasons, and overrule it; remembered from then on."""
    from aeon_plugin_ft.dataset.feedback.opinions import Review

    shared = of(context)
    decisions = Review(shared.store)
    items = _items(shared, decisions)
    if keep or drop or undo:
        decide(decisions, items, keep or (), drop or (), undo or ())
        items = _items(shared, decisions)
    chosen = [item for item in items if _wanted(item, dropped, kept, corrected, filter_, search)]
    if as_json:
        show_json([asdict(item) for item in chosen])
    elif not (keep or drop or undo):
        if not chosen:
            out.print(_say("end.nothing"))
            return
        with reading_keys() as read:
            changed = go_through(chosen, decisions, read, out)
        say_end(changed)


def _items(shared: Context, decisions: Review) -> list[ReviewItem]:
    pipeline = shared.pipeline()
    draft = pipeline.draft()
    return list(decisions.items(draft, pipeline.index.turns()))


def _wanted(
    item: ReviewItem, dropped: bool, kept: bool, corrected: bool, filter: str | None, search: str | None
) -> bool:
    if corrected and item.was is None:
        return False
    if filter is not None and item.filter != filter:
        return False
    if dropped != kept and (item.filter is not None) != dropped:
        return False
    return search is None or search.casefold() in f"{item.user}\n{item.reply}".casefold()


def decide(
    decisions: Review, items: Sequence[ReviewItem], keep: Sequence[str], drop: Sequence[str], undo: Sequence[str]
) -> None:
    """Overrule turns by their ids; an id may be shortened. Raises DatasetError before anything is changed."""
    turns = [item.turn for item in items]
    orders = [(one, turn) for one, ids in (("keep", keep), ("drop", drop), ("undo", undo)) for turn in ids]
    whole = [(order, _one(turn, turns)) for order, turn in orders]
    for order, turn in whole:
        {"keep": decisions.keep, "drop": decisions.drop, "undo": decisions.undo}[order](turn)


def _one(start: str, turns: Sequence[str]) -> str:
    matches = [turn for turn in turns if turn.startswith(start)]
    if len(matches) != 1:
        raise DatasetError(*_refuse.error("turn.ambiguous", count=len(matches), start=repr(start)))
    return matches[0]


def go_through(items: list[ReviewItem], decisions: Review, read: ReadKey, console: Console) -> Counter[str]:
    """Show turn after turn and do what the keys say; how often each decision was made."""
    changed: Counter[str] = Counter()
    at = 0
    while 0 <= at < len(items):
        console.clear()
        console.print(page(items[at], at + 1, len(items)))
        key = read()
        if key in {"q", ESCAPE}:
            break
        decided = {"k": "keep", "d": "drop", "u": "undo"}.get(key)
        if decided is not None:
            _decide(items, at, decided, decisions)
            changed[decided] += 1
        at = _next(at, key, len(items))
    return changed


def _next(at: int, key: str, count: int) -> int:
    """Where a key leads; a decision moves on, "u" and an unknown key stay."""
    if key in {"left", "b"}:
        return max(0, at - 1)
    return at + 1 if key in {"right", "enter", "n", "k", "d"} else min(at, count)


def _decide(items: list[ReviewItem], at: int, decided: str, decisions: Review) -> None:
    turn = items[at].turn
    if decided == "undo":
        decisions.undo(turn)
        items[at] = replace(items[at], decided=None)
        return
    (decisions.keep if decided == "keep" else decisions.drop)(turn)
    items[at] = replace(items[at], decided=decided)


def page(item: ReviewItem, number: int, count: int) -> Panel:
    """One turn as the screen shows it."""
    talk = Text()
    talk.append("VOCÊ  ", "bold").append(item.user[:SHOWN_CHARS] + "\n")
    if item.was is not None:
        talk.append(f"{_say('page.was'):6}", "bold red").append(item.was[:SHOWN_CHARS] + "\n", "dim")
    talk.append("AEON  ", "bold").append(item.reply[:SHOWN_CHARS] or _say("page.nothing"))
    return Panel(
        Group(_state(item), "", talk, "", Text(_say("page.keys"), "dim")),
        title=Text(_say("page.of", number=number, count=count)),
        subtitle=Text(item.turn[:12]),  # a string would be read as markup, and an imported turn's id is a stranger's
        title_align="left",
        subtitle_align="left",
    )


def _state(item: ReviewItem) -> Text:
    state = (
        Text(_say("state.learnt" if item.was is None else "state.learnt_corrected"), "green")
        if item.filter is None
        else Text(_say("state.left_out", filter=left_out(item.filter)), "yellow").append(f" ({_why(item)})", "dim")
    )
    if item.decided is not None:
        state.append(" " * 3 + _say("state.decided", decision=decision(item.decided)), "bold cyan")
    return state


def _why(item: ReviewItem) -> str:
    """What the filter noted, which is English; in another language what that filter leaves out."""
    noted = item.reason or ""
    return noted if language() is Language.EN else why_left_out(item.filter or "", noted)


def say_end(changed: Counter[str]) -> None:
    """What was decided, and what comes of it."""
    if changed:
        out.print(_say("end.remembered", counts=counts(changed, decision)))
    else:
        out.print(_say("end.unchanged"))
