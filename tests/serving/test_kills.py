"""A host that dies at a step of a swap, whichever it is, and the next one: really killed processes, on a backend whose
models are children of the host and on one whose models outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.serving.merging import version as merged_version
from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.store import DataFolder, Store
from hooks import Message
from hooks.providers import ProviderPool
from tests.base.tiny import make_tiny
from tests.servers.merging import merge_here
from tests.servers.models import write_adapter, write_gguf
from tests.servers.ollama import FakeOllama
from tests.serving.killed_host import make_ollama_swapper, make_swapper
from tests.weights.lora import chat, make_adapter

pytestmark = pytest.mark.slow
MARK = "AEON_FT_TEST_MARK"
FORWARDS = {SwapStep.PROMOTED, SwapStep.FLIPPED, SwapStep.WATCHED, SwapStep.RETIRING, SwapStep.RETIRED, SwapStep.DONE}
"""From `promoted` on the store says that the new version is in use."""
STEPS = [step for step in SwapStep if step not in (SwapStep.FAILED, SwapStep.UNDONE)]
EMBEDDED_STEPS = [step for step in STEPS if step is not SwapStep.IMPORTED]


def die_at(step: SwapStep, data: DataFolder, mark: str, *more: str) -> None:
    """A host begins the swap and is gone at that step, and every child of it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.serving.killed_host", str(data.root), step.value, *more],
        env={**os.environ, MARK: mark}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 9, done.stderr
    deadline = time.monotonic() + 60
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked(mark) == []


def marked(mark: str) -> list[psutil.Process]:
    """Living processes that were started below a host with this mark in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def add_versions(data: DataFolder, store: Store, base: BaseModel, adapters: list[Path]) -> None:
    for number, adapter in enumerate(adapters):
        Registry(data, store).create(
            run=f"run{number}", adapter=adapter, dataset="d", base=base.spec, base_digest=base.digest,
            verdict=Verdict(True, (), {}),
        )  # fmt: skip


# -- the models are the host's own children ---------------------------------------------------------


@dataclass
class World:
    """A data folder with a base and two accepted versions, and the first host's swapper on it."""

    data: DataFolder
    store: Store
    base: BaseModel
    swapper: Swapper
    deployer: EmbeddedDeployer


@pytest.fixture
def world(data: DataFolder, store: Store) -> Iterator[World]:
    make_tiny(data.root, "llama", max_position_embeddings=2048)
    swapper, deployer, base = make_swapper(data, store)
    adapters = [make_adapter(data.root / f"a{seed}", base, seed=seed, strength=0.5) for seed in (1, 2)]
    add_versions(data, store, base, adapters)
    yield World(data, store, base, swapper, deployer)
    deployer.close()


@pytest.mark.parametrize("step", EMBEDDED_STEPS)
def test_a_host_killed_in_a_swap_leaves_no_child_and_recovers(step: SwapStep, world: World, tmp_path: Path) -> None:
    world.swapper.swap(world.swapper.registry.get("v0001"), world.base)
    world.deployer.close()
    die_at(step, world.data, f"{tmp_path}-{step.value}")
    swapper, deployer, _ = make_swapper(world.data, world.store)
    try:
        swapper.recover()
        route = swapper.routes.current
        assert route is not None
        assert route.version == swapper.registry.current() == ("v0002" if step in FORWARDS else "v0001")
        assert chat(route, "oi")
        assert swapper.journal.unfinished() == []
        assert len(deployer.pids()) == 1
        files = sorted(path.name for path in (world.data.serving / "embedded").rglob("*.gguf"))
        assert len(files) == 1 and files[0].startswith(route.version)
    finally:
        deployer.close()


# -- the models live in a server of their own -------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_a_host_killed_in_a_swap_leaves_ollama_clean_and_recovers(
    step: SwapStep, data: DataFolder, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged_version, "merge_in_child", merge_here)
    with FakeOllama() as ollama:
        ollama.add_model("tiny:1b", write_gguf(data.root / "base.gguf"), template="{{ .Prompt }} {{ .Response }}")
        swapper, deployer, base = make_ollama_swapper(data, store, ollama.url)
        add_versions(data, store, base, [write_adapter(data.root / f"a{seed}", seed=seed) for seed in (1, 2)])
        swapper.swap(swapper.registry.get("v0001"), base)
        deployer.close()
        die_at(step, data, f"{tmp_path}-{step.value}", ollama.url)
        swapper, deployer, _ = make_ollama_swapper(data, store, ollama.url)
        try:
            swapper.recover()
            check_clean(swapper, deployer, ollama, "v0002" if step in FORWARDS else "v0001")
        finally:
            deployer.close()


def check_clean(swapper: Swapper, deployer: OllamaDeployer, ollama: FakeOllama, version: str) -> None:
    route = swapper.routes.current
    assert route is not None and route.version == swapper.registry.current() == version
    pool = ProviderPool()
    assert route.model in pool.for_route(route).chat(route.model, [Message("user", "oi")], timeout_s=10)
    pool.close()
    assert swapper.journal.unfinished() == []
    proven = {name for name, tag in deployer.server(ollama.url).ledger.read().items() if tag.digest}
    assert set(ollama.tags) == {"tiny:1b"} | proven, "a tag that nobody knows, or one that was never proven"
    assert set(deployer.server(ollama.url).ledger.read()) == proven
    assert {runner.tag.name for runner in ollama.runners.values()} == {route.model}
    assert ollama.orphans() == set()
    assert [path.name for path in swapper.data.serving.rglob("*") if ".gguf" in path.name] == []
