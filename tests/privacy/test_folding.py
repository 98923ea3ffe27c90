"""Three ways to fold a text: quick, and exactly what keys of existing data were made with."""

from __future__ import annotations

import hashlib
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.dataset.words import normal
from aeon_plugin_ft.privacy.folding import fold_accents, fold_in_place, fold_to_ascii_words
from tests.conftest import REPOSITORY

TEXTS = st.one_of(
    st.text(), st.text(st.characters(max_codepoint=255)), st.text("aÁçãº½ß–_ \u0301İŃ٣Ｏ한.", max_size=12)
)
MARKS = "".join(chr(code) for first, last in
                ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
                for code in range(first, last + 1))  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_in_place_every_character_keeps_its_place(text: str) -> None:
    folded = fold_in_place(text)
    assert len(folded) == len(text)
    for before, after in zip(text, folded, strict=True):
        lower = before.lower() if len(before.lower()) == 1 else before
        assert after in (lower, unicodedata.normalize("NFD", lower)[0])


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_accents_go_and_everything_else_stays(text: str) -> None:
    """The quick way of latin-1 gives what the rule says."""
    assert fold_accents(text) == re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", text.lower()))


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_ascii_words_are_what_is_left_of_the_spelt_out_text(text: str) -> None:
    plain = unicodedata.normalize("NFKD", text.casefold()) if not text.isascii() else text.casefold()
    bare = "".join(" " if not re.match("[0-9a-z]", sign) else sign for sign in plain if sign not in MARKS)
    assert fold_to_ascii_words(text) == " ".join(bare.split())


@pytest.mark.parametrize(
    ("text", "in_place", "accents", "words"),
    [
        ("Ação, é já!", "acao, e ja!", "acao, e ja!", "acao e ja"),
        ("e\u0301", "e\u0301", "e", "e"),
        ("Ńandu", "ńandu", "nandu", "nandu"),
        ("½ nº 2", "½ nº 2", "½ nº 2", "1 2 no 2"),
        ("ß İ", "ß İ", "ß i", "ss i"),
        ("привет, oi", "привет, oi", "привет, oi", "oi"),
    ],
)
def test_what_each_one_is_for(text: str, in_place: str, accents: str, words: str) -> None:
    assert (fold_in_place(text), fold_accents(text), fold_to_ascii_words(text)) == (in_place, accents, words)


def test_what_brazilians_type_has_the_same_words_in_all_three() -> None:
    for line in (REPOSITORY / "samples" / "conversation.log").read_text(encoding="utf-8").splitlines():
        assert fold_in_place(line) == fold_accents(line)
        assert fold_to_ascii_words(line) == " ".join(re.findall("[0-9a-z]+", fold_accents(line))) == normal(line)


def test_keys_of_existing_data_keep_their_values() -> None:
    """Reference values from before the three folds were put side by side."""
    keys = [normal("Qual é o nome da minha gata?"), normal("É… Ńão, e\u0301 às 9h30_ok!"), normal("привет, мир")]
    assert keys == ["qual e o nome da minha gata", "e nao e as 9h30 ok", "привет мир"]
    canned = hashlib.sha256(fold_to_ascii_words("Disponível!").encode()).hexdigest()[:12]
    assert canned == "9a47029dee8f"
