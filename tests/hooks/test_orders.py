"""The typed commands: their names, the sentences that they are, and what the conversation says in two languages."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping

import pytest

from aeon_plugin_ft.messages import speaker
from aeon_plugin_ft.voice.intents import Name
from aeon_plugin_ft.voice.matcher import match
from hooks import orders, sayings
from hooks.orders import Order
from hooks.sayings import TEXTS, language_of, say
from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def portuguese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEON_FT_LANGUAGE", "pt")


@pytest.mark.parametrize(
    ("typed", "name", "about"),
    [
        ("/modelo", Name.WHICH_MODEL, ""),
        ("/model base", Name.USE, "base"),
        ("/modelo treinado", Name.USE, "trained"),
        ("/model trained", Name.USE, "trained"),
        ("/modelo v0012", Name.USE, "v0012"),
        ("/MODELO 2", Name.USE, "v0002"),
        ("/desfazer", Name.UNDO, ""),
        ("/undo", Name.UNDO, ""),
        ("/bom", Name.LEARN_LAST, ""),
        ("/bad", Name.MARK_WRONG, ""),
        ("/esquece", Name.FORGET_LAST, ""),
        ("/forget sogra", Name.FORGET_ABOUT, "sogra"),
        ("/corrige o nome dela é Fork", Name.CORRECT, "o nome dela é Fork"),
        ("/correct 42", Name.CORRECT, "42"),
        ("/corrige sim", Name.CORRECT, "sim"),
        ("/corrige esquece isso", Name.CORRECT, "esquece isso"),
        ("/corrige modelo base", Name.CORRECT, "modelo base"),
    ],
)
def test_a_command_is_a_sentence_that_the_plugin_knows(typed: str, name: Name, about: str) -> None:
    said: list[str] = []
    assert orders.obey(orders.read(typed), lambda sentence: said.append(sentence) or "feito") == "feito"  # type: ignore[func-returns-value]
    intent = match(said[0])
    assert intent is not None and intent.name is name
    assert (intent.text or "".join(intent.versions)) == about


def test_a_correction_may_be_long() -> None:
    intent = match(f"a resposta certa é: {'palavra ' * 300}")
    assert intent is not None and intent.name is Name.CORRECT and len(intent.text.split()) == 300


@pytest.mark.parametrize("order", list(Order))
def test_each_command_has_a_name_in_either_language(order: Order) -> None:
    names = [name for name, one in orders.NAMES.items() if one is order]
    assert len(names) == 2 and order.value in names
    assert all(any(f"/{name}" in text for text in TEXTS["help"]) for name in names)


def test_where_nothing_learns_a_command_is_never_asked_of_a_model() -> None:
    for typed in ("/bom", "/desfazer", "/modelo", "/modelo 3", "/esquece"):
        assert orders.obey(orders.read(typed), lambda _: None) == say("nobody_learns")
    assert orders.obey(orders.read("/corrige 🙂"), lambda _: None) == say("not_noted")


def test_an_answer_with_nothing_to_show_is_an_answer() -> None:
    assert orders.obey(orders.read("/bom"), lambda _: "") == ""


def test_a_command_that_lacks_its_words_says_how_it_is_written() -> None:
    assert "/corrige TEXTO" in str(orders.obey(orders.read("/corrige  "), lambda _: "nunca"))
    assert "llama3" in str(orders.obey(orders.read("/modelo llama3"), lambda _: "nunca"))


@pytest.mark.parametrize(
    ("name", "near"),
    [("modeo", "/modelo"), ("modl", "/model"), ("desfaz", "/desfazer"), ("esquecer", "/esquece"), ("xyzzy", None)],
)
def test_the_nearest_command_is_named(name: str, near: str | None) -> None:
    assert orders.read(f"/{name}").order is None
    answer = orders.unknown(name)
    assert f"/{name}" in answer and (f"dizer {near}?" in answer if near else "Você quis" not in answer)


@pytest.mark.parametrize(
    ("typed", "heard"),
    [("yes", "sim"), ("Y.", "sim"), ("no", "não"), ("n", "não"), ("sim", "sim"), ("yes sir", "yes sir")],
)
def test_a_yes_in_english_is_one(typed: str, heard: str) -> None:
    assert orders.consent(typed) == heard


def slots(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_sentence_is_there_in_both_languages_with_the_same_slots_and_is_said() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for f in ("core", "hooks") for path in (REPOSITORY / f).glob("*.py")
    )
    for key, (portuguese, english) in TEXTS.items():
        assert portuguese and english and slots(portuguese) == slots(english), key
        assert key == "worked" or portuguese != english, key
        assert len(re.findall(rf'"{key}"|\'{key}\'', code)) > 1, f"{key} is never said"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LANG": "pt_BR.UTF-8"},
        {"LANG": "en_US"},
        {"LC_ALL": "C", "LANG": "pt_BR"},
        {"LANGUAGE": "pt:en", "LANG": "C"},
    ],
)
@pytest.mark.parametrize("windows", [None, 0x0416, 0x0816, 0x0409])
def test_it_speaks_the_language_that_the_plugin_speaks(environ: Mapping[str, str], windows: int | None) -> None:
    assert language_of(environ, windows) == speaker.language_of(environ, windows).value


def test_the_language_may_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sayings.say("bye") == "Até."
    monkeypatch.setenv("AEON_FT_LANGUAGE", "en")
    assert sayings.say("bye") == "Bye."
    monkeypatch.setenv("AEON_FT_LANGUAGE", "")
    monkeypatch.setenv("LANGUAGE", "pt_BR")
    assert sayings.say("bye") == "Até."
