"""`aeon-ft dataset similar`: whether similar conversations in the prompt help, measured on the held-out ones."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aeon_plugin_ft.causes import Doing, LoopPhase
from aeon_plugin_ft.cli.context import of, out, share, show_json, table
from aeon_plugin_ft.cli.data import Json, dataset
from aeon_plugin_ft.cli.learn import say_detail, say_phase
from aeon_plugin_ft.errors import EvaluationError
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.store import private
from hooks import as_dicts

if TYPE_CHECKING:
    from aeon_plugin_ft.dataset.model import Dataset
    from aeon_plugin_ft.evaluation.model import HeldoutLoss
    from aeon_plugin_ft.pipeline import Pipeline
    from hooks import Message

_say = Speaker("cli/similar")
_refuse = Speaker("errors/cli")

BASE, PLAIN, SHOWN = "base", "plain", "shown"
SURE = 0.05
"""Probability of a result by luck above which nothing is recommended."""


@dataclass(frozen=True, slots=True)
class Help:
    """Held-out loss of one model in nats per reply token, asked plainly and with similar turns shown; `better` of
    `examples` conversations got likelier replies."""

    model: str
    plain: float
    shown: float
    better: int
    examples: int

    @property
    def gain(self) -> float:
        """Share by which the loss falls."""
        return 1 - self.shown / self.plain

    @property
    def chance(self) -> float:
        """How probable this many better ones are when showing makes no difference (exact one-sided sign test)."""
        ways = sum(math.comb(self.examples, better) for better in range(self.better, self.examples + 1))
        return float(ways / 2**self.examples)


@dataset.command("similar")
def similar(
    context: typer.Context,
    turns: Annotated[int, typer.Option(min=1, max=8, help="How many similar conversations to show.")] = 3,
    as_json: Json = False,
) -> None:
    """Measure whether showing the model your similar conversations helps; nothing is switched on.

    The conversations to show come from the training side, the ones to judge by from the held-out side.
    """
    pipeline = of(context).pipeline(on_phase=say_detail if as_json else say_phase)
    measured = measure(pipeline, pipeline.freeze(), turns)
    if as_json:
        show_json([{**asdict(one), "gain": one.gain, "chance": one.chance} for one in measured])
        return
    heads = ("model", "without", "with", "change", "better_on")
    table(_say("table.title", n=turns), [_say(f"table.{head}") for head in heads], [_row(one) for one in measured])
    out.print(advice(measured[-1], turns))


def _row(one: Help) -> tuple[str, ...]:
    better = _say("table.of", better=one.better, examples=one.examples)
    return one.model, decimal(one.plain, 3), decimal(one.shown, 3), share(-one.gain, 1, sign=True), better


def advice(measured: Help, turns: int) -> str:
    """What to do with the figures of the model in use; a model of Groq or Ollama was not measured."""
    if measured.gain <= 0 or measured.better * 2 <= measured.examples:
        return _say("advice.no")
    if measured.chance > SURE:
        chance = decimal(measured.chance, 2)
        return _say("advice.luck", better=measured.better, examples=measured.examples, chance=chance)
    return _say("advice.yes", turns=turns)


def measure(pipeline: Pipeline, frozen: Dataset, turns: int) -> list[Help]:
    """The base and the version in use, each asked both ways, in one child process."""
    from aeon_plugin_ft.evaluation.heldout import measure_losses

    base, current = pipeline.base(), pipeline.registry.current()
    adapters: dict[str, Path | None] = {BASE: None}
    if current != BASE:
        adapters[current] = pipeline.registry.get(current).adapter
    pipeline.on_phase(Doing(LoopPhase.MEASURING_SIMILAR))
    # Inside the dataset's own folder: whatever forgets or prunes the dataset takes it along.
    with tempfile.TemporaryDirectory(prefix="similar-", dir=frozen.folder) as folder:
        shown = Path(folder) / "shown.jsonl"
        write_shown(frozen, shown, turns)
        losses = measure_losses(base, {PLAIN: frozen.heldout_file, SHOWN: shown}, adapters, Path(folder))
    return [compare(name, losses[PLAIN][name], losses[SHOWN][name]) for name in adapters]


def write_shown(frozen: Dataset, target: Path, turns: int) -> None:
    """The held-out conversations with similar ones of the training side before them, as JSONL."""
    from aeon_plugin_ft.dataset.frozen import read_messages
    from aeon_plugin_ft.dataset.model import Example
    from aeon_plugin_ft.dataset.similar.retrieve import SimilarTurns, with_similar

    learnt = (Example(str(at), tuple(messages), ()) for at, messages in enumerate(read_messages(frozen.train_file)))
    index = SimilarTurns(learnt)
    with open(target, "w", encoding="utf-8", opener=private.opener) as file:
        for messages in read_messages(frozen.heldout_file):
            file.write(_line((*with_similar(messages[:-1], index, turns), messages[-1])) + "\n")


def _line(messages: Sequence[Message]) -> str:
    return json.dumps({"messages": as_dicts(messages)}, ensure_ascii=False)


def compare(name: str, plain: HeldoutLoss, shown: HeldoutLoss) -> Help:
    """Over the conversations that could be scored both ways. Raises EvaluationError when none could."""
    pairs = [(a, b) for a, b in zip(plain.per_example, shown.per_example, strict=True) if a[1] and b[1]]
    nats = [sum(a[0] for a, _ in pairs), sum(b[0] for _, b in pairs)]
    if not pairs:
        raise EvaluationError(*_refuse.error("questions.unscored"))
    tokens = [sum(a[1] for a, _ in pairs), sum(b[1] for _, b in pairs)]
    better = sum(b[0] / b[1] < a[0] / a[1] for a, b in pairs)
    return Help(name, nats[0] / tokens[0], nats[1] / tokens[1], better, len(pairs))
