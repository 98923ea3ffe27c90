"""What goes away from Ollama again, and what never does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.registry.model import VersionState
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer
from aeon_plugin_ft.store import DataFolder
from tests.servers.http import Fault
from tests.servers.ollama import FakeOllama
from tests.serving.ollama.conftest import Scene, make_scene

# -- going away -----------------------------------------------------------------------------------


def test_a_retired_version_leaves_memory_and_stays_on_disk(any_scene: Scene) -> None:
    deployment = any_scene.deployer.deploy(any_scene.version(), any_scene.base, any_scene.settings)
    any_scene.deployer.retire(deployment, any_scene.settings)
    assert not any_scene.ollama.runners
    assert deployment.model in any_scene.ollama.tags
    any_scene.deployer.retire(deployment, any_scene.settings)


def test_a_model_that_was_in_memory_already_is_somebodys_and_stays_there(scene: Scene) -> None:
    scene.server.client.load("tiny:1b")
    scene.deployer.retire(scene.deployer.deploy(None, scene.base, scene.settings), scene.settings)
    assert {runner.tag.name for runner in scene.ollama.runners.values()} == {"tiny:1b"}


def test_a_candidate_that_answers_badly_is_left_to_the_gate(scene: Scene) -> None:
    scene.ollama.script.answer = lambda *_: "Hello, I am here to help you with that and the other things"
    candidate = replace(scene.version(), state=VersionState.CANDIDATE)
    scene.deployer.check(scene.deployer.deploy(candidate, scene.base, scene.settings))
    with pytest.raises(ServingError, match="English"):
        scene.deployer.deploy(scene.version(), scene.base, scene.settings)


def test_each_step_of_a_deploy_is_told(scene: Scene) -> None:
    steps: list[SwapStep] = []
    scene.deployer.deploy(scene.version(), scene.base, scene.settings, steps.append)
    assert steps == [
        SwapStep.BUILDING,
        SwapStep.BUILT,
        SwapStep.IMPORTED,
        SwapStep.LOADING,
        SwapStep.LOADED,
        SwapStep.SMOKE_TESTED,
        SwapStep.PROVED,
    ]


def test_abandoning_takes_away_only_what_was_never_proven(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = scene.deployer.deploy(scene.version("v0001"), scene.base, scene.settings)
    monkeypatch.setattr(scene.server, "undo", lambda _name: None)  # the process dies: no clean-up runs
    scene.ollama.enqueue(Fault("/api/chat", status=500, body={"error": "gone"}))
    with pytest.raises(ServingError):
        scene.deployer.deploy(scene.version("v0002", seed=3), scene.base, scene.settings)
    fresh = OllamaDeployer(scene.data)
    (scene.data.serving / "merged-v0002-11111111.gguf.part").write_bytes(b"half")
    for version in ("v0001", "v0002"):
        fresh.abandon(version, scene.settings)
    assert scene.names() == {kept.model}
    assert not scene.ollama.orphans()
    assert not list(scene.data.serving.glob("merged*"))
    fresh.close()


def test_old_tags_of_ours_go_and_those_of_others_never(data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama() as ollama:
        scene = make_scene(ollama, data, tmp_path, keep_versions=2)
        ollama.add_model("aeon-ft:mine")
        made = []
        for number in range(4):
            made.append(scene.deployer.deploy(scene.version(f"v{number:04}", seed=number), scene.base, scene.settings))
            scene.deployer.retire(made[-1], scene.settings)
        assert scene.names() == {"aeon-ft:mine", made[2].model, made[3].model}
        assert not ollama.orphans()
        scene.deployer.close()


def test_tags_beyond_the_size_cap_go_oldest_first(data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama() as ollama:
        scene = make_scene(ollama, data, tmp_path)
        made = [scene.deployer.deploy(scene.version(f"v{n:04}", seed=n), scene.base, scene.settings) for n in range(3)]
        for deployment in made:
            scene.server.unload(deployment.model)
        cap = 1.5 * scene.server.client.tags()[made[0].model].size / 1e9
        smaller = scene.settings.model_copy(update={"ollama_cap_gb": cap})
        assert scene.server.clean_up(smaller) == [deployment.model for deployment in made[:2]]
        scene.deployer.close()


def test_a_discarded_version_leaves_nothing(scene: Scene) -> None:
    scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    scene.deployer.discard("v0001", scene.settings)
    assert scene.names() == set()
    assert not scene.ollama.orphans()
    assert scene.server.ledger.read() == {}


@pytest.mark.parametrize(("path", "method"), [("/api/blobs/*", "POST"), ("/api/create", ""), ("/api/chat", "")])
def test_a_crash_in_the_middle_is_finished_or_undone_by_the_next_try(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, path: str, method: str
) -> None:
    """The process dies while it waits for that call: no clean-up runs."""
    monkeypatch.setattr(scene.server, "undo", lambda _name: None)
    scene.ollama.enqueue(Fault(path, status=500, body={"error": "gone"}, method=method))
    with pytest.raises(ServingError):
        scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    fresh = OllamaDeployer(scene.data)
    deployment = fresh.deploy(scene.version(), scene.base, scene.settings)
    assert scene.names() == {deployment.model}
    assert not scene.ollama.orphans()
    fresh.close()
