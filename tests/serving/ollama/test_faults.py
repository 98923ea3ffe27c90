"""Every fault of an Ollama by name: one sentence, a next step, and nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, NoSpaceError, ServingError
from aeon_plugin_ft.evaluation.suites import TOOL_PROMPTS
from aeon_plugin_ft.serving.ollama import client as ollama_client
from aeon_plugin_ft.weights.adapter import adapter_digest
from tests.servers.http import Fault
from tests.servers.models import make_base, make_version, write_adapter, write_gguf
from tests.serving.ollama.conftest import Scene, refusal

# -- faults, by name ------------------------------------------------------------------------------


def test_ollama_is_down(scene: Scene) -> None:
    scene.ollama.stop()
    assert refusal(scene, BackendDownError, "does not answer").retryable


def test_ollama_is_too_old(scene: Scene) -> None:
    scene.ollama.version = "0.4.7"
    refusal(scene, ServingError, "0.5.5")


def test_ollama_dies_in_the_middle_of_the_upload_and_comes_back(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/blobs/*", drop="reading", method="POST", times=2))
    scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    assert len(scene.ollama.calls("/api/blobs/*", "POST")) == 3
    assert scene.waits[:2] == [0.5, 1.0]


def test_ollama_dies_in_the_middle_of_every_upload(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/blobs/*", drop="reading", method="POST", times=3))
    refusal(scene, BackendDownError, "broke off")


def test_what_was_uploaded_is_not_sent_again(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/create", status=500, body={"error": "something"}))
    refusal(scene, BackendRefusedError, "something")
    scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    assert len(scene.ollama.calls("/api/blobs/*", "POST")) == 1


def test_an_upload_that_was_never_used_goes_with_the_next_clean_up(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/create", status=500, body={"error": "something"}))
    refusal(scene, BackendRefusedError, "something")
    assert len(scene.ollama.orphans()) == 1
    scene.server.clean_up(scene.settings)
    assert scene.ollama.orphans() == set() and scene.names() == set()
    assert scene.server.ledger.read() == {}


def test_the_digest_of_the_upload_is_wrong(scene: Scene) -> None:
    body = {"error": 'digest mismatch, expected "sha256:a", got "sha256:b"'}
    scene.ollama.enqueue(Fault("/api/blobs/*", status=400, body=body, method="POST"))
    assert "damaged" in refusal(scene, BackendRefusedError, "digest mismatch").todo


def test_an_error_after_a_200_is_an_error(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/create", line={"error": "write /models/x: no space left on device"}))
    assert "OLLAMA_MODELS" in refusal(scene, BackendRefusedError, "no space left").todo


def test_a_create_that_just_ends_is_tried_again(scene: Scene) -> None:
    scene.ollama.enqueue(Fault("/api/create", drop="stream"))
    scene.deployer.deploy(scene.version(), scene.base, scene.settings)
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
    # the base; the free name; is it somebody's; is it there; its weights; its abilities
    scene.ollama.enqueue(*[Fault("/api/show")] * 6, gone)
    with pytest.raises(ServingError, match="does not have it"):
        scene.deployer.deploy(version, scene.base, scene.settings)


def test_a_tag_that_vanished_later_is_noticed(scene: Scene) -> None:
    deployment = scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    del scene.ollama.tags[deployment.model]
    with pytest.raises(ServingError, match="no longer has"):
        scene.deployer.check(deployment)


def test_a_tag_that_someone_overwrote_is_noticed_and_left_alone(scene: Scene, tmp_path: Path) -> None:
    version = scene.version()
    deployment = scene.deployer.deploy(version, scene.base, scene.settings)
    scene.ollama.add_model(deployment.model, write_gguf(tmp_path / "theirs.gguf", seed=5))
    theirs = scene.ollama.tags[deployment.model]
    with pytest.raises(ServingError, match="overwritten"):
        scene.deployer.check(deployment)
    again = scene.deployer.deploy(version, scene.base, scene.settings)
    assert again.model == f"{deployment.model}-2"
    assert scene.ollama.tags[deployment.model] == theirs


def test_a_server_that_lists_one_digest_and_runs_another_is_refused(scene: Scene) -> None:
    version = scene.version()
    name = f"aeon-ft:v0001-{adapter_digest(version.adapter)[7:15]}"
    other = {"models": [{"name": name, "model": name, "digest": "f" * 64, "size": 1}]}
    # asked for its memory, for what runs already (by the deploy, and for its keep_alive), and after the load
    scene.ollama.enqueue(*[Fault("/api/ps")] * 3, Fault("/api/ps", status=200, body=other))
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
        scene.deployer.deploy(version, scene.base, scene.settings)


def test_an_adapter_that_cannot_be_merged_says_so(scene: Scene) -> None:
    with pytest.raises(ServingError, match="DoRA"):
        scene.deployer.deploy(scene.version(use_dora=True), scene.base, scene.settings)
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


def test_a_model_whose_tool_calls_are_all_broken_is_never_used(scene: Scene) -> None:
    def answer(_model: str, messages: list[dict[str, Any]]) -> str:
        return '{"tool": "Tempo.timer", "param' if messages[-1]["content"] in TOOL_PROMPTS else "Oi, tudo bem?"

    scene.ollama.script.answer = answer
    refusal(scene, ServingError, "no valid JSON")
    scene.ollama.script.answer = lambda *_: '{"tool": "Tempo.timer", "param": 10}'
    scene.deployer.deploy(scene.version(), scene.base, scene.settings)


def with_tools(scene: Scene) -> None:
    blob = scene.ollama.blobs.path(scene.ollama.tags["tiny:1b"].model_blob)
    scene.ollama.add_model("tiny:1b", blob, template="{{ .Tools }}{{ .Prompt }}")


def test_a_base_that_calls_tools_still_does_and_is_asked_to(scene: Scene) -> None:
    with_tools(scene)
    scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    offered = [call for call in scene.ollama.calls("/api/chat") if call.json.get("tools")]
    assert len(offered) == 1


def test_a_tool_call_in_a_form_that_nobody_can_read_is_refused(scene: Scene) -> None:
    with_tools(scene)
    broken = {"message": {"role": "assistant", "tool_calls": [{"function": {"name": "x", "arguments": "{"}}]}}
    scene.ollama.enqueue(Fault("/api/chat", status=200, body=broken))
    refusal(scene, ServingError, "nobody can read")


def test_tools_that_got_lost_on_the_way_are_noticed(scene: Scene) -> None:
    with_tools(scene)
    refused = {"error": '"aeon-ft:v0001" does not support tools'}
    scene.ollama.enqueue(Fault("/api/chat", status=400, body=refused))
    refusal(scene, BackendRefusedError, "does not support tools")


def test_a_model_that_does_not_stop_is_never_used(scene: Scene) -> None:
    endless = {"message": {"role": "assistant", "content": "e e e e"}, "done": True, "done_reason": "length"}
    scene.ollama.enqueue(Fault("/api/chat", status=200, body=endless, times=3))
    refusal(scene, ServingError, "does not stop")


def test_a_thinking_model_that_leaves_its_thoughts_where_it_is_told_to_is_fine(scene: Scene) -> None:
    blob = scene.ollama.blobs.path(scene.ollama.tags["tiny:1b"].model_blob)
    template = "{{ if and .IsThinkSet (not .Think) }}at once: {{ end }}{{ .Thinking }}{{ .Prompt }}"
    scene.ollama.add_model("tiny:1b", blob, template=template)

    def thinks_unless_told(model: str, *_: object) -> str:
        last = scene.ollama.calls("/api/chat")[-1].json
        return "Oi, tudo bem com você?" if last["think"] is False else "<think>hm</think>"

    scene.ollama.script.answer = thinks_unless_told
    scene.deployer.deploy(scene.version(), scene.base, scene.settings)
