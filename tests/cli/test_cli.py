"""The command line: what each command says, its JSON, its exit code, and wrong input met with one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.cli.main import main
from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.serving.deployments import DeploymentState, DeploymentTable
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.store import Store
from hooks import Route
from tests.cli.commands import SAMPLE, Cli, add_version, cli, one_sentence
from tests.servers.ollama import FakeOllama

__all__ = ["cli"]


def test_convert_writes_pairs_and_says_what_was_left_out(cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "data.jsonl"
    assert cli("convert", str(SAMPLE), "-o", str(target)) == 0
    lines = target.read_text(encoding="utf-8").splitlines()
    assert f"{len(lines)} pairs" in cli.out and "Left out" in cli.out
    for line in lines:
        roles = [message["role"] for message in json.loads(line)["messages"]]
        assert roles == ["user", "assistant"]
    assert "é" in lines[1] or "ê" in "".join(lines)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "missing.log"), (b"", "missing.log"), (bytes(range(256)) * 40, "missing.log")],
    ids=["not there", "empty", "binary"],
)
def test_convert_meets_a_bad_file_with_one_sentence(cli: Cli, tmp_path: Path, content: bytes | None, says: str) -> None:
    source = tmp_path / "missing.log"
    if content is not None:
        source.write_bytes(content)
    assert cli("convert", str(source), "-o", str(tmp_path / "out.jsonl")) == 2
    assert says in cli.err and one_sentence(cli.err)
    assert not (tmp_path / "out.jsonl").exists()


def test_convert_reads_cp1252(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "old.log"
    source.write_bytes("VOCÊ: que horas é a reunião?\nAEON: Às nove, não esquece.\n".encode("cp1252"))
    assert cli("convert", str(source), "-o", str(tmp_path / "out.jsonl")) == 0
    assert "reunião" in (tmp_path / "out.jsonl").read_text(encoding="utf-8")


def test_an_import_twice_adds_nothing(cli: Cli) -> None:
    assert cli("dataset", "import", str(SAMPLE)) == 0
    assert "258 turns added" in cli.out.replace("\n", " ")
    assert cli("dataset", "import", str(SAMPLE)) == 0
    assert "0 turns added" in cli.out.replace("\n", " ")


def test_dataset_show_counts_both_sides(cli: Cli) -> None:
    cli("dataset", "import", str(SAMPLE))
    found = cli.json("dataset", "show")
    assert isinstance(found, dict)
    assert found["train"] > 150 and found["heldout"] >= 20 and found["dropped"]


def test_training_on_nothing_is_refused_with_the_next_step(cli: Cli) -> None:
    assert cli("train") == 1
    assert "nothing to learn from" in cli.err and "dataset import" in cli.err and one_sentence(cli.err)


def test_resuming_nothing_says_so(cli: Cli) -> None:
    assert cli("train", "--resume") == 1
    assert "no unfinished run" in cli.err and one_sentence(cli.err)


def test_runs_of_an_empty_folder_say_how_to_begin(cli: Cli) -> None:
    cli.begin()
    assert cli("runs") == 0 and "aeon-ft train" in cli.out
    assert cli.json("runs") == []


def test_status_of_an_empty_folder(cli: Cli) -> None:
    found = cli.json("status")
    assert isinstance(found, dict)
    assert (found["current"], found["turns"], found["active_runs"]) == ("base", 0, [])


def test_use_and_rollback_change_what_answers(cli: Cli, tmp_path: Path) -> None:
    first, second = add_version(cli, tmp_path, "r1"), add_version(cli, tmp_path, "r2")
    assert cli("use", "1") == 0 and first in cli.out
    assert cli("use", "v2") == 0 and second in cli.out
    assert cli("rollback") == 0
    found = cli.json("models")
    assert isinstance(found, dict)
    assert (found["current"], [v["name"] for v in found["versions"]]) == (first, [first, second])


def test_a_rejected_version_is_refused(cli: Cli, tmp_path: Path) -> None:
    add_version(cli, tmp_path, "r1", accepted=False)
    assert cli("use", "1") == 1
    assert "rejected" in cli.err and "the loss rose" in cli.err and one_sentence(cli.err)


def test_an_unknown_version_is_named(cli: Cli) -> None:
    assert cli("use", "v9") == 1
    assert "no version v9" in cli.err and one_sentence(cli.err)


def test_config_set_keeps_comments_and_get_reads_back(cli: Cli) -> None:
    assert cli("config", "set", "schedule.every_turns", "500") == 0
    assert cli("config", "get", "schedule.every_turns") == 0
    assert cli.out.strip() == "500"
    assert "# Train again" in (cli.data / "plugin.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("key", "value"), [("train.rnk", "3"), ("train.rank", "0"), ("train.rank", "muitos")])
def test_config_set_refuses_what_will_not_do(cli: Cli, key: str, value: str) -> None:
    assert cli("config", "set", key, value) == 2
    assert "train.rank" in cli.err and one_sentence(cli.err)


def test_a_bad_plugin_toml_is_named_with_its_line(cli: Cli) -> None:
    cli.data.mkdir(parents=True)
    (cli.data / "plugin.toml").write_text("[train]\nrank = 'x'\n", encoding="utf-8")
    assert cli("config", "check") == 2
    assert "line 2" in cli.err and one_sentence(cli.err)


def test_a_base_model_that_is_not_there_is_named(cli: Cli) -> None:
    cli("dataset", "import", str(SAMPLE))
    cli("config", "set", "base.model", '"/nowhere/model.gguf"')
    assert cli("estimate") == 1
    assert "/nowhere/model.gguf" in cli.err and one_sentence(cli.err)


def test_doctor_finds_an_ollama_that_does_not_run(cli: Cli) -> None:
    cli("config", "set", "serve.backend", "ollama")
    cli("config", "set", "serve.ollama_url", '"http://127.0.0.1:9"')
    assert cli("doctor", "--json") == 1
    symptoms = {s["name"]: s for s in json.loads(cli.out)}
    assert not symptoms["ollama"]["ok"] and symptoms["ollama"]["mend"] == "ollama serve"
    assert symptoms["python"]["ok"]


def test_doctor_asks_only_for_the_tag_that_is_trained_on(cli: Cli) -> None:
    def symptom() -> dict[str, object]:
        cli("doctor", "--json")
        return dict({s["name"]: s for s in json.loads(cli.out)}["ollama"])

    with FakeOllama() as ollama:
        ollama.add_model("tiny")
        cli("config", "set", "serve.backend", "ollama")
        cli("config", "set", "serve.ollama_url", f'"{ollama.url}"')
        assert symptom()["ok"], "the default base is imported, and needs no tag"
        cli("config", "set", "base.model", '"ollama:TINY"')
        assert symptom()["ok"], "a name without its tag"
        cli("config", "set", "base.model", '"ollama:other:1b"')
        missing = symptom()
        assert not missing["ok"] and missing["mend"] == "ollama pull other:1b"


def test_doctor_shows_where_the_facts_about_the_owner_go(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> str:
        cli("doctor", "--json")
        return str({s["name"]: s for s in json.loads(cli.out)}["facts"]["detail"])

    cli("config", "set", "serve.openai_url", '"http://127.0.0.1:8000"')
    assert "on this machine only, and not to Groq (" in told()
    cli("config", "set", "serve.openai_url", '"https://llm.example.com"')
    monkeypatch.setenv("OLLAMA_HOST", "gpu.example.com")
    everywhere = "Groq, Ollama's deepseek-r1:8b at http://gpu.example.com:11434, https://llm.example.com"
    assert f"not to {everywhere}" in told()
    cli("config", "set", "memory.cloud", "true")
    assert f"may leave this machine, to whichever of these answers: {everywhere}" in told()
    cli("config", "set", "memory.in_prompt", "false")
    assert "no model is told" in told()


def test_doctor_and_status_say_how_many_facts_are_held(cli: Cli) -> None:
    assert cli("facts", "add", "minha gata é a Fork") == 0
    assert cli.json("status")["facts"] == 1  # type: ignore[index]
    assert cli("status") == 0 and "Held: 1 facts" in cli.out
    cli("doctor", "--json")
    assert {s["name"]: s for s in json.loads(cli.out)}["facts held"]["detail"] == "1 facts about you are held"


def test_what_was_not_read_for_facts_yet_is_said_and_not_read_by_status(cli: Cli) -> None:
    assert cli("dataset", "import", str(SAMPLE)) == 0
    state = cli.json("status")
    assert state["facts"] == 0 and state["facts_unread"] > 200  # type: ignore[index]
    cli("doctor", "--json")
    assert "conversations not read" in {s["name"]: s for s in json.loads(cli.out)}["facts held"]["detail"]


@pytest.mark.parametrize(
    "command", [("estimate",), ("compare", "base"), ("dataset", "similar")], ids=["estimate", "compare", "similar"]
)
def test_the_terms_of_a_base_are_seen_where_a_script_gets_the_output(
    cli: Cli, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolved(spec: str, cache: Path, progress: Callable[[str], None], url: str) -> BaseModel:
        progress("Gemma is provided under its terms.")
        raise BaseModelError("gemma3-270m cannot be downloaded", "Connect to the internet once")

    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", resolved)
    assert cli("dataset", "import", str(SAMPLE)) == 0
    assert cli(*command, "--json") == 1
    assert cli.out == "" and "Gemma is provided under its terms." in cli.err


def test_doctor_names_a_value_of_an_earlier_release(cli: Cli) -> None:
    cli("config", "set", "serve.prefer", "host")
    cli("doctor")
    assert 'serve.prefer = "host" is called "never" now' in " ".join(cli.out.split())


@pytest.mark.skipif(sys.platform == "win32", reason="tests/store/test_acl.py")
def test_doctor_names_and_closes_what_others_could_read(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def private() -> dict[str, Any]:
        cli("doctor", "--json")
        return {s["name"]: s for s in json.loads(cli.out)}["private"]

    cli.begin()
    assert private()["ok"] and "is closed to other users" in private()["detail"]
    (cli.data / "log").chmod(0o755)
    (cli.data / "plugin.toml").chmod(0o644)
    cli.data.chmod(0o755)
    assert private()["detail"] == f"closed just now, was open to other users: {cli.data}, log, plugin.toml"
    (cli.data / "plugin.toml").chmod(0o644)
    assert private()["detail"].endswith(": plugin.toml"), "below a closed top, too"
    assert (cli.data / "plugin.toml").stat().st_mode & 0o777 == 0o600
    (cli.data / "plugin.toml").chmod(0o644)
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    assert not private()["ok"] and "plugin.toml" in private()["detail"] and "as the user" in private()["mend"]


def test_doctor_reads_every_page_of_the_database_and_names_one_that_was_put_aside(cli: Cli) -> None:
    def database() -> list[dict[str, Any]]:
        cli("doctor", "--json")
        return [s for s in json.loads(cli.out) if s["name"] == "database"]

    cli.begin()
    assert [symptom["ok"] for symptom in database()] == [True]
    path = cli.data / "aeon-ft.sqlite3"
    (cli.data / "aeon-ft.sqlite3.damaged-20260101-000000").write_bytes(b"x")
    assert "damaged-20260101-000000 was damaged" in database()[1]["detail"]
    content = bytearray(path.read_bytes())
    content[8 * 4096 : 9 * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    symptom = database()[0]
    assert not symptom["ok"] and "Start Aeon" in symptom["mend"]


def test_nobody_says_that_a_version_answers_where_it_is_not_served_yet(cli: Cli, tmp_path: Path) -> None:
    name = add_version(cli, tmp_path, "r1")

    def served() -> dict[str, Any]:
        cli("doctor", "--json")
        return {s["name"]: s for s in json.loads(cli.out)}["served"]

    assert cli("use", "1") == 0
    assert "answers now" not in cli.out and "was chosen" in cli.out
    assert not served()["ok"] and "served by nobody" in served()["detail"]
    store = Store(cli.data / "aeon-ft.sqlite3")
    route = Route("embedded", "m", version=name)
    DeploymentTable(store).keep(Deployment(name, "embedded", "m", "sha256:0", route), DeploymentState.SERVING)
    store.close()
    assert served()["ok"]
    cli("config", "set", "serve.backend", "ollama")
    assert not served()["ok"] and served()["mend"]
    assert "served by embedded, and [serve] backend is ollama" in served()["detail"]


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x", encoding="ascii")
    assert main(["--data", str(tmp_path / "file" / "sub"), "config", "set", "train.rank", "8"]) == 1
    error = capsys.readouterr().err
    assert "cannot be made" in error and one_sentence(error)


def test_debug_shows_where_an_error_came_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--debug", "--data", str(tmp_path), "use", "v9"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    from typer.main import get_command

    from aeon_plugin_ft.cli.main import app, load_commands

    load_commands()
    for name in getattr(get_command(app), "commands", {}):
        assert main([name, "--help"]) == 0
        assert len(capsys.readouterr().out) > 100, name


def test_the_module_runs_like_the_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aeon_plugin_ft.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("aeon-ft ")
