"""The held-out split: no question on both sides, newest conversations, deterministic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aeon_plugin_ft.dataset.model import Example
from aeon_plugin_ft.dataset.split import heldout_size, split
from aeon_plugin_ft.dataset.words import normal
from hooks import Message


def example(number: int, user: str, session: str, turns: tuple[str, ...] = ()) -> Example:
    messages = (Message("user", user), Message("assistant", f"r{number}"))
    return Example(str(number), messages, turns or (str(number),), session)


EXAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["oi", "Oi!", "oí", "sair", "e aí?", "timer", "a", "b", "c", "?", "!"]), st.integers(0, 6)
    ),
    max_size=60,
).map(lambda rows: [example(n, user, f"s{session}") for n, (user, session) in enumerate(rows)])


@given(EXAMPLES, st.floats(0.01, 0.49), st.integers(1, 30))
def test_no_question_is_on_both_sides_and_nothing_is_lost(examples: list[Example], share: float, least: int) -> None:
    train, heldout = split(examples, share, least)
    keys = [{normal(e.user) or e.user for e in side} for side in (train, heldout)]
    assert keys[0].isdisjoint(keys[1])
    assert sorted([*train, *heldout], key=lambda e: int(e.id)) == examples
    assert split(examples, share, least) == (train, heldout)


@given(EXAMPLES, st.floats(0.01, 0.49), st.integers(1, 30))
def test_the_split_keeps_to_its_size(examples: list[Example], share: float, least: int) -> None:
    _, heldout = split(examples, share, least)
    most_repeated = max((sum(normal(a.user) == normal(b.user) for b in examples) for a in examples), default=0)
    assert len(heldout) <= 2 * heldout_size(len(examples), share, least) + most_repeated


def test_whole_newest_conversations_are_held_out() -> None:
    examples = [example(n, f"q{n}", f"s{n // 10}") for n in range(100)]
    train, heldout = split(examples, 0.2, 1)
    assert [e.session for e in heldout] == ["s8"] * 10 + ["s9"] * 10
    assert len(train) == 80


def test_of_one_long_conversation_the_newest_part_is_held_out() -> None:
    examples = [example(n, f"q{n}", "s") for n in range(60)]
    _, heldout = split(examples, 0.1, 1)
    assert [e.id for e in heldout] == [str(n) for n in range(54, 60)]


def test_questions_that_come_again_elsewhere_are_trained_on() -> None:
    examples = [example(n, "sair" if n % 5 == 4 else f"q{n}", f"s{n // 5}") for n in range(50)]
    _, heldout = split(examples, 0.2, 1)
    assert heldout
    assert "sair" not in {e.user for e in heldout}


def test_a_small_collection_keeps_two_thirds_to_train_on() -> None:
    assert heldout_size(30, 0.1, 20) == 10
    assert heldout_size(1000, 0.1, 20) == 100
    assert heldout_size(2, 0.1, 20) == 0
    assert heldout_size(100, 0.1, 20) == 20


def test_history_does_not_carry_a_held_out_reply_into_training() -> None:
    # Question 5 is repeated earlier, so 5 stays in training although 4, its history, is held out.
    rows = [example(n, f"q{n}", "s", (str(n),)) for n in range(5)]
    repeated = [example(5, "q0", "s", ("4", "5"))]
    train, heldout = split([*rows, *repeated], 0.2, 1)
    targets = {e.id for e in heldout}
    assert targets
    assert all(targets.isdisjoint(e.turns[:-1]) for e in train)
