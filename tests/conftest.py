"""Every test is hermetic: loopback sockets only, its own home and data folder, no leaked thread or child."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.base import BaseModel, resolve_base
from aeon_plugin_ft.store import DataFolder, Store

REPOSITORY = Path(__file__).parent.parent
CACHE = REPOSITORY / ".cache"
"""Base models are made once per checkout, not once per test run."""

_LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}
_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: object) -> None:
    if isinstance(address, tuple) and address[0] not in _LOOPBACK:
        raise AssertionError(f"a test tried to reach {address[0]}")
    _connect(self, address)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def hermetic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("AEON_FT_DATA", "GROQ_KEY", "GROQ_API_KEY", "GROQ_BASE_URL", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket.socket, "connect", _loopback_only)
    yield


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """A test ends its threads and children; daemon threads of libraries are not ours."""
    threads = set(threading.enumerate())
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left_threads = [t for t in threading.enumerate() if t not in threads and not t.daemon]
        left_children = [c for c in psutil.Process().children(recursive=True) if c.pid not in children]
        if not left_threads and not left_children:
            return
        time.sleep(0.02)
    assert not left_threads, f"leaked threads: {left_threads}"
    assert not left_children, f"leaked children: {left_children}"


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    """An empty data folder."""
    return DataFolder(tmp_path / "data").create()


@pytest.fixture
def store(data: DataFolder) -> Iterator[Store]:
    made = Store(data.database)
    yield made
    made.close()


@pytest.fixture(scope="session")
def smollm2() -> BaseModel:
    """The built-in base model with its training copy; downloaded and converted once per checkout."""
    return resolve_base("smollm2-135m-instruct", CACHE / "base")
