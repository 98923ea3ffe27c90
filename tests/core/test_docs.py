"""The pages on the console and on life inside an Aeon name what there is."""

from __future__ import annotations

import argparse
import re

import pytest

from core.terminal import _parser
from hooks import repairs
from hooks.orders import NAMES
from hooks.sayings import TEXTS
from tests.conftest import REPOSITORY

CONSOLE = (REPOSITORY / "docs" / "console.md").read_text(encoding="utf-8")
AEON = (REPOSITORY / "docs" / "aeon.md").read_text(encoding="utf-8")


def test_the_console_page_names_every_option_and_no_other() -> None:
    options = {
        name
        for action in _parser()._actions
        if not isinstance(action, argparse._HelpAction)
        for name in action.option_strings
    }
    assert set(re.findall(r"`(--[\w-]+)", CONSOLE)) == options


def test_the_console_page_and_the_help_name_the_same_commands() -> None:
    said = {name for text in TEXTS["help"] for name in re.findall(r"(?<![\w])/[a-z]{3,}", text)}
    assert said == {f"/{name}" for name in NAMES}
    assert said == set(re.findall(r"(?<![\w:/.*])/[a-z]{3,}(?=[ `])", CONSOLE))


@pytest.mark.parametrize("name", ["window", "typed", "private"])
def test_every_repair_is_described(name: str) -> None:
    assert callable(getattr(repairs, f"_{name}")) and f"| {name} |" in AEON
