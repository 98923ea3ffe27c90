"""How much personal data the redactor finds, how often it is wrong, and what it costs.

    python benchmarks/privacy.py [--set heldout|development] [--seed N] [--show] [--speed]
    python benchmarks/privacy.py --set fresh-heldout|fresh-development|blind [--seed N] [--show]

The templates are our own sentences; the documents in them are made up with right check digits. The recognisers
were written against `data/privacy_development.txt`; the figures to quote come from `data/privacy_heldout.txt`.

Recall: the share of personal items of which every character is gone. Precision: the share of findings that
touch a personal item. Ends with 1 when recall is below 0.98 or precision below 0.95.

`data/privacy_fresh.txt` is a later set: secrets that the documentation promised then, secrets beyond that, and innocent
sentences, all written and labelled before the recognisers were changed for any of them, by an author who had read them.
A seeded hash of the line tells its halves apart; the rules were mended by what the development half missed, and the
held-out half was read at the end. `FIRST_READINGS` keeps what each half gave before. False alarms: the share of
innocent sentences in which anything was found. Ends with 1 when recall is below 0.98 (promised) or 0.9 (beyond), or
more than 2 % of the innocent ones raise an alarm.

`data/privacy_blind.txt` came later still: secrets beyond the promised ones and their neighbours, and innocent
sentences, by an author who had read no recogniser. `BLIND_FIRST` is what it gave when it was read, once, before
anything was changed for it; the kinds that it showed were mended then: what it gives now is no longer blind.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
sys.path[:0] = [str(REPOSITORY), str(Path(__file__).parent)]

from personal_data import TERMS, Sentence, sentences  # noqa: E402 - the path comes first
from personal_data_fresh import FreshSentence, blind_sentences, fresh_sentences  # noqa: E402 - the path comes first

from aeon_plugin_ft.privacy import Redactor  # noqa: E402 - the path comes first

DATA = Path(__file__).parent / "data"
RECALL, PRECISION = 0.98, 0.95
BEYOND, ALARMS = 0.9, 0.02
FIRST_READINGS = {
    "development": {"P": (63, 82), "B": (33, 90), "N": (28, 274)},
    "heldout": {"P": (88, 108), "B": (23, 69), "N": (16, 265)},
}
"""Of each half of the fresh set with seed 17, before the recognisers were changed: found (or alarms) and there."""
HELD_OUT_FIRST = {"P": (108, 108), "B": (61, 69), "N": (1, 265)}
"""Of the held-out half when it was read first, after the recognisers were mended by the development half: **the figures
to quote**. What was missed then was mended afterwards."""
BLIND_FIRST = {"B": (102, 158), "N": (2, 209)}
"""Of the blind set with seed 17 when it was read first: **the figures to quote** for what was never promised."""
SETS = ("heldout", "development", "fresh-heldout", "fresh-development", "blind")


@dataclass
class Result:
    """Counts over a set; `named` are items found under their right kind."""

    sentences: int = 0
    items: int = 0
    found: int = 0
    named: int = 0
    findings: int = 0
    right: int = 0
    missed: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    by_kind: Counter[str] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        return self.found / self.items

    @property
    def precision(self) -> float:
        return self.right / self.findings


def measure(name: str, seed: int) -> Result:
    """Look at every sentence of a set, filled in with one seed."""
    redactor = Redactor("redact", TERMS)
    result = Result()
    for sentence in sentences(DATA / f"privacy_{name}.txt", seed):
        _score(sentence, redactor, result)
    return result


def _score(sentence: Sentence, redactor: Redactor, result: Result) -> None:
    findings = redactor.find(sentence.text)
    covered = {place for finding in findings for place in range(finding.start, finding.end)}
    result.sentences += 1
    result.items += len(sentence.personal)
    result.findings += len(findings)
    for start, end, kind in sentence.personal:
        if covered.issuperset(range(start, end)):
            result.found += 1
            result.named += any(f.kind.value == kind and f.start < end and start < f.end for f in findings)
        else:
            result.missed.append(f"{kind}: {sentence.text!r} -> {redactor.redact(sentence.text)!r}")
            result.by_kind[kind] += 1
    for finding in findings:
        if any(finding.start < end and start < finding.end for start, end, _ in sentence.personal):
            result.right += 1
        else:
            result.extra.append(
                f"{finding.kind.value}: {sentence.text!r} -> {sentence.text[finding.start : finding.end]!r}"
            )


@dataclass
class Fresh:
    """Counts over a half of the fresh set: secrets found and there (P promised, B beyond), innocent sentences with an
    alarm and in all (N)."""

    hits: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def share(self, sort: str) -> float:
        return self.hits[sort] / self.total[sort]

    @property
    def good(self) -> bool:
        return self.share("P") >= RECALL and self.share("B") >= BEYOND and self.share("N") <= ALARMS


def measure_fresh(half: str, seed: int) -> Fresh:
    """Look at every sentence of a half of the fresh set."""
    return _counted(fresh_sentences(half, seed))


def measure_blind(seed: int) -> Fresh:
    """Look at every sentence of the blind set."""
    return _counted(blind_sentences(seed))


def _counted(given: list[FreshSentence]) -> Fresh:
    redactor = Redactor("redact", TERMS)
    result = Fresh()
    for sentence in given:
        findings = redactor.find(sentence.text)
        covered = {place for finding in findings for place in range(finding.start, finding.end)}
        if sentence.sort == "N":
            result.total["N"] += 1
            result.hits["N"] += bool(findings)
            right = not findings
        else:
            gone = [covered.issuperset(range(start, end)) for start, end in sentence.secrets]
            result.total[sentence.sort] += len(gone)
            result.hits[sentence.sort] += sum(gone)
            right = all(gone)
        if not right:
            result.wrong.append(f"{sentence.sort}: {sentence.text!r} -> {redactor.redact(sentence.text)!r}")
    return result


def report_fresh(half: str, seed: int, show: bool) -> bool:
    """Print the scores of a half; whether they reach the goals."""
    result = measure_fresh(half, seed)
    for sort, name in (("P", "promised, recall"), ("B", "beyond, recall"), ("N", "innocent, false alarms")):
        first = FIRST_READINGS[half][sort]
        before = f"(before the changes {first[0] / first[1]:.4f})"
        print(f"{name:<24} {result.hits[sort]:>4} of {result.total[sort]:<4} {result.share(sort):.4f}   {before}")
        if half == "heldout":
            found, there = HELD_OUT_FIRST[sort]
            print(f"{'':<24} first reading after the changes: {found} of {there}, {found / there:.4f}")
    if show:
        print("\n".join(result.wrong))
    return result.good


def report_blind(seed: int, show: bool) -> bool:
    """Print the scores of the blind set; whether they reach the goals."""
    result = measure_blind(seed)
    for sort, name in (("B", "beyond, recall"), ("N", "innocent, false alarms")):
        first, there = BLIND_FIRST[sort]
        print(f"{name:<24} first reading, blind: {first} of {there}, {first / there:.4f}")
        print(f"{'':<24} no longer blind:      {result.hits[sort]} of {result.total[sort]}, {result.share(sort):.4f}")
    if show:
        print("\n".join(result.wrong))
    return result.share("B") >= BEYOND and result.share("N") <= ALARMS


def speed() -> dict[str, float]:
    """Microseconds for a 200-character sentence with nothing in it and with two findings; MB/s over a chat."""
    redactor = Redactor()
    redactor.warm()
    plain = (
        "cara, hoje eu fiquei pensando que o projeto novo tá meio parado, tipo, ninguém mexe nele faz um tempão e eu"
        " queria rodar aquilo na sexta, mas a galera vai viajar e aí complica tudo de novo, né, que coisa"
    )[:200]
    busy = (plain[:110] + " meu cpf é 529.982.247-25 e o celular é (47) 99123-4567, me liga depois das seis, valeu")[
        :200
    ]
    log = (REPOSITORY / "samples" / "conversation.log").read_text(encoding="utf-8").splitlines() * 5
    size = sum(len(line.encode()) for line in log)
    seconds = min(_time(lambda: [redactor.redact(line) for line in log]) for _ in range(5))
    return {
        "nothing found, us": min(_time(lambda: [redactor.redact(plain) for _ in range(500)]) for _ in range(7))
        / 500
        * 1e6,
        "two findings, us": min(_time(lambda: [redactor.redact(busy) for _ in range(50)]) for _ in range(7)) / 50 * 1e6,
        "chat, MB/s": size / seconds / 1e6,
    }


def _time(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="heldout", choices=SETS)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--show", action="store_true", help="list what was missed and what was found wrongly")
    parser.add_argument("--speed", action="store_true", help="measure the cost instead")
    options = parser.parse_args()
    if options.speed:
        for name, value in speed().items():
            print(f"{name:<20} {value:.1f}")
        return 0
    if options.set.startswith("fresh-"):
        return 0 if report_fresh(options.set.removeprefix("fresh-"), options.seed, options.show) else 1
    if options.set == "blind":
        return 0 if report_blind(options.seed, options.show) else 1
    result = measure(options.set, options.seed)
    print(f"{result.sentences} sentences, {result.items} personal items")
    print(
        f"recall {result.recall:.4f}   precision {result.precision:.4f}   right kind {result.named / result.found:.4f}"
    )
    if options.show:
        print("\n".join(["missed:", *result.missed, "wrong:", *result.extra]))
    return 0 if result.recall >= RECALL and result.precision >= PRECISION else 1


if __name__ == "__main__":
    sys.exit(main())
