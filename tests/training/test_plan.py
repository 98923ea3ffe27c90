"""Which rows share which prefix: pure arithmetic, checked against brute force."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.training.plan import IGNORED, Row, common_prefix, plan_batch, tokens_computed

SHORT = st.lists(st.integers(0, 3), max_size=12).map(tuple)


def row(ids: tuple[int, ...], supervised_from: int) -> Row:
    return Row(ids, (*[IGNORED] * supervised_from, *ids[supervised_from:]))


@given(SHORT, SHORT)
def test_the_common_prefix_is_the_longest_one(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    expected = 0
    while expected < min(len(first), len(second)) and first[expected] == second[expected]:
        expected += 1
    assert common_prefix(first, second) == expected


def test_rows_with_one_prompt_share_it_up_to_where_they_part() -> None:
    prompt = tuple(range(100, 140))
    rows = [row((*prompt, 1, 2, 3), 41), row((*prompt, 4, 5, 6, 7), 42), row((*prompt, 8, 9), 41)]
    (group,) = plan_batch(rows, micro_tokens=1000)
    assert group.prefix == 40
    assert group.micro == ((1, 0, 2),), "longest suffix first"
    assert tokens_computed(rows, [group]) == (40 + 3 + 4 + 2, 43 + 44 + 42)


def test_the_position_that_predicts_the_first_supervised_token_is_not_shared() -> None:
    prompt = tuple(range(100, 140))
    rows = [row((*prompt, 1, 2), 40), row((*prompt, 1, 3), 40)]
    (group,) = plan_batch(rows, micro_tokens=1000)
    assert group.prefix == 39


def test_two_versions_of_the_prompt_make_two_groups() -> None:
    rows = [
        row((*range(version, version + 60), 1 + number, 2), 61) for version in (100, 300) for number in range(4)
    ]  # fmt: skip
    groups = plan_batch(rows, micro_tokens=1000)
    assert sorted((group.prefix, sorted(group.rows)) for group in groups) == [(60, [0, 1, 2, 3]), (60, [4, 5, 6, 7])]


def test_rows_with_nothing_in_common_stand_alone_and_rows_without_a_target_are_left_out() -> None:
    rows = [row((1, 2, 3), 1), row((4, 5, 6), 1), row((1, 2, 9), 3)]
    groups = plan_batch(rows, micro_tokens=1000)
    assert sorted(group.rows for group in groups) == [(0,), (1,)] or [group.prefix for group in groups] == [0]
    assert all(group.prefix == 0 for group in groups)
    assert {index for group in groups for index in group.rows} == {0, 1}


@settings(max_examples=60)
@given(st.lists(st.tuples(SHORT.filter(lambda ids: len(ids) > 1), st.integers(1, 11)), max_size=8), st.integers(1, 30))
def test_every_row_is_planned_once_within_the_bounds(made: list[tuple[tuple[int, ...], int]], tokens: int) -> None:
    rows = [row(ids, min(start, len(ids) - 1)) for ids, start in made]
    groups = plan_batch(rows, micro_tokens=tokens, min_prefix=2)
    assert sorted(index for group in groups for index in group.rows) == list(range(len(rows)))
    for group in groups:
        prefixes = {rows[index].ids[: group.prefix] for index in group.rows}
        assert len(prefixes) == 1
        assert all(group.prefix <= rows[index].shareable for index in group.rows)
        for part in group.micro:
            assert len(part) == 1 or sum(len(rows[index].ids) - group.prefix for index in part) <= tokens
    shared, apart = tokens_computed(rows, groups)
    assert shared <= apart
