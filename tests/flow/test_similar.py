"""[base] similar_turns: the owner's own earlier turns are shown with their talk, only with it, and never learnt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.turns import read_turns
from core.brain import AeonBrain
from hooks import HookCaller, Message, ModelRequest, Route, build_manager
from tests.flow.owner import OLLAMA, Owner, eventually, no_real_models
from tests.host.servers import ModelServer

__all__ = ["no_real_models"]
THINGS = (
    "gata", "aluguel", "reunião", "violão", "foguete", "praia", "xadrez", "café", "montanha", "pizza", "sobrinho",
    "bicicleta",
)  # fmt: skip
GATA = (Message("user", "qual é a da gata mesmo?"), Message("assistant", "Cara, gata é assunto sério por aqui."))


def talk(owner: Owner) -> None:
    for thing in THINGS:
        owner.says(f"qual é a da {thing} mesmo?", f"Cara, {thing} é assunto sério por aqui.")


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    """An owner who has talked, with two similar turns switched on and the index of them made."""
    made = Owner(tmp_path / "data")
    runtime = made.start()
    runtime.settings_file.set("base.similar_turns", 2)
    talk(made)
    eventually(lambda: bool(runtime.shown_turns.examples((Message("user", "e a gata?"),), 1)))
    yield made
    made.caller.all("aeon_stopping")


def runtime_of(owner: Owner) -> Runtime:
    assert owner.plugin.runtime is not None
    return owner.plugin.runtime


def chosen(owner: Owner, caller: str = "chat", route: Route = OLLAMA) -> Route | None:
    messages = (Message("system", "P"), Message("user", "e a gata?"))
    request = ModelRequest("call", "e a gata?", messages, caller, "s", route)
    found = owner.caller.first("aeon_choose_model", request=request)
    assert found is None or isinstance(found, Route)
    return found


def test_the_host_s_own_route_gets_the_similar_turns(owner: Owner) -> None:
    route = chosen(owner)
    assert route is not None and (route.provider, route.model) == (OLLAMA.provider, OLLAMA.model)
    assert route.examples[-2:] == GATA and len(route.examples) <= 4


def test_only_the_owner_s_talk_to_a_model_gets_them_and_only_when_switched_on(owner: Owner) -> None:
    assert chosen(owner, "modules.web.web_mod") is None
    assert chosen(owner, route=Route("canned", "canned")) is None
    assert chosen(owner) is not None
    runtime_of(owner).settings_file.set("base.similar_turns", 0)
    assert chosen(owner) is None


@pytest.mark.parametrize("elsewhere", [Route("groq", "m"), Route("ollama", "m", "http://gpu.example.com:11434")])
def test_a_model_elsewhere_is_shown_them_only_where_facts_may_go(owner: Owner, elsewhere: Route) -> None:
    assert chosen(owner, route=elsewhere) is None
    runtime_of(owner).settings_file.set("memory.cloud", True)
    shown = chosen(owner, route=elsewhere)
    assert shown is not None and shown.examples[-2:] == GATA
    owner.private = True
    assert chosen(owner, route=elsewhere) is None
    owner.private = False


def test_nothing_is_shown_in_private_mode_wherever_it_is_kept(owner: Owner) -> None:
    runtime = runtime_of(owner)
    owner.private = True
    assert chosen(owner) is None
    owner.private = False
    runtime.owner.private_mode.switch(True)
    assert chosen(owner) is None
    runtime.owner.private_mode.switch(False)
    assert chosen(owner) is not None
    del owner.private  # a host whose private mode cannot be read counts as private
    assert chosen(owner) is None
    owner.private = False


def test_the_model_sees_them_and_the_log_keeps_only_the_turn(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = runtime_of(owner)
    monkeypatch.delenv("GROQ_KEY", raising=False)
    with ModelServer("ollama") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        brain = AeonBrain({}, hooks=HookCaller(build_manager(owner.plugin, entry_points=False)))
        assert brain.pensar("e a gata?", caller="chat")
        brain.close()
        (asked,) = server.chats()
    sent = [(message["role"], message["content"]) for message in asked["messages"]]
    assert [role for role, _ in sent] == ["system", *["user", "assistant"] * (len(sent) // 2 - 1), "user"]
    assert sent[-3:] == [*((one.role, one.content) for one in GATA), ("user", "e a gata?")]
    (logged,) = [turn for turn in read_turns(runtime.data.log) if turn.user == "e a gata?"]
    assert [message.role for message in logged.messages] == ["system", "user"]
    runtime.index.ingest()
    rows = [example for example in runtime.pipeline.draft().train if example.user == "e a gata?"]
    assert all([message.role for message in row.messages] == ["system", "user", "assistant"] for row in rows)


def test_a_forgotten_turn_is_shown_no_more(owner: Owner) -> None:
    from aeon_plugin_ft.forget import Forgetter

    runtime = runtime_of(owner)
    forgetter = Forgetter(runtime.data, runtime.store)
    forgetter.forget(forgetter.about("gata"))
    route = chosen(owner)
    assert route is None or all("gata" not in message.content for message in route.examples)
