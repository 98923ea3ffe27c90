"""`aeon-ft facts`: what the owner told, to see, correct, add and take back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from aeon_plugin_ft.cli.asking import confirm
from aeon_plugin_ft.cli.context import Context, of, out, show_json, table, when
from aeon_plugin_ft.cli.forgetting import fact_row, say_done, say_plan
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.words import told_by
from aeon_plugin_ft.messages import Speaker

if TYPE_CHECKING:
    from aeon_plugin_ft.facts.book import FactBook
    from aeon_plugin_ft.facts.model import Fact

_say = Speaker("cli/facts")

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Id = Annotated[str, typer.Argument(help="The fact's id, or the start of it.")]

facts = typer.Typer(help="What you told, and what is held to be so.", invoke_without_command=True)
app.add_typer(facts, name="facts")


@facts.callback()
def list_facts(
    context: typer.Context,
    about: Annotated[Optional[str], typer.Option(help='Only about this, such as "minha gata".')] = None,  # noqa: UP045
    history: Annotated[bool, typer.Option("--history", help="Also what was so before.")] = False,
    as_json: Json = False,
) -> None:
    """List what you told, by what it is about: who said it, when, and how often."""
    if context.invoked_subcommand is not None:
        return
    book = _read(of(context))
    listed = book.every() if history else list(book.current())
    if about is not None:
        things = {fact.claim.key for fact in book.find(about)}
        listed = [fact for fact in listed if fact.claim.key in things]
    if as_json:
        show_json([_as_dict(fact) for fact in listed])
        return
    if not listed:
        out.print(_say("list.none"))
        return
    rows = [(*fact_row(fact), *_provenance(fact)) for fact in by_subject(listed)]
    heads = ("fact", "about", "what", "value", "told_by", "times", "last")
    table(_say("list.title"), [_say(f"list.{head}") for head in heads], rows)


@facts.command("add")
def add(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help='A plain sentence of yours, such as "minha gata é a Fork".')],
) -> None:
    """Add what a sentence says. Secrets and documents are refused."""
    _say_noted(_read(of(context)).add(text))


@facts.command("edit")
def edit(context: typer.Context, fact: Id, value: Annotated[str, typer.Argument(help="What is so instead.")]) -> None:
    """Put a value right. Yours counts until you say otherwise in talk."""
    book = _read(of(context))
    _say_noted([book.edit(book.get(fact), value)])


@facts.command("forget")
def forget(
    context: typer.Context,
    fact: Id,
    only_fact: Annotated[bool, typer.Option("--only-fact", help="Leave the conversations that tell it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a fact for good, with the conversations that tell it; versions trained on them are marked."""
    from aeon_plugin_ft.forget import Forgetter

    shared = of(context)
    book = _read(shared)
    wanted = [book.get(fact)]
    forgetter = Forgetter(shared.data, shared.store, book)
    turns = [] if only_fact else forgetter.telling(wanted)
    plan = forgetter.plan(turns, wanted)
    say_plan(shared, forgetter, plan)
    if dry_run:
        return
    if not yes:
        confirm(_say("ask.forget"), abort=True)
    forgetter.forget(turns, wanted)
    say_done(shared, plan)


def by_subject(listed: Iterable[Fact]) -> list[Fact]:
    """The owner's own first, then by subject; what is so before what was."""
    return sorted(listed, key=lambda fact: (*fact.claim.key[:2], not fact.current, *fact.claim.key[2:], -fact.said_at))


def _read(shared: Context) -> FactBook:
    """The book as it is now: what was logged a second ago is in it, whether a host runs or not."""
    from aeon_plugin_ft.remembering import read_facts
    from aeon_plugin_ft.turns import TurnIndex

    index = TurnIndex(shared.store, shared.data.log)
    index.ingest()
    read_facts(shared.book, shared.store, index)
    return shared.book


def _say_noted(changed: Iterable[Fact]) -> None:
    for fact in changed:
        id, about, what, value = fact_row(fact)
        out.print(_say("noted.fact", about=about, what=what, value=value, id=id), markup=False)


def _provenance(fact: Fact) -> tuple[str, str, str]:
    told = told_by(fact.source.value)
    return told if fact.current else _say("list.before", told_by=told), str(fact.times), when(fact.said_at)


def _as_dict(fact: Fact) -> dict[str, Any]:
    claim = fact.claim
    return {
        "id": fact.id, "subject": claim.subject, "relation": claim.relation.value, "attribute": claim.attribute,
        "value": claim.value, "current": fact.current, "source": fact.source.value, "said_at": fact.said_at,
        "times": fact.times, "turn": fact.turn, "turns": list(fact.turns), "sure": claim.sure,
    }  # fmt: skip
