"""The watch inside a host: it goes back by itself, says so once, and tries a candidate on a share of the sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.evaluation import Verdict
from aeon_plugin_ft.registry import VersionState
from aeon_plugin_ft.registry.canaries import begin_canary, canary_under_way
from aeon_plugin_ft.runtime import Runtime
from hooks import Attempt, Message, ModelRequest
from tests.flow.owner import OLLAMA, Owner, add_version, eventually, no_real_models, owner

__all__ = ["no_real_models", "owner"]

ENGLISH = "Well, you know that it is what it is and that is the way of it."


def talk(owner: Owner, turns: int, reply: str = "Massa, já anotei.", session: str = "s") -> set[str]:
    """Whole turns: a route is chosen, the model behind it answers, the turn is logged. Who answered."""
    who = set()
    for number in range(turns):
        call = f"{session}-{reply[:4]}-{number}"
        request = ModelRequest(call, "oi", (Message("user", "oi"),), "chat", session, OLLAMA)
        route = owner.caller.first("aeon_choose_model", request=request) or OLLAMA
        served = Attempt(route.provider, route.model, route.version, True, 0.1)
        owner.says("oi", reply, id=call, session=session, served_by=served)
        who.add(route.version)
    return who


def soon(runtime: Runtime, holds: Callable[[], bool]) -> None:
    """`eventually`, with a follower that does not sleep for a second each time."""

    def awake() -> bool:
        runtime.follow_now()
        return holds()

    eventually(awake, 60)


def told(runtime: Runtime, name: str) -> list[dict[str, object]]:
    return [event["data"] for event in runtime.store.events() if event["name"] == name]


def test_a_model_that_does_badly_is_left_by_itself_and_it_is_said_once(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    first, second = add_version(runtime, tmp_path, "r1"), add_version(runtime, tmp_path, "r2")
    runtime.registry.promote(first, PromotionCause.BETTER)
    soon(runtime, lambda: runtime.answering == first)
    assert talk(owner, 30) == {first}
    runtime.registry.promote(second, PromotionCause.BETTER)
    soon(runtime, lambda: runtime.answering == second)
    assert talk(owner, 15, ENGLISH) == {second}
    soon(runtime, lambda: runtime.answering == first)
    assert runtime.registry.get(second).state is VersionState.REJECTED
    soon(runtime, lambda: len(told(runtime, "rolled_back")) == 1)
    went = told(runtime, "rolled_back")[0]
    assert (went["version"], went["previous"]) == (first, second) and went["cause"] == "worse"
    assert "faulty" in str(went["reason"])
    talk(owner, 5)
    assert len(told(runtime, "rolled_back")) == 1
    assert owner.hears("usar a versão dois") and runtime.registry.current() == first


def test_the_watch_is_switched_off_and_on_under_a_running_host(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    runtime.settings_file.set("gate.watch", False)
    name = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(name, "better")
    soon(runtime, lambda: runtime.answering == name)
    talk(owner, 40, ENGLISH)
    soon(runtime, lambda: runtime.index.count(None) == 40)
    assert not runtime.watch.look() and runtime.registry.current() == name
    runtime.settings_file.set("gate.watch", True)
    talk(owner, 20, ENGLISH, session="s2")
    soon(runtime, lambda: runtime.registry.current() == "base")


def test_a_rejected_model_is_left_for_the_host_when_the_one_before_cannot_be_served(
    owner: Owner, tmp_path: Path
) -> None:
    runtime = owner.start()
    first, second = add_version(runtime, tmp_path, "r1"), add_version(runtime, tmp_path, "r2")
    runtime.registry.promote(first, PromotionCause.BETTER)
    soon(runtime, lambda: runtime.answering == first)
    runtime.registry.promote(second, PromotionCause.BETTER)
    soon(runtime, lambda: runtime.answering == second)
    owner.standin.broken.add(first)
    talk(owner, 15, ENGLISH)
    soon(runtime, lambda: runtime.answering is None)
    assert runtime.registry.current() == "base" and not runtime.registry.usable(second)


def test_a_candidate_answers_its_share_of_the_sessions_and_takes_over(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    runtime.settings_file.set("gate.canary_share", 0.5)
    runtime.settings_file.set("gate.canary_turns", 12)
    name = add_version(runtime, tmp_path, "r1")
    assert runtime.pipeline.promote(runtime.registry.get(name)) is False
    soon(runtime, lambda: runtime.routes.canary is not None)
    assert runtime.registry.current() == "base"
    who = {str(n): talk(owner, 1, session=str(n)) for n in range(12)}
    assert {frozenset(versions) for versions in who.values()} == {frozenset({name}), frozenset({"base"})}
    ours = next(session for session, versions in who.items() if versions == {name})
    assert talk(owner, 12, "Beleza, cara.", ours) == {name}
    soon(runtime, lambda: runtime.answering == name)
    soon(runtime, lambda: runtime.routes.canary is None)
    assert name in owner.standin.retired


def test_a_candidate_that_cannot_be_served_leaves_everything_as_it_is(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    name = add_version(runtime, tmp_path, "r1")
    owner.standin.broken.add(name)
    begin_canary(runtime.store, name, "base", 0.5, 30)
    soon(runtime, lambda: bool(told(runtime, "swap_failed")))
    assert canary_under_way(runtime.store) is None
    assert runtime.routes.canary is None and runtime.registry.current() == "base"


def test_the_owner_asks_why_it_changed_and_how_the_models_compare(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    heldout = {"base": [[40.0, 10]] * 10, "v0001": [[30.0, 10]] * 8 + [[42.0, 10]] * 2}
    (tmp_path / "a").mkdir()
    version = runtime.registry.create(
        run="r1", adapter=tmp_path / "a", dataset="d", base="smollm2-135m-instruct", base_digest="sha256:0",
        verdict=Verdict(True, (), {"loss.base": 9.9, "loss.v0001": 0.1}), report={"losses": {"heldout": heldout}},
    ).name  # fmt: skip
    said = owner.hears("compara os modelos")
    assert "dezenove por cento" in str(said), "1 - 324/400, not the two means of different sets"
    assert "oito" in str(said) and "dez conversas" in str(said)
    runtime.registry.promote(version, PromotionCause.BETTER)
    soon(runtime, lambda: runtime.answering == version)
    talk(owner, 15, ENGLISH)
    soon(runtime, lambda: runtime.registry.current() == "base")
    why = str(owner.hears("por que você mudou?"))
    assert any(part in why for part in ("não agradou", "não ia bem", "Desisti")) and "pedi" not in why


def test_models_that_were_never_measured_together_are_not_compared(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    add_version(runtime, tmp_path, "r1")
    assert "compar" in str(owner.hears("compara os modelos"))
    assert "por cento" not in str(owner.hears("compara os modelos"))


def test_what_the_owner_says_next_is_heard_at_once(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("que horas são?", "São três da tarde, cara.")
    owner.says("tá errado isso, que resposta ruim", "Foi mal.")
    soon(runtime, lambda: bool(runtime.store.rows("SELECT 1 FROM feedback WHERE kind = 'complaint'")))
