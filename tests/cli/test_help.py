"""The help of every command: both languages, nothing left out, and what is typed wrong met with a sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from aeon_plugin_ft.cli import tree
from aeon_plugin_ft.cli.help import AREA, ITSELF, ROOT, SEVERAL, text_of
from aeon_plugin_ft.cli.main import app, load_commands, main
from aeon_plugin_ft.messages import Language, entries
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from tests.conftest import REPOSITORY


def commands() -> Iterator[tuple[str, Any]]:
    """Path and command of every one, the program itself included."""
    load_commands()

    def inside(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield path, command
        for name, child in getattr(command, "commands", {}).items():
            yield from inside(f"{path} {name}".strip(), child)

    yield from inside("", get_command(app))


EVERY = dict(commands())


def flat(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def texts(path: str, command: Any) -> dict[str, str]:
    """What the code says of a command and of what it takes."""
    own = {one.name.rstrip("_"): flat(one.help) for one in command.params if one.help}
    return {ITSELF: flat(command.help), **own}


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path or ROOT)
def test_the_catalogue_has_the_help_of_the_code(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, said in texts(path, EVERY[path]).items():
        assert said, name
        assert text_of(path, name) == said, name
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    for name, said in texts(path, EVERY[path]).items():
        translated = text_of(path, name)
        assert translated and (translated != said or len(said) < 40), name


def test_every_option_and_argument_says_what_it_is() -> None:
    silent = [(path, one.name) for path, command in EVERY.items() for one in command.params if not one.help]
    assert silent == []


def test_the_catalogue_has_no_help_of_what_is_not_there() -> None:
    own = {f"{path or ROOT}.{name}" for path, command in EVERY.items() for name in texts(path, command)}
    own |= {f"{SEVERAL}.{key.partition('.')[2]}" for key in own}
    assert [key for key in entries(AREA) if key not in own] == []


def test_every_command_is_in_one_group_of_the_help_and_made_by_its_modules() -> None:
    assert sorted(tree.MODULES) == sorted(EVERY[""].commands)
    for name, modules in tree.MODULES.items():
        code = (
            "import sys; from aeon_plugin_ft.cli.main import app; from aeon_plugin_ft.cli.tree import load;"
            f"load({name!r}); from typer.main import get_command; print(*walk(get_command(app).commands[{name!r}]))"
        )
        walk = "walk = lambda c: [n for n in getattr(c, 'commands', {})]\n"
        done = subprocess.run(
            [sys.executable, "-c", walk + code], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == list(getattr(EVERY[name], "commands", {})), (name, modules)


ENGLISH = re.compile(r"\b(?:the|of|and|with|what|Show|Usage|Options|Commands|required|default)\b")
PORTUGUESE = re.compile(r"\b(?:que|para|uma|não|Opções|Comandos|ajuda)\b")


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path or ROOT)
def test_no_page_is_half_in_one_language(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [*path.split(), "--help"]
    assert main(asked) == 0
    english = capsys.readouterr().out
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert main(asked) == 0
    portuguese = capsys.readouterr().out
    assert english.startswith(f"Usage: {f'{ROOT} {path}'.strip()} [OPTIONS]")
    assert portuguese.startswith(f"Uso: {f'{ROOT} {path}'.strip()} [OPÇÕES]")
    bare = re.sub(r"--[\w-]+|`[^`]*`", "", portuguese)
    assert ENGLISH.findall(bare) == [] and PORTUGUESE.findall(english) == []


def test_a_page_keeps_every_word_however_narrow_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for columns in ("40", "60", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        assert main(["--help"]) == 0
        shown = capsys.readouterr().out
        assert "…" not in shown and "..." not in shown.replace("COMMAND ...", "")
        words = " ".join(shown.split())
        assert all(" ".join(text_of(name).split("\n\n")[0].split()) in words for name in tree.MODULES)


def test_a_command_is_whole_after_another_one_brought_in_a_part_of_it() -> None:
    code = (
        "from aeon_plugin_ft.cli.main import main\n"
        "assert main(['status', '-h']) == 0\n"
        "assert main(['dataset', 'review', '-h']) == main(['models', 'advise', '-h']) == 0"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=True)


def test_the_system_s_language_is_that_of_the_help() -> None:
    def first_line(**environ: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "AEON_FT_"))}
        shown = subprocess.run(
            [sys.executable, "-m", "aeon_plugin_ft.cli", "--help"], env={**kept, **environ}, cwd=REPOSITORY,
            capture_output=True, check=True,
        )  # fmt: skip
        return shown.stdout.decode("utf-8").splitlines()[0]

    assert first_line(LANG="pt_BR.UTF-8") == "Uso: aeon-ft [OPÇÕES] COMANDO ..."
    assert first_line(LANG="en_US.UTF-8") == "Usage: aeon-ft [OPTIONS] COMMAND ..."


@pytest.mark.parametrize(
    ("typed", "english", "portuguese"),
    [
        (["trian"], "There is no command trian. Did you mean train?", "Não existe o comando trian. Você quis dizer"),
        (["models", "reprot"], "no command reprot. Did you mean report?", "o comando reprot. Você quis dizer report?"),
        (["status", "--jsno"], "no option --jsno. Did you mean --json?", "a opção --jsno. Você quis dizer --json?"),
        (["--dbug", "status"], "Did you mean --debug?", "Você quis dizer --debug?"),
        (["status", "x"], "no use for this: x", "o que fazer com isto: x"),
        (["use"], "VERSION is missing", "Falta VERSÃO"),
        (["config"], "COMMAND", "COMANDO"),
        (["config", "get"], "KEY is missing", "Falta CHAVE"),
        (["convert", "a.log"], "The option --output is missing", "Falta a opção --output"),
        (["status", "--data"], "The value behind --data is missing", "Depois de --data falta o valor"),
        (["status", "--json=1"], "--json takes no value", "--json não leva valor"),
        (["schedule", "--last", "x"], "--last will not do: it must be a whole number", "um número inteiro"),
        (["schedule", "--last", "0"], "--last will not do: the least is 1", "o menor é 1"),
        (["painel", "--port", "99999"], "the most is 65535", "o maior é 65535"),
        (["completion", "tcsh"], "it must be one of 'bash', 'zsh'", "um destes: 'bash', 'zsh'"),
        (["forget", "--since", "ontem"], "write a date as 2026-03-14", "escreva uma data como 2026-03-14"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)  # fmt: skip
def test_what_was_typed_wrong_is_said_in_one_sentence(
    typed: list[str], english: str, portuguese: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for language, said in ((Language.EN, english), (Language.PT, portuguese)):
        monkeypatch.setenv(ENV_LANGUAGE, language.value)
        code = main(typed)
        shown = capsys.readouterr()
        if typed == ["config"]:  # a group alone shows its help
            assert code == 0 and said in shown.out
        else:
            assert code == 2 and said in shown.err and len(shown.err.strip().splitlines()) == 1
            assert "--help`" in shown.err and shown.out == ""
