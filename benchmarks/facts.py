"""How many of the facts that people tell the grammar reads, and how often it reads one where there is none.

    python benchmarks/facts.py                         both halves and every relation
    python benchmarks/facts.py --set development --show     with everything that was read wrongly
    python benchmarks/facts.py --set fresh             sentences written and labelled without knowing the rules
    python benchmarks/facts.py --set fresh3            later ones, each labelled before it was read
    python benchmarks/facts.py --set fresh4            by another author, who knew no rule
    python benchmarks/facts.py --set fresh4 --plain    the owner's sentences as speech recognition would write them
    python benchmarks/facts.py --model MODEL.gguf      the owner's sentences of the held-out round 3, read by a model
    python benchmarks/facts.py --log samples/conversation.log    the claims of a log, and how often each was said

The sentences are our own, by one author, who also wrote the rules; a seeded hash of the text put each into its half
(the first byte of SHA-256 of "facts-1:" and the text: odd is held out). The first rules were written against
`data/facts_development.jsonl`, and no rule was made for a miss in `data/facts_heldout.jsonl`; since round 5 the latter
is used to see what a new rule breaks, and its figures are no longer the ones to quote. "round" says when a sentence was
written: 1 before any rule, 2 after the first rules, 3 after those for round 2, on purpose unlike what was there. The
author knew round 1 while he wrote the rules, so the last round tells best what to expect of somebody else's sentences.

`data/facts_fresh.jsonl` was written and labelled afterwards without reading any rule, or more of the two halves than
the form of a row: everyday Portuguese by meaning, half of it without a fact. "sort" says how a sentence is written or
why it holds no fact. Sentences that stood word for word in a half were replaced before the first reading. Its
first reading gave a precision of 0.718 and a recall of 0.572; the rules of round 5 were made for its misses.

`data/facts_fresh2.jsonl` (round 5) holds 294 sentences of other people and replies to them, half of them without a
fact, labelled before any was read (six more stood word for word in a half and do not count). The same hash tells its
halves apart: rules were made for the misses of the even half (`fresh2-development`) before the odd one
(`fresh2-heldout`) was read, and for those of the odd one afterwards.
`data/facts_fresh3.jsonl` was written and labelled in the same way: round 6 was read after the rules for round 5, round
7 after those for round 6. The author of these three knew the rules.

`data/facts_fresh4.jsonl` (round 8) is by another author, who wrote and labelled 220 sentences without knowing a rule,
half of them without a fact, among them speech as a recogniser writes it, without capitals. It was read once, after the
rules for round 7 and for some 1,300 sentences thought up beside them: **precision 0.897, recall 0.778** (130 claims
right, 145 read, 167 there), below the bar of 0.95 and 0.80. No label was changed. Of the 15 that were wrong 5 were read
in 4 sentences without a fact (3 jokes, a verse); the other 10 had the right fact with a word too many, half of them for
a name that was not told from its noun for want of a capital ("minha filha conceição"). Rules for most of these kinds
were made afterwards.

**The figures to quote are those of each first reading**, before a rule was made for a miss: `FIRST_READINGS`. What the
command prints for these sets today says that what was mended still holds, and is no measure of unseen sentences.

`--plain` reads the owner's sentences in lower case, without accents and without punctuation (but within a word or a
number), as many a recogniser writes what it hears; a sentence in which nothing changed counts as well, replies are left
out, since they are written. Nothing tells a question without its mark or a quotation without its marks, and values
are compared without punctuation.

Conventions of the labels: what is done at one hour is TIME ("tomo o remédio às 8h": the attribute is "tomar o
remédio"), with days of its own it is a HABIT, whole; a day of the month is "dia 10"; "divido o apartamento com a Jana"
is WITH and the attribute the deed; the make and the colour of a car are two claims.

A claim is right when subject, relation, attribute, value (without case and accents) and whether it has ended are all
right. Precision: the share of what was read that is right. Recall: the share of what is there that was read. Ends with
1 when the precision of a held-out half is below 0.95 or its recall below 0.80.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY))

from aeon_plugin_ft.dataset.importers.importing import open_import  # noqa: E402 - the path comes first
from aeon_plugin_ft.facts.grammar import claims, claims_of_reply  # noqa: E402 - the path comes first
from aeon_plugin_ft.facts.grammar.schema import constraint as schema_for  # noqa: E402 - the path comes first
from aeon_plugin_ft.facts.grammar.schema import read_with_model, reads_well  # noqa: E402 - the path comes first
from aeon_plugin_ft.facts.model import Claim, Relation  # noqa: E402 - the path comes first
from aeon_plugin_ft.http import HttpServer  # noqa: E402 - the path comes first
from aeon_plugin_ft.privacy.folding import fold_accents  # noqa: E402 - the path comes first
from aeon_plugin_ft.serving.embedded.child import EmbeddedChild, new_config  # noqa: E402 - the path comes first
from hooks import Message, as_dicts  # noqa: E402 - the path comes first

DATA = Path(__file__).parent / "data"
HALVES = ("development", "heldout")
FRESH = "fresh"
"""The set that was written without reading a rule; not part of the two halves, which the hash tells apart."""
FRESH2 = ("fresh2-development", "fresh2-heldout")
"""The halves of the second fresh set."""
FRESH3 = "fresh3"
FRESH4 = "fresh4"
"""The set of another author, who knew no rule."""
FIRST_READINGS = {
    "fresh": (79, 110, 138), "fresh2-heldout": (69, 72, 88), "fresh3, round 6": (71, 79, 85),
    "fresh3, round 7": (63, 67, 71), "fresh4": (130, 145, 167),
}  # fmt: skip
"""Claims right, read and there, of each fresh set when it was read first, with the rules of that day."""
PRECISION, RECALL = 0.95, 0.80

_PUNCTUATION = re.compile(r"[^\w\s.,:/+#'-]|(?<!\w)[.,:/'-]|[.,:/'-](?!\w)")
"""Not that within "9:30", "1,68", "e-mail", "C++"."""

Told = tuple[str, str, str, str, bool]
"""Subject, relation, attribute, value (all folded), ended."""


@dataclass
class Score:
    """Counts over a set; `wrong` says what was missed and what was made up. `times` are milliseconds of CPU."""

    sentences: int = 0
    silent: int = 0
    false_alarms: int = 0
    right: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    corrections: int = 0
    corrections_seen: int = 0
    times: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    rounds: dict[int, Score] = field(default_factory=dict)
    sorts: dict[str, Score] = field(default_factory=dict)

    @property
    def precision(self) -> float:
        return self.right.total() / max(1, self.read.total())

    @property
    def recall(self) -> float:
        return self.right.total() / max(1, self.there.total())


def told(claim: Claim) -> Told:
    """A claim as it is compared."""
    return (
        fold_accents(claim.subject), claim.relation.value, fold_accents(claim.attribute), fold_accents(claim.value),
        claim.ended,
    )  # fmt: skip


def labelled(row: Mapping[str, object]) -> list[Claim]:
    """The claims that a row says are there."""
    listed = row["claims"]
    assert isinstance(listed, list)
    return [
        Claim(one["subject"], Relation(one["relation"]), one["value"], one.get("attribute", ""),
              ended=one.get("ended", False), corrects=one.get("corrects", False))
        for one in listed
    ]  # fmt: skip


def held_out(row: Mapping[str, object]) -> bool:
    """Whether the seeded hash keeps a row aside."""
    key = f"{row['question']}\n{row['text']}" if "question" in row else str(row["text"])
    return bool(hashlib.sha256(f"facts-1:{key}".encode()).digest()[0] & 1)


def rows_of(half: str) -> list[dict[str, object]]:
    """The labelled rows of a half, or of the fresh set."""
    name, _, part = half.partition("-")
    lines = (DATA / f"facts_{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if not part or held_out(row) == (part == "heldout")]


def heard(text: str) -> str:
    """A text as speech recognition writes it: in lower case, without accents, without punctuation between words."""
    return " ".join(_PUNCTUATION.sub(" ", fold_accents(text)).split())


def measure(half: str, plain: bool = False) -> Score:
    """Read every row of one half, or of the fresh set, and compare; `plain`: what the owner says, as it is `heard`."""
    score = Score()
    for row in rows_of(half):
        if plain and row["speaker"] != "owner":
            continue
        text, question, number = str(row["text"]), str(row.get("question", "")), row["round"]
        text = heard(text) if plain else text
        assert isinstance(number, int)
        began = time.thread_time()
        got = claims(text) if row["speaker"] == "owner" else claims_of_reply(text, question)
        score.times.append((time.thread_time() - began) * 1000)
        parts = [score, score.rounds.setdefault(number, Score())]
        if "sort" in row:
            parts.append(score.sorts.setdefault(str(row["sort"]), Score()))
        for counts in parts:
            _compare(counts, f"{question} {text}".strip(), _as_heard(labelled(row)) if plain else labelled(row), got)
    return score


def _as_heard(expected: list[Claim]) -> list[Claim]:
    """Labels without the punctuation that is not heard."""
    return [replace(one, value=heard(one.value), attribute=heard(one.attribute)) for one in expected]


def _compare(score: Score, text: str, expected: list[Claim], got: list[Claim]) -> None:
    there, read = {told(one) for one in expected}, {told(one) for one in got}
    score.sentences += 1
    score.silent += not there
    score.false_alarms += bool(read) and not there
    score.right.update(one[1] for one in there & read)
    score.read.update(one[1] for one in read)
    score.there.update(one[1] for one in there)
    score.corrections += any(one.corrects for one in expected)
    score.corrections_seen += any(one.corrects for one in expected) and any(one.corrects for one in got)
    if there != read:
        score.wrong.append(f"{text!r}\n    missed {sorted(there - read)}\n    extra  {sorted(read - there)}")


def report(half: str, score: Score) -> None:
    """One half in numbers."""
    print(
        f"{half}: {score.sentences} sentences, {score.silent} without a fact; precision {score.precision:.3f}, "
        f"recall {score.recall:.3f}; a fact read in {score.false_alarms} of those without one; corrections "
        f"{score.corrections_seen}/{score.corrections}; median {statistics.median(score.times):.2f} ms, "
        f"p99 {sorted(score.times)[int(len(score.times) * 0.99)]:.2f} ms"
    )
    for number, part in sorted(score.rounds.items()):
        print(
            f"    round {number}: {part.sentences} sentences, {part.there.total()} claims; "
            f"precision {part.precision:.3f}, recall {part.recall:.3f}"
        )
    for name, part in score.sorts.items():
        print(
            f"    {name:<12} {part.sentences:>3} sentences; claims right/read/there "
            f"{part.right.total()}/{part.read.total()}/{part.there.total()}; false alarms {part.false_alarms}"
        )


def by_relation(scores: dict[str, Score]) -> None:
    """Right, read and there, for each relation and half."""
    print(f"\n{'relation':<12}" + "".join(f"{half + ': right/read/there':>32}" for half in scores))
    for relation in Relation:
        name = relation.value
        cells = [f"{s.right[name]}/{s.read[name]}/{s.there[name]}" for s in scores.values()]
        print(f"{name:<12}" + "".join(f"{cell:>32}" for cell in cells))


def of_log(path: Path) -> None:
    """What both sides of a log in Aeon's format say, the most often said first."""
    counts: Counter[tuple[str, Told]] = Counter()
    for turn in open_import(path):
        for side, got in (("owner", claims(turn.user)), ("reply", claims_of_reply(turn.reply, turn.user))):
            counts.update((side, told(one)) for one in got)
    for (side, one), times in counts.most_common():
        print(f"{times:>3}  {side:<6} {one[0] or '(owner)'} / {one[1]}{'.' + one[2] if one[2] else ''} = {one[3]}")


def by_model(path: Path) -> None:
    """What a GGUF reads, in llama.cpp, in the owner's held-out sentences that were written last."""
    child = EmbeddedChild(new_config(path, None, "base", 2048, 2), Path(tempfile.gettempdir()) / "facts-model.log")
    url = child.start().url

    def chat(messages: Sequence[Message], schema: Mapping[str, object], max_tokens: int) -> str:
        body = {"model": "base", "messages": as_dicts(messages), "max_tokens": max_tokens, "temperature": 0}
        with HttpServer("llama.cpp", url, token=child.config.token) as server:
            reply = server.call("POST", "/v1/chat/completions", body | schema_for("embedded"), seconds=600)
        return str(reply["choices"][0]["message"]["content"])

    score = Score()
    began = time.perf_counter()
    try:
        for line in (DATA / "facts_heldout.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["round"] == 3 and row["speaker"] == "owner":
                read = [one for _, got in read_with_model(chat, [row["text"]]) for one in got]
                _compare(score, row["text"], labelled(row), read)
        print(
            f"{path.name}: {score.sentences} sentences, {score.there.total()} claims there, {score.read.total()} read; "
            f"precision {score.precision:.3f}, recall {score.recall:.3f}; trusted: {reads_well(chat)}; "
            f"{(time.perf_counter() - began) / score.sentences:.1f} s a sentence"
        )
    finally:
        child.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--set", choices=(*HALVES, FRESH, *FRESH2, FRESH3, FRESH4), help="one half only, or fresh sentences"
    )
    parser.add_argument("--show", action="store_true", help="list what was read wrongly")
    parser.add_argument("--plain", action="store_true", help="the owner's sentences as they are heard")
    parser.add_argument("--log", type=Path, help="a conversation in Aeon's own format")
    parser.add_argument("--model", type=Path, help="a GGUF that reads instead of the grammar")
    options = parser.parse_args()
    if options.model:
        by_model(options.model)
        return 0
    if options.log:
        of_log(options.log)
        return 0
    claims("meu nome é Caio, moro em Joinville")  # what is read once is read now
    scores = {half: measure(half, options.plain) for half in ([options.set] if options.set else HALVES)}
    for half, score in scores.items():
        report(half, score)
        if options.show:
            print("\n".join(score.wrong))
    by_relation(scores)
    print("\nfirst readings of sentences that no rule had been made for:")
    for name, (right, read, there) in FIRST_READINGS.items():
        print(f"    {name:<16} precision {right / read:.3f}, recall {right / there:.3f}")
    kept_aside = [score for half, score in scores.items() if half.endswith("heldout") and not options.plain]
    return int(any(score.precision < PRECISION or score.recall < RECALL for score in kept_aside))


if __name__ == "__main__":
    raise SystemExit(main())
