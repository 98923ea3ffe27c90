"""Deploying to Ollama: the same promises with each of its three behaviours, and every fault by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import AeonFtError, BackendDownError, BackendRefusedError, NoSpaceError, ServingError
from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.serving import ollama as ollama_module
from aeon_plugin_ft.serving import ollama_client
from aeon_plugin_ft.serving.journal import Step
from aeon_plugin_ft.serving.merge import KEY_ADAPTER, merge_gguf
from aeon_plugin_ft.serving.merge_adapter import adapter_digest
from aeon_plugin_ft.serving.ollama import OllamaDeployer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from tests.servers.http import Fault
from tests.servers.models import make_base, make_version, write_adapter, write_copy, write_gguf
from tests.servers.ollama import FakeOllama

GO_TEMPLATE = (
    '{{- if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}<|im_start|>user "x"\n{{ .Prompt }}'
)
PARAMETERS = {"stop": ["<|im_start|>", "<|im_end|>"], "temperature": 0.6, "num_ctx": 4096}
VERSIONS = ("0.24.0", "0.32.1", "0.34.2")


@dataclass
class Scene:
    """An Ollama with one base tag, and a version trained on it."""

    ollama: FakeOllama
    base: BaseModel
    deployer: OllamaDeployer
    data: DataFolder
    waits: list[float]

    def version(self, name: str = "v0001", **adapter: Any) -> Version:
        folder = write_adapter(self.data.root / f"made-{name}", **adapter)
        return make_version(self.data.versions, folder, self.base, name)

    def names(self) -> set[str]:
        return set(self.ollama.tags) - {"tiny:1b"}


def make_scene(ollama: FakeOllama, data: DataFolder, tmp_path: Path, **serve: Any) -> Scene:
    gguf = write_gguf(tmp_path / "base.gguf")
    tag = ollama.add_model(
        "tiny:1b", gguf, template=GO_TEMPLATE, parameters=PARAMETERS, system="Você é a Aeon.", license=("MIT", "Other")
    )
    base = make_base(ollama.blobs.path(tag.model_blob), "ollama:tiny:1b")
    waits: list[float] = []
    settings = ServeSection(ollama_url=ollama.url, ollama_model="tiny:1b", **serve)
    return Scene(ollama, base, OllamaDeployer(data, settings, pause=waits.append), data, waits)


@pytest.fixture(autouse=True)
def merge_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a child, whose start takes a second; test_merge.py and the contract suite have the child."""

    def merge(base: Path, adapter: Path, out: Path, base_digest: str, version: str) -> dict[str, Any]:
        return asdict(merge_gguf(base, adapter, out, base_digest=base_digest, version=version))

    monkeypatch.setattr(ollama_module, "merge_in_child", merge)


@pytest.fixture(params=VERSIONS)
def any_scene(request: pytest.FixtureRequest, data: DataFolder, tmp_path: Path) -> Iterator[Scene]:
    with FakeOllama(request.param) as ollama:
        scene = make_scene(ollama, data, tmp_path)
        yield scene
        scene.deployer.close()


@pytest.fixture
def scene(data: DataFolder, tmp_path: Path) -> Iterator[Scene]:
    with FakeOllama() as ollama:
        made = make_scene(ollama, data, tmp_path)
        yield made
        made.deployer.close()


# -- what is made ---------------------------------------------------------------------------------


def test_a_version_gets_a_name_of_its_own_and_is_proven(any_scene: Scene) -> None:
    version = any_scene.version()
    deployment = any_scene.deployer.deploy(version, any_scene.base)
    assert deployment.model == f"aeon-ft:v0001-{adapter_digest(version.adapter)[7:15]}"
    assert deployment.route.model == deployment.model
    assert deployment.route.version == "v0001"
    assert deployment.digest == "sha256:" + any_scene.ollama.tags[deployment.model].digest
    assert deployment.model in {r.tag.name for r in any_scene.ollama.runners.values()}
    any_scene.deployer.check(deployment)


def test_it_carries_all_that_the_base_carries(any_scene: Scene) -> None:
    deployment = any_scene.deployer.deploy(any_scene.version(), any_scene.base)
    made, base = any_scene.ollama.tags[deployment.model], any_scene.ollama.tags["tiny:1b"]
    assert made.template == base.template
    assert made.parameters == base.parameters
    assert made.system == base.system
    assert made.license == ("MIT\nOther",)


def test_the_renderer_parser_and_requirement_are_carried_from_0_12(scene: Scene) -> None:
    blob = scene.ollama.blobs.path(scene.ollama.tags["tiny:1b"].model_blob)
    scene.ollama.add_model("tiny:1b", blob, renderer="qwen3-coder", parser="qwen3", requires="0.12.0")
    made = scene.ollama.tags[scene.deployer.deploy(scene.version(), scene.base).model]
    assert (made.renderer, made.parser, made.requires) == ("qwen3-coder", "qwen3", "0.12.0")


def test_a_template_that_is_only_in_the_file_is_never_sent(scene: Scene, tmp_path: Path) -> None:
    jinja = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    gguf = write_gguf(tmp_path / "jinja.gguf", template=jinja)
    tag = scene.ollama.add_model("tiny:1b", gguf)
    base = make_base(scene.ollama.blobs.path(tag.model_blob), "ollama:tiny:1b")
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a"), base)
    scene.deployer.deploy(version, base)
    (create,) = scene.ollama.calls("/api/create")
    assert "template" not in create.json


def test_the_merged_weights_are_what_is_served(scene: Scene) -> None:
    version = scene.version()
    deployment = scene.deployer.deploy(version, scene.base)
    show = scene.deployer.client.show(deployment.model)
    assert show is not None
    assert show["model_info"][KEY_ADAPTER] == adapter_digest(version.adapter)
    report = json.loads((scene.data.serving / "merge-v0001.json").read_text())
    assert scene.ollama.tags[deployment.model].model_blob == report["digest"]
    assert len(report["tensors"]) == 14


def test_nothing_is_left_beside_the_tag(any_scene: Scene) -> None:
    any_scene.deployer.deploy(any_scene.version(), any_scene.base)
    assert not list(any_scene.data.serving.glob("*.gguf*"))
    uploaded = 1 if any_scene.deployer.client.behaviour().rewrites else 0  # Ollama keeps it until its next start
    assert len(any_scene.ollama.orphans()) == uploaded


def test_deploying_again_makes_nothing_twice(any_scene: Scene) -> None:
    version = any_scene.version()
    first = any_scene.deployer.deploy(version, any_scene.base)
    again = any_scene.deployer.deploy(version, any_scene.base)
    assert again == first
    assert len(any_scene.ollama.calls("/api/create")) == 1


def test_the_base_itself_is_its_own_tag(any_scene: Scene) -> None:
    deployment = any_scene.deployer.deploy(None, any_scene.base)
    assert (deployment.model, deployment.version) == ("tiny:1b", "base")
    assert not any_scene.ollama.calls("/api/create")
    any_scene.deployer.retire(deployment)
    assert "tiny:1b" in any_scene.ollama.tags


def test_a_base_that_ollama_does_not_have_is_imported_as_it_is(scene: Scene, tmp_path: Path) -> None:
    other = make_base(write_gguf(tmp_path / "other.gguf", seed=9, template="{% x %}"), "other.gguf")
    deployment = scene.deployer.deploy(None, other)
    assert deployment.model == f"aeon-ft:base-{other.digest[7:15]}"
    assert scene.ollama.tags[deployment.model].model_blob == other.digest
    assert scene.deployer.deploy(None, other) == deployment
    assert len(scene.ollama.calls("/api/create")) == 1


def test_an_old_ollama_that_cannot_read_the_files_template_is_refused(data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama("0.24.0") as ollama:
        scene = make_scene(ollama, data, tmp_path)
        other = make_base(write_gguf(tmp_path / "other.gguf", seed=9), "other.gguf")
        with pytest.raises(ServingError, match="no chat template"):
            scene.deployer.deploy(None, other)
        assert scene.names() == set()
        scene.deployer.close()


def test_the_configured_tag_is_the_carrier_when_it_holds_the_bases_weights(scene: Scene) -> None:
    assert scene.base.gguf is not None
    by_path = replace(scene.base, spec=str(scene.base.gguf))
    assert scene.deployer.deploy(None, by_path).model == "tiny:1b"
    scene.deployer.settings = scene.deployer.settings.model_copy(update={"ollama_model": "other:1b"})
    assert scene.deployer.deploy(None, by_path).model.startswith("aeon-ft:base-")


def test_weights_of_hugging_face_are_merged_into_the_tag_that_holds_the_same_model(
    scene: Scene, tmp_path: Path
) -> None:
    assert scene.base.gguf is not None
    copy = write_copy(tmp_path / "copy", scene.base.gguf, noise=0.003)
    original = replace(scene.base, spec="org/tiny", digest="sha256:hf", gguf=None, training_copy=copy)
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a"), original)
    scene.deployer.check(scene.deployer.deploy(version, original))


def test_a_tag_with_another_model_of_the_same_shape_is_refused(scene: Scene, tmp_path: Path) -> None:
    assert scene.base.gguf is not None
    copy = write_copy(tmp_path / "copy", scene.base.gguf, noise=0.05)
    original = replace(scene.base, spec="org/tiny", digest="sha256:hf", gguf=None, training_copy=copy)
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a"), original)
    with pytest.raises(ServingError, match="another model"):
        scene.deployer.deploy(version, original)
    assert scene.names() == set()


# -- faults, by name ------------------------------------------------------------------------------


def refusal(scene: Scene, kind: type[AeonFtError], match: str) -> AeonFtError:
    """Deploy, expect this error with a next step, and nothing left in use or behind."""
    with pytest.raises(kind, match=match) as raised:
        scene.deployer.deploy(scene.version(), scene.base)
    assert raised.value.todo
    assert scene.names() == set()
    assert not list(scene.data.serving.glob("*.gguf*"))
    assert scene.deployer.ledger.read() == {}
    return raised.value


def test_ollama_is_down(scene: Scene) -> None:
    scene.ollama.stop()
    assert refusal(scene, BackendDownError, "does not answer").retryable


def test_ollama_is_too_old(scene: Scene) -> None:
    scene.ollama.version = "0.4.7"
    refusal(scene, ServingError, "0.5.5")


def test_ollama_dies_in_the_middle_of_the_upload_and_comes_back(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/blobs/*", drop="reading", method="POST", times=2))
    scene.deployer.deploy(scene.version(), scene.base)
    assert len(scene.ollama.calls("/api/blobs/*", "POST")) == 3
    assert scene.waits[:2] == [0.5, 1.0]


def test_ollama_dies_in_the_middle_of_every_upload(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/blobs/*", drop="reading", method="POST", times=3))
    refusal(scene, BackendDownError, "broke off")


def test_what_was_uploaded_is_not_sent_again(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/create", status=500, body={"error": "something"}))
    refusal(scene, BackendRefusedError, "something")
    scene.deployer.deploy(scene.version(), scene.base)
    assert len(scene.ollama.calls("/api/blobs/*", "POST")) == 1


def test_the_digest_of_the_upload_is_wrong(scene: Scene) -> None:
    body = {"error": 'digest mismatch, expected "sha256:a", got "sha256:b"'}
    scene.ollama.enqueue(Fault("/api/blobs/*", status=400, body=body, method="POST"))
    assert "damaged" in refusal(scene, BackendRefusedError, "digest mismatch").todo


def test_an_error_after_a_200_is_an_error(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/create", line={"error": "write /models/x: no space left on device"}))
    assert "OLLAMA_MODELS" in refusal(scene, BackendRefusedError, "no space left").todo


def test_a_create_that_just_ends_is_tried_again(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/create", drop="stream"))
    scene.deployer.deploy(scene.version(), scene.base)
    assert len(scene.ollama.calls("/api/create")) == 2


def test_ollamas_disk_is_full(scene: Scene) -> None:
    error = {"error": "write /models/blobs/sha256-x: no space left on device"}
    scene.ollama.enqueue(Fault("/api/blobs/*", status=500, body=error, method="POST"))
    assert "OLLAMA_MODELS" in refusal(scene, BackendRefusedError, "no space left").todo


def test_too_little_disk_is_noticed_before_the_merge(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    refusal(scene, NoSpaceError, "free")
    assert not scene.ollama.calls("/api/blobs/*")


def test_too_little_memory_is_noticed_before_the_merge(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 1000}))
    refusal(scene, ServingError, "memory")
    assert not scene.ollama.calls("/api/blobs/*")


def test_a_model_that_does_not_load_is_taken_away_again(scene: Scene) -> None:
    text = "model requires more system memory (9.1 GiB) than is available (3.0 GiB)"
    scene.ollama.enqueue(Fault("/api/generate", status=500, body={"error": text}))
    assert "memory" in str(refusal(scene, BackendRefusedError, "9.1 GiB"))


def test_a_load_that_hangs_ends(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_client, "LOAD_SECONDS", 0.2)
    scene.ollama.enqueue(Fault("/api/generate", delay=1.0))
    refusal(scene, BackendDownError, "took longer")


def test_it_is_gone_right_after_the_deploy(scene: Scene) -> None:
    version = scene.version()
    name = f"aeon-ft:v0001-{adapter_digest(version.adapter)[7:15]}"
    gone = Fault("/api/show", status=404, body={"error": f"model '{name}' not found"})
    # the base; the free name; is it there; its weights
    scene.ollama.enqueue(Fault("/api/show"), Fault("/api/show"), Fault("/api/show"), Fault("/api/show"), gone)
    with pytest.raises(ServingError, match="does not have it"):
        scene.deployer.deploy(version, scene.base)


def test_a_tag_that_vanished_later_is_noticed(scene: Scene) -> None:
    deployment = scene.deployer.deploy(scene.version(), scene.base)
    del scene.ollama.tags[deployment.model]
    with pytest.raises(ServingError, match="no longer has"):
        scene.deployer.check(deployment)


def test_a_tag_that_someone_overwrote_is_noticed_and_left_alone(scene: Scene, tmp_path: Path) -> None:
    version = scene.version()
    deployment = scene.deployer.deploy(version, scene.base)
    scene.ollama.add_model(deployment.model, write_gguf(tmp_path / "theirs.gguf", seed=5))
    theirs = scene.ollama.tags[deployment.model]
    with pytest.raises(ServingError, match="overwritten"):
        scene.deployer.check(deployment)
    again = scene.deployer.deploy(version, scene.base)
    assert again.model == f"{deployment.model}-2"
    assert scene.ollama.tags[deployment.model] == theirs


def test_a_server_that_lists_one_digest_and_runs_another_is_refused(scene: Scene) -> None:
    version = scene.version()
    name = f"aeon-ft:v0001-{adapter_digest(version.adapter)[7:15]}"
    other = {"models": [{"name": name, "digest": "f" * 64, "size": 1}]}
    # asked for its memory, for what runs already, and after the load
    scene.ollama.enqueue(Fault("/api/ps"), Fault("/api/ps"), Fault("/api/ps", status=200, body=other))
    refusal(scene, ServingError, "other weights")


def test_a_pulled_again_base_is_refused(scene: Scene, tmp_path: Path) -> None:
    scene.ollama.add_model("tiny:1b", write_gguf(tmp_path / "newer.gguf", seed=7))
    refusal(scene, ServingError, "pulled again")


def test_a_base_that_was_never_pulled_names_the_command(scene: Scene) -> None:
    del scene.ollama.tags["tiny:1b"]
    assert "ollama pull tiny:1b" in refusal(scene, ServingError, "no model tiny").todo


def test_a_version_of_another_base_is_refused(scene: Scene, tmp_path: Path) -> None:
    other = make_base(write_gguf(tmp_path / "other.gguf", seed=3))
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a"), other)
    with pytest.raises(ServingError, match="another base"):
        scene.deployer.deploy(version, scene.base)


def test_an_adapter_that_cannot_be_merged_says_so(scene: Scene) -> None:
    with pytest.raises(ServingError, match="DoRA"):
        scene.deployer.deploy(scene.version(use_dora=True), scene.base)
    assert scene.names() == set()


# -- the smoke test -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "word"),
    [("", "nothing"), ("<think>hm</think> Oi!", "think"), ("Oi!<|im_end|>", "im_end"),
     ("Hello, I am here to help you with that and the other things", "English")],
)  # fmt: skip
def test_a_model_that_answers_badly_is_never_used(scene: Scene, reply: str, word: str) -> None:
    scene.ollama.script.answer = lambda *_: reply
    refusal(scene, ServingError, word)


def test_a_model_that_does_not_stop_is_never_used(scene: Scene) -> None:
    endless = {"message": {"role": "assistant", "content": "e e e e"}, "done": True, "done_reason": "length"}
    scene.ollama.enqueue(Fault("/api/chat", status=200, body=endless, times=3))
    refusal(scene, ServingError, "does not stop")


def test_a_thinking_model_that_keeps_its_thoughts_apart_is_fine(scene: Scene) -> None:
    blob = scene.ollama.blobs.path(scene.ollama.tags["tiny:1b"].model_blob)
    scene.ollama.add_model("tiny:1b", blob, template="{{ .Thinking }}{{ .Prompt }}")
    scene.ollama.script.answer = lambda *_: "<think>hm</think>Oi, tudo bem com você?"
    scene.deployer.deploy(scene.version(), scene.base)


# -- going away -----------------------------------------------------------------------------------


def test_a_retired_version_leaves_memory_and_stays_on_disk(any_scene: Scene) -> None:
    deployment = any_scene.deployer.deploy(any_scene.version(), any_scene.base)
    any_scene.deployer.retire(deployment)
    assert not any_scene.ollama.runners
    assert deployment.model in any_scene.ollama.tags
    any_scene.deployer.retire(deployment)


def test_a_model_that_was_in_memory_already_is_somebodys_and_stays_there(scene: Scene) -> None:
    scene.deployer.client.load("tiny:1b")
    scene.deployer.retire(scene.deployer.deploy(None, scene.base))
    assert {runner.tag.name for runner in scene.ollama.runners.values()} == {"tiny:1b"}


def test_a_candidate_that_answers_badly_is_left_to_the_gate(scene: Scene) -> None:
    scene.ollama.script.answer = lambda *_: "Hello, I am here to help you with that and the other things"
    candidate = replace(scene.version(), state=VersionState.CANDIDATE)
    scene.deployer.check(scene.deployer.deploy(candidate, scene.base))
    with pytest.raises(ServingError, match="English"):
        scene.deployer.deploy(scene.version(), scene.base)


def test_each_step_of_a_deploy_is_told(scene: Scene) -> None:
    steps: list[Step] = []
    scene.deployer.on_step = steps.append
    scene.deployer.deploy(scene.version(), scene.base)
    assert steps == [
        Step.BUILDING,
        Step.BUILT,
        Step.IMPORTED,
        Step.LOADING,
        Step.LOADED,
        Step.SMOKE_TESTED,
        Step.PROVED,
    ]


def test_abandoning_takes_away_only_what_was_never_proven(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = scene.deployer.deploy(scene.version("v0001"), scene.base)
    monkeypatch.setattr(scene.deployer, "_undo", lambda _name: None)  # the process dies: no clean-up runs
    scene.ollama.enqueue(Fault("/api/chat", status=500, body={"error": "gone"}))
    with pytest.raises(ServingError):
        scene.deployer.deploy(scene.version("v0002", seed=3), scene.base)
    fresh = OllamaDeployer(scene.data, scene.deployer.settings)
    (scene.data.serving / "merged-v0002-11111111.gguf.part").write_bytes(b"half")
    for version in ("v0001", "v0002"):
        fresh.abandon(version)
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
            made.append(scene.deployer.deploy(scene.version(f"v{number:04}", seed=number), scene.base))
            scene.deployer.retire(made[-1])
        assert scene.names() == {"aeon-ft:mine", made[2].model, made[3].model}
        assert not ollama.orphans()
        scene.deployer.close()


def test_tags_beyond_the_size_cap_go_oldest_first(data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama() as ollama:
        scene = make_scene(ollama, data, tmp_path)
        made = [scene.deployer.deploy(scene.version(f"v{n:04}", seed=n), scene.base) for n in range(3)]
        for deployment in made:
            scene.deployer._unload(deployment.model)
        cap = 1.5 * scene.deployer.client.tags()[made[0].model].size / 1e9
        scene.deployer.settings = scene.deployer.settings.model_copy(update={"ollama_cap_gb": cap})
        assert scene.deployer.clean_up() == [deployment.model for deployment in made[:2]]
        scene.deployer.close()


def test_a_discarded_version_leaves_nothing(scene: Scene) -> None:
    scene.deployer.deploy(scene.version(), scene.base)
    scene.deployer.discard("v0001")
    assert scene.names() == set()
    assert not scene.ollama.orphans()
    assert scene.deployer.ledger.read() == {}


@pytest.mark.parametrize(("path", "method"), [("/api/blobs/*", "POST"), ("/api/create", ""), ("/api/chat", "")])
def test_a_crash_in_the_middle_is_finished_or_undone_by_the_next_try(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, path: str, method: str
) -> None:
    """The process dies while it waits for that call: no clean-up runs."""
    monkeypatch.setattr(scene.deployer, "_undo", lambda _name: None)
    scene.ollama.enqueue(Fault(path, status=500, body={"error": "gone"}, method=method))
    with pytest.raises(ServingError):
        scene.deployer.deploy(scene.version(), scene.base)
    fresh = OllamaDeployer(scene.data, scene.deployer.settings)
    deployment = fresh.deploy(scene.version(), scene.base)
    assert scene.names() == {deployment.model}
    assert not scene.ollama.orphans()
    fresh.close()
