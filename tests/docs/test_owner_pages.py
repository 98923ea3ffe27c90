"""The owner's pages in Portuguese say what really is said, found and done."""

from __future__ import annotations

import re

from aeon_plugin_ft.messages import Language, entries
from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.settings import all_keys
from aeon_plugin_ft.voice.matcher import match
from tests.conftest import REPOSITORY

PROBLEMS, PRIVACY = (
    (REPOSITORY / "docs" / name).read_text(encoding="utf-8") for name in ("problems.pt-BR.md", "privacy.pt-BR.md")
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
