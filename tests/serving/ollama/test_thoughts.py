"""A version has learnt to reply at once, and Ollama serves it so: also where a template begins thoughts."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_plugin_ft.serving.ask import ask
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.serving.ollama.prompts import PROBES, trained_prompts
from aeon_plugin_ft.store import DataFolder
from hooks import Message, Route
from hooks.providers import OllamaProvider, ProviderPool
from tests.servers.models import make_base, make_version, write_adapter, write_gguf
from tests.servers.ollama import FakeOllama
from tests.serving.ollama.conftest import Scene, make_scene

RELEASES = ("0.24.0", "0.34.2")
TURNS = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% elif m['role'] == 'user' %}"
    "{{ '<|User|>' + m['content'] }}{% else %}{{ '<|Assistant|>' + m['content'].split('</think>')[-1] + '<|end|>' }}"
    "{% endif %}{% endfor %}"
)
R1 = TURNS + "{% if add_generation_prompt %}{{ '<|Assistant|><think>\\n' }}{% endif %}"
"""In the file: leaves it to the model to end the thoughts."""
SWITCHED = (
    TURNS + "{% if add_generation_prompt %}{{ '<|Assistant|>' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}"
    "{% endif %}{% endif %}"
)
GO_TURNS = (
    "{{- if .System }}{{ .System }}{{ end }}{{- range $i, $_ := .Messages }}"
    "{{- $last := eq (len (slice $.Messages $i)) 1 }}"
    '{{- if eq .Role "user" }}<|User|>{{ .Content }}{{- else if eq .Role "assistant" }}<|Assistant|>{{ .Content }}'
    "{{- if not $last }}<|end|>{{- end }}{{- end }}"
)
GO_SWITCHED = GO_TURNS + (
    '{{- if and $last (ne .Role "assistant") }}<|Assistant|>{{- if and $.IsThinkSet (not $.Think) }}'
    '{{ print "<think>\\n\\n</think>\\n\\n" }}{{- end }}'
    "{{- if .Thinking }}{{ .Thinking }}{{- end }}{{- end }}{{- end }}"
)
"""As Ollama's own for DeepSeek-R1: the block is there, empty, where thinking was switched off and only there."""
GO_OPEN = GO_TURNS + (
    '{{- if and $last (ne .Role "assistant") }}<|Assistant|>{{ print "<think>\\n" }}'
    "{{- if .Thinking }}{{ .Thinking }}{{- end }}{{- end }}{{- end }}"
)
"""As that of models that only think."""
CLOSED = "<|Assistant|><think>\n\n</think>\n\n"


def deployed(scene: Scene, tmp_path: Path, jinja: str, go: str, *, of_ollama: bool) -> Deployment:
    """A version of a base with these templates, which is a tag of that Ollama's or a file."""
    gguf = write_gguf(tmp_path / "thinker.gguf", template=jinja, seed=9)
    spec = str(gguf)
    if of_ollama:
        scene.ollama.add_model("thinker:1b", gguf, template=go)
        spec = "ollama:thinker:1b"
    scene.base = make_base(gguf, spec)
    scene.ollama.script.answer = lambda *_: "Oi, tudo bem com você?"
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a"), scene.base)
    tag = "thinker:1b" if of_ollama else "tiny:1b"
    return scene.deployer.deploy(version, scene.base, scene.settings.model_copy(update={"ollama_model": tag}))


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("jinja", "go", "of_ollama"),
    [(R1, GO_SWITCHED, True), (R1, GO_OPEN, True), (R1, "", False), (SWITCHED, "", False)],
    ids=["a tag that can switch them off", "a tag that only thinks", "R1's own file", "a file with a switch"],
)
def test_the_prompt_that_is_served_is_the_one_that_was_trained(
    release: str, jinja: str, go: str, of_ollama: bool, data: DataFolder, tmp_path: Path
) -> None:
    with FakeOllama(release) as ollama:
        scene = make_scene(ollama, data, tmp_path)
        made = deployed(scene, tmp_path, jinja, go, of_ollama=of_ollama)
        assert made.proof["prompt"] == "same"
        written = scene.server.client.rendered(made.model, PROBES[0], at_once=True)
        assert written is not None and written.endswith(CLOSED)
        scene.deployer.check(made)
        scene.deployer.close()


def test_what_training_writes_has_its_thoughts_ended_and_what_the_base_is_asked_has_not(tmp_path: Path) -> None:
    gguf = write_gguf(tmp_path / "r1.gguf", template=R1)
    trained, base = trained_prompts(gguf), trained_prompts(gguf, at_once=False)
    assert trained is not None and all(prompt.endswith(CLOSED) for prompt in trained)
    assert base is not None and all(prompt.endswith("<think>\n") for prompt in base)


def test_a_version_is_told_to_reply_at_once_by_everybody_and_the_base_is_left_to_itself(
    scene: Scene, tmp_path: Path
) -> None:
    made = deployed(scene, tmp_path, R1, GO_SWITCHED, of_ollama=True)
    asked = [call.json for call in scene.ollama.calls("/api/chat")]
    assert asked and all(body["think"] is False for body in asked)
    pool, hello = ProviderPool(), [Message("user", "oi")]
    base = Route("ollama", "thinker:1b", base_url=scene.ollama.url)
    for route in (made.route, base):
        heard: list[str] = []
        pool.for_route(route).chat(route.model, hello, timeout_s=5)
        pool.for_route(route).chat(route.model, hello, timeout_s=5, on_token=heard.append)
        ask(route, hello, 8)
    pool.close()
    thoughts = [call.json.get("think") for call in scene.ollama.calls("/api/chat")[len(asked) :]]
    assert thoughts == [False] * 3 + [None] * 3


def test_a_version_that_thinks_aloud_all_the_same_is_refused(scene: Scene, tmp_path: Path) -> None:
    """Nobody takes thoughts out of a reply where they are switched off."""
    provider = OllamaProvider(scene.ollama.url, at_once=True)
    made = deployed(scene, tmp_path, R1, GO_SWITCHED, of_ollama=True)
    scene.ollama.script.answer = lambda *_: "<think>hm</think>Oi!"
    assert provider.chat(made.model, [Message("user", "oi")], timeout_s=5).startswith("<think>")
    provider.close()
