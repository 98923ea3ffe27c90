"""[memory] read_with_model: a model on this machine reads while nobody needs it, and only one that can read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.errors import PreemptedError
from aeon_plugin_ft.facts.grammar import claims, schema
from aeon_plugin_ft.facts.grammar.lexicon import read_toml
from aeon_plugin_ft.host import idle_reading
from aeon_plugin_ft.host.idle_reading import TRIALS, IdleReading
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.serving.embedded.child import EmbeddedChild, new_config
from hooks import Attempt, Route
from tests.flow.owner import Owner, eventually, no_real_models, owner
from tests.servers.ollama import FakeOllama

__all__ = ["no_real_models", "owner"]
AWAY = 3600.0
"""Seconds without the owner."""
SAID = "faz uns dez anos que Joinville é a minha casa"


def answer(*claims: tuple[str, str, str, str]) -> str:
    names = ("subject", "relation", "attribute", "value")
    return json.dumps({"claims": [dict(zip(names, one, strict=True)) for one in claims]})


LIVES = answer(("eu", "lives_in", "", "Joinville"))


def trial() -> list[str]:
    return [answer(*map(tuple, one["claims"])) for one in read_toml("model.toml")["trial"]]


@dataclass
class Home:
    """An owner whose Aeon asks an Ollama on this machine, away for as long as anybody asks."""

    owner: Owner
    runtime: Runtime
    ollama: FakeOllama

    @property
    def reading(self) -> IdleReading:
        return self.runtime.idle_reading

    @property
    def asked(self) -> list[str]:
        return [call.json["messages"][-1]["content"] for call in self.ollama.calls("/api/chat")]

    def values(self) -> list[str]:
        return [fact.value for fact in self.runtime.book.current()]


@pytest.fixture
def home(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    assert not claims(SAID), "the grammar reads it by itself, and leaves no model anything to read"
    # The thread's own looks come once a minute; here the test looks.
    monkeypatch.setattr(idle_reading, "LOOK_SECONDS", 3600.0)
    with FakeOllama() as ollama:
        ollama.add_model("m")
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        runtime = owner.start()
        monkeypatch.setattr(runtime.learning, "silence", lambda: AWAY)
        runtime.settings_file.set("memory.read_with_model", True)
        owner.says(SAID)
        eventually(lambda: bool(runtime.book.left_for_model(1)))
        yield Home(owner, runtime, ollama)


def test_a_model_that_can_read_reads_what_the_grammar_could_not(home: Home) -> None:
    home.ollama.say(*trial(), LIVES)
    assert home.reading.look() == 1
    assert home.values() == ["Joinville"]
    last = home.ollama.calls("/api/chat")[-1].json
    assert last["messages"][-1]["content"] == SAID and last["format"] == dict(schema.SCHEMA)
    assert home.reading.look() == 0, "there is nothing left to read"
    home.owner.says("cara, " + SAID)
    eventually(lambda: bool(home.runtime.book.left_for_model(1)))
    home.ollama.say(LIVES)
    before = len(home.asked)
    assert home.reading.look() == 1 and len(home.asked) == before + 1, "it showed that it can read, once"


def test_one_that_cannot_read_is_tried_once_and_reads_nothing(home: Home) -> None:
    home.ollama.say(*[answer() for _ in trial()])
    assert home.reading.look() == 0 and home.values() == []
    asked = len(home.asked)
    assert 0 < asked <= len(trial()) and SAID not in home.asked
    assert home.reading.look() == 0 and len(home.asked) == asked
    assert home.runtime.store.fact(TRIALS) == {"ollama m base": False}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda runtime, machine: runtime.settings_file.set("memory.read_with_model", False),
        lambda runtime, machine: runtime.settings_file.set("plugin.enabled", False),
        lambda runtime, machine: machine.setattr(runtime.learning, "silence", lambda: 30.0),
        lambda runtime, machine: machine.setattr(runtime.learning.observer.machine, "on_mains", lambda: False),
        lambda runtime, machine: machine.setattr(runtime.learning.observer.machine, "busy_share", lambda: 0.9),
    ],
    ids=["not wanted", "switched off", "the owner is here", "on battery", "the machine is used"],
)
def test_nobody_is_asked_where_it_is_not_wanted(
    home: Home, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Runtime, pytest.MonkeyPatch], None]
) -> None:
    spoil(home.runtime, monkeypatch)
    home.ollama.say(*trial(), LIVES)
    assert home.reading.look() == 0 and home.asked == []


def test_a_model_elsewhere_is_never_asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.runtime.settings_file.set("memory.cloud", True)
    monkeypatch.setenv("OLLAMA_HOST", "http://gpu.example.com:11434")
    assert home.reading.look() == 0 and home.values() == []
    monkeypatch.setenv("OLLAMA_HOST", home.ollama.url)
    for _ in range(3):
        home.owner.says("oi", served_by=Attempt("groq", "g", "base", True, 0.1))
    eventually(lambda: home.runtime.index.count(None) == 4)
    assert home.reading.look() == 0 and home.asked == []


def test_it_leaves_when_the_owner_speaks_and_reads_that_turn_another_time(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.ollama.say(*trial(), LIVES)
    # Away when it looks, and back with the first sentence that a model is asked about.
    monkeypatch.setattr(home.runtime.learning, "silence", lambda: 0.0 if home.asked else AWAY)
    with pytest.raises(PreemptedError):
        home.reading.look()
    assert home.values() == [] and home.runtime.book.left_for_model(1)


def test_the_thread_looks_by_itself_and_ends_with_the_host(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked: list[int] = []

    def look(self: IdleReading) -> int:
        looked.append(1)
        raise RuntimeError("a mistake")

    monkeypatch.setattr(idle_reading, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(IdleReading, "look", look)
    owner.start()
    eventually(lambda: len(looked) > 2)
    assert "reading with a model failed" in caplog.text


@pytest.mark.slow(seconds=15)
def test_a_real_server_is_asked_as_it_wants_to_be(
    home: Home, smollm2: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through llama.cpp's grammar: a model this small does not pass the trial, and where it is believed all the same
    nothing is kept that the sentence does not hold."""
    assert smollm2.gguf is not None
    child = EmbeddedChild(new_config(smollm2.gguf, None, "base", 2048, 2), tmp_path / "log")
    address = child.start()
    try:
        here = Route("embedded", "base", address.url, token=child.config.token)
        monkeypatch.setattr(IdleReading, "_models", lambda _: [here])
        assert home.reading.look() == 0
        assert home.runtime.store.fact(TRIALS) == {"embedded base base": False}
        home.runtime.store.set_fact(TRIALS, {"embedded base base": True})
        assert home.reading.look() == 1
        assert all(value in SAID for value in home.values()) and not home.runtime.book.left_for_model(1)
    finally:
        child.stop()
