"""The one system prompt, the configuration, and the canned sentences."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from core.config import DEFAULT_GROQ_MODEL, read_config, read_env
from core.prompt import system_prompt
from core.providers import CannedProvider
from hooks import Message
from hooks.memories import CONSOLE_NONE

NOON = datetime(2026, 3, 1, 12, 5)


def test_the_system_prompt_has_the_size_and_the_modes_of_aeons() -> None:
    prompt = system_prompt(NOON)
    assert 1000 <= len(prompt) <= 1300
    assert '{"tool": "Modulo.funcao", "param": "valor"}' in prompt
    assert "MODO CONVERSA" in prompt and "01/03/2026 12:05" in prompt


def test_what_changes_stands_last() -> None:
    one, other = system_prompt(NOON), system_prompt(datetime(2027, 12, 31, 23, 59), "Dono: oi\nAeon: fala")
    shared = next(i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    assert shared > 0.93 * len(one)
    assert one.endswith(CONSOLE_NONE) and other.endswith("Dono: oi\nAeon: fala")


class Manager:
    """Looks like Aeon's ConfigManager."""

    def __init__(self) -> None:
        self.system_data = {"GROQ_KEY": "from_json"}


def test_configuration_comes_from_the_environment_then_env_file_then_aeon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = tmp_path / ".env"
    assert read_config(Manager(), env).groq_key == "from_json"
    env.write_text('﻿GROQ_KEY="from_file"\n# GROQ_MODEL=no\nexport OLLAMA_MODEL=qwen3:8b\nlixo\n', encoding="utf-8")
    config = read_config(Manager(), env)
    assert (config.groq_key, config.ollama_model, config.groq_model) == ("from_file", "qwen3:8b", DEFAULT_GROQ_MODEL)
    monkeypatch.setenv("GROQ_KEY", "from_environment")
    assert read_config({"GROQ_KEY": "x"}, env).groq_key == "from_environment"
    assert "from_environment" not in repr(read_config(None, env))
    assert read_config(object(), tmp_path / "none").groq_key == "from_environment"


def test_a_missing_env_file_is_empty(tmp_path: Path) -> None:
    assert read_env(tmp_path / ".env") == {}


@pytest.mark.parametrize(
    ("said", "has"), [("Que horas são?", "12:05"), ("Olá!", ""), ("VALEU", ""), ("xyz", ""), ("oito coisas", "")]
)
def test_canned_sentences_answer_anything(said: str, has: str) -> None:
    reply = CannedProvider().reply(said, NOON)
    assert reply and has in reply


def test_canned_keywords_are_whole_words() -> None:
    for _ in range(20):
        assert not CannedProvider().reply("oito coisas", NOON).startswith(("Fala. Estou", "Opa."))


def test_canned_is_a_provider() -> None:
    pieces: list[str] = []
    reply = CannedProvider().chat("canned", (Message("user", "tchau"),), on_token=pieces.append)
    assert pieces == [reply] and CannedProvider().models() == ["canned"]
