"""A host's life with an Ollama in which the model itself answers: stand-ins with llama.cpp behind them, and with
AEON_FT_TEST_OLLAMA a real one. AEON_FT_TEST_OLLAMA_RESTART is a command that starts that one again."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import Registry, Version
from aeon_plugin_ft.serving.ask import ask
from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer
from aeon_plugin_ft.serving.ollama.server import OllamaServer
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store
from hooks import Message, Route
from hooks.providers import ProviderPool
from tests.contract.conftest import BASE_TAG, REAL_OLLAMA, import_base
from tests.servers.models import make_version
from tests.servers.ollama import FakeOllama
from tests.servers.ollama_store import CHATML
from tests.servers.teach import ANSWER, QUESTION

pytestmark = pytest.mark.slow(seconds=40)

RESTART = os.environ.get("AEON_FT_TEST_OLLAMA_RESTART", "")
TALK = (Message("user", QUESTION),)
STREAMS = 6


@dataclass
class Life:
    """A host on one Ollama: two versions of one taught adapter, and the swap between them."""

    base: BaseModel
    versions: tuple[Version, Version]
    deployer: OllamaDeployer
    settings: ServeSection
    swapper: Swapper
    pool: ProviderPool
    restart: Callable[[], None] | None

    @property
    def server(self) -> OllamaServer:
        return self.deployer.server(self.settings.ollama_url)

    def ours(self) -> set[str]:
        return {name for name in self.server.client.tags() if name.startswith("aeon-ft:")}

    def knows(self, route: Route) -> bool:
        return ask(route, TALK, 40)[:2] == (ANSWER, True)


@pytest.fixture(params=["0.33.0", "0.34.2", *(["real ollama"] if REAL_OLLAMA else [])])
def life(
    request: pytest.FixtureRequest, data: DataFolder, store: Store, smollm2: BaseModel, taught: Path, tmp_path: Path
) -> Iterator[Life]:
    with ExitStack() as stack:
        url, restart = _started(request.param, smollm2, stack)
        settings = ServeSection(backend="ollama", ollama_url=url, ollama_model=BASE_TAG)
        registry = Registry(data, store)
        made = [make_version(tmp_path / "made", taught, smollm2, name) for name in ("v0001", "v0002")]
        first, second = (
            registry.create(
                run=f"run-{each.name}", adapter=each.adapter, dataset="d", base=smollm2.spec,
                base_digest=smollm2.digest, verdict=Verdict(True, (), {}),
            )
            for each in made
        )  # fmt: skip
        deployer = OllamaDeployer(data)
        current = [settings]
        swapper = Swapper(
            data, store, EventBus(), RouteTable(), {"ollama": deployer}, lambda: current[0], resolve=lambda _: smollm2
        )
        pool = ProviderPool()
        yield Life(smollm2, (first, second), deployer, settings, swapper, pool, restart)
        pool.close()
        for name in ("v0001", "v0002", "base"):
            deployer.discard(name, settings)
        deployer.close()


def _started(name: str, base: BaseModel, stack: ExitStack) -> tuple[str, Callable[[], None] | None]:
    if name == "real ollama":
        import_base(REAL_OLLAMA, base, stack)
        return REAL_OLLAMA, (lambda: subprocess.run(shlex.split(RESTART), check=True) and None) if RESTART else None
    server = stack.enter_context(FakeOllama(name, real=True))
    assert base.gguf is not None
    # As the real one makes it of an import: a template that leaves out the file's own system text.
    server.add_model(BASE_TAG, base.gguf, template=CHATML, parameters={"temperature": 0.0})

    def again() -> None:
        server.stop()
        for runner in list(server.runners.values()):
            server._unload(runner.tag)
        server.start()

    return server.url, again


def test_a_swap_while_chats_stream_and_back_and_nothing_is_left(life: Life) -> None:
    first, second = life.versions
    before = life.swapper.swap(first, life.base)
    assert before.proof["prompt"] == "same"
    routes, stop = life.swapper.routes, threading.Event()
    heard: list[tuple[str, str, str]] = []

    def talk(number: int) -> None:
        while not stop.is_set():
            call = f"call-{number}-{len(heard)}"
            route = routes.acquire(call)
            assert route is not None
            pieces: list[str] = []
            try:
                whole = life.pool.for_route(route).chat(route.model, TALK, timeout_s=120, on_token=pieces.append)
            finally:
                routes.release(call)
            heard.append((route.version, whole, "".join(pieces)))

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(STREAMS)]
    for thread in threads:
        thread.start()
    after = life.swapper.swap(second, life.base)
    time.sleep(1.0)
    stop.set()
    for thread in threads:
        thread.join()
    assert {version for version, _, _ in heard} == {"v0001", "v0002"}
    assert all(whole and whole == streamed for _, whole, streamed in heard)
    assert life.knows(after.route)
    back = life.swapper.swap(first, life.base)
    assert (back.digest, back.model) == (before.digest, before.model) and life.knows(back.route)
    life.swapper.release()
    for version in (first, second):
        life.deployer.discard(version.name, life.settings)
    assert life.ours() == set() and not set(life.server.client.running()) & {before.model, after.model}


def test_an_adapter_is_served_where_this_ollama_takes_one_and_a_merged_model_elsewhere(life: Life) -> None:
    wished = life.settings.model_copy(update={"ollama_adapter": True})
    made = life.deployer.deploy(life.versions[0], life.base, wished)
    assert life.knows(made.route)
    shown = life.server.client.show(made.model) or {}
    takes = life.server.behaviour().takes_adapters(life.base.architecture)
    assert ("ADAPTER" in str(shown.get("modelfile"))) == takes
    life.deployer.discard("v0001", wished)
    assert made.model not in life.ours()


def test_a_restart_behind_our_back_is_made_good_by_the_next_look(life: Life) -> None:
    if life.restart is None:
        pytest.skip("AEON_FT_TEST_OLLAMA_RESTART names no command that starts this Ollama again")
    made = life.deployer.deploy(life.versions[0], life.base, life.settings)
    life.restart()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            life.deployer.check(made)
            break
        except BackendDownError:
            time.sleep(0.5)
    life.deployer.check(made)
    assert life.knows(made.route)
