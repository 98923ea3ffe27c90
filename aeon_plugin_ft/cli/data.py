"""`aeon-ft convert | dataset`: what is learnt from, where it comes from, what is left out."""

from __future__ import annotations

import collections
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, TypeVar

import typer

from aeon_plugin_ft.cli.asking import confirm
from aeon_plugin_ft.cli.context import Context, counts, of, out, say_plainly, show_json, table
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.words import left_out, why_left_out
from aeon_plugin_ft.errors import InputFileError, WhoIsWhoError
from aeon_plugin_ft.messages import Language, Speaker, language

if TYPE_CHECKING:
    from aeon_plugin_ft.dataset.importers.into_log import IntoLog
    from aeon_plugin_ft.dataset.model import Draft, Dropped, Skipped

_say = Speaker("cli/data")

T = TypeVar("T")
SHOWN_SKIPS = 20
SHOWN_CHARS = 60
ASKED = 3
"""How often a name that nobody has is asked for again."""
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Format = Annotated[Optional[str], typer.Option(help="The source's format, when it is not recognised.")]  # noqa: UP045

Owner = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="Your name in a chat export (WhatsApp, Telegram, Discord)."),
]
Assistant = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="The name of whoever answers in a chat export."),
]

dataset = typer.Typer(help="What would be learnt: show, import, review, export.", no_args_is_help=True)
app.add_typer(dataset, name="dataset")


@app.command()
def convert(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="Aeon's conversation.log, or another chat export.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSONL file to write.")],
    format_: Annotated[
        str | None, typer.Option("--format", help="The source's format, when it is not recognised.")
    ] = None,
    owner: Owner = None,
    assistant: Assistant = None,
    as_said: Annotated[
        bool, typer.Option("--as-said", help="Leave personal data in; without this it is replaced by placeholders.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Turn a conversation log into JSONL for fine-tuning: one user and one assistant message a line."""
    from aeon_plugin_ft.dataset.export.converting import convert as convert_file
    from aeon_plugin_ft.privacy import Redactor

    shared = of(context)
    redact_turn = None if as_said else Redactor().of_turn
    report = _asking(
        lambda who: convert_file(
            source, output, format_, registry=shared.extensions.importers, redact_turn=redact_turn,
            owner=owner, assistant=who or assistant,
        )
    )  # fmt: skip
    if as_json:
        show_json({"kept": report.kept, "dropped": report.dropped, "skipped": report.skipped_total, "target": output})
        return
    for note in report.notes:
        out.print(note, markup=False)
    out.print(_say("convert.written", n=report.kept, output=output))
    if report.dropped:
        out.print(_say("dataset.left_out", counts=counts(report.dropped, left_out)))
    say_skipped(report.skipped, report.skipped_total)


def say_skipped(skipped: Sequence[Skipped], total: int) -> None:
    """Line by line what could not be used; of many the first, and how many more there are."""
    for line in skipped[:SHOWN_SKIPS]:
        out.print(_say("skipped.line", line=line.line, reason=line.reason), markup=False)
    if total > SHOWN_SKIPS:
        out.print(_say("skipped.more", n=total - SHOWN_SKIPS))


def _asking(read: Callable[[str | None], T]) -> T:
    """Read a file; in a terminal the owner is asked who answers in a chat between people, elsewhere it is an error."""
    try:
        return read(None)
    except WhoIsWhoError as error:
        if not sys.stdin.isatty():
            raise
        *others, last = error.people
        people = _say("ask.and").join([", ".join(others), last] if others else [last])
        out.print(_say("ask.people", path=error.path, people=people), markup=False)
        for left in range(ASKED - 1, -1, -1):
            name = typer.prompt(_say("ask.who_answers"), prompt_suffix=" ", err=True)
            try:
                return read(str(name).strip())
            except InputFileError as unknown:
                if not left:
                    raise
                say_plainly(unknown, error=True)
        raise


@dataset.command("show")
def show(
    context: typer.Context,
    dropped: Annotated[bool, typer.Option("--dropped", help="List what was left out, with the reasons.")] = False,
    as_json: Json = False,
) -> None:
    """What a training would learn from now, and what it would leave out and why."""
    from aeon_plugin_ft.dataset.advice import advise

    pipeline = of(context).pipeline()
    draft = pipeline.draft()
    reasons = collections.Counter(item.filter for item in draft.dropped)
    if as_json:
        sides = {"train": len(draft.train), "heldout": len(draft.heldout), "dropped": dict(reasons)}
        show_json({**sides, "advice": asdict(advise(draft))})
        return
    out.print(_say("dataset.sides", train=len(draft.train), heldout=len(draft.heldout)))
    say_advice(draft)
    if reasons:
        out.print(_say("dataset.left_out", counts=counts(reasons, left_out)))
    if dropped:
        say_dropped(draft, {turn.id: turn.user for turn in pipeline.index.turns()})


def say_dropped(draft: Draft, said: Mapping[str, str]) -> None:
    """What was left out by reason, the commonest first; each with its id and how it begins."""
    by_filter: dict[str, list[Dropped]] = {}
    for item in draft.dropped:
        by_filter.setdefault(item.filter, []).append(item)
    for name, items in sorted(by_filter.items(), key=lambda pair: -len(pair[1])):
        why = why_left_out(name, items[0].reason)
        out.print(f"\n{name}: {why} ({len(items)})", style="bold", markup=False)
        for item in items:
            begins = " ".join(said.get(item.turn, "").split())[:SHOWN_CHARS]
            out.print(f"  {item.turn}  {begins}", markup=False, soft_wrap=True)


def say_advice(draft: Draft) -> None:
    """One sentence when training is not expected to help yet, with what helps more."""
    from aeon_plugin_ft.dataset.advice import advise

    advice = advise(draft)
    if not advice.helps:
        out.print(_say("dataset.too_little", reason=advice.reason, todo=advice.todo), style="yellow", markup=False)


@dataset.command("import")
def import_(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Chat exports or logs; the format is recognised by content.")],
    format_: Annotated[Optional[str], typer.Option("--format", help="Say the format.")] = None,  # noqa: UP045
    owner: Owner = None,
    assistant: Assistant = None,
    forgotten_too: Annotated[
        bool, typer.Option("--forgotten-too", help="Bring back what you had forgotten, without asking.")
    ] = False,
) -> None:
    """Bring old conversations into the log. The same file twice adds nothing, a later export what is new."""
    from aeon_plugin_ft.dataset.importers.into_log import import_into_log

    shared = of(context)

    def read(file: Path, bring_back: bool, who: str | None) -> IntoLog:
        return import_into_log(
            file, shared.data, shared.store, shared.settings_file.current, format_,
            registry=shared.extensions.importers, owner=owner, assistant=who or assistant,
            refuse=shared.extensions.refusal, forgotten_too=bring_back,
        )  # fmt: skip

    for file in files:
        report = _asking(functools.partial(read, file, forgotten_too))
        _say_imported(file, report)
        if report.forgotten and sys.stdin.isatty() and confirm(_say("ask.bring_back"), err=True):
            _say_imported(file, _asking(functools.partial(read, file, True)))
    _say_prompt(shared)
    if out.is_terminal:
        out.print(_say("import.next"))


def _say_prompt(shared: Context) -> None:
    """Under which system prompt imported talk is trained, while no host has served one."""
    from aeon_plugin_ft.dataset.served import keep_host_prompt, prompt_source, served_prompt
    from aeon_plugin_ft.install.brain_prompt import OWN_CORE, host_prompt

    if not served_prompt(shared.store) or prompt_source(shared.store):
        keep_host_prompt(shared.store, host_prompt(shared.data.root))
    source = prompt_source(shared.store)
    if source:
        named = _say("prompt.own_core") if source == OWN_CORE else source
        out.print(_say("prompt.source", source=named), markup=False)
    elif not served_prompt(shared.store):
        out.print(_say("prompt.none"), style="yellow")


def _say_imported(file: Path, report: IntoLog) -> None:
    for note in report.notes:
        out.print(note, markup=False)
    out.print(_say("import.added", file=file, n=report.added, format=report.format, known=report.known))
    if report.grown:
        out.print(_say("import.grown", count=report.grown))
    if set(report.kinds) - {"chat"}:
        out.print(_say("import.kinds", counts=counts(report.kinds, left_out)))
    if report.refused:
        out.print(_say("import.refused", counts=counts(report.refused)), markup=False)
    if report.forgotten:
        out.print(_say("import.forgotten", count=report.forgotten))
    if report.reasons:
        out.print(_say("import.skipped", counts=counts(report.reasons)), markup=False)
    say_skipped(report.skipped, sum(report.reasons.values()))


@dataset.command("freeze")
def freeze(context: typer.Context) -> None:
    """Freeze the dataset as it is now; training does this by itself."""
    frozen = of(context).pipeline().freeze()
    out.print(_say("freeze.made", hash=frozen.hash, train=frozen.train, heldout=frozen.heldout, folder=frozen.folder))


@dataset.command("filters")
def filters(context: typer.Context, as_json: Json = False) -> None:
    """Every filter with its reason; switch one off with dataset.disabled_filters."""
    reasons = [(one.name, one.reason) for one in of(context).extensions.filters.all()]
    if as_json:
        show_json([{"name": name, "reason": reason} for name, reason in reasons])
        return
    heads = (_say("filters.name"), _say("filters.leaves_out"))
    table(_say("filters.title"), heads, [(name, _leaves_out(name, reason)) for name, reason in reasons])


def _leaves_out(name: str, reason: str) -> str:
    """What a filter says of itself is English; other languages have the page's sentence for it."""
    return reason if language() is Language.EN else why_left_out(name, reason)


@dataset.command("export")
def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder to write.")],
    format_: Annotated[str, typer.Option("--format", help="jsonl, llamafactory, axolotl or unsloth.")] = "jsonl",
    model: Annotated[
        str, typer.Option(help="The Hugging Face name of the model that the other tool trains.")
    ] = "HuggingFaceTB/SmolLM2-135M-Instruct",
    template: Annotated[
        str, typer.Option(help="The chat template, for a model whose name does not tell it (LLaMA-Factory's name).")
    ] = "",
    cpu: Annotated[bool, typer.Option("--cpu", help="Write a recipe for a machine without a GPU.")] = False,
) -> None:
    """Freeze the dataset and write it, with a recipe, as another training tool takes it."""
    from aeon_plugin_ft.dataset.export.exporting import export as export_to
    from aeon_plugin_ft.dataset.export.texts import ExportPlan

    shared = of(context)
    frozen = shared.pipeline().freeze()
    plan = ExportPlan.of(model, shared.settings_file.current.train, template=template, cpu=cpu)
    made = export_to(frozen, folder, format_, plan)
    for file in made.files:
        out.print(str(file), markup=False)
    if made.left_out:
        out.print(_say("dataset.left_out", counts=made.left_out), markup=False)
    out.print(made.next_step, markup=False)
    out.print(_say("export.comes_back"), markup=False)
