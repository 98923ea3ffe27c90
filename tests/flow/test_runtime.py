"""The plugin inside a host: capture, privacy, routes that follow the store, settings, voice, forgetting.

The deployer here is a stand-in that serves nothing; everything else is the real plugin.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import AlreadyLearntError, RefusedError
from aeon_plugin_ft.evaluation import Verdict
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.host.follower import FOLLOW_SECONDS
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.registry import Registry, Version
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from hooks import Turn, hookimpl
from tests.flow.owner import Owner, StandIn, add_version, eventually, no_real_models, owner

__all__ = ["no_real_models", "owner"]


def log_text(owner: Owner) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in (owner.host.data_folder / "log").glob("*.jsonl"))


def test_a_turn_is_logged_before_the_reply_and_indexed_soon_after(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("qual é a boa?")
    assert "qual é a boa?" in log_text(owner)
    eventually(lambda: runtime.index.count(None) == 1)
    eventually(lambda: runtime.store.fact("system_prompt") == "Você é AEON.")


def test_a_private_turn_leaves_no_trace(owner: Owner) -> None:
    owner.start()
    owner.says("meu segredo", private=True)
    assert "segredo" not in log_text(owner)


def test_personal_data_never_reaches_the_disk(owner: Owner) -> None:
    owner.start()
    owner.says("meu cpf é 529.982.247-25", "anotado: 529.982.247-25")
    assert "529.982" not in log_text(owner)


def test_a_password_that_the_reply_repeats_alone_never_reaches_the_disk(owner: Owner) -> None:
    owner.start()
    owner.says("a senha do wifi é girassol42azul", "Massa, girassol42azul.")
    assert "girassol" not in log_text(owner) and log_text(owner).count("[SENHA_1]") == 2


def test_in_drop_mode_a_turn_with_personal_data_is_not_logged(owner: Owner) -> None:
    runtime = owner.start()
    runtime.settings_file.set("privacy.mode", "drop")
    owner.says("meu cpf é 529.982.247-25, guarda aí")
    assert "guarda" not in log_text(owner)


def test_logging_can_be_switched_off_in_the_file(owner: Owner) -> None:
    runtime = owner.start()
    runtime.settings_file.path.write_text("[log]\nenabled = false\n", encoding="utf-8")
    eventually(lambda: not runtime.settings.log.enabled)
    owner.says("isso não fica")
    assert "isso não fica" not in log_text(owner)


def test_another_plugin_may_refuse_a_turn(tmp_path: Path) -> None:
    class NoBank:
        @hookimpl
        def ft_refuse_turn(self, turn: Turn) -> str | None:
            return "bank" if "banco" in turn.prompt else None

    owner = Owner(tmp_path / "data", NoBank())
    owner.start()
    owner.says("meu banco é aquele")
    owner.says("e o tempo hoje?")
    assert "aquele" not in log_text(owner) and "tempo" in log_text(owner)
    owner.caller.all("aeon_stopping")


def test_nothing_is_routed_before_there_is_a_version(owner: Owner) -> None:
    owner.start()
    assert owner.asks("oi") is None


def test_the_brain_follows_the_version_that_the_store_names(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    first, second = add_version(runtime, tmp_path, "r1"), add_version(runtime, tmp_path, "r2")
    runtime.registry.promote(first, PromotionCause.BETTER)
    eventually(lambda: runtime.answering == first)
    route = owner.asks("oi")
    assert route is not None and route.version == first
    owner.says("oi", id="call")
    runtime.registry.promote(second, PromotionCause.BETTER)
    eventually(lambda: runtime.answering == second)
    eventually(lambda: owner.standin.retired == [first])


def test_a_version_that_cannot_be_served_leaves_the_old_one(
    owner: Owner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = owner.start()
    first, second = add_version(runtime, tmp_path, "r1"), add_version(runtime, tmp_path, "r2")
    runtime.registry.promote(first, PromotionCause.BETTER)
    eventually(lambda: runtime.answering == first)
    owner.standin.broken.add(second)
    with caplog.at_level(logging.CRITICAL):
        runtime.registry.promote(second, PromotionCause.BETTER)
        eventually(lambda: runtime.registry.current() == first)
    assert runtime.answering == first


def test_going_back_to_base_gives_the_choice_back_to_the_host(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    runtime.registry.promote(add_version(runtime, tmp_path, "r1"), PromotionCause.BETTER)
    eventually(lambda: runtime.answering is not None)
    runtime.registry.promote("base", PromotionCause.UNDONE)
    eventually(lambda: runtime.answering is None)
    assert owner.asks("oi") is None


def test_a_disabled_plugin_does_nothing(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    runtime.settings_file.set("plugin.enabled", False)
    owner.says("não grava")
    assert log_text(owner).count("não grava") == 0
    assert owner.hears("status do treino") is None
    assert owner.asks("oi") is None


def test_spoken_commands_tell_and_change_the_true_state(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    assert owner.hears("que horas são?") is None
    assert owner.hears("modelo atual")
    first = add_version(runtime, tmp_path, "r1")
    assert "versão um" not in str(owner.hears("modelo atual"))
    assert owner.hears("usar modelo treinado")
    eventually(lambda: runtime.answering == first)
    assert owner.hears("volta o modelo anterior")
    eventually(lambda: runtime.registry.current() == "base")


def test_the_spoken_private_mode_stops_the_log(owner: Owner) -> None:
    owner.start()
    assert owner.hears("não grave isso")
    owner.says("isso fica entre nós")
    assert "entre nós" not in log_text(owner)


def test_forgetting_by_voice_asks_first_and_then_removes(owner: Owner) -> None:
    runtime = owner.start()
    owner.says("a senha do cofre é do vizinho Anacleto")
    owner.says("e amanhã chove?")
    eventually(lambda: runtime.index.count(None) == 2)
    assert owner.hears("esquece tudo sobre Anacleto")
    assert "Anacleto" in log_text(owner)
    assert owner.hears("sim")
    eventually(lambda: "Anacleto" not in log_text(owner))
    assert "amanhã chove" in log_text(owner)


def test_a_settings_file_that_cannot_be_used_starts_with_the_defaults(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "plugin.toml").write_text("[train]\nrank = 'x'\n", encoding="utf-8")
    owner = Owner(folder)
    runtime = owner.start()
    owner.says("oi")
    assert "oi" in log_text(owner)
    assert any(event["name"] == "attention_needed" for event in runtime.store.events())
    owner.caller.all("aeon_stopping")


@pytest.mark.parametrize("trouble", ["settings", "log"])
def test_what_goes_wrong_while_everything_is_opened_is_said_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = tmp_path / "data"
    folder.mkdir()
    if trouble == "settings":
        (folder / "plugin.toml").write_text("[train]\nrank = 'x'\n", encoding="utf-8")
    else:
        monkeypatch.setattr("aeon_plugin_ft.turns.log.Slot", full)
    owner = Owner(folder)
    runtime = owner.start()
    expected = "configuração" if trouble == "settings" else "conversas"
    try:
        eventually(lambda: any(expected in sentence for sentence in owner.said))
        heard = [event["name"] for event in runtime.store.events()]
        assert heard.count("attention_needed" if trouble == "settings" else "logging_failed") == 1
    finally:
        owner.caller.all("aeon_stopping")


def test_a_data_folder_that_cannot_be_used_leaves_the_host_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="ascii")
    owner = Owner(tmp_path / "file" / "data")
    owner.caller.historic("aeon_started", host=owner.host)
    assert owner.plugin.runtime is None
    assert "desligado" in owner.said[0]
    assert owner.asks("oi") is None
    owner.says("oi")


def test_the_version_in_use_answers_again_after_a_restart(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    name = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(name, PromotionCause.BETTER)
    eventually(lambda: runtime.answering == name)
    owner.caller.all("aeon_stopping")
    again = Owner(owner.host.data_folder)
    runtime = again.start()
    eventually(lambda: runtime.answering is not None)
    chosen = again.asks("oi")
    assert chosen is not None and chosen.version == name == runtime.answering
    again.caller.all("aeon_stopping")


def test_a_backend_that_is_chosen_while_the_host_runs_takes_the_version_in_use(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = StandIn()
    other.name = "ollama"
    monkeypatch.setattr("aeon_plugin_ft.serving.backends._ollama", lambda *_: other)
    runtime = owner.start()
    version = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(version, PromotionCause.BETTER)
    eventually(lambda: runtime.served.swapper.serves(version))
    runtime.settings_file.set("serve.backend", "ollama")
    assert not runtime.served.swapper.serves(version)
    eventually(lambda: runtime.served.swapper.serves(version) and owner.standin.retired == [version])
    assert runtime.served.swapper.serving is not None and runtime.served.swapper.serving.backend == "ollama"
    assert runtime.answering == version
    swaps = [event for event in runtime.store.events() if event["name"] == "model_swapped"]
    assert len(swaps) == 2


def test_a_version_chosen_while_another_is_being_served_is_not_lost(owner: Owner, tmp_path: Path) -> None:
    """A host without a model gets the base; it is still being deployed when the owner chooses a version."""
    owner.host = replace(owner.host, needs_model=True)
    begun, go_on = threading.Event(), threading.Event()
    deploy = owner.standin.deploy

    def slow(version: Version | None, base: BaseModel, *_: Any) -> Deployment:
        if version is None:
            begun.set()
            assert go_on.wait(60)
        return deploy(version, base)

    owner.standin.deploy = slow  # type: ignore[method-assign]
    runtime = owner.start()
    version = add_version(runtime, tmp_path, "r1")
    assert begun.wait(60)
    runtime.registry.promote(version, PromotionCause.BETTER)
    go_on.set()
    eventually(lambda: runtime.answering == version)
    assert runtime.registry.current() == version
    assert [event["name"] for event in runtime.store.events()].count("swap_failed") == 0


@pytest.mark.slow
@pytest.mark.parametrize("host_can_answer", [True, False])
def test_a_training_that_lacks_memory_gets_what_the_served_model_takes(
    owner: Owner, tmp_path: Path, host_can_answer: bool
) -> None:
    owner.host = replace(owner.host, needs_model=not host_can_answer)
    runtime = owner.start()
    version = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(version, PromotionCause.BETTER)
    eventually(lambda: runtime.answering == version)
    seen: list[str | None] = []

    def learn(on_progress: object) -> None:
        seen.append(runtime.answering)
        if len(seen) == 1:
            raise RefusedError(["1.0 GB of memory are free and 2.0 GB are needed"], lacks_memory=True)
        time.sleep(2 * FOLLOW_SECONDS)
        seen.append(runtime.answering)

    runtime.pipeline.learn = learn  # type: ignore[method-assign, assignment]
    runtime.background.start()
    assert runtime.background.join(60)
    assert seen == ([version, None, None] if host_can_answer else [version])
    eventually(lambda: runtime.answering == version)
    assert "rolled_back" not in {event["name"] for event in runtime.store.events()}


def with_an_accepted_version(folder: Path, tmp_path: Path, *, rolled_back: bool = False) -> str:
    """What a host leaves that died between the verdict and the promotion."""
    data = DataFolder(folder).create()
    store = Store(data.database)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    made = Registry(data, store).create(
        run="r", adapter=adapter, dataset="d", base="smollm2-135m-instruct", base_digest="sha256:0",
        verdict=Verdict(True, (), {}),
    )  # fmt: skip
    if rolled_back:
        store.execute(
            "INSERT INTO promotions (at, version, previous, reason) VALUES (?, 'base', 'v9', 'undo')", time.time()
        )
    store.close()
    return made.name


def test_a_version_that_was_accepted_before_a_crash_is_put_into_use_after_it(tmp_path: Path) -> None:
    name = with_an_accepted_version(tmp_path / "data", tmp_path)
    owner = Owner(tmp_path / "data")
    runtime = owner.start()
    eventually(lambda: runtime.answering is not None)
    assert runtime.answering == name == runtime.registry.current()
    owner.caller.all("aeon_stopping")


def test_a_version_is_served_on_the_base_that_it_was_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[base] model names another one by now: "auto", and no model of an Ollama has answered yet."""
    asked: list[str] = []

    def resolve(spec: str, *_: object) -> BaseModel:
        asked.append(spec)
        return BaseModel(spec, "sha256:0", "llama", 1, Path(), None)

    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", resolve)
    name = with_an_accepted_version(tmp_path / "data", tmp_path)
    (tmp_path / "data" / "plugin.toml").write_text('[base]\nmodel = "auto"\n', encoding="utf-8")
    owner = Owner(tmp_path / "data")
    runtime = owner.start()
    eventually(lambda: runtime.answering == name)
    assert set(asked) == {"smollm2-135m-instruct"}
    owner.caller.all("aeon_stopping")


def test_a_recovery_that_breaks_does_not_end_the_following(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that recovers is the one that serves: it must outlive a bug."""
    monkeypatch.setattr(Registry, "heal", lambda _: 1 / 0)
    runtime = owner.start()
    version = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(version, PromotionCause.OWNER)
    eventually(lambda: runtime.answering == version)


def test_what_the_owner_chose_after_the_verdict_stays(tmp_path: Path, data: DataFolder, store: Store) -> None:
    name = with_an_accepted_version(data.root, tmp_path, rolled_back=True)
    pipeline = Pipeline(data, Settings, store, EventBus(), lambda: {"embedded": StandIn()})
    assert pipeline.unpromoted(time.time()) is None
    store.execute("DELETE FROM promotions")
    assert pipeline.unpromoted(0.0) is None
    found = pipeline.unpromoted(time.time())
    assert found is not None and found.name == name


def test_the_loop_does_not_learn_the_same_twice(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = owner.start().pipeline
    dataset, trained = Dataset("d7", Path(), 10, 2, 0), []
    monkeypatch.setattr(pipeline, "freeze", lambda: dataset)
    monkeypatch.setattr(pipeline, "recipe", lambda _: (None, None))
    monkeypatch.setattr(pipeline, "train", lambda *given: trained.append(given))
    monkeypatch.setattr("aeon_plugin_ft.pipeline.learnt_before", lambda *_: "r3")
    with pytest.raises(AlreadyLearntError, match=r"r3.*d7"):
        pipeline.learn()
    assert not trained
