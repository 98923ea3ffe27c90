"""A repair of what was encoded twice, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.importers.importing import import_file
from aeon_plugin_ft.dataset.importers.mojibake import mended


def twice(text: str) -> str:
    return text.encode().decode("latin-1")


GOOD = [
    "Ele disse “AMANHÃ” e “IRMÃ” — e escreveu MAÇÃ– assim: MAÇÕES. NÃO—SIM", "ATÉ AMANHÃ… disse ela", "LEBLÃ—RIO",
    "“ATÉ AMANHÔ, NÃ–SIM", "AMANHÃ”", "“AMANHÃ” e “IRMÔ", "«AMANHÃ» «IRMÃ»", "MAÇÃ\u00a0e PERA",
    "por que aparece nÃ£o em vez de não?", "R$ 5 — Â", "a temperatura é 30Âº hoje, não 20º",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_good_text_of_a_sound_file_stays_as_it_is(text: str) -> None:
    assert mended(text, file_is_sound=True) == text


@pytest.mark.parametrize(
    "text", ["não sei, você é são", "à toa, João: “já foi” — até amanhã…", "coração, ação", "30º e 5ª"]
)
def test_text_that_was_encoded_twice_is_repaired(text: str) -> None:
    assert mended(twice(text), file_is_sound=True) == text
    assert mended(twice(twice(text)), file_is_sound=False) == text


def test_a_single_pair_is_repaired_only_where_nothing_in_the_file_is_right() -> None:
    assert mended("nÃ£o sei", file_is_sound=True) == "nÃ£o sei"
    assert mended("nÃ£o sei", file_is_sound=False) == "não sei"


@pytest.mark.parametrize("indent", [None, 1])
def test_one_text_of_a_document_does_not_repair_the_others(tmp_path: Path, indent: int | None) -> None:
    rows = [
        {"user": "ATÉ AMANHÃ…", "aeon": "Combinado, ATÉ AMANHÃ… e leve “MAÇÃ”."},
        {"user": "por que aparece nÃ£o em vez de não?", "aeon": "É a codificação errada."},
        {"user": twice("não é você, são João?"), "aeon": "É."},
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=indent), encoding="utf-8")
    found = import_file(path)
    assert [(turn.user, turn.reply) for turn in found.turns] == [
        ("ATÉ AMANHÃ…", "Combinado, ATÉ AMANHÃ… e leve “MAÇÃ”."),
        ("por que aparece nÃ£o em vez de não?", "É a codificação errada."), ("não é você, são João?", "É."),
    ]  # fmt: skip
    assert "1 lines" in found.notes[0]


def test_a_log_that_was_wholly_encoded_twice_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "conversation.log"
    path.write_text(twice("VOCÊ: ação\nAEON: NÃO, “já” foi, irmão…\n"), encoding="utf-8")
    assert [(turn.user, turn.reply) for turn in import_file(path).turns] == [("ação", "NÃO, “já” foi, irmão…")]
