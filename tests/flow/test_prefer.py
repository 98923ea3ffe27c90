"""[serve] prefer: whether a trained model answers before a model of the host's own, behind it, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.events import Event, ModelSwapped
from aeon_plugin_ft.registry.canaries import canary_under_way
from aeon_plugin_ft.registry.model import WON_TODAY
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.voice.announce import describe
from aeon_plugin_ft.voice.catalogue import variants
from core.brain import AeonBrain
from hooks import Attempt, HookCaller, Message, ModelRequest, Route, build_manager
from tests.flow.owner import OLLAMA, Owner, add_version, eventually, no_real_models, owner
from tests.host.servers import ModelServer, Scripted

__all__ = ["no_real_models", "owner"]

GROQ, NOBODY = Route("groq", "openai/gpt-oss-20b"), Route("none", "")
FIRST, LAST, NOT = "first", "last", "not"


def place(owner: Owner, host: Route) -> str:
    """Where the version in use stands when the host would ask this route."""
    chosen = owner.asks("oi", host)
    owner.says("oi", id="call")  # the call is over: a model that somebody still uses does not leave
    if chosen is None:
        return NOT
    assert chosen.version != "base"
    return LAST if chosen.last_resort else FIRST


def in_use(runtime: Runtime, tmp_path: Path, cause: PromotionCause, won: float | None) -> str:
    name = add_version(runtime, tmp_path, "r1", {} if won is None else {WON_TODAY: won}, compared=won is not None)
    runtime.registry.promote(name, cause)
    eventually(lambda: runtime.answering == name)
    return name


@pytest.mark.parametrize(
    ("prefer", "won", "cause", "places"),
    [
        ("better", 1.0, PromotionCause.BETTER, (FIRST, FIRST, FIRST)),
        ("better", 0.0, PromotionCause.BETTER, (LAST, LAST, FIRST)),
        ("better", None, PromotionCause.BETTER, (LAST, LAST, FIRST)),
        ("better", 0.0, PromotionCause.OWNER, (FIRST, FIRST, FIRST)),
        ("offline", 1.0, PromotionCause.BETTER, (LAST, LAST, FIRST)),
        ("offline", None, PromotionCause.OWNER, (LAST, LAST, FIRST)),
        ("always", None, PromotionCause.BETTER, (FIRST, FIRST, FIRST)),
        ("never", 1.0, PromotionCause.OWNER, (NOT, NOT, FIRST)),
        ("trained", None, PromotionCause.BETTER, (FIRST, FIRST, FIRST)),
        ("host", 1.0, PromotionCause.BETTER, (NOT, NOT, FIRST)),
    ],
)
def test_who_answers_is_as_serve_prefer_says(
    owner: Owner, tmp_path: Path, prefer: str, won: float | None, cause: PromotionCause, places: tuple[str, ...]
) -> None:
    """Against Groq, against Ollama, and where the host has nobody to ask."""
    runtime = owner.start()
    runtime.settings_file.set("serve.prefer", prefer)
    in_use(runtime, tmp_path, cause, won)
    assert tuple(place(owner, host) for host in (GROQ, OLLAMA, NOBODY)) == places
    is_named = "versão um" in str(owner.hears("modelo atual"))
    assert is_named is (places[0] == FIRST), "the owner is told what answers them"


def test_a_host_without_a_model_is_answered_by_what_there_is(owner: Owner, tmp_path: Path) -> None:
    owner.host = replace(owner.host, needs_model=True)
    runtime = owner.start()
    runtime.settings_file.set("serve.prefer", "never")
    in_use(runtime, tmp_path, PromotionCause.BETTER, 0.0)
    assert place(owner, OLLAMA) == FIRST


@pytest.mark.parametrize(
    ("prefer", "won", "tried"), [("better", 1.0, True), ("better", 0.0, False), ("offline", 1.0, False),
                                 ("never", 1.0, False), ("always", 0.0, True)],
)  # fmt: skip
def test_a_share_of_the_sessions_is_only_given_to_a_version_that_would_answer_them(
    owner: Owner, tmp_path: Path, prefer: str, won: float, tried: bool
) -> None:
    """Else it would wait for ever, in the memory of two models."""
    runtime = owner.start()
    runtime.settings_file.set("serve.prefer", prefer)
    runtime.settings_file.set("gate.canary_share", 0.5)
    name = add_version(runtime, tmp_path, "r1", {WON_TODAY: won}, compared=True)
    assert runtime.pipeline.promote(runtime.registry.get(name)) is False
    if tried:
        eventually(lambda: runtime.routes.canary is not None)
        assert runtime.registry.current() == "base"
        return
    eventually(lambda: runtime.answering == name)
    assert runtime.routes.canary is None and canary_under_way(runtime.store) is None
    last = runtime.registry.last_promotion()
    assert last is not None and last.cause is PromotionCause.BETTER


@pytest.mark.parametrize(
    ("prefer", "heard"),
    [("always", "swapped"), ("offline", "swapped_last"), ("better", "swapped_last"), ("never", None)],
)
def test_the_owner_is_not_told_that_a_model_answers_which_only_waits(
    owner: Owner, tmp_path: Path, prefer: str, heard: str | None
) -> None:
    runtime = owner.start()
    happened: list[Event] = []
    runtime.events.subscribe(happened.append)
    runtime.settings_file.set("serve.prefer", prefer)
    in_use(runtime, tmp_path, PromotionCause.BETTER, 0.0)
    eventually(lambda: any(isinstance(event, ModelSwapped) for event in happened))
    described = [describe(event) for event in happened if isinstance(event, ModelSwapped)]
    assert [one and one[1] for one in described] == [heard and f"news.{heard}"]


def test_the_owner_who_chooses_a_model_that_only_waits_hears_so(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    runtime.settings_file.set("serve.prefer", "offline")
    add_version(runtime, tmp_path, "r1")
    reply = str(owner.hears("usa a versão um"))
    assert any(reply == text.format(model="a versão um") for text in variants()["model.used_last"]), reply
    assert "Aeon" in reply


def test_a_saved_change_counts_for_the_next_question(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    in_use(runtime, tmp_path, PromotionCause.BETTER, 1.0)
    places = []
    for prefer in ("always", "offline", "never", "better"):
        runtime.settings_file.set("serve.prefer", prefer)
        places.append(place(owner, GROQ))
    assert places == [FIRST, LAST, NOT, FIRST]


def test_going_back_by_the_owners_word_is_a_choice_and_by_the_watch_is_none(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    first = in_use(runtime, tmp_path, PromotionCause.BETTER, 0.0)
    second = add_version(runtime, tmp_path, "r2", {WON_TODAY: 0.0})
    for cause, expected in ((PromotionCause.WORSE, LAST), (PromotionCause.UNDONE, FIRST)):
        runtime.registry.promote(second, PromotionCause.BETTER)
        eventually(lambda: runtime.answering == second)
        runtime.registry.promote(first, cause)
        eventually(lambda: runtime.answering == first)
        assert place(owner, GROQ) == expected


def test_what_the_host_answered_is_not_held_against_a_version_that_waited_behind_it(
    owner: Owner, tmp_path: Path
) -> None:
    runtime = owner.start()
    name = in_use(runtime, tmp_path, PromotionCause.BETTER, 0.0)
    ours, host = Attempt("groq", name, name, True, 0.1), Attempt("ollama", "m", "base", True, 0.1)
    failed = replace(host, ok=False)
    tries = {"host": (host,), "ours": (failed, ours), "nobody": (failed, replace(ours, ok=False))}
    for call, attempts in tries.items():
        request = ModelRequest(call, "oi", (Message("user", "oi"),), "chat", "s", OLLAMA)
        assert owner.caller.first("aeon_choose_model", request=request).last_resort
        served = attempts[-1] if attempts[-1].ok else None
        owner.says("oi", "Massa, já anotei." if served else "", id=call, attempts=attempts, served_by=served)
    eventually(lambda: len(signals(runtime)) == len(tries))
    assert signals(runtime) == {"host": ("base@ollama", 0), "ours": (name, 0), "nobody": (name, 1)}


def signals(runtime: Runtime) -> dict[str, tuple[str, int]]:
    """Of each turn: whom the watch holds it against, and whether it failed."""
    return {row["turn"]: (row["version"], row["failed"]) for row in runtime.store.rows("SELECT * FROM signals")}


@pytest.mark.parametrize("failure", [Scripted(status=503), Scripted("tarde", delay=60.0)])
def test_with_groq_down_and_prefer_offline_the_trained_model_answers(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Scripted
) -> None:
    """In a real brain, with a cloud that says no and with one that says nothing, and no Ollama on this machine."""
    monkeypatch.setattr("core.brain.CLOUD_SECONDS", 0.3)
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    with ModelServer("groq", ("openai/gpt-oss-20b",)) as groq, ModelServer("ours") as ours:
        monkeypatch.setenv("GROQ_BASE_URL", groq.url)
        runtime = owner.start()
        runtime.settings_file.set("serve.prefer", "offline")
        name = in_use(runtime, tmp_path, PromotionCause.BETTER, 1.0)
        runtime.routes.flip(Route("embedded", "tuned", ours.url, version=name))
        brain = AeonBrain({"GROQ_KEY": "k"}, hooks=HookCaller(build_manager(owner.plugin, entry_points=False)))
        try:
            assert brain.pensar("oi", modo="conversa", caller="chat") == "[groq/openai/gpt-oss-20b] oi"
            groq.enqueue(failure)
            assert brain.pensar("oi", modo="conversa", caller="chat") == "[ours/tuned] oi"
            assert brain.last_turn is not None and brain.last_turn.seconds < 10
            assert brain.last_turn.served_by is not None and brain.last_turn.served_by.version == name
        finally:
            brain.close()
