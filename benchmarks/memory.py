"""Whether a model answers from what it is told about the owner, and what telling it costs.

    python benchmarks/memory.py [--model smollm2-135m-instruct] [--tokens 200] [--only-search] [--json FILE]

The facts of an invented owner (benchmarks/data/memory.jsonl: 40 facts, each asked for in two wordings) are known to the
plugin in a console of ours, whose model is the built-in one or another that [base] model can name: a GGUF file, an
Ollama tag. Every question is asked twice through the whole host, with [memory] in_prompt off and on; a reply is right
when it has the fact's value in it.

Printed beside that: whether the fact that a question is about was among those told, alone and with 960 invented facts
around it; how many tokens the facts take; and what the search for them costs the owner's turn at 1,000 facts.
Exit code 1 when fewer than 9 in 10 questions are told their fact, when the search takes a millisecond or more at the
99th percentile, or when the model answers no more questions right with the facts than without.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aeon_plugin_ft import runtime as runtimes
from aeon_plugin_ft.facts.model import Claim, Fact, FactSource, Relation
from aeon_plugin_ft.facts.relevant import RelevantFacts
from aeon_plugin_ft.plugin import FineTuning
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.settings import SettingsFile
from core.brain import AeonBrain
from core.console import Console
from hooks import HookCaller, build_manager

DATA = Path(__file__).parent / "data" / "memory.jsonl"
CROWD = 1000
"""Facts in all, in the search among many."""
ROUNDS = 3
PATIENCE = 600.0
LONGEST = 48
"""Tokens of a reply: an answer stands at its beginning, and an untrained model goes on for ever."""
ENOUGH_TOLD, MOST_SECONDS = 0.9, 0.001
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "xo", "za", "lhe", "nho")


@dataclass(frozen=True)
class Asked:
    """A fact, how the prompt says it, and the questions about it with the values that answer them."""

    fact: Fact
    sentence: str
    questions: tuple[str, ...]
    accept: tuple[str, ...]

    def answered(self, reply: str) -> bool:
        return any(fold_accents(value) in fold_accents(reply) for value in self.accept)


class Book:
    """Known facts that do not change."""

    version = 1

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts

    def current(self) -> Sequence[Fact]:
        return self._facts


def read() -> list[Asked]:
    return [asked_of(json.loads(line)) for line in DATA.read_text(encoding="utf-8").splitlines()]


def asked_of(raw: dict[str, Any]) -> Asked:
    claim = Claim(raw["subject"], Relation(raw["relation"]), raw["value"], raw["attribute"])
    fact = Fact("/".join((*claim.key, claim.value)), claim, FactSource.OWNER, 0.0, None)
    return Asked(fact, raw["sentence"], tuple(raw["questions"]), tuple(raw["accept"]))


def crowd(number: int, seed: int = 7) -> list[Fact]:
    """Facts about things that there are not, in every relation."""
    dice = random.Random(seed)

    def word() -> str:
        return "".join(dice.choice(SYLLABLES) for _ in range(3))

    claims = [
        Claim(word() if dice.random() < 0.7 else "", dice.choice(list(Relation)), f"{word()} {word()}", word())
        for _ in range(number)
    ]
    return [Fact(f"invented/{at}", claim, FactSource.OWNER, 0.0, None) for at, claim in enumerate(claims)]


def search(asked: Sequence[Asked], tokens: int, around: Sequence[Fact]) -> dict[str, float]:
    """Which questions are told their fact, and what that costs."""
    sentences = {one.fact: one.sentence for one in asked}
    facts = RelevantFacts(Book([*sentences, *around]), lambda fact: sentences.get(fact) or invented(fact))
    began = time.thread_time()
    facts.refresh()
    made = time.thread_time() - began
    told, lines, spent = 0, [], []
    for _ in range(ROUNDS):
        told = 0
        for one in asked:
            for question in one.questions:
                began = time.thread_time()
                found = facts.sentences(question, tokens)
                spent.append(time.thread_time() - began)
                lines.append(len(found))
                told += one.sentence in found
    spent.sort()
    return {
        "told": told / sum(len(one.questions) for one in asked),
        "facts told": statistics.mean(lines),
        "index ms": made * 1e3,
        "median ms": spent[len(spent) // 2] * 1e3,
        "p99 ms": spent[len(spent) * 99 // 100] * 1e3,
    }


def invented(fact: Fact) -> str:
    return f"{fact.claim.subject or 'O dono'}: {fact.claim.relation} {fact.claim.attribute} é {fact.value}."


def converse(asked: Sequence[Asked], model: str, tokens: int) -> dict[str, Any]:
    """Every question without and with the facts, through a host whose model is the base."""
    sentences = {one.fact: one.sentence for one in asked}
    facts = RelevantFacts(Book(list(sentences)), lambda fact: sentences[fact])
    runtimes.make_relevant_facts = lambda _: facts  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        file = SettingsFile.open(Path(folder) / "data" / "plugin.toml")
        changes = {"base.model": model, "memory.prompt_tokens": tokens, "serve.max_reply_tokens": LONGEST}
        for key, value in changes.items():
            file.set(key, value)
        plugin = FineTuning()
        brain = AeonBrain(None, hooks=HookCaller(build_manager(plugin, entry_points=False)))
        brain.host_routes = ()
        console = Console(brain, file.path.parent)
        console.start()
        try:
            wait_for_the_model(plugin)
            return {name: answers(console, plugin, asked, on) for name, on in (("without", False), ("with", True))}
        finally:
            console.stop()


def wait_for_the_model(plugin: FineTuning) -> None:
    deadline = time.monotonic() + PATIENCE
    while plugin.runtime is None or plugin.runtime.answering is None:
        if time.monotonic() > deadline:
            raise SystemExit("the model was not served in time; see aeon-ft.log, or try `aeon-ft chat` with it")
        time.sleep(0.1)


def answers(console: Console, plugin: FineTuning, asked: Sequence[Asked], in_prompt: bool) -> dict[str, Any]:
    assert plugin.runtime is not None
    plugin.runtime.settings_file.set("memory.in_prompt", in_prompt)
    right, seconds, replies = 0, [], []
    for one in asked:
        for question in one.questions:
            answer = console.ask(question)
            assert answer.turn is not None
            reply = answer.text or ""
            right += one.answered(reply)
            seconds.append(answer.turn.seconds)
            replies.append((question, reply, one.answered(reply)))
    return {"right": right, "asked": len(replies), "seconds": statistics.median(seconds), "replies": replies}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="smollm2-135m-instruct", help="what [base] model may name (%(default)s)")
    parser.add_argument("--tokens", type=int, default=200, help="budget of the facts (%(default)s)")
    parser.add_argument("--only-search", action="store_true", help="without a model")
    parser.add_argument("--show", type=int, default=6, help="replies to print (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    asked = read()
    alone = search(asked, options.tokens, ())
    among = search(asked, options.tokens, crowd(CROWD - len(asked)))
    for name, figures in ((f"{len(asked)} facts", alone), (f"{CROWD} facts", among)):
        print(f"{name:<12} " + "  ".join(f"{key} {value:.3g}" for key, value in figures.items()))
    result: dict[str, Any] = {"alone": alone, "among": among}
    good = min(alone["told"], among["told"]) >= ENOUGH_TOLD and among["p99 ms"] < MOST_SECONDS * 1e3
    if not options.only_search:
        result |= converse(asked, options.model, options.tokens)
        for name in ("without", "with"):
            figures = result[name]
            print(
                f"{name:<8} facts: {figures['right']} of {figures['asked']} right, {figures['seconds']:.2f} s a reply"
            )
            for question, reply, right in figures["replies"][:: -(-len(figures["replies"]) // max(1, options.show))]:
                print(f"   {'+' if right else '-'} {question} -> {' '.join(reply.split())[:90]}")
        good = good and result["with"]["right"] > result["without"]["right"]
    if options.json:
        options.json.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
