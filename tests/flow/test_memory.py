"""What the owner told at 10:00 is told to the model at 10:01, on every backend, as far as it may know it.

Real brains (ours, and one in the shape of an unmodified Aeon's with the plugin attached), the real plugin, and model
servers on loopback that keep what they were asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.facts.model import OWNER, Relation
from aeon_plugin_ft.facts.relevant import RelevantFacts
from aeon_plugin_ft.plugin import FineTuning
from aeon_plugin_ft.registry.model import LEARNT
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.turns import read_turns
from core.brain import AeonBrain
from core.console import Console
from hooks import HookCaller, Route, build_manager
from hooks.attach import attach
from hooks.memories import AEON_NONE, CONSOLE_NONE
from hooks.providers import is_here
from tests.facts.known import Book, fact, say
from tests.flow.owner import BACKENDS, StandIn, add_version, eventually, no_real_models
from tests.host.brain import StockBrain
from tests.servers.groq import FakeGroq, server_error
from tests.servers.ollama import FakeOllama
from tests.servers.openai import FakeOpenAI

__all__ = ["no_real_models"]

FORK = fact("gata", Relation.NAME, "Fork")
QUESTION = "como se chama minha gata?"
TOLD = "- gata name Fork."
GROQ, OLLAMA = Route("groq", "openai/gpt-oss-20b"), Route("ollama", "m")


@dataclass
class House:
    """A console with its owner, what is known of them, and everything that can answer."""

    console: Console
    plugin: FineTuning
    book: Book
    groq: FakeGroq
    ollama: FakeOllama
    openai: FakeOpenAI

    @property
    def runtime(self) -> Runtime:
        assert self.plugin.runtime is not None
        return self.plugin.runtime

    def host_asks(self, *chain: Route) -> None:
        self.console.brain.host_routes = chain

    def serve(self, route: Route) -> None:
        """This answers first, as a version that won."""
        self.runtime.settings_file.set("serve.prefer", "always")
        self.runtime.routes.flip(route)

    def system(self) -> str:
        """The system prompt that the newest question came with, wherever it went."""
        asked = [call for server in (self.groq, self.ollama, self.openai) for call in server.history
                 if call.method == "POST" and "messages" in (call.body or {})]  # fmt: skip
        return str(max(asked, key=lambda call: call.at).json["messages"][0]["content"])

    def ask(self, question: str = QUESTION) -> str:
        """The system prompt of a question that somebody answered."""
        answer = self.console.ask(question)
        assert answer.turn is not None and answer.turn.served_by is not None
        assert answer.turn.served_by.provider != "canned", answer.turn.attempts
        return self.system()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_real_models: None) -> Iterator[House]:
    BACKENDS["embedded"] = StandIn()
    book, plugin = Book([fact(OWNER, Relation.NAME, "Caio")]), FineTuning()
    monkeypatch.setattr("aeon_plugin_ft.runtime.make_relevant_facts", lambda _: RelevantFacts(book, say))
    with FakeGroq() as groq, FakeOllama() as ollama, FakeOpenAI("llama") as openai:
        ollama.add_model("m")
        monkeypatch.setenv("GROQ_BASE_URL", groq.url)
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        brain = AeonBrain({"GROQ_KEY": groq.key}, hooks=HookCaller(build_manager(plugin, entry_points=False)))
        console = Console(brain, tmp_path / "data")
        console.start()
        yield House(console, plugin, book, groq, ollama, openai)
        console.stop()


def backends(house: House) -> dict[str, tuple[tuple[Route, ...], Route | None]]:
    """For each backend what the host asks, and what we serve in front of it."""
    url = house.openai.url
    return {
        "host's ollama": ((OLLAMA,), None),
        "host's openai": ((Route("openai", "m", url),), None),
        "embedded": ((GROQ,), Route("embedded", "v0001", url, version="v0001")),
        "ollama": ((GROQ,), Route("ollama", "m", house.ollama.url, version="v0001")),
        "openai": ((GROQ,), Route("openai", "v0001", url, version="v0001")),
        "host's groq": ((GROQ,), None),
        "groq": ((OLLAMA,), Route("groq", "openai/gpt-oss-20b", version="v0001")),
    }


HERE = ("host's ollama", "host's openai", "embedded", "ollama", "openai")
CLOUD = ("host's groq", "groq")


def turn_to(house: House, backend: str) -> None:
    chain, route = backends(house)[backend]
    house.host_asks(*chain)
    if route is not None:
        house.serve(route)


@pytest.mark.parametrize("backend", HERE)
def test_what_was_just_told_is_told_to_a_model_of_this_machine_until_it_is_forgotten(
    house: House, backend: str
) -> None:
    turn_to(house, backend)
    assert "Fork" not in house.ask()
    house.book.hold(FORK)
    assert house.ask().endswith(f"- dono name Caio.\n{TOLD}")
    house.book.hold(fact("gata", Relation.NAME, "Branch"))
    assert "Branch" in house.ask() and "Fork" not in house.ask()
    house.book.forget("gata")
    assert house.ask().endswith("Memórias:\n- dono name Caio.")


@pytest.mark.parametrize("backend", CLOUD)
def test_a_cloud_is_told_only_where_the_owner_allowed_it(house: House, backend: str) -> None:
    turn_to(house, backend)
    house.book.hold(FORK)
    assert house.ask().endswith(CONSOLE_NONE)
    house.runtime.settings_file.set("memory.cloud", True)
    assert house.ask().endswith(TOLD)
    house.runtime.settings_file.set("memory.cloud", False)
    assert house.ask().endswith(CONSOLE_NONE)


def test_when_the_cloud_fails_the_model_of_this_machine_is_told(house: House) -> None:
    house.host_asks(GROQ, OLLAMA)
    house.book.hold(FORK)
    house.groq.enqueue(server_error())
    assert house.ask().endswith(TOLD)


def test_a_version_in_the_cloud_and_its_fallback_here_are_told_what_each_may_know(house: House) -> None:
    house.book.hold(FORK)
    here = Route("embedded", "v0001", house.openai.url, version="v0001")
    house.serve(Route("groq", "openai/gpt-oss-20b", version="v0002", fallback=(here,)))
    assert house.ask().endswith(CONSOLE_NONE)
    house.groq.enqueue(server_error())
    assert house.ask().endswith(TOLD)


def test_in_private_only_a_model_of_this_machine_is_told_and_nothing_is_kept(house: House) -> None:
    house.book.hold(FORK)
    house.runtime.settings_file.set("memory.cloud", True)
    house.console.brain.private = True
    house.host_asks(OLLAMA)
    assert house.ask().endswith(TOLD)
    house.host_asks(GROQ)
    assert house.ask().endswith(CONSOLE_NONE)
    assert list(read_turns(house.runtime.data.log)) == []


def test_a_private_mode_that_cannot_be_read_is_private(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.book.hold(FORK)
    house.runtime.settings_file.set("memory.cloud", True)
    monkeypatch.setattr(house.runtime.owner, "is_private", lambda: 1 / 0)
    house.host_asks(GROQ)
    assert house.ask().endswith(CONSOLE_NONE)
    house.host_asks(OLLAMA)
    assert house.ask().endswith(TOLD)


@pytest.mark.parametrize(("keep", "told"), [("always", True), ("unlearnt", False)])
def test_what_a_version_answered_right_in_its_exam_may_leave_its_prompt_and_no_others(
    house: House, tmp_path: Path, keep: str, told: bool
) -> None:
    runtime, bash = house.runtime, fact("cachorro", Relation.NAME, "Bash")
    house.book.hold(FORK, bash)
    runtime.settings_file.set("memory.keep_in_prompt", keep)
    exam = {LEARNT + FORK.id: 1.0, LEARNT + bash.id: 0.5}
    name = add_version(runtime, tmp_path, "r1", exam)
    runtime.registry.promote(name, PromotionCause.BETTER)
    eventually(lambda: runtime.answering == name)
    house.host_asks(OLLAMA)
    house.serve(Route("embedded", name, house.openai.url, version=name))
    prompt = house.ask("minha gata e meu cachorro")
    assert (TOLD in prompt) is told and "Bash" in prompt
    runtime.settings_file.set("serve.prefer", "never")
    assert TOLD in house.ask(), "the host's own model has learnt nothing"


def test_what_was_told_is_no_part_of_the_log(house: House) -> None:
    house.book.hold(FORK)
    house.host_asks(OLLAMA)
    assert house.ask().endswith(TOLD)
    (turn,) = read_turns(house.runtime.data.log)
    assert turn.messages[0].content.endswith(CONSOLE_NONE)
    everything = b"".join(path.read_bytes() for path in house.runtime.data.log.rglob("*") if path.is_file())
    assert b"Fork" not in everything


def test_what_a_module_asks_is_told_nothing_of_the_owner(house: House) -> None:
    house.book.hold(FORK)
    house.host_asks(OLLAMA)
    house.console.brain.pensar(QUESTION, caller="modules.mistica.tarologo_mod")
    assert house.system().endswith(CONSOLE_NONE)


def test_the_prompt_up_to_the_facts_stays_the_same_and_equal_questions_give_equal_facts(house: House) -> None:
    house.book.hold(FORK, fact("cachorro", Relation.NAME, "Bash"))
    house.host_asks(OLLAMA)
    prompts = [house.ask(question) for question in ("minha gata", "meu cachorro", "minha gata")]
    starts = {prompt.partition("Data e hora: ")[0] for prompt in prompts}
    blocks = [prompt.partition("Memórias:\n")[2] for prompt in prompts]
    assert len(starts) == 1 and blocks[0] == blocks[2] != blocks[1]


def test_with_the_plugin_off_nothing_is_told(house: House) -> None:
    house.book.hold(FORK)
    house.host_asks(OLLAMA)
    house.runtime.settings_file.set("plugin.enabled", False)
    assert house.ask().endswith(CONSOLE_NONE)


class Aeon(StockBrain):
    """With the end that an Aeon's prompt has."""

    def pensar(self, prompt: str, historico_txt: str = "", modo: str = "auto", **kwargs: Any) -> str | None:
        heading = "[MEMÓRIAS RELEVANTES]\nConversas passadas que podem ser relevantes para o prompt atual:"
        memories = "".join(f"\n        {line}" for line in (*heading.split("\n"), historico_txt or AEON_NONE, ""))
        return super().pensar(prompt, memories, modo, **kwargs)


def test_an_unmodified_aeon_tells_what_it_may_through_its_own_client(house: House) -> None:
    house.book.hold(FORK)
    aeon = Aeon({"GROQ_KEY": "k"})
    made = attach(aeon, house.console.brain.hooks)
    names: dict[str, Any] = {"__name__": "core.main_gui_logic"}
    exec("def ask(brain, text): return brain.pensar(text)", names)
    try:
        names["ask"](aeon, QUESTION)
        house.runtime.settings_file.set("memory.cloud", True)
        names["ask"](aeon, QUESTION)
        before, after = (request["messages"][0]["content"] for request in aeon.client.requests)
    finally:
        made.detach()
    assert before.rstrip().endswith(AEON_NONE)
    assert after.endswith(f"prompt atual:\n        - dono name Caio.\n        {TOLD}\n        ")


def test_the_servers_of_these_tests_are_where_they_should_be(house: House) -> None:
    """Or the tests above would show nothing."""
    for backend, (chain, route) in backends(house).items():
        assert is_here(route or chain[0]) is (backend in HERE)
