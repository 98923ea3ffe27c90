"""How far one way of training for many owners goes: waiting times, GPU hours, adapters a card, and what breaks first.

    python benchmarks/fleet.py
    python benchmarks/fleet.py --owners 1000 --gpus 1 --every 40

A simulation, not a measurement: owners talk, become due and queue as the product's own schedule and recipe say
(`[schedule] every_turns`, `training.recipe.make_recipe`), and a step takes what was measured for one owner's run
(docs/scale.md names where). Judging and serving share no card with training here and are counted apart. Two ways to
queue: "first" takes runs as they came, "fair" gives each slice of a card to whoever has had least of it.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.training.recipe import make_recipe

DAY = 86_400.0
SLICE_SECONDS = 60.0
"""A run may leave a card after so long: checkpoints let it go on from any step."""
MOST_EXAMPLES = 5000
"""[dataset] max_examples."""
KEPT_VERSIONS = 5
"""[serve] keep_versions."""


@dataclass(frozen=True)
class Base:
    """A base model on a card. `step_seconds` is the measured time of one step of 16 examples, `weights_gb` the base in
    bf16; `lora_inputs` is the sum of inputs and outputs of all linear layers, so that rank times it are the adapter's
    numbers."""

    name: str
    parameters: int
    step_seconds: float
    weights_gb: float
    lora_inputs: int

    def adapter_gb(self, rank: int = 16, width: int = 2) -> float:
        """An adapter's size, in bf16 unless another width is given."""
        return rank * self.lora_inputs * width / 1e9


BASES = {
    # Steps: one H100, bf16, batch 16 behind a prompt of 450 tokens, this engine (docs/scale.md).
    "1B": Base("1B", 1_236_000_000, 0.388, 2.5, 16 * (2 * (2048 + 2048) + 2 * (2048 + 512) + 3 * (2048 + 8192))),
    "8B": Base("8B", 8_030_000_000, 0.698, 16.1, 32 * (2 * (4096 + 4096) + 2 * (4096 + 1024) + 3 * (4096 + 14336))),
}


@dataclass(order=True)
class Run:
    """One training of one owner. `left` is what it still needs of a card, in seconds."""

    due: float
    owner: int = field(compare=False)
    left: float = field(compare=False)
    needs: float = field(compare=False)


@dataclass
class Result:
    """What came of a simulated time. Waits are seconds from due to finished, less the time on the card."""

    waits: dict[int, list[float]]
    busy: float
    unfinished: int

    def every_wait(self) -> list[float]:
        """All of them, sorted."""
        return sorted(wait for waits in self.waits.values() for wait in waits)


def turns_a_day(count: int, rng: random.Random) -> list[float]:
    """Of so many owners: half talk 40 times a day or less, one in a hundred more than 250 times."""
    return [rng.lognormvariate(3.69, 0.8) for _ in range(count)]


def seconds_of(base: Base, examples: int, start_seconds: float) -> float:
    """What a run on so many examples takes of a card, by the product's own recipe."""
    recipe = make_recipe(TrainSection(threads=1), base.parameters, max(16, examples))
    # A step is bound by launches: half a batch takes what a whole one takes (docs/scale.md).
    return start_seconds + recipe.steps * base.step_seconds


def demand(
    base: Base, turns: Sequence[float], days: int, every: float, start_seconds: float, rng: random.Random
) -> list[Run]:
    """Every run that becomes due, of owners who have talked for between none and two years."""
    runs = []
    for owner, rate in enumerate(turns):
        gap = max(every / rate, 20 / 24) * DAY
        due, before = rng.uniform(0, gap), rate * rng.uniform(0, 730)
        while due < days * DAY:
            examples = min(MOST_EXAMPLES, int(before + rate * due / DAY))
            needs = seconds_of(base, examples, start_seconds)
            runs.append(Run(due, owner, needs, needs))
            due += gap
    return sorted(runs)


class Queue:
    """Runs that wait. "fair": whoever has had least of the cards comes first, and of those alike who waited longest."""

    def __init__(self, fair: bool) -> None:
        self.fair = fair
        self.used: dict[int, float] = {}
        self._waiting: list[tuple[float, float, int, Run]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, run: Run) -> None:
        """Behind those who have had less."""
        self._number += 1
        heapq.heappush(self._waiting, (self._rank(run), run.due, self._number, run))

    def take(self) -> Run:
        """The next one. What an owner has had meanwhile counts: an entry that says less goes back first."""
        while True:
            rank, _, _, run = heapq.heappop(self._waiting)
            if rank >= self._rank(run):
                return run
            self.add(run)

    def _rank(self, run: Run) -> float:
        return self.used.get(run.owner, 0.0) if self.fair else 0.0


def simulate(runs: Sequence[Run], cards: int, days: float, policy: str) -> Result:
    """Let `cards` work off the runs for so many days, slice by slice."""
    fair, end = policy == "fair", days * DAY
    # (when, a number for ties, the run that can be on a card again; None: a card is free).
    events: list[tuple[float, int, Run | None]]
    events = [(run.due, n, Run(run.due, run.owner, run.left, run.needs)) for n, run in enumerate(runs)]
    heapq.heapify(events)
    queue, result, number, idle = Queue(fair), Result({}, 0.0, 0), len(events), cards
    while events and events[0][0] <= end:
        now = events[0][0]
        # All of one moment before a card is given away: who has had least of it may be the last of them.
        while events and events[0][0] <= now:
            run = heapq.heappop(events)[-1]
            if run is None:
                idle += 1
            else:
                queue.add(run)
        while idle and queue:
            idle, number = idle - 1, number + 2
            run, took = _slice(queue, result, now, fair)
            heapq.heappush(events, (now + took, number, None))
            if run is not None:
                heapq.heappush(events, (now + took, number + 1, run))
    result.unfinished = len(queue) + sum(run is not None for _, _, run in events)
    return result


def _slice(queue: Queue, result: Result, now: float, fair: bool) -> tuple[Run | None, float]:
    """What of the next run is left after its slice on a card (None: nothing), and the seconds that it takes."""
    run = queue.take()
    took = min(run.left, SLICE_SECONDS) if fair else run.left
    run.left -= took
    queue.used[run.owner] = queue.used.get(run.owner, 0.0) + took
    result.busy += took
    if run.left > 1e-9:
        return run, took
    result.waits.setdefault(run.owner, []).append(now + took - run.due - run.needs)
    return None, took


def hit_rate(owners: int, slots: int, turns: Sequence[float], requests: int, rng: random.Random) -> float:
    """Share of requests whose adapter is among the `slots` that were used last; an owner's turns come in talks of
    five."""
    recent: OrderedDict[int, None] = OrderedDict()
    hits = asked = 0
    chosen = rng.choices(range(owners), weights=turns, k=max(1, requests // 5))
    for owner in chosen:
        for _ in range(5):
            hits += owner in recent
            asked += 1
            recent[owner] = None
            recent.move_to_end(owner)
            if len(recent) > slots:
                recent.popitem(last=False)
    return hits / asked


def percentile(values: Sequence[float], share: float) -> float:
    """Of sorted values; 0 of none."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def starve(base: Base, start_seconds: float) -> dict[str, float]:
    """One owner's thousands against a hundred owners' hundreds on one card: how long the others wait at the median."""
    heavy = [Run(0.0, 0, needs, needs) for needs in [seconds_of(base, 5000, start_seconds)] * 50]
    light = [Run(60.0 * n, n, needs, needs) for n in range(1, 101) for needs in [seconds_of(base, 100, start_seconds)]]
    waits = {}
    for policy in ("first", "fair"):
        done = simulate(sorted([*heavy, *light]), 1, 30, policy)
        waits[policy] = statistics.median(wait for owner, each in done.waits.items() if owner for wait in each)
    return waits


def report(base: Base, owners: int, every: float, days: int, start_seconds: float, gpus: int | None) -> str:
    """One line of the table."""
    rng = random.Random(7)
    turns = turns_a_day(owners, rng)
    runs = demand(base, turns, days, every, start_seconds, rng)
    needed = sum(run.needs for run in runs) / (days * DAY)
    cards = gpus or max(1, round(needed / 0.8 + 0.5))
    fair, first = (simulate(runs, cards, days, policy) for policy in ("fair", "first"))
    waits, unfair = fair.every_wait(), first.every_wait()
    disk = owners * KEPT_VERSIONS * base.adapter_gb(width=4)
    cells = [
        base.name, f"{owners:,}", f"{every:g}", f"{len(runs) / days:,.1f}", f"{needed * 24:,.1f}", f"{cards}",
        f"{fair.busy / (cards * days * DAY):.0%}", minutes(percentile(waits, 0.5)), minutes(percentile(waits, 0.95)),
        minutes(percentile(unfair, 0.95)), f"{fair.unfinished}", f"{disk:,.1f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def minutes(seconds: float) -> str:
    """With one decimal."""
    return f"{max(0.0, seconds) / 60:,.1f}"


HEAD = (
    "| base | owners | a run every (turns) | runs a day | card hours a day | cards | busy | wait p50, min |"
    " p95, fair | p95, first come | left over | disk of 5 versions, GB |\n" + "| --- " * 12 + "|"
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--owners", type=int, help="only this many, in place of the table")
    arguments.add_argument("--every", type=float, default=1000, help="turns between two trainings")
    arguments.add_argument("--gpus", type=int, help="so many cards; else as many as keep them four fifths busy")
    arguments.add_argument("--days", type=int, default=7)
    arguments.add_argument("--start", type=float, default=20.0, help="seconds before the first step of a run")
    given = arguments.parse_args()
    print(HEAD)
    for base in BASES.values():
        if given.owners:
            print(report(base, given.owners, given.every, given.days, given.start, given.gpus))
            continue
        for owners, every in ((5, 1000), (5, 40), (1000, 1000), (1000, 40), (100_000, 1000), (100_000, 40)):
            print(report(base, owners, every, given.days, given.start, given.gpus))
    for base in BASES.values():
        waits = starve(base, given.start)
        print(
            f"\n{base.name}: fifty runs of one owner against a hundred others' small ones, one card, their median wait:"
            f" {waits['first'] / 60:.1f} min first come, {waits['fair'] / 60:.1f} min fair"
        )
        rng = random.Random(7)
        for owners in (1000, 100_000):
            turns = turns_a_day(owners, rng)
            # Half of an 80 GB card beside the base for adapters; the rest is for the caches of what is being said.
            slots = int((80 - base.weights_gb) / 2 / base.adapter_gb())
            rate = hit_rate(owners, slots, turns, 100_000, rng)
            print(
                f"{base.name}, {owners:,} owners served by one 80 GB card: {slots} adapters of"
                f" {base.adapter_gb() * 1000:.0f} MB fit, {rate:.0%} of the turns find theirs there"
            )


if __name__ == "__main__":
    main()
