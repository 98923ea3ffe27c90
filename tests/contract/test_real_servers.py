"""The promises of a deployment, on real servers: llama.cpp's own always, vLLM where AEON_FT_TEST_VLLM names one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendRefusedError, ServingError
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import Registry, Version
from aeon_plugin_ft.serving.ask import ask
from aeon_plugin_ft.serving.openai.deployer import OpenAIDeployer
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store
from hooks import Message, Route
from hooks.providers import ProviderError, ProviderPool
from tests.contract.real_servers import CONTEXT, SERVERS, VLLM, RealServer
from tests.servers.models import make_version
from tests.servers.teach import ANSWER, QUESTION

pytestmark = pytest.mark.slow(seconds=60)

TALK = (Message("user", QUESTION),)
TOO_LONG = (Message("user", "Conte de novo, desde o começo. " * CONTEXT),)
CHATS = 100


@dataclass
class Stage:
    """A real server that runs, and what a host has for it."""

    server: RealServer
    base: BaseModel
    versions: tuple[Version, Version]
    deployer: OpenAIDeployer
    settings: ServeSection
    pool: ProviderPool

    def said(self, route: Route, seconds: float = 120) -> str:
        """A reply through the provider that a brain uses."""
        return self.pool.for_route(route).chat(route.model, TALK, timeout_s=seconds)


@pytest.fixture(scope="module", params=list(SERVERS))
def running(
    request: pytest.FixtureRequest, smollm2: BaseModel, taught: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RealServer, DataFolder, Store, tuple[Version, Version]]]:
    """The server, with two versions of one taught adapter in a registry: both know the answer, so that replies are
    short and right."""
    if request.param == "vllm" and not VLLM:
        pytest.skip("no vLLM here: AEON_FT_TEST_VLLM=PYTHON names one")
    folder = tmp_path_factory.mktemp("real")
    data = DataFolder(folder / "data").create()
    store = Store(data.database)
    registry = Registry(data, store)
    made = [make_version(folder / "versions", taught, smollm2, name) for name in ("v0001", "v0002")]
    first, second = (
        registry.create(
            run=f"run-{each.name}", adapter=each.adapter, dataset="d", base=smollm2.spec, base_digest=smollm2.digest,
            verdict=Verdict(True, (), {}),
        )
        for each in made
    )  # fmt: skip
    server = SERVERS[request.param](smollm2, folder)
    server.knows([first, second], data.serving)
    server.start()
    try:
        yield server, data, store, (first, second)
    finally:
        server.stop()
        store.close()


@pytest.fixture
def stage(
    running: tuple[RealServer, DataFolder, Store, tuple[Version, Version]], smollm2: BaseModel
) -> Iterator[Stage]:
    server, data, _, versions = running
    alone = not server.runs
    if alone:  # after the test that restarts it, which leaves no child behind
        server.start()
    deployer = OpenAIDeployer(data, token=lambda: None, system_prompt=str)
    pool = ProviderPool()
    yield Stage(server, smollm2, versions, deployer, ServeSection(backend="openai", openai_url=server.url), pool)
    pool.close()
    deployer.close()
    if alone:
        server.stop()


def test_a_version_is_deployed_proven_and_asked_and_the_base_comes_back(stage: Stage) -> None:
    before = stage.deployer.deploy(None, stage.base, stage.settings)
    plain, _, _ = ask(before.route, TALK, 24)
    after = stage.deployer.deploy(stage.versions[0], stage.base, stage.settings)
    assert ask(after.route, TALK, 24)[0] == ANSWER != plain
    stage.deployer.check(after)
    assert stage.said(after.route)
    back = stage.deployer.deploy(None, stage.base, stage.settings)
    assert back.digest == before.digest != after.digest
    assert ask(back.route, TALK, 24)[0] == plain


def test_a_streamed_reply_is_the_whole_reply(stage: Stage) -> None:
    made = stage.deployer.deploy(stage.versions[0], stage.base, stage.settings)
    pieces: list[str] = []
    whole = stage.pool.for_route(made.route).chat(made.model, TALK, timeout_s=120, on_token=pieces.append)
    assert whole == "".join(pieces) and len(pieces) > 1
    assert made.model in stage.pool.for_route(made.route).models() or stage.server.keeps_adapters


def test_a_hundred_chats_go_on_through_a_swap_and_back(
    stage: Stage, running: tuple[RealServer, DataFolder, Store, tuple[Version, Version]]
) -> None:
    _, data, store, (first, second) = running
    swapper = Swapper(
        data, store, EventBus(), RouteTable(), {"openai": stage.deployer}, lambda: stage.settings,
        resolve=lambda _: stage.base,
    )  # fmt: skip
    before = swapper.swap(first, stage.base)
    routes, old = swapper.routes, swapper.routes.current
    started = threading.Barrier(CHATS + 1)

    def one(number: int) -> tuple[Route, str]:
        started.wait()
        while number % 2 and routes.current is old:
            time.sleep(0.01)
        route = routes.acquire(f"call-{number}")
        assert route is not None
        try:
            return route, stage.said(route, 300)
        finally:
            routes.release(f"call-{number}")

    with ThreadPoolExecutor(CHATS) as pool:
        talks = [pool.submit(one, number) for number in range(CHATS)]
        started.wait()
        swapper.swap(second, stage.base)
        heard = [talk.result() for talk in talks]
    assert len(heard) == CHATS and all(text for _, text in heard)
    assert {route.version for route, _ in heard} == {first.name, second.name}
    back = swapper.swap(first, stage.base)
    assert (back.digest, back.model) == (before.digest, before.model)
    assert ask(back.route, TALK, 24)[0] == ANSWER


def test_a_prompt_that_does_not_fit_is_refused_in_a_sentence(stage: Stage) -> None:
    made = stage.deployer.deploy(stage.versions[0], stage.base, stage.settings)
    with pytest.raises(ProviderError, match="said no") as theirs:
        stage.pool.for_route(made.route).chat(made.model, TOO_LONG, timeout_s=60)
    assert theirs.value.status == 400 and not theirs.value.retryable
    with pytest.raises(BackendRefusedError) as ours:
        ask(made.route, TOO_LONG, 8)
    for text in (str(theirs.value), str(ours.value)):
        assert not set("{}[]") & set(text), "no half JSON"
    assert stage.said(made.route), "and it answers as before"


def test_a_server_that_is_too_slow_is_left_in_time_and_answers_later(stage: Stage) -> None:
    made = stage.deployer.deploy(stage.versions[0], stage.base, stage.settings)
    began = time.monotonic()
    with pytest.raises(ProviderError, match="did not answer within") as slow:
        stage.said(made.route, 0.001)
    assert slow.value.retryable and time.monotonic() - began < 5
    assert stage.said(made.route)


def test_a_restart_behind_our_back_is_noticed_and_made_good(stage: Stage) -> None:
    made = stage.deployer.deploy(stage.versions[0], stage.base, stage.settings)
    stage.server.stop()
    with pytest.raises(ServingError, match="does not answer"):
        stage.deployer.check(made)
    with pytest.raises(ProviderError, match="nobody answers"):
        stage.said(made.route)
    stage.server.start()
    if not stage.server.keeps_adapters:
        with pytest.raises(ServingError, match="was it restarted"):
            stage.deployer.check(made)
    again = stage.deployer.deploy(stage.versions[0], stage.base, stage.settings)
    stage.deployer.check(again)
    assert again.digest == made.digest and ask(again.route, TALK, 24)[0] == ANSWER
    stage.server.stop()
