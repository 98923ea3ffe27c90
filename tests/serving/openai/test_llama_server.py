"""llama.cpp's own server, started by its owner: what answers is what was deployed, and the base is the base."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from aeon_plugin_ft.base import BaseModel, resolve_base
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.ask import ask
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.serving.openai.deployer import OpenAIDeployer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.weights.lora_gguf import export_lora_gguf
from hooks import Message, Route
from hooks.providers.pool import ProviderPool
from tests.base.tiny import make_tiny
from tests.servers.llama import Llama
from tests.weights.lora import make_adapter, make_version

pytestmark = pytest.mark.slow

QUESTION = (Message("user", "oi, quem é você?"),)


@pytest.fixture(autouse=True)
def a_random_model_need_not_make_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeon_plugin_ft.serving.openai.deployer.smoke_test", lambda *_, **__: None)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    folder = tmp_path_factory.mktemp("tiny")
    return resolve_base(str(make_tiny(folder, "llama", max_position_embeddings=4096).path), folder / "cache")


@pytest.fixture
def version(data: DataFolder, base: BaseModel) -> Version:
    return make_version(data.versions, base, strength=3.0)


@pytest.fixture
def deployer(data: DataFolder) -> Iterator[OpenAIDeployer]:
    made = OpenAIDeployer(data, token=lambda: None)
    yield made
    made.close()


@contextmanager
def llama(base: BaseModel, adapter: Path | None, folder: Path) -> Iterator[Llama]:
    assert base.gguf is not None
    folder.mkdir(exist_ok=True)
    model = folder / "model.gguf"
    if not model.exists():
        shutil.copy(base.gguf, model)
    server = Llama(model, adapter)
    try:
        yield server
    finally:
        server.close()


def settings(server: Llama) -> ServeSection:
    return ServeSection(openai_url=server.url)


def file_of(deployer: OpenAIDeployer, version: Version, base: BaseModel, server: Llama) -> Path:
    """What the owner is told to start the server with."""
    with pytest.raises(ServingError, match="not started with v0001"):
        deployer.deploy(version, base, settings(server))
    (file,) = deployer.data.serving.glob("adapter-v0001-*.gguf")
    return file


def reply(route: Route) -> str:
    return ask(route, QUESTION, 12)[0]


def test_a_rollback_to_the_base_is_answered_by_the_base(
    deployer: OpenAIDeployer, version: Version, base: BaseModel, tmp_path: Path
) -> None:
    with llama(base, None, tmp_path / "bare") as bare:
        of_base = reply(Route("openai", "x", base_url=bare.url))
        file = file_of(deployer, version, base, bare)
    with llama(base, file, tmp_path / "with") as server:
        trained = deployer.deploy(version, base, settings(server))
        of_version = reply(trained.route)
        assert of_version != of_base, "the adapter has an effect"
        back = deployer.deploy(None, base, settings(server))
        assert reply(back.route) == of_base
        assert reply(trained.route) == of_version
        pool = ProviderPool()
        said = [
            pool.for_route(route).chat(route.model, QUESTION, timeout_s=60) for route in (back.route, trained.route)
        ]
        pool.close()
        assert said[0] != said[1], "the host asks for the same"
        deployer.check(trained)
        deployer.check(back)


def test_the_command_that_is_told_starts_it_at_its_address_with_both_versions(
    deployer: OpenAIDeployer, version: Version, base: BaseModel, tmp_path: Path
) -> None:
    with llama(base, None, tmp_path / "bare") as bare:
        first = file_of(deployer, version, base, bare)
    second = make_version(deployer.data.root / "second", base, strength=5.0, name="v0002")
    with llama(base, first, tmp_path / "with") as server:
        before = deployer.deploy(version, base, settings(server))
        with pytest.raises(ServingError, match="not started with v0002") as refusal:
            deployer.deploy(second, base, settings(server))
        port = int(server.url.rpartition(":")[2])
    program, *told = shlex.split(refusal.value.todo.removeprefix("Start it with: "))
    arguments = list(zip(told[::2], told[1::2], strict=True))
    assert program == "llama-server" and dict(arguments)["--cache-ram"] == "0"
    loras = [Path(value) for name, value in arguments if name == "--lora"]
    assert len(loras) == 2 and dict(arguments)["--port"] == str(port)
    again = Llama(Path(dict(arguments)["-m"]), *loras, port=int(dict(arguments)["--port"]))
    try:
        after = deployer.deploy(second, base, settings(again))
        back = deployer.deploy(version, base, settings(again))
        assert (back.digest, back.route.base_url) == (before.digest, before.route.base_url)
        assert reply(after.route) != reply(back.route)
    finally:
        again.close()


def test_a_scale_that_somebody_has_set_changes_no_reply(
    deployer: OpenAIDeployer, version: Version, base: BaseModel, tmp_path: Path
) -> None:
    with llama(base, None, tmp_path / "bare") as bare:
        file = file_of(deployer, version, base, bare)
    with llama(base, file, tmp_path / "with") as server:
        trained = deployer.deploy(version, base, settings(server))
        before = reply(trained.route)
        httpx.post(f"{server.url}/lora-adapters", json=[{"id": 0, "scale": 0.0}], trust_env=False).raise_for_status()
        assert reply(trained.route) == before


def test_a_check_tells_a_server_that_was_started_again_with_something_else(
    deployer: OpenAIDeployer, version: Version, base: BaseModel, data: DataFolder, tmp_path: Path
) -> None:
    with llama(base, None, tmp_path / "bare") as bare:
        file = file_of(deployer, version, base, bare)
        served = deployer.deploy(None, base, settings(bare))
    with llama(base, file, tmp_path / "with") as server:
        trained = deployer.deploy(version, base, settings(server))
    other = tmp_path / "other" / file.name
    other.parent.mkdir()
    adapter = make_adapter(tmp_path / "made", base, seed=7)
    export_lora_gguf(adapter, base, other)
    for started_with in (None, other):
        with llama(base, started_with, tmp_path / "with") as server:
            with pytest.raises(ServingError, match="started again with other files"):
                deployer.check(at(trained, server))
            with pytest.raises(ServingError, match="not started with"):
                deployer.deploy(version, base, settings(server))
    with llama(base, file, tmp_path / "with") as server:
        with pytest.raises(ServingError, match="started again with other files"):
            deployer.check(at(served, server))
        deployer.check(at(trained, server))
    with llama(base, file, tmp_path / "elsewhere") as server, pytest.raises(ServingError, match="other files"):
        deployer.check(at(trained, server))


def test_the_same_file_at_another_place_is_the_same(
    deployer: OpenAIDeployer, version: Version, base: BaseModel, tmp_path: Path
) -> None:
    with llama(base, None, tmp_path / "bare") as bare:
        file = file_of(deployer, version, base, bare)
    copy = tmp_path / "copied.gguf"
    shutil.copy(file, copy)
    with llama(base, copy, tmp_path / "with") as server:
        assert deployer.deploy(version, base, settings(server)).version == "v0001"


def at(deployment: Deployment, server: Llama) -> Deployment:
    """The same deployment at the address that the server has this time, as it comes back out of the journal."""
    record = deployment.record()
    return Deployment.from_record({**record, "route": {**record["route"], "base_url": server.url}})
