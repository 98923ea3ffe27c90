"""Words that a voice can read."""

from __future__ import annotations

from datetime import datetime

from aeon_plugin_ft.voice import sayable

NOON = datetime(2026, 5, 10, 12, 0).timestamp()


def test_numbers() -> None:
    for value, feminine, said in [
        (0, False, "zero"),
        (21, False, "vinte e um"),
        (21, True, "vinte e uma"),
        (200, True, "duzentas"),
        (2500, True, "duas mil e quinhentas"),
        (1_000_002, True, "um milhão e duas"),
    ]:
        assert sayable.number(value, feminine=feminine) == said


def test_counts() -> None:
    assert sayable.conversations(0) == "nenhuma conversa"
    assert sayable.conversations(1) == "uma conversa"
    assert sayable.conversations(500) == "quinhentas conversas"
    assert sayable.count(2, "minuto", "minutos", feminine=False) == "dois minutos"


def test_percentages() -> None:
    for share, said in [
        (0.12, "doze por cento"),
        (-0.12, "doze por cento"),
        (0.025, "dois vírgula cinco por cento"),
        (0.004, "zero vírgula quatro por cento"),
        (1.0, "cem por cento"),
        (0.0, "zero por cento"),
    ]:
        assert sayable.percent(share) == said


def test_durations_are_as_exact_as_an_estimate() -> None:
    for seconds, said in [
        (10, "menos de um minuto"),
        (60, "cerca de um minuto"),
        (720, "cerca de doze minutos"),
        (3600, "cerca de uma hora"),
        (4800, "cerca de uma hora e vinte minutos"),
        (4 * 3600 + 17 * 60, "cerca de quatro horas e trinta minutos"),
    ]:
        assert sayable.duration(seconds) == said


def test_moments() -> None:
    for at, said in [
        (datetime(2026, 5, 10, 15, 20), "hoje às quinze e vinte"),
        (datetime(2026, 5, 9, 1, 0), "ontem à uma hora"),
        (datetime(2026, 5, 11, 0, 0), "amanhã à meia-noite"),
        (datetime(2026, 5, 11, 12, 30), "amanhã ao meio-dia e meia"),
        (datetime(2026, 4, 1, 8, 0), "no dia primeiro de abril"),
        (datetime(2026, 12, 3, 8, 0), "no dia três de dezembro"),
    ]:
        assert sayable.moment(at.timestamp(), NOON) == said


def test_windows() -> None:
    assert sayable.window("00:00-06:00") == "entre meia-noite e seis horas"
    assert sayable.window("22:30-05:00") == "entre vinte e duas e meia e cinco horas"


def test_models_have_their_article() -> None:
    assert sayable.version("base") == "o modelo base"
    assert sayable.version("trained") == "o modelo treinado"
    assert sayable.version("v0021") == "a versão vinte e um"
    assert sayable.version("llama3.2:3b") == "um modelo de fora"


def test_lists() -> None:
    assert [sayable.join(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a e b", "a, b e c"]


def test_the_words_of_the_owner_are_made_fit_to_be_read() -> None:
    for text, said in [
        ("**42** litros.", "quarenta e dois litros"),
        ("veja https://exemplo.com.br `agora`", "veja agora"),
        ("11987654321", "um um nove oito sete seis cinco quatro três dois um"),
        ("007", "zero zero sete"),
        ("x" * 81, None),
        ("...", None),
    ]:
        assert sayable.spoken(text) == said
