"""What is to be forgotten is found as whole words, with their plural, and nowhere else."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.dataset.sought import forms, pattern_of
from aeon_plugin_ft.privacy.folding import fold_accents


def finds(sought: str, text: str) -> bool:
    pattern = pattern_of(sought)
    return pattern is not None and pattern.search(fold_accents(text)) is not None


@pytest.mark.parametrize(
    ("sought", "text"),
    [
        ("a minha ex", "por exemplo, é assim"),
        ("o mar", "a Marina ligou"),
        ("o mar", "foi em março"),
        ("Ana", "toda semana"),
        ("Ana", "o Anacleto chegou"),
        ("sogra", "a sograda"),
        ("Deus", "ele deu tudo"),
        ("Marcos", "foi em março"),
        ("o pão de queijo", "pão com queijo"),
        ("a minha", "a minha casa"),
        ("  ", "nada"),
        ("?!", "o quê?!"),
    ],
)
def test_what_is_another_word_is_not_found(sought: str, text: str) -> None:
    assert not finds(sought, text)


@pytest.mark.parametrize(
    ("sought", "text"),
    [
        ("a minha ex", "falei com a Ex ontem"),
        ("a minha ex", "o ex-marido dela"),
        ("o mar", "Vi o MAR."),
        ("o mar", "dos sete mares"),
        ("vulcão", "vulcões ativos"),
        ("vulcões", "aquele vulcão"),
        ("os meus alemães", "um alemão"),
        ("viagem", "as viagens todas"),
        ("jornais", "li num jornal"),
        ("papéis", "um papel"),
        ("o professor", "os professores"),
        ("luzes", "a luz acabou"),
        ("meses", "faz um mês"),
        ("gatas", "a gata"),
        ("pão de queijo", "comi pão de queijo"),
        ("pão de queijo", "comi pão\nde  queijo"),
        ("Zuleica Prado", "a zuleica prado veio"),
        ("9h30", "às 9h30 em ponto"),
        ("b@c.com", "escreve para b@c.com"),
    ],
)
def test_the_word_is_found_in_both_numbers_however_it_is_written(sought: str, text: str) -> None:
    assert finds(sought, text)


def test_a_word_is_among_its_own_forms() -> None:
    assert {"vulcao", "vulcoes"} <= set(forms("vulcao")) & set(forms("vulcoes")) and forms("ex") == ["ex"]
