"""Numbers as they are said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aeon_plugin_ft.voice.normal import plain
from aeon_plugin_ft.voice.numbers import read_number, value_of
from aeon_plugin_ft.voice.sayable import number


@given(st.integers(min_value=0, max_value=999_999), st.booleans())
def test_what_is_said_is_read_back(value: int, feminine: bool) -> None:
    said = plain(number(value, feminine=feminine)).split()
    assert read_number(said) == (value, len(said))


def test_a_number_ends_where_the_next_begins() -> None:
    for said, value, used in [
        ("7 minutos", 7, 1),
        ("v7", 7, 1),
        ("2 mil conversas", 2000, 2),
        ("quinhentas e vinte conversas", 520, 3),
        ("mil conversas", 1000, 1),
        ("cete", 7, 1),
        ("tres quatro", 3, 1),
        ("duas e seis", 2, 1),
        ("vinte e", 20, 1),
    ]:
        assert read_number(said.split()) == (value, used)


def test_other_words_are_no_numbers() -> None:
    for word in ["", "e", "treino", "versao", "os"]:
        assert value_of(word) is None
        assert read_number([word]) is None
