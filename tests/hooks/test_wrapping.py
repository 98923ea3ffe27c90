"""A reply is broken between words, however it is cut on its way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hooks.wrapping import Wrapping

WORDS = st.lists(st.text("aé語", min_size=1, max_size=4), min_size=1, max_size=30)


def wrapped(*pieces: str, width: int | None = 20, column: int = 0) -> str:
    shown: list[str] = []
    wrapping = Wrapping(shown.append, lambda: width, column)
    for piece in pieces:
        wrapping.feed(piece)
    wrapping.close()
    return "".join(shown)


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (("uma frase que nao cabe", " nela"), "uma frase que nao\ncabe nela"),
        (("uma fra", "se que nao ca", "be nela"), "uma frase que nao\ncabe nela"),
        (("lista:\n", "  - um\n\n  - dois"), "lista:\n  - um\n\n  - dois"),
        (("x " + "y" * 30 + " z",), "x\n" + "y" * 30 + " z"),
        (("vinte colunas certas",), "vinte colunas certas"),
    ],
)
def test_words_stay_whole(pieces: tuple[str, ...], shown: str) -> None:
    assert wrapped(*pieces) == shown


def test_what_stands_before_counts_and_a_file_is_left_alone() -> None:
    assert wrapped("vinte colunas certas", column=6) == "vinte colunas\ncertas"
    assert wrapped("uma frase que nao cabe nela", width=None) == "uma frase que nao cabe nela"


def test_a_word_is_held_back_only_until_the_next_one() -> None:
    shown: list[str] = []
    wrapping = Wrapping(shown.append, lambda: 20)
    wrapping.feed("uma fra")
    assert "".join(shown) == "uma"
    wrapping.feed("se ")
    assert "".join(shown) == "uma frase"


@given(WORDS, st.integers(8, 30), st.integers(1, 7))
def test_no_line_is_too_wide_and_nothing_is_lost(words: list[str], width: int, cut: int) -> None:
    text = " ".join(words)
    shown = wrapped(*(text[at : at + cut] for at in range(0, len(text), cut)), width=width)
    assert all(cell_len(line) <= width for line in shown.split("\n"))
    assert shown.split() == text.split()
