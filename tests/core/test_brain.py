"""The brain: API of Aeon's, routes with fallback, turns for the plugins."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest

from core.brain import AeonBrain, find_tool
from hooks import Attempt, Route, Turn, hookimpl
from tests.core.conftest import Recorder
from tests.host.servers import ModelServer, Scripted

Make = Callable[..., AeonBrain]


def test_it_has_the_interface_of_aeons_brain(make_brain: Make) -> None:
    brain = make_brain(None)
    parameters = list(inspect.signature(AeonBrain.__init__).parameters)[1:3]
    assert parameters == ["config", "installer"]
    thinking = inspect.signature(brain.pensar).parameters
    assert list(thinking)[:3] == ["prompt", "historico_txt", "modo"]
    assert (thinking["historico_txt"].default, thinking["modo"].default) == ("", "auto")
    assert (brain.client, brain.online, brain.local_ready) == (None, False, True)
    assert isinstance(brain.ver(b""), str)


def test_with_a_key_groq_answers_and_the_turn_holds_the_exact_messages(
    make_brain: Make, groq: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain()
    reply = brain.pensar("qual é a boa?", "Dono: oi", user_prefs={})
    assert reply == "[groq/openai/gpt-oss-20b] qual é a boa?"
    assert brain.online and brain.client is not None
    (turn,) = recorder.turns
    sent = groq.chats()[-1]["messages"]
    assert [{"role": m.role, "content": m.content} for m in turn.messages] == sent
    assert "Dono: oi" in sent[0]["content"]
    assert turn.served_by == turn.attempts[-1] and turn.served_by.provider == "groq"
    assert (turn.reply, turn.mode, turn.private) == (reply, "auto", False)
    assert groq.requests[-1]["authorization"] == "Bearer gsk_secret"


def test_a_retired_groq_model_is_one_sentence_and_ollama_answers(
    make_brain: Make, groq: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain(groq_model="llama-3.3-70b-versatile")
    assert brain.pensar("oi") == "[ollama/deepseek-r1:8b] oi"
    failed, worked = recorder.turns[0].attempts
    assert failed.error is not None and "does not serve llama-3.3-70b-versatile" in failed.error
    assert "openai/gpt-oss-120b" in failed.error
    assert (failed.ok, worked.ok, worked.provider) == (False, True, "ollama")
    assert groq.chats() == []


def test_nobody_there_is_none_in_auto_and_a_canned_sentence_in_conversa(
    make_brain: Make, ollama: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain(None)
    ollama.enqueue(Scripted(status=500), Scripted(status=500))
    assert brain.pensar("oi") is None
    assert recorder.turns[0].served_by is None and recorder.turns[0].reply is None
    reply = brain.pensar("oi", modo="conversa")
    assert reply
    assert recorder.turns[1].served_by is not None and recorder.turns[1].served_by.provider == "canned"


def test_the_plugins_route_answers_first_and_its_fallback_before_the_hosts_chain(
    make_brain: Make, groq: ModelServer, ollama: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain()
    base = Route("openai", "base", groq.url)
    recorder.route = Route("embedded", "v3", ollama.url, token="t0k", version="v0003", fallback=(base,))
    assert brain.pensar("oi") == "[ollama/v3] oi"
    assert ollama.requests[-1]["path"] == "/v1/chat/completions"
    assert ollama.requests[-1]["authorization"] == "Bearer t0k"
    ollama.enqueue(Scripted(status=404))
    assert brain.pensar("oi") == "[groq/base] oi"
    ollama.enqueue("")
    groq.enqueue(Scripted(status=503))
    assert brain.pensar("oi") == "[groq/openai/gpt-oss-20b] oi"
    assert [(a.model, a.ok) for a in recorder.turns[-1].attempts] == [
        ("v3", False),
        ("base", False),
        ("openai/gpt-oss-20b", True),
    ]
    assert recorder.turns[0].served_by is not None and recorder.turns[0].served_by.version == "v0003"
    assert recorder.requests[0].host_route.provider == "groq"


def test_a_route_that_keeps_failing_is_left_alone(
    make_brain: Make, groq: ModelServer, ollama: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain()
    recorder.route = Route("embedded", "v3", ollama.url)
    ollama.enqueue(*[Scripted(status=500)] * 3)
    for _ in range(4):
        assert brain.pensar("oi") == "[groq/openai/gpt-oss-20b] oi"
    assert len(ollama.chats()) == 3
    assert recorder.turns[-1].attempts[0].error == "resting after failures"


def test_the_host_tells_its_own_models_what_a_plugin_remembers_each_what_it_may_know(
    make_brain: Make, groq: ModelServer, ollama: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain()
    recorder.memories = {"ollama": ("A gata se chama Fork.",)}
    groq.enqueue(Scripted(status=503))
    assert brain.pensar("qual é a gata?") == "[ollama/deepseek-r1:8b] qual é a gata?"
    (to_groq,), (to_ollama,) = groq.chats(), ollama.chats()
    assert "Fork" not in to_groq["messages"][0]["content"]
    assert to_ollama["messages"][0]["content"].endswith("Memórias:\n- A gata se chama Fork.")
    assert "Fork" not in recorder.turns[0].messages[0].content, "the log keeps what the host sent"


def test_a_chosen_route_carries_its_memories_itself(
    make_brain: Make, groq: ModelServer, ollama: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain()
    recorder.memories = {"groq": ("Nada disto.",)}
    base = Route("openai", "base", groq.url, memories=("O disco é novo.",))
    recorder.route = Route("embedded", "v3", ollama.url, fallback=(base,), memories=("A gata se chama Fork.",))
    ollama.enqueue(Scripted(status=404))
    assert brain.pensar("oi") == "[groq/base] oi"
    assert ollama.chats()[0]["messages"][0]["content"].endswith("- A gata se chama Fork.")
    assert groq.chats()[0]["messages"][0]["content"].endswith("- O disco é novo.")


def test_a_route_of_last_resort_answers_only_when_the_host_has_nothing(
    make_brain: Make, groq: ModelServer, ollama: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain()
    recorder.route = Route("embedded", "v3", ollama.url, version="v0003", last_resort=True)
    assert brain.pensar("oi") == "[groq/openai/gpt-oss-20b] oi"
    groq.enqueue(Scripted(status=503))
    ollama.enqueue(Scripted(status=500))
    assert brain.pensar("oi", modo="conversa") == "[ollama/v3] oi"
    turn = recorder.turns[-1]
    assert [(a.model, a.ok) for a in turn.attempts] == [
        ("openai/gpt-oss-20b", False),
        ("deepseek-r1:8b", False),
        ("v3", True),
    ]
    assert turn.served_by is not None and turn.served_by.version == "v0003"


def test_a_cloud_that_hangs_does_not_keep_a_last_resort_waiting(
    make_brain: Make, groq: ModelServer, ollama: ModelServer, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.brain.CLOUD_SECONDS", 0.2)
    brain = make_brain()
    recorder.route = Route("embedded", "v3", ollama.url, last_resort=True)
    groq.enqueue(*[Scripted("tarde", delay=60.0)] * 3)
    ollama.enqueue(*[answer for _ in range(3) for answer in (Scripted(status=500), "v3 fala")])
    assert [brain.pensar("oi") for _ in range(3)] == ["v3 fala"] * 3
    # By now both of the host's models have failed three times, and nobody waits for them any more.
    assert brain.pensar("oi") == "[ollama/v3] oi"
    assert [a.error for a in recorder.turns[-1].attempts] == ["resting after failures", "resting after failures", None]


def test_what_is_no_sentence_is_not_told(make_brain: Make, groq: ModelServer, recorder: Recorder) -> None:
    recorder.memories = {"groq": "A gata"}  # type: ignore[dict-item]
    assert make_brain().pensar("oi") == "[groq/openai/gpt-oss-20b] oi"
    assert groq.chats()[0]["messages"][0]["content"].endswith("Nada relevante por enquanto.")


class _Raises:
    @hookimpl
    def aeon_choose_model(self, request: Any) -> Route:
        raise RuntimeError("plugin bug")

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        raise RuntimeError("plugin bug")


def test_a_plugin_that_raises_costs_nothing_but_its_own_answer(make_brain: Make, recorder: Recorder) -> None:
    brain = make_brain("key", _Raises())
    assert brain.pensar("oi") == "[groq/openai/gpt-oss-20b] oi"
    assert len(recorder.turns) == 1


def test_a_slow_route_is_given_up_after_its_time(make_brain: Make, ollama: ModelServer, recorder: Recorder) -> None:
    brain = make_brain()
    recorder.route = Route("embedded", "v3", ollama.url, timeout_s=0.1)
    ollama.enqueue(Scripted("tarde demais", delay=60.0))
    assert brain.pensar("oi") == "[groq/openai/gpt-oss-20b] oi"
    assert recorder.turns[0].attempts[0].seconds < 30


def test_concurrent_calls_each_have_their_own_turn(make_brain: Make, recorder: Recorder) -> None:
    brain = make_brain()
    replies: dict[str, str | None] = {}

    def ask(text: str) -> None:
        replies[text] = brain.pensar(text)

    threads = [threading.Thread(target=ask, args=(f"n{n}",)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == {f"n{n}": f"[groq/openai/gpt-oss-20b] n{n}" for n in range(16)}
    assert {(t.prompt, t.reply) for t in recorder.turns} == set(replies.items())
    assert len({t.id for t in recorder.turns}) == 16


@pytest.mark.parametrize("provider", ["embedded", "ollama"])
def test_a_streamed_reply_is_the_reply_without_its_reasoning(
    make_brain: Make, ollama: ModelServer, recorder: Recorder, provider: Any
) -> None:
    brain = make_brain()
    recorder.route = Route(provider, "v3", ollama.url)
    ollama.enqueue("<think>deixa eu ver</think>\n\nFala, cara. É isso.")
    pieces: list[str] = []
    reply = brain.pensar("oi", on_token=pieces.append)
    assert reply == "".join(pieces) == "Fala, cara. É isso."
    assert recorder.turns[0].reply == reply and len(pieces) > 3


def test_a_stream_that_breaks_off_starts_over_with_the_next_route(
    make_brain: Make, ollama: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain()
    recorder.route = Route("embedded", "v3", ollama.url)
    ollama.enqueue(Scripted("metade da", breaks=True))
    shown: list[str] = []
    reply = brain.pensar("oi", on_token=shown.append, on_restart=shown.clear)
    assert reply == "".join(shown) == "[groq/openai/gpt-oss-20b] oi"


def test_reasoning_that_only_its_end_gives_away_is_taken_back(
    make_brain: Make, ollama: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain()
    recorder.route = Route("embedded", "v3", ollama.url)
    ollama.enqueue("o dono quer saber</think>Pronto.")
    shown: list[str] = []
    assert brain.pensar("oi", on_token=shown.append, on_restart=shown.clear) == "Pronto."
    assert "".join(shown) == "Pronto."


def test_a_listener_of_the_stream_that_raises_does_not_cost_the_reply(make_brain: Make) -> None:
    def broken(piece: str) -> None:
        raise OSError("closed terminal")

    assert make_brain().pensar("oi", on_token=broken) == "[groq/openai/gpt-oss-20b] oi"


def test_the_private_mode_is_read_at_the_end_of_the_call(
    make_brain: Make, ollama: ModelServer, recorder: Recorder
) -> None:
    brain = make_brain(None)
    ollama.enqueue(Scripted("segredo", delay=0.2))
    thread = threading.Thread(target=brain.pensar, args=("oi",))
    thread.start()
    brain.private = True
    thread.join()
    assert recorder.turns[0].private is True


def test_offline_by_hand_holds_after_the_first_call(make_brain: Make) -> None:
    brain = make_brain()
    brain.pensar("oi")
    brain.online = False
    assert brain.pensar("oi") == "[ollama/deepseek-r1:8b] oi"
    brain.ollama_model = "aeon-x:v1"
    assert brain.pensar("oi") == "[ollama/aeon-x:v1] oi"


@pytest.mark.parametrize(
    ("said", "tool"),
    [
        ('claro: {"tool": "Midia.tocar", "param": "samba"} pronto', {"tool": "Midia.tocar", "param": "samba"}),
        (
            "me lembra de beber água",
            {"tool": "Lembretes.criar_lembrete", "param": {"texto": "me lembra de beber água"}},
        ),
        ("quais módulos existem?", {"tool": "Sistema.listar_modulos_disponiveis", "param": {}}),
        ("conta uma história", None),
        ('{"nada": 1}', None),
    ],
)
def test_parse_intent(make_brain: Make, said: str, tool: dict[str, Any] | None) -> None:
    assert make_brain(None).parse_intent(said) == tool


def test_a_tool_call_is_found_behind_other_braces() -> None:
    assert find_tool('{x} {"a": {"tool": ""}} {"tool": "A.b", "param": {"c": "}"}}') == {
        "tool": "A.b",
        "param": {"c": "}"},
    }


def test_the_key_shows_in_no_repr(make_brain: Make, recorder: Recorder) -> None:
    brain = make_brain("gsk_muito_secreto")
    brain.pensar("oi")
    seen = f"{brain!r} {brain._settings!r} {brain._pool!r} {brain.client!r} {recorder.turns!r} {recorder.requests!r}"
    assert "gsk_muito_secreto" not in seen


def test_attempts_are_of_the_contracts_type(make_brain: Make, recorder: Recorder) -> None:
    make_brain().pensar("oi")
    assert all(isinstance(a, Attempt) and a.seconds >= 0 for a in recorder.turns[0].attempts)


def test_a_brain_knows_whether_anything_can_answer(make_brain: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_brain("k").has_model() and make_brain(None).has_model()
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    alone = AeonBrain(None)
    assert not alone.has_model()
    alone.host_routes = (Route("openai", "m", "http://127.0.0.1:9"),)
    assert alone.has_model()
    alone.close()
