"""Which examples a run shows, how often and in what order: a pure function of the data and the seed. Torch-free.

An epoch shows every example to learn from once; tool calls again, when they are fewer than their share, so
that `{"tool": ...}` replies survive; what was really said again, beside many times as many lessons, so that
talk survives; and, in a run that goes on from another adapter, some of the older examples, others in each
epoch. Batches are filled with examples of the same system prompt, whose tokens are then computed once, and
come in random order: an example is as likely as any other to be in any of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MOST_REPEATS = 4
"""How often an epoch shows one tool call at most."""
MOST_TALK = 2
"""How often it shows one thing that was really said: shown more often, it is learnt by heart."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Of what an epoch shows: at least so much are tool calls and, beside lessons, what was really said, as far as
    repeating goes; and so much is older, in a run that goes on from another adapter."""

    tools: float = 0.0
    replay: float = 0.0
    talk: float = 0.0


NO_SHARES = Shares()


@dataclass(frozen=True, slots=True)
class Survey:
    """Counts of a training split: all examples, tool calls among them, and those that are new since the adapter
    that the run goes on from (None: it starts from the base, and all are); among those that every epoch shows, the
    lessons."""

    examples: int
    tools: int = 0
    new: int | None = None
    lessons: int = 0

    @property
    def warm(self) -> bool:
        """Whether the run goes on from another adapter."""
        return self.new is not None

    @property
    def learnt(self) -> int:
        """Examples that every epoch shows."""
        return self.examples if self.new is None else self.new


@dataclass(frozen=True, slots=True)
class Mix:
    """The rows of a run by index. `learnt` come up in every epoch, `older` in turns, `tools` are the tool calls among
    both. `prompts[i]` numbers the system prompt of row i. `talk` are those that are neither lessons nor tool calls,
    where there are lessons."""

    learnt: tuple[int, ...]
    older: tuple[int, ...] = ()
    tools: frozenset[int] = frozenset()
    prompts: tuple[int, ...] = ()
    talk: frozenset[int] = frozenset()

    @classmethod
    def plain(cls, count: int) -> Mix:
        """`count` rows that are all alike."""
        return cls(tuple(range(count)))


def replay_count(learnt: int, older: int, share: float) -> int:
    """How many older examples make up `share` of an epoch."""
    return min(older, round(learnt * share / (1 - share)))


def repeat_count(others: int, some: int, share: float, most: int = MOST_REPEATS) -> int:
    """How many repetitions bring `some` rows to `share` of an epoch with `others` beside them. Each is shown at most
    `most` times."""
    for_share = round(others * share / (1 - share))
    return max(0, min(for_share, most * some) - some)


def epoch_length(survey: Survey, shares: Shares, validation: int = 0) -> int:
    """Examples in one epoch, as far as the counts tell; what counts is the mix itself."""
    learnt = survey.learnt - validation
    shown = learnt + replay_count(learnt, survey.examples - survey.learnt, shares.replay) if survey.warm else learnt
    tools = round(survey.tools * shown / max(1, survey.examples))
    if survey.lessons:
        talk = max(0, learnt - survey.lessons - tools)
        shown += repeat_count(shown - talk, talk, shares.talk, MOST_TALK)
    return max(1, shown + repeat_count(shown - tools, tools, shares.tools))


def batches(steps: int, batch: int, seed: int, mix: Mix, shares: Shares = NO_SHARES) -> Iterator[list[int]]:
    """The rows of each optimizer step. Epochs are cut into batches that cross their borders."""
    stream = _epochs(seed, batch, mix, shares)
    for _ in range(steps):
        yield [next(stream) for _ in range(batch)]


def _epochs(seed: int, batch: int, mix: Mix, shares: Shares) -> Iterator[int]:
    number = given = 0
    while True:
        pick = random.Random(f"{seed}/{number}")
        shown = [*mix.learnt, *_replayed(mix, number, seed, shares.replay)]
        shown += _repeated(shown, mix.talk, shares.talk, MOST_TALK, pick)
        shown += _repeated(shown, mix.tools, shares.tools, MOST_REPEATS, pick)
        pick.shuffle(shown)
        # `-given % batch`: how many places are left open in the batch that crosses from the epoch before.
        order = _together(shown, mix.prompts, -given % batch, batch, pick)
        yield from order
        given += len(order)
        number += 1


def _replayed(mix: Mix, number: int, seed: int, share: float) -> list[int]:
    """The older rows of epoch `number`: the next ones of a fixed random order, so that all have their turn."""
    count = replay_count(len(mix.learnt), len(mix.older), share)
    order = list(mix.older)
    # The seed without the epoch: one order for the whole run, through which the epochs go on.
    random.Random(f"{seed}/replay").shuffle(order)
    return [order[place % len(order)] for place in range(number * count, (number + 1) * count)]


def _repeated(shown: Sequence[int], some: frozenset[int], share: float, most: int, pick: random.Random) -> list[int]:
    own = [row for row in shown if row in some]
    count = repeat_count(len(shown) - len(own), len(own), share, most)
    pick.shuffle(own)
    return [own[place % len(own)] for place in range(count)]


def _together(shuffled: Sequence[int], prompts: Sequence[int], head: int, batch: int, pick: random.Random) -> list[int]:
    """The rows with those of one prompt side by side, and the whole batches among them in random order.

    `head` rows complete the batch that the epoch before has begun.
    """
    if len({prompts[row] for row in shuffled} if prompts else ()) < 2:
        return list(shuffled)
    groups: dict[int, list[int]] = {}
    for row in shuffled:
        groups.setdefault(prompts[row], []).append(row)
    names = list(groups)
    pick.shuffle(names)
    order = [row for name in names for row in groups[name]]
    whole = [order[start : start + batch] for start in range(head, len(order) - batch + 1, batch)]
    tail = order[head + batch * len(whole) :]
    pick.shuffle(whole)
    return [*order[:head], *(row for part in whole for row in part), *tail]


def choose_validation(questions: Sequence[str], count: int, seed: int) -> frozenset[int]:
    """About `count` indices to keep aside; equal questions stay on one side, and never more than a third goes."""
    places: dict[str, list[int]] = {}
    for index, question in enumerate(questions):
        places.setdefault(question, []).append(index)
    groups = sorted(places.values())
    random.Random(f"{seed}/validation").shuffle(groups)
    chosen: list[int] = []
    for group in groups:
        if len(chosen) >= min(count, len(questions) // 3):
            break
        if len(group) <= 2:  # a question asked again and again belongs into the training
            chosen += group
    return frozenset(chosen)


def number_prompts(prompts: Iterable[str]) -> tuple[int, ...]:
    """Equal texts get equal numbers."""
    numbers: dict[str, int] = {}
    return tuple(numbers.setdefault(prompt, len(numbers)) for prompt in prompts)
