"""Deploying to a server of one's own: vLLM and SGLang load adapters while they run, llama-server does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, ServingError
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.openai.deployer import OpenAIDeployer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.weights.adapter import adapter_digest
from tests.servers.http import Fault
from tests.servers.models import make_base, make_version, write_adapter, write_gguf
from tests.servers.openai import FakeOpenAI, Flavour

LOADS = {"vllm": "/v1/load_lora_adapter", "sglang": "/load_lora_adapter"}


@pytest.fixture
def base(tmp_path: Path) -> BaseModel:
    return make_base(write_gguf(tmp_path / "base.gguf"))


@pytest.fixture(params=["vllm", "sglang"])
def server(request: pytest.FixtureRequest) -> Iterator[FakeOpenAI]:
    with FakeOpenAI(request.param) as made:
        yield made


def settings_for(server: FakeOpenAI, **settings: Any) -> ServeSection:
    return ServeSection(openai_url=server.url + "/v1", **settings)


def deployer_for(server: FakeOpenAI, data: DataFolder) -> OpenAIDeployer:
    return OpenAIDeployer(data, token=lambda: server.key)


@pytest.fixture
def deployer(server: FakeOpenAI, data: DataFolder) -> Iterator[OpenAIDeployer]:
    made = deployer_for(server, data)
    yield made
    made.close()


def version_of(data: DataFolder, base: BaseModel, name: str = "v0001", **options: Any) -> Version:
    return make_version(data.versions, write_adapter(data.root / f"made-{name}", **options), base, name)


def test_the_adapter_is_loaded_under_a_name_of_its_own(
    server: FakeOpenAI, deployer: OpenAIDeployer, data: DataFolder, base: BaseModel
) -> None:
    version = version_of(data, base)
    deployment = deployer.deploy(version, base, settings_for(server))
    name = f"aeon-ft-v0001-{adapter_digest(version.adapter)[7:15]}"
    assert server.adapters == {name: str(version.adapter)}
    assert deployment.model == (name if server.flavour == "vllm" else f"{server.base}:{name}")
    assert deployment.digest == adapter_digest(version.adapter)
    assert {call.json["model"] for call in server.calls("/v1/chat/completions")} == {deployment.model}
    deployer.check(deployment)
    deployer.retire(deployment, settings_for(server))
    assert server.adapters == {}
    deployer.retire(deployment, settings_for(server))


def test_deploying_again_is_harmless(
    server: FakeOpenAI, deployer: OpenAIDeployer, data: DataFolder, base: BaseModel
) -> None:
    version = version_of(data, base)
    first = deployer.deploy(version, base, settings_for(server))
    again = deployer.deploy(version, base, settings_for(server))
    if server.flavour == "vllm":  # it lists its adapters
        assert again == first
        assert len(server.calls(LOADS["vllm"])) == 1
    assert set(server.adapters.values()) == {str(version.adapter)}


def test_a_name_that_somebody_else_used_is_never_loaded_again(
    server: FakeOpenAI, deployer: OpenAIDeployer, data: DataFolder, base: BaseModel
) -> None:
    version = version_of(data, base)
    name = f"aeon-ft-v0001-{adapter_digest(version.adapter)[7:15]}"
    server.adapters[name] = "/theirs"
    deployer.deploy(version, base, settings_for(server))
    assert server.adapters == {name: "/theirs", f"{name}-2": str(version.adapter)}


def test_the_base_is_the_servers_own_model(server: FakeOpenAI, deployer: OpenAIDeployer, base: BaseModel) -> None:
    deployment = deployer.deploy(None, base, settings_for(server))
    assert deployment.model == server.base
    deployer.check(deployment)
    deployer.retire(deployment, settings_for(server))


def test_a_server_in_a_container_sees_another_path(server: FakeOpenAI, data: DataFolder, base: BaseModel) -> None:
    deployer = deployer_for(server, data)
    with pytest.raises(BackendRefusedError) as refusal:  # the fake looks for the folder
        deployer.deploy(version_of(data, base), base, settings_for(server, openai_folder="/aeon-ft"))
    (load,) = server.calls(LOADS[server.flavour])
    assert load.json["lora_path"] == "/aeon-ft/versions/v0001/adapter"
    assert "openai_folder" in refusal.value.todo
    deployer.close()


def test_a_token_is_sent_and_asked_for(data: DataFolder, base: BaseModel) -> None:
    with FakeOpenAI("vllm", key="secret") as server:
        deployer = deployer_for(server, data)
        deployment = deployer.deploy(None, base, settings_for(server))
        assert deployment.route.token == "secret"
        assert "secret" not in repr(deployment)
        deployer.close()
        stranger = OpenAIDeployer(data, token=lambda: None)
        with pytest.raises(BackendRefusedError) as refusal:
            stranger.deploy(None, base, settings_for(server))
        assert "OPENAI_API_KEY" in refusal.value.todo
        stranger.close()


def test_a_rank_beyond_the_servers_names_the_option(
    server: FakeOpenAI, deployer: OpenAIDeployer, data: DataFolder, base: BaseModel
) -> None:
    server.max_rank = 2
    with pytest.raises(BackendRefusedError, match="rank") as refusal:
        deployer.deploy(version_of(data, base), base, settings_for(server))
    assert "--max-lora-rank" in refusal.value.todo


def test_a_vllm_that_may_not_load_names_the_switch(data: DataFolder, base: BaseModel) -> None:
    with FakeOpenAI("vllm", runtime=False) as server:
        deployer = deployer_for(server, data)
        with pytest.raises(BackendRefusedError) as refusal:
            deployer.deploy(version_of(data, base), base, settings_for(server))
        assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in refusal.value.todo
        deployer.close()


def test_a_model_that_answers_badly_is_unloaded_again(
    server: FakeOpenAI, deployer: OpenAIDeployer, data: DataFolder, base: BaseModel
) -> None:
    server.script.answer = lambda *_: ""
    with pytest.raises(ServingError, match="answers nothing"):
        deployer.deploy(version_of(data, base), base, settings_for(server))
    assert server.adapters == {}


def test_a_server_that_was_restarted_is_noticed(
    server: FakeOpenAI, deployer: OpenAIDeployer, data: DataFolder, base: BaseModel
) -> None:
    deployment = deployer.deploy(version_of(data, base), base, settings_for(server))
    server.adapters.clear()
    with pytest.raises(ServingError):
        deployer.check(deployment)


def test_a_version_of_another_base_is_refused(
    server: FakeOpenAI, deployer: OpenAIDeployer, data: DataFolder, base: BaseModel, tmp_path: Path
) -> None:
    other = make_base(write_gguf(tmp_path / "other.gguf", seed=4))
    with pytest.raises(ServingError, match="another base"):
        deployer.deploy(version_of(data, other), base, settings_for(server))
    assert server.adapters == {}


def test_nobody_there(server: FakeOpenAI, deployer: OpenAIDeployer, base: BaseModel) -> None:
    server.stop()
    with pytest.raises(BackendDownError) as refusal:
        deployer.deploy(None, base, settings_for(server))
    assert "openai_url" in refusal.value.todo


def test_a_server_of_no_known_kind(server: FakeOpenAI, deployer: OpenAIDeployer, base: BaseModel) -> None:
    probes = ("/get_server_info", "/props", "/version", "/server_info")
    server.enqueue(*[Fault(path, status=404, body={"detail": "Not Found"}) for path in probes])
    with pytest.raises(ServingError, match="no vLLM"):
        deployer.deploy(None, base, settings_for(server))


def test_no_address(data: DataFolder, base: BaseModel) -> None:
    with pytest.raises(ServingError) as refusal:
        OpenAIDeployer(data).deploy(None, base, ServeSection())
    assert "openai_url" in refusal.value.todo


@pytest.mark.parametrize("flavour", ["vllm", "sglang"])
def test_discarding_unloads_every_name_of_a_version(flavour: Flavour, data: DataFolder, base: BaseModel) -> None:
    with FakeOpenAI(flavour) as server:
        deployer = deployer_for(server, data)
        deployer.deploy(version_of(data, base), base, settings_for(server))
        deployer.deploy(version_of(data, base, "v0002", seed=5), base, settings_for(server))
        deployer.discard("v0001", settings_for(server))
        assert [name[:13] for name in server.adapters] == ["aeon-ft-v0002"]
        deployer.close()


@pytest.mark.slow
def test_a_server_that_is_busy_for_a_while_is_waited_for(server: FakeOpenAI, data: DataFolder) -> None:
    """A llama.cpp under a hundred chats on a busy machine took more than ten seconds to say which server it is."""
    server.enqueue(Fault("/get_server_info", delay=11.0))
    deployer = deployer_for(server, data)
    assert deployer.server(server.url).flavour() == server.flavour
    deployer.close()


def test_what_another_owner_serves_there_under_the_same_name_stays(
    server: FakeOpenAI, data: DataFolder, base: BaseModel, tmp_path: Path
) -> None:
    """A household on one server: each has a first version, and each adapter lies in its owner's data folder."""
    other = DataFolder(tmp_path / "other").create()
    deployers = [deployer_for(server, folder) for folder in (data, other)]
    mine, theirs = (
        one.deploy(version_of(folder, base, seed=seed), base, settings_for(server))
        for seed, (one, folder) in enumerate(zip(deployers, (data, other), strict=True))
    )
    assert len(server.adapters) == 2 and mine.model != theirs.model
    deployers[0].discard("v0001", settings_for(server))
    assert [name in theirs.model for name in server.adapters] == [True]
    deployers[1].check(theirs)
    for one in deployers:
        one.close()


def test_a_server_that_has_also_a_route_of_the_others_is_told_by_its_own(data: DataFolder, base: BaseModel) -> None:
    """An SGLang that answers /version as vLLM does."""
    with FakeOpenAI("sglang") as server:
        server.also = {"/version": {"version": "0.6.0"}}
        deployer = deployer_for(server, data)
        assert deployer.server(server.url).flavour() == "sglang"
        deployer.close()


def test_a_llama_server_is_used_when_it_was_started_with_the_version(data: DataFolder, base: BaseModel) -> None:
    with FakeOpenAI("llama") as server:
        deployer = deployer_for(server, data)
        version = version_of(data, base)
        with pytest.raises(ServingError, match="not started with v0001") as refusal:
            deployer.deploy(version, base, settings_for(server))
        (file,) = data.serving.glob("adapter-v0001-*.gguf")
        assert f'--lora "{file}"' in refusal.value.todo
        server.started_with = [{"id": 0, "path": str(file), "scale": 1.0}]
        deployment = deployer.deploy(version, base, settings_for(server))
        assert deployment.version == "v0001"
        deployer.check(deployment)
        deployer.retire(deployment, settings_for(server))
        deployer.close()
