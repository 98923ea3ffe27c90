"""The whole way: said in one turn, in the prompt of the next, corrected, forgotten; with the real book."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aeon_plugin_ft.facts import grammar
from aeon_plugin_ft.plugin import FineTuning
from core.brain import AeonBrain
from core.console import Console
from hooks import HookCaller, Route, build_manager
from tests.facts.telling import PlainReader
from tests.flow.owner import BACKENDS, StandIn, eventually, no_real_models
from tests.servers.ollama import FakeOllama

__all__ = ["no_real_models"]


class Talk:
    def __init__(self, folder: Path, ollama: FakeOllama) -> None:
        self.plugin, self.ollama = FineTuning(), ollama
        self.brain = AeonBrain(None, hooks=HookCaller(build_manager(self.plugin, entry_points=False)))
        self.brain.host_routes = (Route("ollama", "m"),)
        self.console = Console(self.brain, folder)
        self.console.start()

    def prompt_of(self, question: str) -> str:
        assert self.console.ask(question).turn is not None
        return str(self.ollama.calls("/api/chat")[-1].json["messages"][0]["content"])


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_real_models: None) -> Iterator[Talk]:
    BACKENDS["embedded"] = StandIn()
    reader = PlainReader()
    monkeypatch.setattr(grammar, "claims", reader.claims)
    monkeypatch.setattr(grammar, "claims_of_reply", reader.claims_of_reply)
    with FakeOllama() as ollama:
        ollama.add_model("m")
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        made = Talk(tmp_path / "data", ollama)
        yield made
        made.console.stop()


def test_what_is_told_now_is_answered_from_in_the_next_question(talk: Talk) -> None:
    question = "como se chama a minha gata?"
    assert "Fork" not in talk.prompt_of("minha gata é a Fork")
    eventually(lambda: "Fork" in talk.prompt_of(question))
    talk.prompt_of("não, minha gata é a Branch")
    eventually(lambda: "Branch" in talk.prompt_of(question))
    assert "Fork" not in talk.prompt_of(question)
    assert talk.console.ask("esquece tudo sobre Branch").text
    talk.console.ask("sim")
    eventually(lambda: "Branch" not in talk.prompt_of(question))
