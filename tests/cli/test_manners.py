"""What every command does alike: where its options stand, what it makes and does not make, how it asks and ends."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aeon_plugin_ft.cli.asking import confirm
from aeon_plugin_ft.cli.context import WIDE, out, table
from aeon_plugin_ft.cli.language import speak_as_set
from aeon_plugin_ft.cli.looking import LOOKS, Without
from aeon_plugin_ft.cli.main import COMPLETING, main
from aeon_plugin_ft.install.remembered import remember_aeon
from aeon_plugin_ft.install.template import MANIFEST
from aeon_plugin_ft.messages import Language, language, speak
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.store import DataFolder
from tests.cli.commands import SAMPLE, Cli, cli
from tests.conftest import REPOSITORY

__all__ = ["cli"]
GIVEN = {"models report": ["v1"], "compare": ["v1"], "config get": ["train.rank"]}
"""What a command must be given."""
DOCTORS = {0, 1}
"""Its exit code says whether something is wrong with this machine."""


@pytest.fixture
def aeon(tmp_path: Path) -> Path:
    """A folder that is an Aeon's with the plugin in it, by its manifest."""
    root = tmp_path / "Meu Aeon"
    (root / MANIFEST).parent.mkdir(parents=True)
    (root / MANIFEST).write_text("{}", encoding="utf-8")
    return root


def typed(path: str) -> list[str]:
    return [*path.split(), *GIVEN.get(path, ())]


# -- where the options stand -------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data", "{}", "config", "set", "train.rank", "8"],
        ["--data={}", "config", "set", "train.rank", "8"],
        ["config", "--data", "{}", "set", "train.rank", "8"],
        ["config", "set", "--data", "{}", "train.rank", "8"],
        ["config", "set", "train.rank", "8", "--data", "{}"],
        ["config", "set", "train.rank", "8", "--data={}", "--debug"],
    ],
)
def test_the_data_folder_is_named_before_or_behind_the_command(arguments: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "x y"
    assert main([part.format(folder) for part in arguments]) == 0
    assert "rank = 8" in (folder / "plugin.toml").read_text(encoding="utf-8")


def test_the_one_behind_the_command_counts(cli: Cli, tmp_path: Path) -> None:
    assert cli("config", "path", "--data", str(tmp_path / "other")) == 0
    assert cli.out.strip() == str(tmp_path / "other" / "plugin.toml")


def test_behind_two_dashes_nothing_is_an_option(cli: Cli) -> None:
    assert cli("facts", "add", "--", "--data") == 2
    assert "--data" not in cli.err


def test_an_option_of_the_command_s_own_is_left_to_it(cli: Cli, tmp_path: Path) -> None:
    assert cli("models", "import", str(tmp_path), "--data", str(tmp_path / "learnt.jsonl")) != 0
    assert not (tmp_path / "learnt.jsonl").exists()
    assert (cli.data / "plugin.toml").exists(), "the data folder is the one before the command"


def test_an_aeon_is_named_behind_the_command(aeon: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--aeon", str(aeon), "config", "path"], ["config", "path", f"--aeon={aeon}"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out.strip() == str(aeon / "bagagem" / "finetuning" / "plugin.toml")


def test_debug_behind_the_command_shows_where_an_error_came_from(cli: Cli) -> None:
    assert cli("use", "v9", "--debug") == 1
    assert "Traceback" in cli.err


# -- nothing is made by looking ----------------------------------------------------------------


@pytest.mark.parametrize("path", LOOKS)
def test_a_command_that_looks_makes_nothing_and_says_how_to_begin(cli: Cli, path: str) -> None:
    code = cli(*typed(path))
    assert not cli.data.exists()
    if LOOKS[path] is Without.ANSWERS:
        assert code == 0 or (path == "doctor" and code in DOCTORS)
        return
    failed = LOOKS[path] is Without.FAILS
    said = cli.err if failed else cli.out
    assert code == (1 if failed else 0)
    assert str(cli.data) in said and "aeon-ft install" in said and len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("path", [path for path, without in LOOKS.items() if without is Without.SAYS])
def test_a_script_gets_the_answer_of_an_empty_folder(cli: Cli, path: str) -> None:
    if path == "config check":
        return
    cli.json(*typed(path))
    assert not cli.data.exists() and cli.err == ""


def test_a_script_is_told_the_folder_that_would_be_used(cli: Cli) -> None:
    state = cli.json("status")
    assert isinstance(state, dict) and state["data"] == str(cli.data)


def test_what_is_answered_all_the_same_are_the_defaults(cli: Cli) -> None:
    assert cli("config", "get", "train.rank") == 0 and cli.out.strip() == "16"
    assert cli("config", "path") == 0 and cli.out.strip() == str(cli.data / "plugin.toml")
    cli("doctor", "--json")
    found = {one["name"]: one for one in json.loads(cli.out)}
    assert found["python"]["ok"] and "aeon-ft install" in found["data"]["detail"] and "database" not in found


@pytest.mark.parametrize(
    "arguments", [["--aeon", "{}", "status"], ["train", "--aeon={}"], ["config", "path", "--aeon", "{}"]]
)
def test_a_mistyped_aeon_is_refused_and_nothing_is_made(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "Meu Aeom"
    assert main([part.format(wrong) for part in arguments]) == 2
    said = capsys.readouterr().err
    assert str(wrong) in said and "no Aeon here" in said and "main.py" in said
    assert not wrong.exists() and list(tmp_path.rglob("plugin.toml")) == []


# -- which data folder -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["status", "runs", "models", "facts", "dataset show", "schedule", "doctor"])
def test_a_command_that_looks_says_which_folder_it_used(cli: Cli, path: str) -> None:
    cli.begin()
    cli(*typed(path))
    assert cli.err.splitlines()[-1] == f"Data folder: {cli.data}" and str(cli.data) not in cli.out.splitlines()[-1]
    cli(*typed(path), "--json")
    assert cli.err == ""


def test_the_remembered_aeon_is_found_by_status_and_doctor(aeon: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remember_aeon(aeon)
    DataFolder.find(None, aeon).create()
    assert main(["status"]) == 0
    assert capsys.readouterr().err.strip() == f"Data folder: {aeon / 'bagagem' / 'finetuning'}"
    main(["doctor", "--json"])
    assert any(one["name"].startswith("aeon: ") for one in json.loads(capsys.readouterr().out))


# -- which language ----------------------------------------------------------------------------


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(ENV_LANGUAGE)
    monkeypatch.setattr("aeon_plugin_ft.messages.speaker._system", lambda: Language.EN)
    yield
    speak(None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[plugin]\nlanguage = "pt"\n', Language.PT),
        ('[plugin]\nlanguage = "en"\n', Language.EN),
        ('[plugin]\nlanguage = "auto"\n', Language.EN),
        ('[plugin]\nlanguage = "klingon"\n', Language.EN),
        ('[other]\nlanguage = "pt"\n', Language.EN),
        ("# mine\n[plugin]\n  language = 'pt'\n[train]\nrank = \"not yet looked at\"\n", Language.PT),
        ('[plugin\nlanguage = "pt"\n', Language.EN),
        ("", Language.EN),
    ],
)
@pytest.mark.usefixtures("chosen")
def test_the_settings_choose_the_language(cli: Cli, text: str, wanted: Language) -> None:
    cli.data.mkdir()
    (cli.data / "plugin.toml").write_text(text, encoding="utf-8")
    for arguments in (["--data", str(cli.data), "status"], ["status", f"--data={cli.data}"]):
        speak_as_set(arguments)
        assert language() is wanted


@pytest.mark.usefixtures("chosen")
def test_what_cannot_be_read_chooses_nothing(tmp_path: Path) -> None:
    (tmp_path / "plugin.toml").write_bytes(b'[plugin]\nlanguage = "pt" # \xe7\n')
    for arguments in (["--data", str(tmp_path)], ["--data"], ["--", "--data", str(tmp_path)]):
        speak_as_set(arguments)
        assert language() is Language.EN


@pytest.mark.usefixtures("chosen")
def test_a_command_speaks_the_language_that_its_folder_is_set_to(cli: Cli) -> None:
    assert cli("config", "set", "plugin.language", "pt") == 0
    assert cli("trian") == 2 and "Não existe o comando" in cli.err
    assert cli("status") == 0 and f"Pasta de dados: {cli.data}" in cli.err
    assert cli("config", "show", "schedule") == 0 and "só treina quando você manda" in cli.out


# -- questions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("spoken", ["pt", "en"])
@pytest.mark.parametrize(
    ("said", "agreed"), [("s", True), ("SIM", True), ("y", True), ("n", False), ("não", False), ("", False)]
)
def test_yes_is_said_in_either_language(
    said: str, agreed: bool, spoken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, spoken)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{said}\n"))
    assert confirm("Sim?") is agreed
    assert ("[s/N]" if spoken == "pt" else "[y/N]") in capsys.readouterr().out


def test_what_is_neither_is_asked_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("talvez\ny\n"))
    assert confirm("Sure?", abort=True)
    assert "Answer y (yes) or n (no)." in capsys.readouterr().err


def test_enter_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert confirm("Sure?", default=True)


def test_a_no_and_an_end_of_the_input_abort(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("dataset", "import", str(SAMPLE)) == 0
    for given in ("n\n", ""):
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        assert cli("forget", "--about", "timer") == 1
        assert "Aborted" in cli.err


def test_nobody_asks_past_it() -> None:
    for path in (REPOSITORY / "aeon_plugin_ft" / "cli").rglob("*.py"):
        assert "typer.confirm(" not in path.read_text(encoding="utf-8"), f"{path.name}: English only"


# -- what is printed ---------------------------------------------------------------------------


def test_nothing_is_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    long = "a reason that goes on " * 20
    table("Things", ("id", "reason"), [("0123456789abcdef" * 4, long.strip())])
    out.print(f"A sentence: {long}")
    shown = capsys.readouterr().out
    assert "0123456789abcdef" * 4 in shown and long.strip() in shown and "…" not in shown
    assert max(map(len, shown.splitlines())) < WIDE
    assert f"A sentence: {long}".strip() in [line.strip() for line in shown.splitlines()]


# -- completion --------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_the_script_of_each_shell_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert COMPLETING in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "offered"),
    [("aeon-ft mod", {"models"}), ("aeon-ft models re", {"report"}), ("aeon-ft status --js", {"--json"})],
)
def test_what_is_typed_is_completed(line: str, offered: set[str]) -> None:
    environ = {COMPLETING: "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "aeon_plugin_ft.cli"], env={**os.environ, **environ}, cwd=REPOSITORY,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(done.stdout.split()) == offered


# -- the cost of asking ------------------------------------------------------------------------


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    run = f"import sys; from aeon_plugin_ft.cli.main import main; main({arguments!r})"
    code = f"{run}; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_the_help_loads_nothing_that_commands_need() -> None:
    heavy = {"pydantic", "rich.console", "sqlite3", "psutil", "aeon_plugin_ft.wiring", "aeon_plugin_ft.cli.learn"}
    assert loaded_by("--help") & heavy == set()


def test_status_loads_nothing_that_it_does_not_show(cli: Cli) -> None:
    assert cli("config", "set", "train.rank", "8") == 0
    heavy = {"numpy", "jinja2", "tomlkit", "rich.progress", "markdown_it", "aeon_plugin_ft.dataset.feedback.recognise"}
    assert loaded_by("--data", str(cli.data), "status") & heavy == set()
