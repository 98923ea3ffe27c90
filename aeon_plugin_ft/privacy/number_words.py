"""Number words of Brazilian Portuguese, without accents; "meia" is the six of dictated digits."""

from __future__ import annotations

UNITS = {
    "zero": 0, "um": 1, "uma": 1, "hum": 1, "dois": 2, "duas": 2, "tres": 3, "quatro": 4,
    "cinco": 5, "seis": 6, "meia": 6, "sete": 7, "oito": 8, "nove": 9,
}  # fmt: skip
TEENS = {
    "dez": 10, "onze": 11, "doze": 12, "treze": 13, "quatorze": 14, "catorze": 14, "quinze": 15,
    "dezesseis": 16, "dezessete": 17, "dezoito": 18, "dezenove": 19,
}  # fmt: skip
TENS = {
    "vinte": 20, "trinta": 30, "quarenta": 40, "cinquenta": 50, "sessenta": 60, "setenta": 70, "oitenta": 80,
    "noventa": 90,
}  # fmt: skip
HUNDREDS = {
    "cem": 100, "cento": 100, "duzentos": 200, "trezentos": 300, "quatrocentos": 400, "quinhentos": 500,
    "seiscentos": 600, "setecentos": 700, "oitocentos": 800, "novecentos": 900,
}  # fmt: skip
ALL = frozenset({**UNITS, **TEENS, **TENS, **HUNDREDS})
BETWEEN = frozenset({"e", "ponto", "traco", "hifen", "barra", "virgula", "espaco", "tracinho", "digito"})
REPEATS = {"duplo": 2, "dobro": 2, "triplo": 3, "quadruplo": 4}
"""The digit that follows is said so many times."""
