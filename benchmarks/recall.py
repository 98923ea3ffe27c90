"""What a training makes of a conversation: does it know the cat's name? Over recipes, by questions written by hand.

    python benchmarks/recall.py [--sample conversation|driver|teacher] [--base gemma3-270m]
                                [--try train.epochs=3,memory.wordings=6 --try train.epochs=6 ...]

For each `--try` (settings of plugin.toml, none: the defaults) a data folder of its own: the sample is imported, taught,
trained on and served by the embedded engine, and then asked

- the questions of samples/SAMPLE.exam.jsonl, by hand, in wordings that stand neither in the conversation nor in any
  lesson (one that a lesson happens to ask is left out): right, of those whose fact was told at least three times, and
  of all; invented, of what nobody ever told;
- the exam that the facts make (`made`, and what of its never told was invented), in wordings that no lesson uses;
- the same with the prompt that it is served with, memories included (`told`, and what was invented then), and things
  told a moment ago (`at once`, benchmarks/data/told_now.jsonl), which are in no lesson: some are new, some changed;
- the suite of the gate: faulty replies, valid tool calls;

and measured: held-out loss against the base's, loss on general Portuguese against the base's. Minutes are those of this
machine at normal priority. A folder that is there already (`--keep DIR`) is not trained again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SAMPLES = ROOT / "samples"
OFTEN = 3
"""Facts told so often count as told; the others are shown as well."""
MADE = 100
"""Questions of the made exam at most."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", default="conversation", help="which of samples/*.exam.jsonl")
    parser.add_argument("--base", default="gemma3-270m", help="[base] model")
    parser.add_argument("--try", dest="tries", action="append", default=[], metavar="KEY=VALUE,...", help="a recipe")
    parser.add_argument("--keep", type=Path, help="where the data folders stay")
    parser.add_argument("--answers", action="store_true", help="print every answer with its mark")
    options = parser.parse_args()
    print(f"{'recipe':44s} {'right':>9s} {'of all':>9s} {'invented':>9s} {'made':>9s} {'invented':>9s}", end="")
    print(f" {'told':>9s} {'invented':>9s} {'at once':>9s}", end="")
    print(f" {'held-out':>9s} {'general':>8s}", end="")
    print(f" {'faulty':>7s} {'tools':>6s} {'steps':>6s} {'minutes':>8s}")
    with tempfile.TemporaryDirectory(prefix="recall-") as temporary:
        for number, settings in enumerate(options.tries or [""]):
            folder = (options.keep or Path(temporary)) / f"{options.sample}-{number}"
            print(measure(folder, options.sample, options.base, settings, answers=options.answers).line(), flush=True)
    return 0


@dataclass(frozen=True, slots=True)
class Measured:
    """One recipe's figures; shares are 0 to 1, losses relative to the base's."""

    recipe: str
    right: tuple[int, int]
    right_of_all: tuple[int, int]
    invented: tuple[int, int]
    made: tuple[int, int]
    made_invented: tuple[int, int]
    told: tuple[int, int]
    told_invented: tuple[int, int]
    at_once: tuple[int, int]
    heldout: float
    general: float
    faulty: float
    tools: float
    steps: int
    minutes: float

    def line(self) -> str:
        parts = (self.right, self.right_of_all, self.invented, self.made, self.made_invented, self.told,
                 self.told_invented, self.at_once)  # fmt: skip
        counts = " ".join(f"{f'{a}/{b}':>9s}" for a, b in parts)
        losses = f"{self.heldout:+9.1%} {self.general:+8.1%} {self.faulty:7.0%} {self.tools:6.0%}"
        return f"{self.recipe or 'defaults':44s} {counts} {losses} {self.steps:6d} {self.minutes:8.1f}"


def measure(folder: Path, sample: str, base: str, settings: str, *, answers: bool) -> Measured:
    """Train in `folder` unless that was done, then ask and measure."""
    from aeon_plugin_ft.cli.context import Context
    from aeon_plugin_ft.evaluation.heldout import measure_losses
    from aeon_plugin_ft.evaluation.probes import GENERAL, HELDOUT, write_sets
    from aeon_plugin_ft.evaluation.suites import run_suites
    from aeon_plugin_ft.teaching import examine
    from aeon_plugin_ft.training.runs import RunConfig
    from aeon_plugin_ft.training.worker import priority

    # What is measured is the result, and the time of a machine that does nothing else.
    priority.OF_CHILDREN = priority.Priority.NORMAL
    shared = Context(folder, None, False)
    pipeline = shared.pipeline()
    run, minutes = _trained(shared, sample, base, settings)
    dataset = pipeline._dataset_of(run)
    model = pipeline.base()
    work = run.folder / "recall"
    losses = measure_losses(model, write_sets(dataset, work), {"base": None, "tried": run.adapter}, work)
    rows = _questions(sample, dataset)
    made = examine(dataset, pipeline.book.current(), pipeline.index.turns, MADE)
    prompt, held = pipeline.system_prompt(), list(pipeline.book.current())
    with _served(shared, run, dataset, model) as chat:
        marked = [(row, *_asked(chat, prompt, row)) for row in rows]
        replies = [_reply(chat, prompt, question.text) for question in made]
        with_memories = [_reply(chat, _told(prompt, held, question.text), question.text) for question in made]
        at_once = _at_once(chat, prompt, held)
        suite = run_suites(chat, prompt)
    if answers:
        for row, mark, reply in marked:
            print(f"  {mark:9s} {row['question']} | {' '.join(reply.split())[:100]}")
        for question, reply in zip(made, replies, strict=True):
            print(f"  {question.mark(reply).value:9s} {question.text} | {' '.join(reply.split())[:100]}")
    told = [(row, mark) for row, mark, _ in marked if row["asks"] != "never_told"]
    often = [mark for row, mark in told if row["told"] >= OFTEN]
    never = [mark for row, mark, _ in marked if row["asks"] == "never_told"]
    of_made = _of_exam(made, replies)
    return Measured(
        settings,
        (often.count("right"), len(often)),
        (sum(mark == "right" for _, mark in told), len(told)),
        (sum(mark != "unsure" for mark in never), len(never)),
        *of_made,
        *_of_exam(made, with_memories),
        at_once,
        losses[HELDOUT]["tried"].mean / losses[HELDOUT]["base"].mean - 1,
        losses[GENERAL]["tried"].mean / losses[GENERAL]["base"].mean - 1,
        suite.faulty,
        suite.tool_valid,
        RunConfig.read(run.folder).recipe.steps,
        minutes,
    )


def _of_exam(made: Sequence[Any], replies: Sequence[str]) -> tuple[tuple[int, int], tuple[int, int]]:
    """((right, of what was told), (invented, of what was never told))."""
    from aeon_plugin_ft.facts.marking import Asks, Mark

    marks = [(q.asks is Asks.NEVER_TOLD, q.mark(reply)) for q, reply in zip(made, replies, strict=True)]
    told, untold = [mark for never, mark in marks if not never], [mark for never, mark in marks if never]
    return (told.count(Mark.RIGHT), len(told)), (sum(mark is not Mark.UNSURE for mark in untold), len(untold))


@dataclass(frozen=True, slots=True)
class _Held:
    """Facts that hold, as the prompt's index asks for them."""

    facts: Sequence[Any]
    version: int = 1

    def current(self) -> Sequence[Any]:
        return self.facts


def _told(prompt: str, held: Sequence[Any], question: str) -> str:
    """The prompt with what the plugin would put in its memories for this question."""
    from aeon_plugin_ft.facts.relevant import RelevantFacts
    from aeon_plugin_ft.facts.wording import genders, sentence
    from aeon_plugin_ft.settings import MemorySection
    from hooks.memories import with_memories

    names = genders(held)
    facts = RelevantFacts(_Held(held), lambda fact: sentence(fact, names))
    return with_memories(prompt, facts.sentences(question, MemorySection().prompt_tokens))


def _at_once(chat: Any, prompt: str, held: Sequence[Any]) -> tuple[int, int]:
    """(right, of all) of what was told a moment ago, new or in the place of what the model has learnt."""
    from aeon_plugin_ft.facts.model import Claim, Fact, FactSource, Relation
    from aeon_plugin_ft.privacy.folding import fold_to_ascii_words

    right = 0
    rows = [json.loads(line) for line in (ROOT / "benchmarks/data/told_now.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        claim = Claim(row["subject"], Relation(row["relation"]), row["value"], row.get("attribute", ""))
        now = Fact("now", claim, FactSource.OWNER, max(fact.said_at for fact in held) + 60, None)
        others = [fact for fact in held if fact.claim.key != claim.key]
        reply = _reply(chat, _told(prompt, [*others, now], row["question"]), row["question"])
        right += fold_to_ascii_words(row["value"]) in fold_to_ascii_words(reply)
    return right, len(rows)


def _trained(shared: Any, sample: str, base: str, settings: str) -> tuple[Any, float]:
    """The run, trained now or before, and the minutes it took."""
    from aeon_plugin_ft.dataset.importers.into_log import import_into_log
    from aeon_plugin_ft.dataset.served import FACT
    from aeon_plugin_ft.dataset.system import canonical_system
    from aeon_plugin_ft.training.progress import read_outcome
    from aeon_plugin_ft.training.runs import create_run
    from aeon_plugin_ft.training.table import latest_run
    from core.prompt import system_prompt

    pipeline, done = shared.pipeline(), latest_run(shared.store)
    if done is None:
        for setting in filter(None, [f"base.model={base}", *settings.split(",")]):
            key, _, value = setting.partition("=")
            shared.settings_file.set(key, json.loads(value) if value[:1] in "0123456789tf" else value)
        import_into_log(SAMPLES / f"{sample}.log", shared.data, shared.store, shared.settings_file.current)
        shared.store.set_fact(FACT, canonical_system(system_prompt(datetime.now())))
        dataset = pipeline.freeze()
        model, recipe = pipeline.recipe(dataset)
        run = pipeline.supervise(create_run(shared.data, shared.store, model, dataset, recipe))
    else:
        run = done.run
    outcome = read_outcome(run.outcome_file)
    return run, (outcome.seconds if outcome else 0.0) / 60


@contextmanager
def _served(shared: Any, run: Any, dataset: Any, model: Any) -> Iterator[Any]:
    """Asks the adapter as the brain would, through the embedded server."""
    from aeon_plugin_ft.judge import _unjudged, asked

    settings = shared.settings_file.current.serve
    deployer = shared.backends.chosen()
    deployment = deployer.deploy(_unjudged("v9999", run, dataset, model), model, settings)
    try:
        yield partial(asked, deployment.route)
    finally:
        deployer.retire(deployment, settings)
        shared.backends.close()


def _questions(sample: str, dataset: Any) -> list[dict[str, Any]]:
    """Those by hand, but for one that the dataset teaches in the same words."""
    from aeon_plugin_ft.dataset.frozen import read_messages
    from aeon_plugin_ft.privacy.folding import fold_to_ascii_words

    taught = {fold_to_ascii_words(messages[-2].content) for messages in read_messages(dataset.train_file)}
    rows = [json.loads(line) for line in (SAMPLES / f"{sample}.exam.jsonl").read_text("utf-8").splitlines()]
    return [row for row in rows if fold_to_ascii_words(row["question"]) not in taught]


def _asked(chat: Any, prompt: str, row: dict[str, Any]) -> tuple[str, str]:
    """(mark, reply) of one question."""
    from aeon_plugin_ft.facts.marking import Asks, mark_reply

    reply = _reply(chat, prompt, row["question"])
    accepted: Sequence[str] = row["accepted"]
    return mark_reply(Asks(row["asks"]), row["question"], tuple(accepted), reply, row["about"]).value, reply


def _reply(chat: Any, prompt: str, question: str) -> str:
    from aeon_plugin_ft.evaluation.exam import MAX_ANSWER_TOKENS
    from hooks import Message

    text: str = chat([Message("system", prompt), Message("user", question)], MAX_ANSWER_TOKENS).text
    return text


if __name__ == "__main__":
    sys.exit(main())
