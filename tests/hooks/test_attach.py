"""The attachment to a live brain that knows nothing of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from hooks import HookCaller, ModelRequest, Route, Turn, build_manager, hookimpl
from hooks.attach import Attachment, attach, attached
from hooks.call import CLOUD_SECONDS
from hooks.providers import ProviderPool
from hooks.view import Request
from tests.host.brain import ScriptedGroq, ScriptedOllama, StockBrain
from tests.host.servers import ModelServer, Scripted


class Plugin:
    """Keeps turns, chooses routes, knows one command."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.requests: list[ModelRequest] = []
        self.route: Route | None = None
        self.memories: dict[str, tuple[str, ...]] = {}
        """By the provider that Aeon asks."""

    @hookimpl
    def aeon_choose_model(self, request: ModelRequest) -> Route | None:
        self.requests.append(request)
        return self.route

    @hookimpl
    def aeon_remember(self, request: ModelRequest) -> tuple[str, ...] | None:
        return self.memories.get(request.host_route.provider)

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        self.turns.append(turn)

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        return "Treinando." if text == "treina aí" else None


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


@pytest.fixture
def brain() -> StockBrain:
    return StockBrain({"GROQ_KEY": "k"})


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer("tuned") as made:
        yield made


@pytest.fixture
def attached_brain(brain: StockBrain, plugin: Plugin) -> Iterator[Attachment]:
    made = attach(brain, HookCaller(build_manager(plugin, entry_points=False)))
    yield made
    made.detach()


def say(brain: Any, text: str, module: str = "core.main_gui_logic", **kwargs: Any) -> Any:
    """Call the brain as the module of that name does."""
    names: dict[str, Any] = {"__name__": module}
    exec("def ask(brain, text, kwargs): return brain.pensar(text, **kwargs)", names)
    return names["ask"](brain, text, kwargs)


@pytest.mark.usefixtures("attached_brain")
def test_a_call_is_seen_whole_and_changes_nothing(brain: StockBrain, plugin: Plugin) -> None:
    assert say(brain, "oi") == "groq: oi"
    (turn,) = plugin.turns
    assert (turn.caller, turn.mode, turn.prompt, turn.reply) == ("chat", "auto", "oi", "groq: oi")
    sent = brain.client.requests[0]
    assert [{"role": m.role, "content": m.content} for m in turn.messages] == sent["messages"]
    assert [(a.provider, a.model, a.ok) for a in turn.attempts] == [("groq", "llama-3.3-70b-versatile", True)]
    assert turn.served_by == turn.attempts[0] and turn.served_by.version == "base"
    assert isinstance(brain.client, ScriptedGroq), "the real client stays where Aeon looks for it"
    assert plugin.requests[0].host_route == Route("groq", "llama-3.3-70b-versatile")
    assert sent["temperature"] == 0.7


@pytest.mark.usefixtures("attached_brain")
def test_who_asked_is_told_apart(brain: StockBrain, plugin: Plugin) -> None:
    say(brain, "as cartas", "modules.mistica.tarologo_mod", modo="conversa", user_prefs={})
    say(brain, "outra", "alguem.qualquer")
    assert [t.caller for t in plugin.turns] == ["modules.mistica.tarologo_mod", "alguem.qualquer"]
    assert plugin.turns[0].mode == "conversa"


@pytest.mark.usefixtures("attached_brain")
def test_aeons_own_fallback_is_seen_as_it_goes(brain: StockBrain, plugin: Plugin) -> None:
    brain._conectar()
    brain.client.fail = "429 quota"
    assert say(brain, "oi") == "ollama: oi"
    assert [(a.provider, a.ok, a.error) for a in plugin.turns[0].attempts] == [
        ("groq", False, "429 quota"),
        ("ollama", True, None),
    ]
    assert len(plugin.requests) == 1, "the plugins are asked once per call"


@pytest.mark.usefixtures("attached_brain")
def test_a_canned_sentence_is_labelled(brain: StockBrain, plugin: Plugin, offline: None) -> None:
    assert say(brain, "oi", modo="conversa") == "canned"
    served = plugin.turns[0].served_by
    assert served is not None and served.provider == "canned"
    assert say(brain, "oi") is None
    assert plugin.turns[1].reply is None and plugin.turns[1].served_by is None


@pytest.fixture
def offline(brain: StockBrain) -> Iterator[None]:
    brain._conectar()
    brain.client.fail = "down"
    ScriptedOllama.fail = "connection refused"
    yield
    ScriptedOllama.fail = None


@pytest.mark.usefixtures("attached_brain")
def test_a_chosen_model_answers_in_place_of_either_provider(
    brain: StockBrain, plugin: Plugin, server: ModelServer
) -> None:
    plugin.route = Route("embedded", "v1", server.url, token="t", version="v0001")
    assert say(brain, "oi") == "[tuned/v1] oi"
    assert brain.client.requests == []
    brain.online = False
    assert say(brain, "oi de novo") == "[tuned/v1] oi de novo"
    assert server.chats()[0]["messages"] == [{"role": m.role, "content": m.content} for m in plugin.turns[0].messages]
    assert plugin.turns[1].served_by is not None and plugin.turns[1].served_by.version == "v0001"


@pytest.mark.usefixtures("attached_brain")
@pytest.mark.parametrize(
    "failure", [Scripted(status=404), Scripted(status=500), Scripted(""), Scripted("tarde", delay=60.0)]
)
def test_a_failing_model_falls_back_within_the_same_call(
    brain: StockBrain, plugin: Plugin, server: ModelServer, failure: Scripted
) -> None:
    base = Route("openai", "base", server.url)
    plugin.route = Route("embedded", "v1", server.url, timeout_s=0.3, fallback=(base,))
    server.enqueue(failure)
    assert say(brain, "oi") == "[tuned/base] oi"
    server.enqueue(failure, Scripted(status=500))
    assert say(brain, "oi") == "groq: oi"
    assert [a.ok for a in plugin.turns[1].attempts] == [False, False, True]
    assert brain.client.requests[0]["model"] == "llama-3.3-70b-versatile"


@pytest.mark.usefixtures("attached_brain")
def test_a_model_that_is_not_there_is_skipped_after_three_failures(brain: StockBrain, plugin: Plugin) -> None:
    plugin.route = Route("embedded", "v1", "http://127.0.0.1:9")
    for _ in range(4):
        assert say(brain, "oi") == "groq: oi"
    errors = [t.attempts[0].error for t in plugin.turns]
    assert errors[3] == "resting after failures" and "nobody answers" in str(errors[2])


@pytest.mark.usefixtures("attached_brain")
def test_aeons_own_request_carries_what_a_plugin_remembers(brain: StockBrain, plugin: Plugin) -> None:
    plugin.memories = {"groq": ("A gata se chama Fork.", "O dono mora em Joinville.")}
    assert say(brain, "oi") == "groq: oi"
    (sent,) = brain.client.requests
    assert sent["messages"][0]["content"].endswith("Memórias:\n- A gata se chama Fork.\n- O dono mora em Joinville.")
    assert sent["messages"][1] == {"role": "user", "content": "oi"} and sent["temperature"] == 0.7
    assert "Fork" not in plugin.turns[0].messages[0].content


@pytest.mark.usefixtures("attached_brain")
def test_each_of_aeons_models_is_told_what_it_may_know(
    brain: StockBrain, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    real = ScriptedOllama.chat
    monkeypatch.setattr(ScriptedOllama, "chat", lambda **request: asked.append(request) or real(**request))
    plugin.memories = {"ollama": ("A gata se chama Fork.",)}
    brain._conectar()
    brain.client.fail = "429 quota"
    assert say(brain, "oi") == "ollama: oi"
    assert "Fork" not in str(brain.client.requests) and "Fork" in asked[0]["messages"][0]["content"]


def test_messages_by_position_are_told_too_and_keep_what_else_stands_in_them() -> None:
    request = Request(("m", [{"role": "user", "content": "oi", "name": "dono"}]), {"think": False})
    told = request.saying([{"role": "user", "content": "olá"}])
    assert told.args == ("m", [{"role": "user", "content": "olá"}]) and told.kwargs == {"think": False}
    assert request.within(5).kwargs == {"think": False, "timeout": 5} and told.within(5).named["model"] == "m"
    assert Request((), {"timeout": 3}).within(5).kwargs == {"timeout": 3}


def test_a_request_that_cannot_be_added_to_goes_out_as_aeon_wrote_it(
    attached_brain: Attachment, brain: StockBrain, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.memories = {"groq": ("A gata se chama Fork.",)}
    monkeypatch.setattr("hooks.view.put_memories", lambda *_: 1 / 0)
    assert say(brain, "oi") == "groq: oi"
    assert "Fork" not in str(brain.client.requests)


@pytest.mark.usefixtures("attached_brain")
@pytest.mark.parametrize("mode", ["auto", "conversa"])
def test_a_last_resort_answers_where_aeon_would_have_nothing_to_say(
    brain: StockBrain, plugin: Plugin, server: ModelServer, offline: None, mode: str
) -> None:
    plugin.route = Route("embedded", "v1", server.url, version="v0001", last_resort=True)
    assert say(brain, "oi", modo=mode) == "[tuned/v1] oi"
    (turn,) = plugin.turns
    assert [(a.provider, a.ok) for a in turn.attempts] == [("groq", False), ("ollama", False), ("embedded", True)]
    assert turn.reply == "[tuned/v1] oi" and turn.served_by is not None and turn.served_by.version == "v0001"
    assert brain.client.requests[0]["timeout"] == CLOUD_SECONDS


@pytest.mark.usefixtures("attached_brain")
def test_a_last_resort_is_asked_after_an_empty_reply_and_never_before_a_good_one(
    brain: StockBrain, plugin: Plugin, server: ModelServer
) -> None:
    plugin.route = Route("embedded", "v1", server.url, last_resort=True)
    assert say(brain, "oi") == "groq: oi" and server.chats() == []
    brain.client.chat.completions.create = lambda **_: _empty()
    assert say(brain, "oi") == "[tuned/v1] oi"


def _empty() -> Any:
    return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=""))])


@pytest.mark.usefixtures("attached_brain")
def test_with_a_last_resort_aeons_own_models_rest_when_they_keep_failing(
    brain: StockBrain, plugin: Plugin, server: ModelServer, offline: None
) -> None:
    plugin.route = Route("embedded", "v1", server.url, last_resort=True)
    for _ in range(4):
        assert say(brain, "oi", modo="conversa") == "[tuned/v1] oi"
    assert len(brain.client.requests) == 3
    assert [a.error for a in plugin.turns[-1].attempts] == ["resting after failures", "resting after failures", None]
    plugin.route = None
    brain.client.fail = None
    assert say(brain, "oi") == "groq: oi", "with nobody else to ask, Aeon's model is asked each time"


@pytest.mark.usefixtures("attached_brain")
def test_a_last_resort_that_fails_too_leaves_aeons_own_end(brain: StockBrain, plugin: Plugin, offline: None) -> None:
    plugin.route = Route("embedded", "v1", "http://127.0.0.1:9", last_resort=True)
    assert say(brain, "oi", modo="conversa") == "canned"
    assert say(brain, "oi") is None
    assert [a.provider for a in plugin.turns[0].attempts] == ["groq", "ollama", "embedded", "canned"]


class Broken:
    @hookimpl
    def aeon_choose_model(self, request: ModelRequest) -> Any:
        raise SystemExit(3)

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        raise RuntimeError("bug")

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        raise RuntimeError("bug")


class Silly:
    @hookimpl
    def aeon_choose_model(self, request: ModelRequest) -> Any:
        return "v3, please"


@pytest.mark.parametrize("bad", [Broken, Silly])
def test_a_broken_plugin_never_reaches_the_owner(brain: StockBrain, plugin: Plugin, bad: type) -> None:
    made = attach(brain, HookCaller(build_manager(plugin, bad(), entry_points=False)))
    assert say(brain, "oi") == "groq: oi"
    assert len(plugin.turns) == 1
    made.detach()


def test_what_breaks_in_the_attachment_itself_leaves_the_reply(
    attached_brain: Attachment, brain: StockBrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("bug")

    for name in ("hooks.attach.find_caller", "hooks.call.Call.choose", "hooks.call.Call.finish"):
        with monkeypatch.context() as patch:
            patch.setattr(name, broken)
            assert say(brain, "oi") == "groq: oi"
    attached_brain._view = broken
    assert say(brain, "oi") == "groq: oi"


def test_an_error_of_aeons_own_is_still_its_own(attached_brain: Attachment, plugin: Plugin) -> None:
    with pytest.raises(TypeError):
        attached_brain.brain.pensar()
    assert attached_brain.in_flight == 0


@pytest.mark.usefixtures("attached_brain")
def test_a_command_that_no_trigger_caught_is_answered_without_a_model(brain: StockBrain, plugin: Plugin) -> None:
    assert say(brain, "treina aí") == "Treinando."
    assert plugin.turns == [] and brain.client is None
    assert say(brain, "treina aí", "modules.web.web_mod") == "groq: treina aí"


@pytest.mark.usefixtures("attached_brain")
def test_concurrent_calls_do_not_mix_while_the_model_changes(
    brain: StockBrain, plugin: Plugin, server: ModelServer
) -> None:
    routes = [Route("embedded", f"v{n}", server.url, version=f"v{n}") for n in range(4)]
    replies: dict[str, str] = {}

    def ask(text: str) -> None:
        replies[text] = say(brain, text)

    threads = [threading.Thread(target=ask, args=(f"n{n}",)) for n in range(48)]
    for n, thread in enumerate(threads):
        plugin.route = routes[n % 4]
        thread.start()
    for thread in threads:
        thread.join()
    for turn in plugin.turns:
        assert turn.served_by is not None
        assert turn.reply == replies[turn.prompt] == f"[tuned/{turn.served_by.model}] {turn.prompt}"
        assert turn.served_by.version == turn.served_by.model and turn.messages[-1].content == turn.prompt
    assert len(plugin.turns) == 48


def test_attaching_again_is_the_same_attachment(attached_brain: Attachment, brain: StockBrain, plugin: Plugin) -> None:
    for _ in range(5):
        assert attach(brain, HookCaller(build_manager(entry_points=False))) is attached_brain
    say(brain, "oi")
    assert len(plugin.turns) == 1 and attached(brain) is attached_brain


def test_detaching_leaves_the_brain_as_it_was(brain: StockBrain, plugin: Plugin) -> None:
    before = dict(brain.__dict__)
    made = attach(brain, HookCaller(build_manager(plugin, entry_points=False)))
    made.detach()
    assert brain.__dict__ == before and brain.pensar.__func__ is StockBrain.pensar
    assert attached(brain) is None
    say(brain, "oi")
    assert plugin.turns == []


def _wrap(brain: StockBrain) -> Callable[..., Any]:
    inner = brain.pensar

    def outer(*args: Any, **kwargs: Any) -> Any:
        return f"<{inner(*args, **kwargs)}>"

    brain.pensar = outer  # type: ignore[method-assign]
    return outer


def test_a_wrapper_on_top_is_respected(brain: StockBrain, plugin: Plugin) -> None:
    made = attach(brain, HookCaller(build_manager(plugin, entry_points=False)))
    outer = _wrap(brain)
    assert say(brain, "oi") == "<groq: oi>" and len(plugin.turns) == 1
    assert plugin.turns[0].caller == "chat"
    assert attach(brain, HookCaller(build_manager(entry_points=False))) is made
    made.detach()
    assert brain.__dict__["pensar"] is outer
    assert say(brain, "oi") == "<groq: oi>" and len(plugin.turns) == 1
    assert attach(brain, HookCaller(build_manager(entry_points=False))) is made and made.active
    say(brain, "oi")
    assert len(plugin.turns) == 2, "attached again under the wrapper, once"


def test_under_an_older_wrapper_replies_are_seen_and_it_is_said(
    brain: StockBrain, plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    outer = _wrap(brain)
    made = attach(brain, HookCaller(build_manager(plugin, entry_points=False)))
    assert "another plugin wraps this brain" in caplog.text and not made.seen
    assert say(brain, "oi") == "<groq: oi>"
    assert plugin.turns[0].reply == "<groq: oi>" and plugin.turns[0].messages[0].role == "user"
    made.detach()
    assert brain.__dict__["pensar"] is outer


def test_the_private_mode_is_read_at_the_end_and_unknown_is_private(brain: StockBrain, plugin: Plugin) -> None:
    states: list[Any] = [True, RuntimeError("odd host"), False]

    def is_private() -> bool:
        state = states.pop(0)
        if isinstance(state, Exception):
            raise state
        return bool(state)

    made = attach(brain, HookCaller(build_manager(plugin, entry_points=False)), is_private=is_private)
    for _ in range(3):
        say(brain, "segredo")
    assert [t.private for t in plugin.turns] == [True, True, False]
    made.detach()


def test_a_thing_that_is_no_brain_is_refused() -> None:
    with pytest.raises(TypeError, match="no brain"):
        attach(object(), HookCaller(build_manager(entry_points=False)))


def test_groq_routes_use_aeons_own_key(brain: StockBrain, plugin: Plugin) -> None:
    with ModelServer("groq", models=("ft:x",)) as cloud:
        pool = ProviderPool(lambda: brain.groq_api_key, cloud.url)
        made = attach(brain, HookCaller(build_manager(plugin, entry_points=False)), pool=pool)
        plugin.route = Route("groq", "ft:x", version="v0002")
        assert say(brain, "oi") == "[groq/ft:x] oi"
        assert cloud.requests[-1]["authorization"] == "Bearer k"
        made.detach()
