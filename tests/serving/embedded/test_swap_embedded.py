"""Swaps under load and under fire, on real embedded servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil
import pytest

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.store import DataFolder, Store
from hooks import Route
from tests.base.tiny import make_tiny
from tests.serving.killed_host import make_swapper
from tests.weights.lora import chat, make_adapter

pytestmark = pytest.mark.slow
PROMPTS = ("oi", "quem fala?", "que horas", "ola ola", "conta")
MARK = "AEON_FT_TEST_MARK"


@dataclass
class World:
    """A data folder with a tiny base and two accepted versions, and a host's swapper on it."""

    data: DataFolder
    store: Store
    base: BaseModel
    swapper: Swapper
    deployer: EmbeddedDeployer

    def swap(self, name: str) -> Route:
        return self.swapper.swap(Registry(self.data, self.store).get(name), self.base).route


@pytest.fixture
def world(data: DataFolder, store: Store) -> Iterator[World]:
    make_tiny(data.root, "llama", max_position_embeddings=2048)
    swapper, deployer, base = make_swapper(data, store)
    registry = Registry(data, store)
    for seed in (1, 2):
        adapter = make_adapter(data.root / f"adapter{seed}", base, seed=seed, strength=0.5)
        registry.create(
            run=f"run{seed}",
            adapter=adapter,
            dataset="d",
            base=base.spec,
            base_digest=base.digest,
            verdict=Verdict(True, (), {}),
        )
    yield World(data, store, base, swapper, deployer)
    deployer.close()


def test_a_hundred_chats_during_a_swap_are_each_answered_wholly_by_one_model(world: World) -> None:
    world.swap("v0001")
    routes = world.swapper.routes
    old = routes.current
    assert old is not None
    expected = {("v0001", prompt): chat(old, prompt, 40) for prompt in PROMPTS}
    old_pids = world.deployer.pids()
    replies: list[tuple[str, str, str]] = []
    started = threading.Barrier(101)

    def talk(number: int) -> None:
        """Half of them begin before the swap and are answered across it; the others begin as soon as it flips."""
        started.wait()
        while number % 2 and routes.current is old:
            time.sleep(0.001)
        call, prompt = f"call-{number}", PROMPTS[number % len(PROMPTS)]
        route = routes.acquire(call)
        assert route is not None
        try:
            replies.append((route.version, prompt, chat(route, prompt, 40)))
        finally:
            routes.release(call)

    with ThreadPoolExecutor(100) as pool:
        talks = [pool.submit(talk, number) for number in range(100)]
        started.wait()
        new = world.swap("v0002")
        for one in talks:
            one.result()
    expected |= {("v0002", prompt): chat(new, prompt, 40) for prompt in PROMPTS}
    assert len(replies) == 100
    assert {version for version, _, _ in replies} == {"v0001", "v0002"}
    wrong = [reply for reply in replies if expected[reply[0], reply[1]] != reply[2]]
    assert wrong == []
    assert all(expected["v0001", prompt] != expected["v0002", prompt] for prompt in PROMPTS)
    assert not any(psutil.pid_exists(pid) for pid in old_pids)
    assert len(world.deployer.pids()) == 1


def test_going_back_is_quick_and_brings_the_former_digest_back(world: World) -> None:
    world.swap("v0001")
    before = world.swapper.serving
    reply = chat(world.swapper.routes.current, "oi")  # type: ignore[arg-type]
    world.swap("v0002")
    started = time.monotonic()
    world.swap("v0001")
    assert time.monotonic() - started < 30
    after = world.swapper.serving
    assert before is not None and after is not None
    assert after.digest == before.digest
    assert chat(after.route, "oi") == reply
