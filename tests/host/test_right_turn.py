"""What was just said, and the private mode, in a booted Aeon with the real plugin."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aeon_plugin_ft.install import install
from aeon_plugin_ft.turns import read_turns
from aeon_plugin_ft.voice.catalogue import variants
from tests.host.driven import Driven
from tests.host.servers import ModelServer

MINIATURE = Path(__file__).with_name("aeon")
TALK = "me fala sobre vulcões"


def reason(name: str) -> str:
    return variants()[f"reason.{name}"][0]


@pytest.mark.slow
def test_a_module_s_reply_and_a_private_turn_are_what_was_said_last(tmp_path: Path) -> None:
    root = tmp_path / "Meu Aeon"
    shutil.copytree(MINIATURE, root)
    install(root)
    with ModelServer("groq") as groq, ModelServer("ollama") as ollama:
        environment = {"GROQ_BASE_URL": groq.url, "OLLAMA_HOST": ollama.url, "GROQ_KEY": "k"}
        with Driven(root, environment, probe=False, guest=True) as aeon:
            assert aeon.reply(TALK) == f"[groq/llama-3.3-70b-versatile] {TALK}"
            assert str(aeon.reply("toca um samba")).startswith("Midia")
            assert reason("last_was_module") in str(aeon.reply("esquece isso"))
            assert reason("last_was_module") in str(aeon.reply("isso tá errado"))
            aeon.reply("modo privado")
            assert aeon.state()["private"]
            aeon.reply("segredo: XYZZY")
            aeon.reply("sai do modo privado")
            assert not aeon.state()["private"]
            assert reason("last_was_private") in str(aeon.reply("esquece isso"))
            aeon.order("stealth", on=True)
            aeon.reply("sai do modo privado")
            assert not aeon.state()["private"]
    assert [turn.user for turn in read_turns(root / "bagagem" / "finetuning" / "log")] == [TALK]
