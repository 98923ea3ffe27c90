"""What a run shows, how often and in what order."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from aeon_plugin_ft.training.mix import (
    MOST_REPEATS,
    MOST_TALK,
    NO_SHARES,
    Mix,
    Shares,
    Survey,
    _epochs,
    batches,
    choose_validation,
    epoch_length,
    number_prompts,
)


def shown(mix: Mix, epochs: int, length: int, shares: Shares = NO_SHARES, batch: int = 8) -> list[int]:
    return list(islice(_epochs(3, batch, mix, shares), epochs * length))


def test_tool_calls_get_their_share_and_nothing_else_is_shown_twice() -> None:
    mix = Mix(tuple(range(100)), tools=frozenset({4, 8, 15, 16, 23, 42, 50, 51, 52, 53}))
    length = epoch_length(Survey(100, 10), Shares(0.2))
    counts = Counter(shown(mix, 1, length, Shares(0.2)))
    assert sum(counts[row] for row in mix.tools) / counts.total() == pytest.approx(0.2, abs=0.01)
    assert all(counts[row] == 1 for row in mix.learnt if row not in mix.tools)
    assert max(counts[row] for row in mix.tools) - min(counts[row] for row in mix.tools) <= 1


def test_a_single_tool_call_is_not_learnt_by_heart() -> None:
    mix = Mix(tuple(range(50)), tools=frozenset({7}))
    assert Counter(shown(mix, 1, epoch_length(Survey(50, 1), Shares(0.5)), Shares(0.5)))[7] == MOST_REPEATS


def test_a_run_that_goes_on_replays_its_share_of_older_examples_and_all_of_them_in_the_end() -> None:
    mix = Mix(tuple(range(70)), older=tuple(range(70, 190)))
    length = epoch_length(Survey(190, 0, new=70), Shares(replay=0.3))
    assert length == 100
    for epochs in (1, 4):
        counts = Counter(shown(mix, epochs, length, Shares(replay=0.3)))
        assert sum(counts[row] for row in mix.older) == epochs * 30
        assert all(counts[row] == epochs for row in mix.learnt)
    assert all(counts[row] == 1 for row in mix.older), "four epochs of 30 are all 120 of them, none twice"


def test_what_was_really_said_gets_its_share_beside_lessons_as_far_as_twice_goes() -> None:
    tools = frozenset(range(5))
    few, many = frozenset(range(5, 25)), frozenset(range(5, 65))
    for talk, wanted in ((few, 40 / 320), (many, 0.2)):
        mix = Mix(tuple(range(300)), tools=tools, talk=talk)
        survey = Survey(300, len(tools), lessons=300 - len(tools) - len(talk))
        length = epoch_length(survey, Shares(talk=0.2))
        counts = Counter(shown(mix, 1, length, Shares(talk=0.2)))
        assert counts.total() == length
        assert all(counts[row] == 1 for row in mix.learnt if row not in talk)
        assert {counts[row] for row in talk} <= {1, MOST_TALK}
        assert sum(counts[row] for row in talk) / length == pytest.approx(wanted, abs=0.005)
    assert epoch_length(Survey(300, 5), Shares(talk=0.2)) == 300, "without lessons nothing is shown again"


def test_without_older_examples_nothing_is_replayed() -> None:
    assert Counter(shown(Mix(tuple(range(10))), 1, 10, Shares(replay=0.5))).total() == 10


def test_the_same_seed_gives_the_same_batches_and_another_seed_does_not() -> None:
    mix = Mix(tuple(range(30)), older=(30, 31, 32), tools=frozenset({1, 31}), prompts=(*[0] * 20, *[1] * 13))
    made = [list(batches(12, 4, seed, mix, Shares(0.3, 0.2))) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


def test_batches_hold_one_prompt_where_there_are_several_and_every_example_comes_up_equally_often() -> None:
    prompts = tuple([0] * 50 + [1] * 30 + [2] * 20)
    mix = Mix(tuple(range(100)), prompts=prompts)
    steps = list(batches(50, 8, 5, mix))  # four epochs
    assert set(Counter(row for step in steps for row in step).values()) == {4}
    pure = sum(len({prompts[row] for row in step}) == 1 for step in steps)
    mixed = sum(len({prompts[row] for row in step}) == 1 for step in batches(50, 8, 5, Mix(tuple(range(100)))))
    assert pure >= 34 and mixed <= 2


def test_no_example_prefers_a_place_in_the_run() -> None:
    """Over many seeds, each example is about as often in the first half of a pass as in the second."""
    prompts = tuple([0] * 12 + [1] * 8)
    early = Counter(
        row for seed in range(400) for step in islice(batches(5, 4, seed, Mix(tuple(range(20)), prompts=prompts)), 2)
        for row in step
    )  # fmt: skip
    assert all(120 <= early[row] <= 200 for row in range(20)), "160 expected, standard deviation 10 to 20"


def test_equal_questions_stay_on_one_side_of_the_validation() -> None:
    questions = [f"pergunta {number % 90}" for number in range(120)]
    chosen = choose_validation(questions, 20, 1)
    aside = {questions[row] for row in chosen}
    assert 20 <= len(chosen) <= 21
    assert aside.isdisjoint(questions[row] for row in range(120) if row not in chosen)
    assert chosen == choose_validation(questions, 20, 1) != choose_validation(questions, 20, 2)


def test_a_few_examples_are_not_given_away_to_measure_on() -> None:
    assert len(choose_validation([str(number) for number in range(9)], 64, 1)) == 3
    assert not choose_validation(["a mesma"] * 50, 5, 1), "nothing else would be left of it"


def test_prompts_are_numbered_by_their_text() -> None:
    assert number_prompts(["a", "b", "a", "c"]) == (0, 1, 0, 2)
