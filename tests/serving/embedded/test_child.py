"""One child, and one that is watched over: started, drained, killed, started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.errors import BackendDownError, ServingError
from aeon_plugin_ft.serving.embedded.child import EmbeddedChild, new_config
from aeon_plugin_ft.serving.embedded.supervised import SupervisedChild
from hooks import Route
from tests.serving.embedded.looking import get, wait_for
from tests.weights.lora import chat

pytestmark = pytest.mark.slow


def test_after_too_many_deaths_it_says_why_and_tries_again_at_leisure(
    tmp_path: Path, base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SupervisedChild, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(SupervisedChild, "MAX_RESTARTS", 2)
    monkeypatch.setattr(SupervisedChild, "REST_SECONDS", 0.5)
    assert base.gguf is not None
    model = tmp_path / "model.gguf"
    model.write_bytes(base.gguf.read_bytes())
    child = SupervisedChild(new_config(model, None, "aeon-ft:base", 256, 1), tmp_path / "log")
    child.start()
    model.unlink()
    assert child.pid is not None
    psutil.Process(child.pid).kill()
    wait_for(lambda: child.failure is not None and "in a row" in child.failure)
    assert "No such file" in str(child.failure)
    assert not child.alive
    model.write_bytes(base.gguf.read_bytes())
    wait_for(lambda: child.failure is None and child.alive)
    child.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child that cannot look")
def test_no_server_outlives_a_parent_that_ends_while_it_loads(tmp_path: Path) -> None:
    """A large model loads for minutes; here for ever, since nobody opens the other end of what stands for its file."""
    os.mkfifo(tmp_path / "model.gguf")
    config = new_config(tmp_path / "model.gguf", None, "x", 256, 1)
    command = [sys.executable, "-m", "aeon_plugin_ft.serving.embedded.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as child:
        try:
            assert child.stdin is not None
            child.stdin.write(config.line())
            child.stdin.flush()
            wait_for(lambda: waits_for_a_writer(child.pid))
            child.stdin.close()
            child.wait(5)
        finally:
            child.kill()


def waits_for_a_writer(pid: int) -> bool:
    """Whether a thread of a process is in the opening of a named pipe, by where in the kernel it sleeps."""
    return any(file.read_text() == "wait_for_partner" for file in Path(f"/proc/{pid}/task").glob("*/wchan"))


def test_no_server_outlives_its_parent(tmp_path: Path, base: BaseModel) -> None:
    """kill -9 of the host: the end of the child's stdin ends the child."""
    script = f"""
import sys, time
from pathlib import Path
from aeon_plugin_ft.serving.embedded.child import EmbeddedChild, new_config
child = EmbeddedChild(new_config(Path({str(base.gguf)!r}), None, "x", 256, 1), Path({str(tmp_path / "log")!r}))
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 5)


def test_draining_finishes_the_answers_that_are_under_way(tmp_path: Path, base: BaseModel) -> None:
    assert base.gguf is not None
    child = EmbeddedChild(new_config(base.gguf, None, "x", 8192, 1), tmp_path / "log")
    address = child.start()
    route = Route("embedded", "x", base_url=address.url, token=child.config.token)
    short, answers = chat(route, "oi", 2), []
    begun = threading.Semaphore(0)

    def talk() -> None:
        pieces = []
        for piece in streamed(route, "oi", 600):
            if not pieces:
                begun.release()
            pieces.append(piece)
        answers.append("".join(pieces))

    threads = [threading.Thread(target=talk) for _ in range(4)]  # two are computed, two wait
    for thread in threads:
        thread.start()
    for _ in range(2):  # told by the answers themselves: on a busy machine they may pass between two looks at the slots
        assert begun.acquire(timeout=60)
    child.drain(60)
    for thread in threads:
        thread.join()
    assert not child.alive
    assert len(answers) == 4 and all(answer.startswith(short) and len(answer) > 200 for answer in answers)


def streamed(route: Route, prompt: str, tokens: int) -> Iterator[str]:
    """The pieces of a greedy reply as they are made."""
    body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": tokens, "temperature": 0, "stream": True}
    headers = {"Authorization": f"Bearer {route.token}"}
    url = f"{route.base_url}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, headers=headers, timeout=120, trust_env=False) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content") or ""


def busy(route: Route) -> int:
    slots = get(route, "/slots", route.token).json()
    return sum(slot["is_processing"] for slot in slots)


def test_a_drain_does_not_wait_longer_than_told(tmp_path: Path, base: BaseModel) -> None:
    assert base.gguf is not None
    child = EmbeddedChild(new_config(base.gguf, None, "x", 20_000, 1), tmp_path / "log")
    address = child.start()
    route = Route("embedded", "x", base_url=address.url, token=child.config.token)

    def talk() -> None:
        with pytest.raises(httpx.HTTPError):
            chat(route, "oi", 19_000)

    thread = threading.Thread(target=talk)
    thread.start()
    wait_for(lambda: busy(route) == 1)
    started = time.monotonic()
    child.drain(0.5)
    assert time.monotonic() - started < 4
    assert not child.alive
    thread.join()


def damaged(base: BaseModel, tmp_path: Path, kind: str) -> tuple[Path, Path | None]:
    assert base.gguf is not None
    if kind == "missing":
        return tmp_path / "nothing.gguf", None
    if kind == "not a model":
        (tmp_path / "text.gguf").write_text("import antigravity")
        return tmp_path / "text.gguf", None
    if kind == "cut":
        (tmp_path / "cut.gguf").write_bytes(base.gguf.read_bytes()[:5000])
        return tmp_path / "cut.gguf", None
    (tmp_path / "adapter.gguf").write_bytes(base.gguf.read_bytes())
    return base.gguf, tmp_path / "adapter.gguf"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "No such file"),
        ("not a model", "invalid magic"),
        ("cut", "failed to read"),
        ("adapter", "adapter"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_sentence(kind: str, reason: str, tmp_path: Path, base: BaseModel) -> None:
    model, adapter = damaged(base, tmp_path, kind)
    child = EmbeddedChild(new_config(model, adapter, "x", 256, 1), tmp_path / "log")
    with pytest.raises(ServingError, match=reason) as caught:
        child.start()
    assert "\n" not in str(caught.value) and caught.value.todo
    assert not child.alive


def test_a_start_that_takes_too_long_is_ended(tmp_path: Path, base: BaseModel) -> None:
    assert base.gguf is not None
    child = EmbeddedChild(new_config(base.gguf, None, "x", 256, 1), tmp_path / "log")
    with pytest.raises(BackendDownError, match="not ready"):
        child.start(timeout=0.001)
    assert not child.alive
