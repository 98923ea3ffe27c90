"""The typed console: commands, plugins first, streaming, private mode, scripted input."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.brain import AeonBrain
from core.config import DEFAULT_GROQ_MODEL, DEFAULT_OLLAMA_MODEL
from core.console import Console
from core.terminal import default_data, main, route_of
from hooks import Host, Route, hookimpl
from hooks.screen import Screen
from hooks.talk import Talk
from tests.conftest import REPOSITORY
from tests.core.conftest import Recorder
from tests.host.servers import ModelServer, Scripted

Make = Callable[..., AeonBrain]


@pytest.fixture(autouse=True)
def portuguese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEON_FT_LANGUAGE", "pt")


class Listener:
    """A plugin with one spoken command."""

    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self.stopped = 0
        self.busy: list[bool] = []

    @hookimpl
    def aeon_started(self, host: Host) -> None:
        self.hosts.append(host)

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        self.busy.append(self.hosts[0].is_busy() if self.hosts else False)
        return "Treino iniciado." if text == "treinar modelo" else None

    @hookimpl
    def aeon_stopping(self) -> None:
        self.stopped += 1


def test_plugins_hear_each_sentence_before_the_brain(
    make_brain: Make, recorder: Recorder, groq: ModelServer, tmp_path: Path
) -> None:
    listener = Listener()
    console = Console(make_brain("k", listener), tmp_path)
    console.start()
    assert console.ask("treinar modelo").text == "Treino iniciado."
    assert recorder.turns == [] and groq.chats() == []
    answer = console.ask("bom dia")
    assert answer.text == "[groq/openai/gpt-oss-20b] bom dia"
    assert answer.turn is recorder.turns[0] and answer.turn.caller == "chat"
    assert listener.busy == [True, True] and not console.host.is_busy()
    console.stop()
    assert listener.stopped == 1 and listener.hosts == [console.host]
    assert console.host.data_folder == tmp_path


def test_a_late_plugin_still_hears_that_the_host_started(make_brain: Make, tmp_path: Path) -> None:
    brain = make_brain()
    console = Console(brain, tmp_path)
    console.start()
    late = Listener()
    brain.hooks.manager.register(late)
    assert late.hosts == [console.host]


def test_what_the_plugin_says_is_shown_and_a_closed_screen_is_survived(make_brain: Make, tmp_path: Path) -> None:
    shown: list[str] = []
    Console(make_brain(), tmp_path, show=shown.append).host.say("Treino terminado.")
    assert shown == ["Treino terminado."]

    def closed(sentence: str) -> None:
        raise ValueError("I/O operation on closed file")

    Console(make_brain(), tmp_path, show=closed).host.say("oi")


def test_who_answers_tells_every_attempt(make_brain: Make, groq: ModelServer, tmp_path: Path) -> None:
    console = Console(make_brain(), tmp_path)
    assert "Ninguém" in str(console.ask("/quem").text)
    groq.enqueue(Scripted("cota", status=429))
    console.ask("oi")
    who = str(console.ask("/quem").text)
    assert "ollama deepseek-r1:8b" in who.splitlines()[0]
    assert "falha groq" in who and "cota" in who


def test_the_console_commands(make_brain: Make, tmp_path: Path) -> None:
    console = Console(make_brain(), tmp_path)
    for command in ("/help", "/ajuda"):
        assert "/privado" in str(console.ask(command).text)
    assert "/nada" in str(console.ask("/nada").text)
    assert "/ajuda" in str(console.ask("/").text)
    assert console.ask("  ").text == ""
    assert console.ask("/sair").ends
    console.ask("oi")
    assert console.ask("/historico").text == "VOCÊ: oi\nAEON: [groq/openai/gpt-oss-20b] oi"


def test_private_mode_marks_the_turn_and_keeps_no_history(make_brain: Make, recorder: Recorder, tmp_path: Path) -> None:
    console = Console(make_brain(), tmp_path)
    assert "ligado" in str(console.ask("/privado").text) and console.host.is_private()
    console.ask("segredo")
    assert recorder.turns[0].private and "segredo" not in str(console.ask("/historico").text)
    assert "desligado" in str(console.ask("/privado").text) and not console.host.is_private()


def test_memory_tells_the_model_the_last_exchanges(make_brain: Make, groq: ModelServer, tmp_path: Path) -> None:
    console = Console(make_brain(), tmp_path, memory=1)
    for text in ("um", "dois", "três"):
        console.ask(text)
    system = groq.chats()[-1]["messages"][0]["content"]
    assert "Dono: dois" in system and "Dono: um" not in system


def test_a_reply_can_be_streamed(make_brain: Make, tmp_path: Path) -> None:
    pieces: list[str] = []
    answer = Console(make_brain(), tmp_path).ask("oi", pieces.append)
    assert "".join(pieces) == answer.text and len(pieces) > 1


@pytest.mark.parametrize(
    ("text", "provider", "model", "url"),
    [
        ("ollama:llama3.2:3b", "ollama", "llama3.2:3b", None),
        ("groq:openai/gpt-oss-20b", "groq", "openai/gpt-oss-20b", None),
        ("http://127.0.0.1:8080#aeon", "openai", "aeon", "http://127.0.0.1:8080"),
    ],
)
def test_the_model_option(text: str, provider: str, model: str, url: str | None) -> None:
    (route,) = route_of(text) or ()
    assert (route.provider, route.model, route.base_url) == (provider, model, url)


def test_the_short_model_options() -> None:
    assert route_of("auto") is None and route_of("embedded") is None
    assert route_of("ollama") == (Route("ollama", DEFAULT_OLLAMA_MODEL, timeout_s=300.0),)
    assert route_of("groq") == (Route("groq", DEFAULT_GROQ_MODEL),)


@pytest.mark.parametrize("text", ["", "gpt", "groq:", "ftp://x"])
def test_a_model_option_that_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="names no model"):
        route_of(text)


def test_the_data_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert default_data().name == "aeon-ft"
    monkeypatch.setenv("AEON_FT_DATA", str(tmp_path))
    assert default_data() == tmp_path


def test_scripted_input_gives_one_answer_a_line(ollama: ModelServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "core", "--no-plugins", "--data", str(tmp_path), "--model", f"{ollama.url}#aeon"],
        input="olá, é isso aí\n\n/quem\n/sair\nnunca dito\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        cwd=REPOSITORY,
        env={"PATH": "", "PYTHONUTF8": "1", "HOME": str(tmp_path), "LANG": "pt_BR.UTF-8"},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "AEON: [ollama/aeon] olá, é isso aí"
    assert lines[1] == "AEON: Quem respondeu: openai aeon (base)."
    assert lines[-1] == "AEON: Até." and "nunca" not in done.stdout


def test_a_pipe_is_utf8_both_ways_whatever_the_system_thinks(ollama: ModelServer, tmp_path: Path) -> None:
    """Windows takes a pipe for cp1252, which has no such sign; PowerShell puts a mark before what it sends."""
    done = subprocess.run(
        [sys.executable, "-m", "core", "--no-plugins", "--data", str(tmp_path), "--model", f"{ollama.url}#aeon"],
        input="\ufeffnão grave isso 👍\n".encode(),
        stdout=subprocess.PIPE,
        timeout=60,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )
    assert done.stdout.decode("utf-8").splitlines() == ["AEON: [ollama/aeon] não grave isso 👍"]


def test_help_is_shown_whatever_the_system_can_write(tmp_path: Path) -> None:
    """The data folder's name stands in it, and an owner's may be in any script."""
    done = subprocess.run(
        [sys.executable, "-m", "core", "--help"],
        capture_output=True,
        timeout=60,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "AEON_FT_DATA": str(tmp_path / "Łukasz 語")},
    )
    assert done.returncode == 0, done.stderr
    assert "Łukasz" in done.stdout.decode("utf-8")


def test_a_wrong_option_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--model", "gpt"])
    assert ended.value.code == 2
    assert "ollama:llama3.2:3b" in capsys.readouterr().err


def test_on_a_terminal_replies_are_shown_as_they_arrive(
    make_brain: Make, recorder: Recorder, ollama: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.route = Route("embedded", "v1", ollama.url)
    ollama.enqueue("<think>hm</think>Fala, [bold]cara[/bold].", Scripted("metade da", breaks=True))
    typed = iter(["oi", "", "de novo", "/quem", "/sair"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    shown = io.StringIO()
    Talk(Console(make_brain(), tmp_path), Screen(file=shown, width=200)).run()
    lines = shown.getvalue().splitlines()
    assert "AEON: Fala, [bold]cara[/bold]." in lines, "what a model writes is not markup"
    assert any(line.startswith("AEON: metade da [...]") for line in lines)
    assert "AEON: [groq/openai/gpt-oss-20b] de novo" in lines
    assert lines[-1] == "AEON: Até."


def test_the_end_of_input_ends_the_conversation(
    make_brain: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    Talk(Console(make_brain(), tmp_path), Screen(file=io.StringIO())).run()


def test_when_nobody_answers_the_console_says_a_canned_sentence(
    make_brain: Make, ollama: ModelServer, tmp_path: Path
) -> None:
    brain = make_brain(None)
    ollama.enqueue(Scripted(status=500))
    answer = Console(brain, tmp_path).ask("xyz")
    assert answer.text and answer.turn is not None and answer.turn.served_by is not None
    assert answer.turn.served_by.provider == "canned"
