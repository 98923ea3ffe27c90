"""What the command line and every error say comes from the catalogue, in the language of the process."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aeon_plugin_ft import errors
from aeon_plugin_ft.messages import Language, Speaker, catalogue, entries, language, speak
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE, language_of
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "aeon_plugin_ft"
SOURCES = sorted(PACKAGE.rglob("*.py"))
SPOKEN = sorted(
    path.relative_to(catalogue.DATA).with_suffix("").as_posix()
    for pattern in ("errors/*.toml", "cli/*.toml", "schedule.toml")
    for path in catalogue.DATA.glob(pattern)
)
HELP = "cli/help"
"""Asked for by the path of each command: tests/cli/test_help.py looks whether each is there, and none beside."""
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
BUILD_THEIR_OWN = {"RefusedError", "RunStoppedError", "SettingsError"}
"""What they are given is a reason or a state, and their sentence is made in errors.py."""


class Said:
    """How one module asks for sentences: the area of each of its speakers, and the keys that it asks each for."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.areas = dict(self._speakers())

    def _speakers(self) -> Iterator[tuple[str, str]]:
        for node in ast.walk(self.tree):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
                continue
            made, target = node.value, node.targets[0]
            if isinstance(made.func, ast.Name) and made.func.id == "Speaker" and isinstance(target, ast.Name):
                assert isinstance(made.args[0], ast.Constant), ast.unparse(node)
                yield target.id, str(made.args[0].value)

    def asked(self) -> Iterator[tuple[str, str, bool]]:
        """(area, key, whether it is whole); of a key that is put together only how it begins."""
        for node in ast.walk(self.tree):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            speaker = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            if not (isinstance(speaker, ast.Name) and speaker.id in self.areas):
                continue
            for choice in _choices(node.args[0]):
                yield (self.areas[speaker.id], *choice)


def _choices(key: ast.expr) -> Iterator[tuple[str, bool]]:
    if isinstance(key, ast.IfExp):
        yield from _choices(key.body)
        yield from _choices(key.orelse)
    elif isinstance(key, ast.Constant):
        yield str(key.value), True
    else:
        assert isinstance(key, ast.JoinedStr) and isinstance(key.values[0], ast.Constant), ast.unparse(key)
        yield str(key.values[0].value), False


def test_every_sentence_that_is_asked_for_is_there_and_none_beside() -> None:
    asked = [(path.name, *one) for path in SOURCES for one in Said(path).asked()]
    missing = [one for one in asked if one[3] and one[2] not in entries(one[1])]
    assert missing == []
    for area in set(SPOKEN) - {HELP}:
        whole = {key for _, of, key, complete in asked if of == area and complete}
        begun = tuple(key for _, of, key, complete in asked if of == area and not complete)
        assert [key for key in entries(area) if key not in whole and not key.startswith(begun or ("\0",))] == [], area


@pytest.mark.parametrize("area", SPOKEN)
def test_no_sentence_is_the_same_in_both_languages(area: str) -> None:
    same = [
        key
        for key, texts in entries(area).items()
        if texts[Language.PT] == texts[Language.EN] and any(len(form.split()) > 3 for form in texts[Language.PT])
    ]
    assert same == []


def outside(path: Path) -> list[str]:
    """Errors of ours that are raised with words of their own."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS):
            continue
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if any(len(text.split()) > 1 for text in _texts(argument)) and node.func.id not in BUILD_THEIR_OWN:
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {node.func.id}")
                break
    return found


def _texts(argument: ast.expr) -> Iterator[str]:
    """What is written out in an argument; not the keys and slots of a call."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.JoinedStr):
        yield "".join(part.value for part in argument.values if isinstance(part, ast.Constant))
    elif isinstance(argument, ast.IfExp):
        yield from _texts(argument.body)
        yield from _texts(argument.orelse)
    elif isinstance(argument, ast.BinOp):
        yield from _texts(argument.left)
        yield from _texts(argument.right)


def test_no_error_has_words_of_its_own() -> None:
    assert [one for path in SOURCES for one in outside(path)] == []


# -- what the command line prints ----------------------------------------------------------------

NOT_YET = {"chat", "main"}
"""Commands whose sentences are still their own."""
NO_LANGUAGE = {"bold red", "bold cyan"}
"""Literals of several words that nobody reads: styles of rich's."""
PRINTING = {"print", "say_plainly", "table", "mark", "confirm", "prompt", "Text", "append", "append_text", "Panel",
            "TextColumn", "add_task", "add_column", "add_row", "echo"}  # fmt: skip


def printed(code: str) -> list[str]:
    """Literals of two words and more that a module gives to what prints; what stands in {} is no word."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if not (isinstance(node, ast.Call) and _name(node.func) in PRINTING):
            continue
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            texts = [re.sub(r"\{[^{}]*\}", " ", text) for text in _literals(argument)]
            found += [text for text in texts if len(_words(text)) > 1 and text not in NO_LANGUAGE]
    return found


def _words(text: str) -> list[str]:
    return [word for word in text.split() if re.search(r"[^\W\d_]{2}", word)]


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _literals(argument: ast.expr) -> Iterator[str]:
    """As `_texts`, and through what chooses between texts or lists them."""
    if isinstance(argument, ast.BoolOp):
        parts = argument.values
    elif isinstance(argument, (ast.Tuple, ast.List)):
        parts = argument.elts
    elif isinstance(argument, ast.IfExp):
        parts = [argument.body, argument.orelse]
    elif isinstance(argument, ast.JoinedStr):
        yield from _texts(argument)
        parts = [part.value for part in argument.values if isinstance(part, ast.FormattedValue)]
    else:
        yield from _texts(argument)
        return
    for part in parts:
        yield from _literals(part)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('out.print("No run yet.")', ["No run yet."]),
        ('out.print(f"{count} turns of {name}")', [" turns of "]),
        ('table("Left out", ("turn", "told by"), rows)', ["Left out", "told by"]),
        ('out.print(_say("runs.none") if rows else "all is well")', ["all is well"]),
        ('typer.confirm("Forget them?", abort=True)', ["Forget them?"]),
        ("Text(f\"left out: {why or 'no reason'}\")", ["left out: ", "no reason"]),
        ('out.print(_say("runs.none"))', []),
        ('TextColumn("{task.fields[step]}/{task.total:.0f}")', []),
        ('out.print("aeon-ft")', []),
        ('log.info("a run was left")', []),
    ],
)
def test_the_check_below_knows_a_sentence_when_it_sees_one(code: str, words: list[str]) -> None:
    assert printed(code) == words


def test_no_command_has_words_of_its_own() -> None:
    modules = [path for path in (PACKAGE / "cli").glob("*.py") if path.stem not in NOT_YET]
    assert len(modules) > 10
    assert {path.name: found for path in modules if (found := printed(path.read_text(encoding="utf-8")))} == {}


# -- which language ------------------------------------------------------------------------------


def test_the_language_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_LANGUAGE)
    try:
        speak(Language.PT)
        assert language() is Language.PT
        speak(Language.EN)
        assert language() is Language.EN
        monkeypatch.setenv(ENV_LANGUAGE, "pt")
        assert language() is Language.PT, "the variable is the owner's last word"
    finally:
        speak(None)


@pytest.mark.parametrize(
    ("environ", "windows", "wanted"),
    [
        ({"LANG": "pt_BR.UTF-8"}, None, Language.PT),
        ({"LANG": "en_US.UTF-8"}, None, Language.EN),
        ({"LANG": "de_DE.UTF-8"}, 0x0416, Language.EN),
        ({"LC_ALL": "pt_PT", "LANG": "C"}, None, Language.PT),
        ({"LC_ALL": "", "LANG": "pt_BR"}, None, Language.PT),
        ({"LANGUAGE": "pt_BR:en", "LANG": "en_US"}, None, Language.PT),
        ({}, 0x0416, Language.PT),
        ({}, 0x0816, Language.PT),
        ({}, 0x0409, Language.EN),
        ({}, None, Language.EN),
    ],
)
def test_the_language_of_a_system(environ: dict[str, str], windows: int | None, wanted: Language) -> None:
    assert language_of(environ, windows) is wanted


def test_a_speaker_says_an_error_in_two_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made.toml").write_text(
        '[a]\nb = { pt = ["{x} caiu", "Ligue"], en = ["{x} is down", "Start it"] }\nc = { pt = "só", en = "only" }\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    say = Speaker("made")
    assert say.error("a.b", x="Ollama") == ("Ollama is down", "Start it")
    assert say.error("a.c") == ("only", "")
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert say.error("a.b", x="Ollama") == ("Ollama caiu", "Ligue")
    assert say("a.c") == "só"
