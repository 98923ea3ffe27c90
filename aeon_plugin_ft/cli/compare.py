"""`aeon-ft compare`: two models side by side, by measurement, by their replies, and blind."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from aeon_plugin_ft.cli.context import Context, of, out, share, show_json, table
from aeon_plugin_ft.cli.learn import say_detail, say_phase
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.files import why_refused

if TYPE_CHECKING:
    from aeon_plugin_ft.evaluation.blind import Pair

_say = Speaker("cli/compare")
_refuse = Speaker("errors/cli")

KEYS = {"1": 0, "2": 1}
NEITHER, ENOUGH = "0", "q"


@app.command()
def compare(
    context: typer.Context,
    first: Annotated[str, typer.Argument(help='A version ("v7"), or "base".')],
    second: Annotated[str, typer.Argument(help='The other one; "base" when left out.')] = "base",
    prompts: Annotated[Optional[Path], typer.Option(help="Questions, one a line; a fixed set when left out.")] = None,  # noqa: UP045
    blind: Annotated[
        bool, typer.Option("--blind", help="Choose the better reply without knowing whose it is.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Two models side by side: held-out losses, then their replies to the same questions."""
    shared = of(context)
    one, other = (name if name == "base" else shared.registry.get(name).name for name in (first, second))
    measured = stored_comparison(shared, one, other)
    questions = read_questions(prompts)
    replies = {name: ask_all(shared, name, questions, quiet=as_json) for name in (one, other)}
    if as_json:
        rows = [
            dict(zip(("prompt", one, other), row, strict=True))
            for row in zip(questions, *replies.values(), strict=True)
        ]
        show_json({"first": one, "second": other, "heldout": measured, "replies": rows})
        return
    say_measured(measured, one, other)
    if blind:
        ask_owner(shared, one, other, questions, replies)
    else:
        table(
            _say("replies.title"),
            (_say("replies.question"), one, other),
            list(zip(questions, *replies.values(), strict=True)),
        )


def stored_comparison(shared: Context, first: str, second: str) -> dict[str, Any] | None:
    """From the newest verdict that measured both on the same conversations; None when there is none."""
    from aeon_plugin_ft.evaluation.report.collect import compared

    for version in reversed(shared.registry.versions()):
        comparison = compared(shared.registry.report(version), first, second)
        if comparison is not None:
            return {"gain": comparison.gain, "examples": comparison.examples, "better": comparison.better}
    return None


def read_questions(file: Path | None) -> list[str]:
    """Non-empty lines of a file, or the gate's own questions. Raises InputFileError."""
    from aeon_plugin_ft.evaluation.suites import CHAT_PROMPTS, TOOL_PROMPTS

    if file is None:
        return [*CHAT_PROMPTS, *TOOL_PROMPTS]
    try:
        questions = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = why_refused(error, file) if isinstance(error, OSError) else str(error)
        raise InputFileError(file, *_refuse.error("questions.unreadable", reason=reason)) from error
    if not questions:
        raise InputFileError(file, *_refuse.error("questions.none"))
    return questions


def ask_all(shared: Context, name: str, questions: Sequence[str], *, quiet: bool) -> list[str]:
    """Serve one model and put every question to it, greedy, under the prompt that the brain sends."""
    from aeon_plugin_ft.comparison import ask_model

    replies: list[str] = []
    ask_model(shared, shared.pipeline(on_phase=say_detail if quiet else say_phase), name, questions, replies.append)
    return replies


def say_measured(measured: dict[str, Any] | None, first: str, second: str) -> None:
    """What a verdict has measured of both, as one sentence."""
    if measured is None:
        out.print(_say("measured.never", first=first, second=second))
        return
    out.print(
        _say(
            "measured.better" if measured["gain"] > 0 else "measured.worse", first=first, second=second,
            share=share(abs(measured["gain"]), 1), better=measured["better"], examples=measured["examples"],
        )
    )  # fmt: skip


def ask_owner(
    shared: Context, first: str, second: str, questions: Sequence[str], replies: dict[str, list[str]]
) -> None:
    """Show each pair with its sides shuffled, keep the owner's choice, then say whose was whose."""
    from aeon_plugin_ft.evaluation.blind import TIE, choose, shuffled, tally

    for pair in shuffled(questions, first, second, replies, random.SystemRandom()):
        key = _ask(pair)
        if key == ENOUGH:
            break
        winner = TIE if key == NEITHER else (pair.left, pair.right)[KEYS[key]][0]
        choose(shared.store, pair, first, second, winner)
        out.print(_say("blind.whose", left=pair.left[0], right=pair.right[0]), style="dim")
    choices = tally(shared.store, first, second)
    out.print(
        _say(
            "blind.result", first=first, firsts=choices.first, second=second, seconds=choices.second,
            ties=choices.ties, chance=share(choices.chance),
        )
    )  # fmt: skip


def _ask(pair: Pair) -> str:
    out.print(f"\n{pair.question}", style="bold", markup=False)
    for key, (_, reply) in zip(KEYS, (pair.left, pair.right), strict=True):
        out.print(f"  {key}  {reply.strip() or _say('replies.nothing')}", markup=False)
    while True:
        key = str(typer.prompt(_say("blind.ask"), show_default=False)).strip().lower()
        if key in {*KEYS, NEITHER, ENOUGH}:
            return key
