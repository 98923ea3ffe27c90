"""Check digits, against numbers made by other arithmetic and against slips of one digit."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest

from aeon_plugin_ft.privacy import checks
from aeon_plugin_ft.privacy.folding import fold_in_place
from aeon_plugin_ft.privacy.number_words import ALL
from aeon_plugin_ft.privacy.speech import digits_of, spoken_runs
from tests.conftest import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"


@pytest.fixture(scope="module")
def maker() -> Any:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from personal_data import Maker
    finally:
        sys.path.remove(str(BENCHMARKS))
    return Maker(random.Random(4))


@pytest.mark.parametrize(
    ("slot", "check"),
    [
        ("cpf_bare", checks.is_cpf),
        ("cnpj_bare", checks.is_cnpj),
        ("cnpj_alpha_bare", checks.is_cnpj),
        ("card_bare", checks.is_card),
        ("cnh", checks.is_cnh),
        ("phone_bare", checks.is_phone),
    ],
)
def test_a_made_number_is_right(maker: Any, slot: str, check: Any) -> None:
    assert all(check(maker.value(slot)) for _ in range(200))


@pytest.mark.parametrize(
    ("slot", "check"),
    [("cpf_bare", checks.is_cpf), ("cnpj_bare", checks.is_cnpj), ("card_bare", checks.is_card), ("cnh", checks.is_cnh)],
)
def test_a_slip_in_the_last_digit_is_wrong(maker: Any, slot: str, check: Any) -> None:
    for _ in range(100):
        number = maker.value(slot)
        assert not check(number[:-1] + str((int(number[-1]) + 1) % 10))


@pytest.mark.parametrize("digits", ["1" * 11, "0" * 11])
def test_one_digit_repeated_is_no_document(digits: str) -> None:
    assert not checks.is_cpf(digits)
    assert not checks.is_cnh(digits)


def test_a_driving_licence_with_a_first_remainder_of_ten() -> None:
    """Weights 9 to 1 give 9 * 1 + 1 * 1 = 10 on this body: the digit is 0 and two come off the second."""
    assert checks.is_cnh("10000000108")
    assert not checks.is_cnh("10000000101")


def test_service_numbers_are_nobodys_phone() -> None:
    assert checks.is_personal_phone("47991234567")
    assert not checks.is_personal_phone("08007290722")


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("cinco dois nove", "529"),
        ("quarenta e sete nove nove um", "47991"),
        ("cento e vinte e três", "123"),
        ("meia meia zero", "660"),
        ("duzentos e um", "201"),
        ("dezenove noventa e nove", "1999"),
        ("um 2 três", "123"),
        ("vinte vinte e um", "2021"),
    ],
)
def test_spoken_numbers_become_digits(said: str, digits: str) -> None:
    [run] = spoken_runs(fold_in_place(said))
    assert digits_of(run) == digits


def test_a_dropped_e_can_be_read_both_ways() -> None:
    [run] = spoken_runs("quarenta sete")
    assert digits_of(run) == "407"
    assert digits_of(run, join_without_e=True) == "47"


def test_spoken_digits_read_back_as_what_was_said(maker: Any) -> None:
    for _ in range(100):
        number = maker.cpf_bare()
        runs = list(spoken_runs(fold_in_place(maker.spoken(number))))
        assert [digits_of(run) for run in runs] == [number]


def test_number_words_are_stored_without_accents() -> None:
    assert {fold_in_place(word) for word in ALL} == set(ALL)
