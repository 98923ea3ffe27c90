"""What is made in Ollama: the same promises with each of its three behaviours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aeon_plugin_ft.base.turns import CHAT_TEMPLATE, END_OF_TURN, OLLAMA_TEMPLATE
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.weights.adapter import adapter_digest, read_adapter
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.merge import KEY_ADAPTER
from aeon_plugin_ft.weights.merge_identity import read_tensor
from tests.servers.models import make_base, make_version, write_adapter, write_copy, write_gguf
from tests.servers.ollama import FakeOllama
from tests.serving.ollama.conftest import Scene, make_scene

# -- what is made ---------------------------------------------------------------------------------


def test_a_version_gets_a_name_of_its_own_and_is_proven(any_scene: Scene) -> None:
    version = any_scene.version()
    deployment = any_scene.deployer.deploy(version, any_scene.base, any_scene.settings)
    assert deployment.model == f"aeon-ft:v0001-{adapter_digest(version.adapter)[7:15]}"
    assert deployment.route.model == deployment.model
    assert deployment.route.version == "v0001"
    assert deployment.digest == "sha256:" + any_scene.ollama.tags[deployment.model].digest
    assert deployment.model in {r.tag.name for r in any_scene.ollama.runners.values()}
    any_scene.deployer.check(deployment)


def test_it_carries_all_that_the_base_carries(any_scene: Scene) -> None:
    deployment = any_scene.deployer.deploy(any_scene.version(), any_scene.base, any_scene.settings)
    made, base = any_scene.ollama.tags[deployment.model], any_scene.ollama.tags["tiny:1b"]
    assert made.template == base.template
    assert made.parameters == base.parameters
    assert made.system == base.system
    assert made.license == ("MIT\nOther",)


def test_the_renderer_parser_and_requirement_are_carried_from_0_12(scene: Scene) -> None:
    blob = scene.ollama.blobs.path(scene.ollama.tags["tiny:1b"].model_blob)
    scene.ollama.add_model("tiny:1b", blob, renderer="qwen3-coder", parser="qwen3", requires="0.12.0")
    made = scene.ollama.tags[scene.deployer.deploy(scene.version(), scene.base, scene.settings).model]
    assert (made.renderer, made.parser, made.requires) == ("qwen3-coder", "qwen3", "0.12.0")


def test_a_template_that_is_only_in_the_file_is_never_sent(scene: Scene, tmp_path: Path) -> None:
    jinja = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    gguf = write_gguf(tmp_path / "jinja.gguf", template=jinja)
    tag = scene.ollama.add_model("tiny:1b", gguf)
    base = make_base(scene.ollama.blobs.path(tag.model_blob), "ollama:tiny:1b")
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a"), base)
    scene.deployer.deploy(version, base, scene.settings)
    (create,) = scene.ollama.calls("/api/create")
    assert "template" not in create.json


def test_the_merged_weights_are_what_is_served(scene: Scene) -> None:
    version = scene.version()
    deployment = scene.deployer.deploy(version, scene.base, scene.settings)
    show = scene.server.client.show(deployment.model)
    assert show is not None
    assert show["model_info"][KEY_ADAPTER] == adapter_digest(version.adapter)
    report = json.loads((scene.data.serving / "merge-v0001.json").read_text())
    assert scene.ollama.tags[deployment.model].model_blob == report["digest"]
    assert len(report["tensors"]) == 14


def test_a_version_that_is_a_whole_model_is_served_as_it_is(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "whole"
    folder.mkdir()
    digest = sha256(write_gguf(folder / "model.gguf", seed=8, kind="Q8_0"))
    version = make_version(scene.data.versions, folder, scene.base)
    deployment = scene.deployer.deploy(version, scene.base, scene.settings)
    tag = scene.ollama.tags[deployment.model]
    assert tag.model_blob == digest and deployment.model == f"aeon-ft:v0001-{digest[7:15]}"
    # What the base carries besides its weights goes along, and nothing is merged.
    assert tag.template == scene.ollama.tags["tiny:1b"].template
    assert not (scene.data.serving / "merge-v0001.json").exists()


def test_nothing_is_left_beside_the_tag(any_scene: Scene) -> None:
    any_scene.deployer.deploy(any_scene.version(), any_scene.base, any_scene.settings)
    assert not list(any_scene.data.serving.glob("*.gguf*"))
    uploaded = 1 if any_scene.server.client.behaviour().rewrites else 0  # Ollama keeps it until its next start
    assert len(any_scene.ollama.orphans()) == uploaded


def test_deploying_again_makes_nothing_twice(any_scene: Scene) -> None:
    version = any_scene.version()
    first = any_scene.deployer.deploy(version, any_scene.base, any_scene.settings)
    again = any_scene.deployer.deploy(version, any_scene.base, any_scene.settings)
    assert again == first
    assert len(any_scene.ollama.calls("/api/create")) == 1


def test_the_base_itself_is_its_own_tag(any_scene: Scene) -> None:
    deployment = any_scene.deployer.deploy(None, any_scene.base, any_scene.settings)
    assert (deployment.model, deployment.version) == ("tiny:1b", "base")
    assert not any_scene.ollama.calls("/api/create")
    any_scene.deployer.retire(deployment, any_scene.settings)
    assert "tiny:1b" in any_scene.ollama.tags


def test_a_base_that_ollama_does_not_have_is_imported_as_it_is(scene: Scene, tmp_path: Path) -> None:
    other = make_base(
        write_gguf(tmp_path / "other.gguf", seed=9, template="{% for m in messages %}{{ m['content'] }}{% endfor %}"),
        "other.gguf",
    )
    deployment = scene.deployer.deploy(None, other, scene.settings)
    assert deployment.model == f"aeon-ft:base-{other.digest[7:15]}"
    assert scene.ollama.tags[deployment.model].model_blob == other.digest
    assert scene.deployer.deploy(None, other, scene.settings) == deployment
    assert len(scene.ollama.calls("/api/create")) == 1


def test_an_old_ollama_is_refused_a_file_without_any_template(data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama("0.24.0") as ollama:
        scene = make_scene(ollama, data, tmp_path)
        other = make_base(write_gguf(tmp_path / "other.gguf", seed=9), "other.gguf")
        with pytest.raises(ServingError, match="no chat template"):
            scene.deployer.deploy(None, other, scene.settings)
        assert scene.names() == set()
        scene.deployer.close()


@pytest.mark.parametrize("version", ["0.24.0", "0.34.2"])
def test_a_base_with_gemmas_turns_brings_its_template_and_its_stop(
    version: str, data: DataFolder, tmp_path: Path
) -> None:
    with FakeOllama(version) as ollama:
        scene = make_scene(ollama, data, tmp_path)
        base = make_base(write_gguf(tmp_path / "gemma.gguf", seed=9, template=CHAT_TEMPLATE), "gemma3-270m")
        trained = make_version(data.versions, write_adapter(data.root / "made"), base, "v0001")
        for one in (None, trained):
            made = ollama.tags[scene.deployer.deploy(one, base, scene.settings).model]
            assert made.template == OLLAMA_TEMPLATE
            assert made.parameters == {"stop": [END_OF_TURN]}
            assert "ai.google.dev/gemma/terms" in str(made.license)
        with GgufFile(ollama.blobs.path(made.model_blob)) as file:
            assert file.get("tokenizer.chat_template") == CHAT_TEMPLATE, "the merged file carries it on"
        scene.deployer.close()


def test_the_configured_tag_is_the_carrier_when_it_holds_the_bases_weights(scene: Scene) -> None:
    assert scene.base.gguf is not None
    by_path = replace(scene.base, spec=str(scene.base.gguf))
    assert scene.deployer.deploy(None, by_path, scene.settings).model == "tiny:1b"
    scene.settings = scene.settings.model_copy(update={"ollama_model": "other:1b"})
    assert scene.deployer.deploy(None, by_path, scene.settings).model.startswith("aeon-ft:base-")


def test_weights_of_hugging_face_are_merged_into_the_tag_that_holds_the_same_model(
    scene: Scene, tmp_path: Path
) -> None:
    assert scene.base.gguf is not None
    copy = write_copy(tmp_path / "copy", scene.base.gguf, noise=0.003)
    original = replace(scene.base, spec="org/tiny", digest="sha256:hf", gguf=None, training_copy=copy)
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a"), original)
    scene.deployer.check(scene.deployer.deploy(version, original, scene.settings))


def test_a_tag_with_another_model_of_the_same_shape_is_refused(scene: Scene, tmp_path: Path) -> None:
    assert scene.base.gguf is not None
    copy = write_copy(tmp_path / "copy", scene.base.gguf, noise=0.05)
    original = replace(scene.base, spec="org/tiny", digest="sha256:hf", gguf=None, training_copy=copy)
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a"), original)
    with pytest.raises(ServingError, match="another model"):
        scene.deployer.deploy(version, original, scene.settings)
    assert scene.names() == set()


@pytest.mark.parametrize(("wanted", "kind"), [("q8_0", "Q8_0"), ("base", "Q4_1")])
def test_with_the_original_weights_these_are_what_the_update_is_added_to(
    scene: Scene, tmp_path: Path, wanted: str, kind: str
) -> None:
    assert scene.base.gguf is not None
    copy = write_copy(tmp_path / "copy", scene.base.gguf, noise=0.003)
    original = replace(scene.base, spec="org/tiny", digest="sha256:hf", gguf=None, training_copy=copy)
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a", strength=0.1), original)
    scene.settings = scene.settings.model_copy(update={"merged_type": wanted})
    deployment = scene.deployer.deploy(version, original, scene.settings)
    served = scene.ollama.blobs.path(scene.ollama.tags[deployment.model].model_blob)
    update = read_adapter(version.adapter).updates["model.layers.0.mlp.down_proj"]
    weights = read_tensor(copy, "model.layers.0.mlp.down_proj.weight")
    assert weights is not None
    with GgufFile(served) as file, GgufFile(scene.base.gguf) as base:
        found = file.read("blk.0.ffn_down.weight") - update.scale * (update.b @ update.a)
        own = base.read("blk.0.ffn_down.weight")
    assert np.abs(found - weights).mean() < np.abs(own - weights).mean() / 2 or wanted == "base"
    assert kind in deployment.proof["types"]


# -- as an adapter of the base's tag --------------------------------------------------------------


@pytest.fixture(params=["0.24.0", "0.32.1", "0.34.2"])
def adapter_scene(request: pytest.FixtureRequest, data: DataFolder, tmp_path: Path) -> Iterator[Scene]:
    with FakeOllama(request.param) as ollama:
        scene = make_scene(ollama, data, tmp_path, ollama_adapter=True)
        yield scene
        scene.deployer.close()


def test_where_ollama_takes_adapters_only_the_adapter_is_sent(adapter_scene: Scene) -> None:
    scene = adapter_scene
    deployment = scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    made, base = scene.ollama.tags[deployment.model], scene.ollama.tags["tiny:1b"]
    takes = scene.ollama.version != "0.34.2"
    assert (made.adapter_blob is not None) == takes
    assert (made.model_blob == base.model_blob) == takes
    assert (made.template, made.parameters, made.system) == (base.template, base.parameters, base.system)
    assert (scene.data.serving / "merge-v0001.json").exists() != takes
    assert scene.deployer.deploy(scene.version(), scene.base, scene.settings) == deployment
    scene.deployer.check(deployment)
    if takes:
        sent = scene.ollama.blobs.path(str(made.adapter_blob))
        with GgufFile(sent) as file:
            assert (file.get("general.type"), file.architecture) == ("adapter", "llama")
    assert not list(scene.data.serving.glob("*.gguf*"))


def test_an_ollama_that_says_it_takes_no_adapters_gets_a_merged_model(data: DataFolder, tmp_path: Path) -> None:
    """Its version promises them and it refuses: a build of somebody's own."""
    with FakeOllama("0.34.2") as ollama:
        ollama.announced = "0.33.9"
        scene = make_scene(ollama, data, tmp_path, ollama_adapter=True)
        made = ollama.tags[scene.deployer.deploy(scene.version(), scene.base, scene.settings).model]
        assert made.adapter_blob is None
        scene.deployer.close()


def test_a_tag_that_was_made_without_its_adapter_is_refused(data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama("0.32.1") as ollama:
        scene = make_scene(ollama, data, tmp_path, ollama_adapter=True)
        assembled = ollama._assembled
        ollama._assembled = lambda name, files, *more: assembled(name, files[:1], *more)  # type: ignore[method-assign]
        with pytest.raises(ServingError, match="without its adapter"):
            scene.deployer.deploy(scene.version(), scene.base, scene.settings)
        assert scene.names() == set()
        scene.deployer.close()
