"""A server that was stopped (SIGSTOP): nobody waits for it for long, and it comes back."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.errors import BackendDownError
from aeon_plugin_ft.serving.embedded import child as children
from aeon_plugin_ft.serving.embedded.child import EmbeddedChild, new_config
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.embedded.health import HUNG_SECONDS, PROBE_SECONDS, Health
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from hooks import Route
from tests.serving.embedded.looking import wait_for
from tests.weights.lora import chat

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP"),
]

SETTINGS = ServeSection(context_tokens=512, threads=1)
NOTICED = 4 * PROBE_SECONDS + HUNG_SECONDS + 5
"""Seconds in which it is found out, on a machine that has other work as well; a question alone would wait 60."""


@pytest.fixture
def deployer(data: DataFolder) -> Iterator[EmbeddedDeployer]:
    made = EmbeddedDeployer(data)
    yield made
    made.close()


def stop(pid: int | None) -> psutil.Process:
    assert pid is not None
    process = psutil.Process(pid)
    process.send_signal(signal.SIGSTOP)
    # The signal is sent, not yet heeded: on a busy machine a thread goes on until it is let heed it.
    wait_for(lambda: all(psutil.Process(thread.id).status() == psutil.STATUS_STOPPED for thread in process.threads()))
    return process


def question(route: Route) -> httpx.Response:
    headers = {"Authorization": f"Bearer {route.token}"}
    body = {"messages": [{"role": "user", "content": "oi"}], "max_tokens": 2}
    url = f"{route.base_url}/v1/chat/completions"
    return httpx.post(url, json=body, headers=headers, timeout=120, trust_env=False)


def test_a_question_to_a_hung_server_ends_soon_and_the_next_is_answered(
    deployer: EmbeddedDeployer, base: BaseModel
) -> None:
    deployment = deployer.deploy(None, base, SETTINGS)
    before = chat(deployment.route, "oi")
    pid = deployer.pids()[0]
    stop(pid)
    began = time.monotonic()
    with pytest.raises(httpx.TransportError):
        question(deployment.route)
    assert time.monotonic() - began < NOTICED
    wait_for(lambda: deployer.pids() and deployer.pids() != [pid])
    served = next(iter(deployer._served.values()))
    wait_for(lambda: served.child.restarts == 1)
    deployer.check(deployment)
    assert chat(deployment.route, "oi") == before


def test_a_check_of_a_hung_server_says_so_at_once(deployer: EmbeddedDeployer, base: BaseModel) -> None:
    deployment = deployer.deploy(None, base, SETTINGS)
    stop(deployer.pids()[0])
    began = time.monotonic()
    with pytest.raises(BackendDownError, match="does not answer"):
        deployer.check(deployment)
    assert time.monotonic() - began < PROBE_SECONDS + 2


def test_a_hung_server_is_taken_away_without_a_drain(deployer: EmbeddedDeployer, base: BaseModel) -> None:
    deployment = deployer.deploy(None, base, SETTINGS)
    process = stop(deployer.pids()[0])
    began = time.monotonic()
    deployer.retire(deployment, SETTINGS)
    assert time.monotonic() - began < NOTICED and not process.is_running()


def test_a_server_that_hangs_while_it_loads_is_not_waited_for(
    tmp_path: Path, base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "STILL_SECONDS", 3.0)
    assert base.gguf is not None
    child = EmbeddedChild(new_config(base.gguf, None, "x", 256, 1), tmp_path / "log")

    def stop_when_there() -> None:
        wait_for(lambda: child.pid is not None)
        stop(child.pid)

    stopping = threading.Thread(target=stop_when_there)
    stopping.start()
    with pytest.raises(BackendDownError, match="did nothing while it should load"):
        child.start()
    stopping.join()
    assert not child.alive


def test_a_busy_server_is_none_that_hangs(deployer: EmbeddedDeployer, base: BaseModel) -> None:
    """Every thread that could answer is taken by a question; it computes all the same."""
    deployment = deployer.deploy(None, base, SETTINGS)
    route, pid = deployment.route, deployer.pids()[0]
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            httpx.post(
                f"{route.base_url}/v1/chat/completions",
                json={"messages": [{"role": "user", "content": "conte"}], "max_tokens": 300, "ignore_eos": True},
                headers={"Authorization": f"Bearer {route.token}"},
                timeout=300,
                trust_env=False,
            )

    asking = [threading.Thread(target=ask) for _ in range(24)]
    for one in asking:
        one.start()
    health = Health(str(route.base_url), str(route.token), pid)
    looks = [health.hangs() for _ in range(8) if not time.sleep(1)]
    over.set()
    for one in asking:
        one.join()
    assert not any(looks) and deployer.pids() == [pid]
