"""`aeon-ft places`: where runs may go besides this machine, what goes there, and how it is kept from others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aeon_plugin_ft.cli.asking import confirm
from aeon_plugin_ft.cli.context import of, out, show_json, table, when
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.messages import Speaker

if TYPE_CHECKING:
    from aeon_plugin_ft.training.places.where import Way, Where

_say = Speaker("cli/places")
_refuse = Speaker("errors/cli")
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
PlaceName = Annotated[str, typer.Argument(help='As in [train] where: "ssh://USER@HOST", "ray://HOST:PORT", or a name.')]

places = typer.Typer(help="Where runs may train besides this machine.", invoke_without_command=True)
app.add_typer(places, name="places")


@places.callback()
def list_places(context: typer.Context, as_json: Json = False) -> None:
    """List the places that runs may go to, and the one that is set."""
    if context.invoked_subcommand is not None:
        return
    from aeon_plugin_ft.training.places.consent import allowed

    shared = of(context)
    where, said = shared.settings_file.current.train.where, allowed(shared.store)
    if as_json:
        show_json({"where": where, "allowed": said})
        return
    out.print(_say("list.where", where=_say("list.here") if where == "here" else where), markup=False)
    for named in shared.settings_file.current.train.places:
        out.print(f"  {named}", markup=False)
    if said:
        columns = _say("list.place"), _say("list.since")
        table(_say("list.title"), columns, [(address, when(at)) for address, at in said.items()])


@places.command("allow")
def allow_place(
    context: typer.Context,
    place: PlaceName,
    yes: Annotated[bool, typer.Option("--yes", help="You have read what goes there, and agree.")] = False,
) -> None:
    """Say what would go to a place, and let it go there once you agree."""
    from aeon_plugin_ft.training.places.consent import allow

    where = _parsed(context, place)
    for line in what_goes(where):
        out.print(line, markup=False)
    if not yes and not confirm(_say("allow.sure"), default=False):
        out.print(_say("allow.nothing"))
        raise typer.Exit(code=3)
    allow(of(context).store, where)
    out.print(_say("allow.allowed", place=place), markup=False)


@places.command("forbid")
def forbid_place(context: typer.Context, place: PlaceName) -> None:
    """Let no further run go to a place."""
    from aeon_plugin_ft.training.places.consent import take_back

    where = _parsed(context, place)
    there = take_back(of(context).store, where)
    out.print(_say("forbid.done" if there else "forbid.not_allowed", address=where.address), markup=False)


@places.command("clean")
def clean_places(context: typer.Context) -> None:
    """Delete what runs that have ended, or were forgotten, have left at other places."""
    from aeon_plugin_ft.training.places.left import clean_owed, owed

    store = of(context).store
    due = len(owed(store))
    failed = clean_owed(store)
    out.print(_say("clean.deleted", deleted=due - len(failed), n=due) if due else _say("clean.nothing"))
    for line in failed:
        out.print(line, markup=False)
    if failed:
        raise typer.Exit(code=1)


def what_goes(where: Where) -> list[str]:
    """What leaves this machine for a place, and how it is kept from others on the way."""
    return [_say("allow.goes", address=where.address), *(f"  - {one};" for one in goes()), f"  {kept(where.way)}."]


def goes() -> list[str]:
    """What leaves this machine with a run."""
    return [_say("goes.dataset"), _say("goes.base"), _say("goes.run")]


def kept(way: Way) -> str:
    """How it is kept from others on the way."""
    return _say(f"kept.{way.value}")


def _parsed(context: typer.Context, place: str) -> Where:
    from aeon_plugin_ft.errors import TrainingError
    from aeon_plugin_ft.training.places.where import parse_where

    # A name of [train] places stands for its address.
    train = of(context).settings_file.current.train
    where = parse_where(train.model_copy(update={"where": place}).place)
    if where is None:
        raise TrainingError(*_refuse.error("place.here"))
    return where
