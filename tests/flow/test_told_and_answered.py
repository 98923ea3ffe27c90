"""The whole way: said in one turn, in the prompt of the next, corrected, forgotten; with the real book."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from aeon_plugin_ft.facts import grammar
from aeon_plugin_ft.plugin import FineTuning
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import read_turns
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


def test_without_its_store_a_turn_goes_on_with_what_was_known_and_all_else_follows_later(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    question = "como se chama a minha gata?"
    talk.prompt_of("minha gata é a Fork")
    eventually(lambda: "Fork" in talk.prompt_of(question))
    runtime = talk.plugin.runtime
    assert runtime is not None

    def fail(store: Store) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "connection", fail)
        for said in (question, "e agora, como se chama a minha gata?"):
            assert "Fork" in talk.prompt_of(said)
        # A version that answers may have been rejected meanwhile, which cannot be looked up either.
        runtime.routes.flip(Route("ollama", "m", talk.ollama.url, version="v0001"))
        runtime.follow_now()
        eventually(lambda: "serving what was chosen: all stays as it was" in caplog.text)
    assert "failed in aeon" not in caplog.text
    assert caplog.text.count("those of the last look are told") == 1
    assert any(turn.user.startswith("e agora") for turn in read_turns(runtime.data.log))
    runtime.follow_now()
    talk.prompt_of("não, minha gata é a Branch")
    eventually(lambda: "Branch" in talk.prompt_of(question))
    assert runtime.follower.alive
