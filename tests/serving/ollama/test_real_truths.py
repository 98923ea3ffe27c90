"""What real Ollama servers (0.24.0, 0.33.0, 0.34.2) were seen to do, each with what is right then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aeon_plugin_ft.base.ollama_names import canonical_name
from aeon_plugin_ft.base.turns import OLLAMA_TEMPLATE
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.ollama.create import parse_parameters, template_of
from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer
from aeon_plugin_ft.serving.ollama.prompts import PROBES, compare, go_template, trained_prompts
from aeon_plugin_ft.store import DataFolder
from tests.servers.go_template import render
from tests.servers.http import Fault
from tests.servers.models import make_base, make_version, write_adapter, write_gguf
from tests.servers.ollama import FakeOllama
from tests.serving.ollama.conftest import VERSIONS, Scene, make_scene

CHATML_WITH_DEFAULT = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""As SmolLM2's: a system text of the model's own where the talk has none, which Ollama's own template leaves out."""


def shared_file(scene: Scene) -> None:
    """A second tag of the base's file."""
    blob = scene.ollama.blobs.path(scene.ollama.tags["tiny:1b"].model_blob)
    scene.ollama.add_model("tiny:latest", blob, template="{{ .Prompt }}\n", system="another manifest")


# -- 1: runners belong to the weights' file --------------------------------------------------------


@pytest.mark.parametrize("loaded_first", ["tiny:latest", "tiny:1b"])
def test_a_base_that_runs_under_another_tag_is_recognised(scene: Scene, loaded_first: str) -> None:
    shared_file(scene)
    scene.server.client.load(loaded_first)
    assert list(scene.server.client.running()) == [loaded_first]
    deployment = scene.deployer.deploy(None, scene.base, scene.settings)
    scene.deployer.check(deployment)
    assert list(scene.server.client.running()) == [loaded_first], "it was answered from what ran"


def test_what_another_tag_has_loaded_is_not_ours_to_take_out(scene: Scene) -> None:
    shared_file(scene)
    scene.server.client.load("tiny:latest")
    scene.deployer.retire(scene.deployer.deploy(None, scene.base, scene.settings), scene.settings)
    assert list(scene.server.client.running()) == ["tiny:latest"]


def test_a_version_that_runs_under_a_copys_name_is_in_use_and_stays(data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama() as ollama:
        scene = make_scene(ollama, data, tmp_path, keep_versions=2)
        made = [scene.deployer.deploy(scene.version(f"v{n:04}", seed=n), scene.base, scene.settings) for n in range(3)]
        for deployment in made:
            scene.server.unload(deployment.model)
        ollama.tags["copy:latest"] = replace(ollama.tags[made[0].model], name="copy:latest")
        scene.server.client.load("copy")
        assert scene.server.clean_up(scene.settings) == [made[1].model], "the oldest is in use, as a copy"
        scene.deployer.close()


# -- 3: somebody else's keep_alive -----------------------------------------------------------------


def test_a_base_that_somebody_holds_for_ever_stays_held(scene: Scene) -> None:
    scene.server.client.load("tiny:1b", "-1m")
    scene.deployer.check(scene.deployer.deploy(None, scene.base, scene.settings))
    scene.ollama.enqueue(Fault("/api/create", status=500, body={"error": "something"}))
    with pytest.raises(ServingError):
        scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    (runner,) = scene.ollama.runners.values()
    assert runner.keep < 0
    assert [call.json.get("keep_alive") for call in scene.ollama.calls("/api/generate")][1:] == [None] * 3


def test_our_own_models_stay_loaded_for_the_next_talk(scene: Scene) -> None:
    scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    assert [runner.keep for runner in scene.ollama.runners.values()] == [600.0]


# -- 4: one form of a name -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["TINY:1B", "library/tiny:1b", "registry.ollama.ai/library/tiny:1b", "Registry.Ollama.AI/Library/Tiny:1b"]
)
def test_a_base_is_found_however_it_is_written(scene: Scene, name: str) -> None:
    deployment = scene.deployer.deploy(None, replace(scene.base, spec=f"ollama:{name}"), scene.settings)
    assert deployment.model == "tiny:1b"
    scene.deployer.check(deployment)


def test_a_base_whose_name_is_stored_in_another_case_is_found(scene: Scene, tmp_path: Path) -> None:
    tag = scene.ollama.add_model("hf.co/Org/Name-GGUF:Q4_1", write_gguf(tmp_path / "hf.gguf", seed=4))
    base = make_base(scene.ollama.blobs.path(tag.model_blob), "ollama:hf.co/org/name-gguf:q4_1")
    deployment = scene.deployer.deploy(None, base, scene.settings)
    assert deployment.model == "hf.co/Org/Name-GGUF:Q4_1"
    scene.deployer.check(deployment)
    scene.deployer.retire(deployment, scene.settings)
    assert not scene.server.client.running()


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("Smol", "smol:latest"), ("library/smol:135M", "smol:135m"), ("Ana/Smol:x", "ana/smol:x"),
     ("localhost:5000/a/b", "localhost:5000/a/b:latest"), ("http://host/a/b:c", "host/a/b:c"),
     ("smol:", "smol:latest")],
)  # fmt: skip
def test_names_come_in_one_form(written: str, canonical: str) -> None:
    assert canonical_name(written) == canonical


# -- 5: the prompt that is served is the one that was trained --------------------------------------


def scene_with_default_system(scene: Scene, tmp_path: Path) -> tuple[Scene, Version]:
    gguf = write_gguf(tmp_path / "chatml.gguf", template=CHATML_WITH_DEFAULT, seed=9)
    scene.base = make_base(gguf, str(gguf))
    return scene, make_version(scene.data.versions, write_adapter(tmp_path / "a"), scene.base)


@pytest.mark.parametrize("release", VERSIONS)
def test_a_default_system_text_of_the_file_is_served_too(release: str, data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama(release) as ollama:
        scene, version = scene_with_default_system(make_scene(ollama, data, tmp_path), tmp_path)
        for one in (version, None):
            deployment = scene.deployer.deploy(one, scene.base, scene.settings)
            assert deployment.proof["prompt"] == "same"
            asked = scene.server.client.rendered(deployment.model, PROBES[0])
            assert asked is not None and asked.startswith("<|im_start|>system\nYou are a helpful assistant.<|im_end|>")
            scene.deployer.check(deployment)
        scene.deployer.close()


def test_an_ollama_that_shows_no_prompts_gets_the_files_template(data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama("0.9.6") as ollama:
        scene, version = scene_with_default_system(make_scene(ollama, data, tmp_path), tmp_path)
        deployment = scene.deployer.deploy(version, scene.base, scene.settings)
        assert deployment.proof["prompt"] == "unknown"
        assert "You are a helpful assistant" in ollama.tags[deployment.model].template
        scene.deployer.close()


def test_a_template_that_cannot_be_written_in_gos_language_is_only_told(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    numbered = "{% for m in messages %}[{{ loop.index }}]{{ m['content'] }}<|im_start|>{% endfor %}"
    gguf = write_gguf(tmp_path / "numbered.gguf", template=numbered, seed=9)
    base = make_base(gguf, str(gguf))
    version = make_version(scene.data.versions, write_adapter(tmp_path / "a"), base)
    assert scene.deployer.deploy(version, base, scene.settings).proof["prompt"] == "differs"
    assert "another form in Ollama" in caplog.text


def test_a_template_with_marks_that_change_is_none(tmp_path: Path) -> None:
    gguf = write_gguf(tmp_path / "x.gguf", template="{% for m in messages %}{{ m['content'][2:] }}{% endfor %}")
    trained = trained_prompts(gguf)
    assert trained is not None and go_template(trained) is None
    assert trained_prompts(write_gguf(tmp_path / "y.gguf", template="{{ raise_exception('no system') }}")) is None
    assert trained_prompts(write_gguf(tmp_path / "z.gguf")) is None


@pytest.mark.parametrize("template", [CHATML_WITH_DEFAULT])
def test_the_written_template_gives_the_trained_prompts(tmp_path: Path, template: str) -> None:
    trained = trained_prompts(write_gguf(tmp_path / "x.gguf", template=template))
    assert trained is not None
    written = go_template(trained)
    assert written is not None
    dicts = [[{"role": m.role, "content": m.content} for m in talk] for talk in PROBES]
    assert tuple(render(written, talk) for talk in dicts) == trained
    assert str(compare(trained, lambda talk: render(OLLAMA_TEMPLATE, dicts[PROBES.index(tuple(talk))]))) == "differs"


# -- 6: an adapter on a base that Ollama does not have ---------------------------------------------


def test_an_adapter_for_a_base_from_a_file_is_put_on_the_imported_base(data: DataFolder, tmp_path: Path) -> None:
    with FakeOllama("0.33.0") as ollama:
        scene = make_scene(ollama, data, tmp_path, ollama_adapter=True)
        base = make_base(write_gguf(tmp_path / "other.gguf", seed=9, template=CHATML_WITH_DEFAULT), "other.gguf")
        made = []
        for number in (1, 2):
            version = make_version(
                data.versions, write_adapter(tmp_path / f"a{number}", seed=number), base, f"v000{number}"
            )
            made.append(ollama.tags[scene.deployer.deploy(version, base, scene.settings).model])
        assert all(tag.adapter_blob for tag in made)
        assert made[0].model_blob == made[1].model_blob, "the base is imported once"
        scene.deployer.close()


def test_a_wish_for_an_adapter_that_cannot_be_obeyed_is_told(
    data: DataFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeOllama("0.34.2") as ollama:
        scene = make_scene(ollama, data, tmp_path, ollama_adapter=True)
        scene.deployer.deploy(scene.version(), scene.base, scene.settings)
        assert "Ollama 0.34.2 takes no adapters; v0001 is merged instead" in caplog.text
        scene.deployer.close()


# -- 9: what was there before us -------------------------------------------------------------------


def test_a_tag_that_another_data_folder_made_is_used_and_never_deleted(scene: Scene, tmp_path: Path) -> None:
    version = scene.version()
    theirs = scene.deployer.deploy(version, scene.base, scene.settings)
    second = OllamaDeployer(DataFolder(tmp_path / "second").create())
    for _ in range(2):
        assert second.deploy(version, scene.base, scene.settings).model == theirs.model
    second.abandon(version.name, scene.settings)
    second.discard(version.name, scene.settings)
    assert second.server(scene.ollama.url).ledger.read() == {}
    scene.deployer.check(theirs)
    second.close()


# -- 11, 12: what a base carries -------------------------------------------------------------------


@pytest.mark.parametrize("stop", ["\x1b", "\a\b\f\v", 'a "quoted" \\ one', "<｜User｜>", "\x7f\u200b"])
def test_a_stop_is_carried_as_the_bytes_that_it_is(any_scene: Scene, stop: str) -> None:
    tag = any_scene.ollama.tags["tiny:1b"]
    any_scene.ollama.tags["tiny:1b"] = replace(tag, parameters={"stop": [stop]})
    made = any_scene.ollama.tags[
        any_scene.deployer.deploy(any_scene.version(), any_scene.base, any_scene.settings).model
    ]
    assert made.parameters == {"stop": [stop]}


def test_gos_escapes_are_read() -> None:
    shown = 'stop    "\\x1b[0m"\nstop    "\\xc3\\xa9\\u00e9\\U0001f600\\101\\n"'
    assert parse_parameters(shown) == {"stop": ["\x1b[0m", "éé😀A\n"]}


def test_a_jinja_template_of_the_tags_own_is_kept(scene: Scene) -> None:
    tag = scene.ollama.tags["tiny:1b"]
    jinja = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    scene.ollama.tags["tiny:1b"] = replace(tag, template=jinja)
    made = scene.deployer.deploy(scene.version(), scene.base, scene.settings).model
    assert template_of(scene.server.client.show(made) or {}) == jinja
    assert scene.ollama.tags[made].template == jinja
