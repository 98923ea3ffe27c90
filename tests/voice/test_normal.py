"""Spelling and sound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aeon_plugin_ft.voice.normal import plain, sound, words


def test_homophones_sound_alike() -> None:
    for one, other in [
        ("pausa", "pauza"),
        ("versão", "versam"),
        ("treino", "treno"),
        ("comece", "comesse"),
        ("esquece", "esquesse"),
        ("errado", "herrado"),
        ("treinar", "treina"),
        ("modelo", "modelu"),
        ("sessenta", "cessenta"),
        ("original", "originau"),
    ]:
        assert sound(plain(one)) == sound(plain(other))


def test_different_words_sound_different() -> None:
    for one, other in [("treina", "treino"), ("versão", "verão"), ("apaga", "pausa")]:
        assert sound(plain(one)) != sound(plain(other))


def test_the_cedilla_sounds_like_an_s() -> None:
    assert words("verção")[0].sound == words("versão")[0].sound


@given(st.text(max_size=80))
def test_words_know_their_place(text: str) -> None:
    found = words(text)
    assert all(0 <= word.start < word.end for word in found)
    assert all(word.plain and " " not in word.plain for word in found)


def test_a_thousands_point_belongs_to_the_number() -> None:
    assert [word.plain for word in words("a cada 1.000 conversas, v7")] == ["a", "cada", "1000", "conversas", "v7"]


def test_digits_grown_into_a_word_are_no_number() -> None:
    assert [word.plain for word in words("usa o modelo 3ado às 22h")] == ["usa", "o", "modelo", "3ado", "as", "22", "h"]
