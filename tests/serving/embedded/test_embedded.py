"""The embedded backend on real llama.cpp children, mostly with a tiny random model."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, ServingError
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import Version
from aeon_plugin_ft.serving.embedded import deployer as module
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.embedded.supervised import SupervisedChild
from aeon_plugin_ft.serving.journal import SwapStep, process_name
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.digest import sha256
from tests.serving.embedded.looking import get, wait_for
from tests.weights.lora import chat, make_version

pytestmark = pytest.mark.slow
SETTINGS = ServeSection(threads=1, context_tokens=256)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory, base: BaseModel) -> Version:
    return make_version(tmp_path_factory.mktemp("v"), base, strength=0.5)


@pytest.fixture
def deployer(data: DataFolder) -> Iterator[EmbeddedDeployer]:
    made = EmbeddedDeployer(data)
    yield made
    made.close()


def test_a_version_is_served_with_its_proof_and_taken_away_again(
    deployer: EmbeddedDeployer, base: BaseModel, version: Version
) -> None:
    steps: list[SwapStep] = []
    plain = deployer.deploy(None, base, SETTINGS, steps.append)
    tuned = deployer.deploy(version, base, SETTINGS, steps.append)
    assert plain.digest == base.digest != tuned.digest
    assert tuned.route.version == tuned.version == "v0001"
    assert chat(plain.route, "oi") != chat(tuned.route, "oi")
    for deployment in (plain, tuned):
        deployer.check(deployment)
    happy = [
        SwapStep.BUILDING,
        SwapStep.BUILT,
        SwapStep.LOADING,
        SwapStep.LOADED,
        SwapStep.SMOKE_TESTED,
        SwapStep.PROVED,
    ]
    assert steps == happy * 2
    pids = deployer.pids()
    deployer.retire(tuned, SETTINGS)
    deployer.retire(tuned, SETTINGS)
    assert len(deployer.pids()) == 1
    assert [path.suffix for path in deployer.folder.iterdir() if path.name.startswith("v0001")] == [".log"]
    with pytest.raises(BackendDownError, match="No embedded server"):
        deployer.check(tuned)
    deployer.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not deployer.folder.exists()


def test_a_version_that_is_a_whole_model_stands_in_the_bases_place(
    deployer: EmbeddedDeployer, base: BaseModel, version: Version, tmp_path: Path
) -> None:
    import gguf
    import torch

    from tests.base.tiny import make_tiny, write_gguf

    tiny = make_tiny(tmp_path, "llama", max_position_embeddings=20_000)
    with torch.no_grad():
        for weight in tiny.model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    folder = tmp_path / "v0002"
    (folder / "adapter").mkdir(parents=True)
    write_gguf(folder / "adapter" / "model.gguf", "llama", tiny.model, gguf.GGMLQuantizationType.F32)
    whole = replace(version, name="v0002", folder=folder)
    served = deployer.deploy(whole, base, SETTINGS)
    assert served.digest == sha256(folder / "adapter" / "model.gguf")
    deployer.check(served)
    assert get(served.route, "/lora-adapters", served.route.token).json() == []
    assert chat(served.route, "oi") != chat(deployer.deploy(None, base, SETTINGS).route, "oi")
    deployer.retire(served, SETTINGS)
    # What was served was the version's own file: it stays.
    assert (folder / "adapter" / "model.gguf").is_file()


def test_the_same_version_has_the_same_digest_in_another_process(
    data: DataFolder, tmp_path: Path, base: BaseModel, version: Version
) -> None:
    digests = []
    for number in range(2):
        deployer = EmbeddedDeployer(DataFolder(tmp_path / str(number)).create())
        digests.append(deployer.deploy(version, base, SETTINGS).digest)
        deployer.close()
    assert digests[0] == digests[1]


def test_its_door_is_on_loopback_and_has_a_lock(deployer: EmbeddedDeployer, base: BaseModel) -> None:
    deployment = deployer.deploy(None, base, SETTINGS)
    route = deployment.route
    assert route.token
    for path in ("/v1/models", "/lora-adapters", "/slots", "/metrics"):
        assert get(route, path).status_code == 401, path
        assert get(route, path, "wrong").status_code == 401, path
        assert get(route, path, route.token).status_code == 200, path
    process = psutil.Process(deployer.pids()[0])
    listening = [c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    assert not any(route.token in part for part in process.cmdline())
    assert route.token not in repr(deployment)
    assert process.nice() == psutil.Process().nice()


def test_changed_settings_reach_the_child_of_a_deployer_that_is_made(
    deployer: EmbeddedDeployer, base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 2 if logical else 1)
    before, after = ServeSection(threads=2, context_tokens=512), ServeSection(context_tokens=1024, max_reply_tokens=16)
    for settings, threads in ((before, 2), (after, 1)):
        deployment = deployer.deploy(None, base, settings)
        slots = get(deployment.route, "/slots", deployment.route.token).json()
        assert [slot["n_ctx"] for slot in slots] == [settings.context_tokens] * 2
        served = next(one for one in deployer._served.values() if one.deployment == deployment)
        assert served.child.config.threads == threads
        assert deployer.fits(deployment, settings)
        assert not deployer.fits(deployment, after if settings is before else before)
        deployer.retire(deployment, settings)


def test_a_shared_system_prompt_is_computed_before_the_first_question(
    data: DataFolder, store: Store, base: BaseModel
) -> None:
    prompt = "Aeon, um hacker que fala pouco."
    deployer = EmbeddedDeployer(data, system_prompt=lambda: prompt)
    swapper = Swapper(data, store, EventBus(), RouteTable(), {"embedded": deployer}, lambda: SETTINGS)
    route = swapper.swap(None, base).route
    body = {
        "messages": [{"role": "system", "content": prompt}, {"role": "user", "content": "ola"}],
        "max_tokens": 1,
        "temperature": 0,
    }
    answer = httpx.post(
        f"{route.base_url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {route.token}"}
    ).json()
    assert answer["timings"]["cache_n"] >= len(prompt)
    deployer.close()


def test_a_killed_server_comes_back_at_the_same_address(
    deployer: EmbeddedDeployer, base: BaseModel, version: Version
) -> None:
    deployment = deployer.deploy(version, base, SETTINGS)
    before = chat(deployment.route, "oi")
    pid = deployer.pids()[0]
    psutil.Process(pid).kill()
    wait_for(lambda: deployer.pids() and deployer.pids() != [pid])
    served = next(iter(deployer._served.values()))
    wait_for(lambda: served.child.restarts == 1)
    deployer.check(deployment)
    assert chat(deployment.route, "oi") == before


def test_a_server_whose_port_was_taken_moves_and_the_route_follows(
    data: DataFolder, store: Store, base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SupervisedChild, "FIRST_WAIT", 0.5)
    deployer, routes = EmbeddedDeployer(data), RouteTable()
    swapper = Swapper(data, store, EventBus(), routes, {"embedded": deployer}, lambda: SETTINGS)
    try:
        old = swapper.swap(None, base).route
        psutil.Process(deployer.pids()[0]).kill()
        with squatter(int(str(old.base_url).rpartition(":")[2])):
            wait_for(lambda: routes.current != old)
            new = routes.current
            assert new is not None and new.base_url != old.base_url and new.token != old.token
            assert chat(new, "oi")
            assert swapper.serving is not None
            deployer.check(swapper.serving)
    finally:
        deployer.close()


@contextmanager
def squatter(port: int) -> Iterator[None]:
    """Another program that listens where the server did."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deadline = time.monotonic() + 60
        while True:
            try:
                taken.bind(("127.0.0.1", port))
                break
            except OSError:
                assert time.monotonic() < deadline
        taken.listen()
        yield


def test_other_weights_than_were_deployed_are_found_out(
    deployer: EmbeddedDeployer, base: BaseModel, version: Version
) -> None:
    deployment = deployer.deploy(version, base, SETTINGS)
    served = next(iter(deployer._served.values()))
    assert served.adapter is not None
    served.adapter.write_bytes(served.adapter.read_bytes()[:-1] + b"x")
    with pytest.raises(BackendRefusedError, match="other weights"):
        deployer.check(deployment)


def test_an_adapter_of_other_weights_is_not_served(
    deployer: EmbeddedDeployer, base: BaseModel, version: Version
) -> None:
    with pytest.raises(ServingError, match="trained on other weights"):
        deployer.deploy(replace(version, base_digest="sha256:" + "0" * 64), base, SETTINGS)
    with pytest.raises(ServingError, match="no GGUF"):
        deployer.deploy(None, replace(base, gguf=None), SETTINGS)
    assert deployer.pids() == []


def test_a_failed_deployment_leaves_no_child_and_no_adapter(
    deployer: EmbeddedDeployer, base: BaseModel, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object) -> None:
        raise ServingError("it says nothing")

    monkeypatch.setattr(module, "_ask_first", no)
    with pytest.raises(ServingError, match="says nothing"):
        deployer.deploy(version, base, SETTINGS)
    assert deployer.pids() == []
    assert not list(deployer.folder.glob("*.gguf"))


def test_files_of_dead_processes_are_swept(data: DataFolder, base: BaseModel, another_process: int) -> None:
    root = data.serving / "embedded"
    dead, alive = root / "1-1", root / process_name(another_process)
    for folder in (dead, alive):
        folder.mkdir(parents=True)
        (folder / "v0001.gguf").write_bytes(b"x")
    EmbeddedDeployer(data).close()
    assert [path.name for path in root.iterdir()] == [alive.name]


def test_importing_serving_brings_no_machine_learning() -> None:
    code = (
        "import sys, json, aeon_plugin_ft.serving.swap, aeon_plugin_ft.serving.embedded.deployer;"
        "print(json.dumps([m for m in ('torch', 'transformers', 'peft', 'trl', 'xllamacpp') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_deployments_are_told_apart(deployer: EmbeddedDeployer, base: BaseModel) -> None:
    first: Deployment = deployer.deploy(None, base, SETTINGS)
    second = deployer.deploy(None, base, SETTINGS)
    assert first.route.base_url != second.route.base_url and first.route.token != second.route.token
    deployer.retire(first, SETTINGS)
    deployer.check(second)
