"""The owner's pages in Portuguese say what really is said, found and done."""

from __future__ import annotations

import json
import re

from aeon_plugin_ft.messages import Language, entries
from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.settings import all_keys
from aeon_plugin_ft.voice.matcher import match
from tests.conftest import REPOSITORY

PROBLEMS, PRIVACY, VOICE, PANEL, INSTALL = (
    (REPOSITORY / "docs" / f"{name}.pt-BR.md").read_text(encoding="utf-8")
    for name in ("problems", "privacy", "voice", "panel", "install")
)


def test_the_lines_of_doctor_are_named_as_it_names_them() -> None:
    names = {texts[Language.PT][0] for key, texts in entries("cli/doctor").items() if key.startswith("name.")}
    table = PROBLEMS.partition("## O que o doctor diz")[2].partition("\n## ")[0]
    cells = [cell for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)[2:] for cell in row.split(", ")]
    assert len(cells) > 10 and set(cells) <= names


def test_what_an_owner_may_say_is_understood() -> None:
    rows = PROBLEMS.partition("## Quero parar")[2].partition("\n## ")[0]
    forgetting = PRIVACY.partition("## Sem deixar rastro")[2].partition("## Onde fica")[0]
    answer = PROBLEMS.partition("## Ele responde mal")[2].partition("\n## ")[0]
    spoken = re.findall(r'"([^"]+)"', rows + forgetting + answer)
    said = [
        one.replace("...", "Lima").replace("\n", " ") for one in spoken if one not in {"sim", "o cofre", "Bia Prado"}
    ]
    assert len(said) >= 10 and not [one for one in said if match(one) is None]


def test_what_is_replaced_is_replaced_like_that() -> None:
    before, after = re.findall(r'"(meu cpf[^"]+)"', PRIVACY)
    assert Redactor("redact", ()).redact(before) == after


def test_the_settings_that_they_name_exist() -> None:
    named = set(re.findall(r"(?<![\w/(\[])(?:privacy|memory|gate|serve)\.(?!md|pt)[a-z_]+", PROBLEMS + PRIVACY))
    assert len(named) >= 4 and named <= set(all_keys())


def test_every_order_of_the_voice_page_is_understood_and_what_is_none_is_not() -> None:
    rows = [line.split("|")[2] for line in VOICE.splitlines() if line.startswith("| ")]
    said = re.findall(r'"([^"]+)"', " ".join(rows))
    assert len(said) > 40 and not [one for one in said if match(one) is None]
    for other in ("pausa o treino e lista as versões", "corrige meu texto"):
        assert f'"{other}"' in VOICE and match(other) is None


def test_the_buttons_of_the_panel_page_are_named_as_on_the_panel() -> None:
    named = {text for texts in entries("panel").values() for text in texts[Language.PT]}
    # What begins a line is a question of the page's own.
    bold = [one.replace("\n", " ") for one in re.findall(r"(?<!\n)\*\*(\S[^*]*\S)\*\*", PANEL)]
    assert len(set(bold)) > 20 and set(bold) <= named


def test_what_the_installer_says_on_its_page_it_says() -> None:
    spoken = (REPOSITORY / "aeon_plugin_ft/install/data/sentences.json").read_text(encoding="utf-8")
    said = " ".join(texts["pt"] for texts in json.loads(spoken).values())
    said += (REPOSITORY / "install.ps1").read_text(encoding="utf-8")
    rows = INSTALL.partition("## Se falta o Python")[2].partition("\n## ")[0]
    quoted = ["Pronto.", "progresso do treino", *re.findall(r'"([^"`]+)"', rows)]
    assert len(quoted) >= 6 and not [one for one in quoted if one not in said]
