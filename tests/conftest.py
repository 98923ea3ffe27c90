"""Every test is hermetic: loopback sockets only, its own home and data folder, no leaked thread or child."""

from __future__ import annotations

import collections
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import platformdirs
import pytest

from aeon_plugin_ft import pipeline
from aeon_plugin_ft.base import BaseModel, resolve_base
from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.schedule import observer
from aeon_plugin_ft.schedule.machine import ThisMachine
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.worker import priority
from aeon_plugin_ft.training.worker.priority import Priority
from tests.leaks import leaked_since, running

# Some machines forbid bytecode. A child that imports torch, transformers and TRL then compiles them anew: 12 s
# instead of 5 (measured), a hundred times in a run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Beside other workers one thread each: on a machine that is busy, two that wait for one another at every operator take
# forty times as long (measured: 486 s in place of 11 s to teach the 135M model an answer). Before torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
# What is said is compared in one language, whatever this machine speaks; children get it, too.
os.environ["AEON_FT_LANGUAGE"] = "en"
# Hugging Face's libraries ask the network once a process, and report what is used of them; read when they are imported.
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")

REPOSITORY = Path(__file__).parent.parent
CACHE = REPOSITORY / ".cache"
"""Base models are made once per checkout, not once per test run."""

# The same examples in every run: a change is judged by what it changed. `--hypothesis-profile=default` draws new ones.
# No deadline for one example: it is wall clock (200 ms), and the first one loads a grammar. What has to be fast is
# measured in CPU time by a test of its own, and one that hangs ends at the test's time limit.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("same")

SMALL_BASE = "smollm2-135m-instruct"

SLOW_SECONDS = 5
"""What a slow test takes on two quiet cores where its mark does not say."""
SLOW_LIMIT = 900
"""Seconds after which a slow test has failed: several times what the longest takes, for a machine that is busy with
other work. The others' limit is in pyproject.toml."""

_LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}
_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: object) -> None:
    if isinstance(address, tuple) and address[0] not in _LOOPBACK:
        raise AssertionError(f"a test tried to reach {address[0]}")
    _connect(self, address)  # type: ignore[arg-type]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests get their time; the longest file starts first, so that nobody waits for it at the end."""
    seconds: collections.Counter[Path] = collections.Counter()
    for item in items:
        slow = item.get_closest_marker("slow")
        if slow is None and "gemma3" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.name} takes the large base and is not slow")
        if slow is not None:
            seconds[item.path] += slow.kwargs.get("seconds", SLOW_SECONDS)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SLOW_LIMIT))
    items.sort(key=lambda item: -seconds[item.path])


@pytest.fixture(autouse=True)
def hermetic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(home))
    # On Windows it asks the system for the user's folder, not the environment.
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda *_, **__: str(home / "config"))
    # The cache too, which dev.py sets: what one test has measured there, the next and the next run would recall.
    for name in ("AEON_FT_DATA", "AEON_FT_CACHE", "GROQ_KEY", "GROQ_API_KEY", "GROQ_BASE_URL", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket.socket, "connect", _loopback_only)
    yield


@pytest.fixture(scope="session", autouse=True)
def nothing_is_noted_for_this_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Before any fixture of a module, which may install into an Aeon: a user's settings keep which one it was."""
    noted = str(tmp_path_factory.mktemp("user"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platformdirs, "user_config_dir", lambda *_, **__: noted)
        yield


@pytest.fixture(autouse=True)
def children_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At idle priority a child may starve on a busy machine, and a test with it."""
    monkeypatch.setattr(priority, "OF_CHILDREN", Priority.NORMAL)


@pytest.fixture(scope="session", autouse=True)
def the_brain_uses_the_small_model() -> Iterator[None]:
    """What [base] model = "auto" stands for in every test that sets no base: no Ollama has answered in them. Before any
    fixture of a module, whose hosts look for their base as well. A test of "auto" itself puts it back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "automatic_base", lambda *_: SMALL_BASE)
        yield


class MachineAtRest(ThisMachine):
    """This machine as an owner's that nothing else uses: what programs and people do here is no test's subject."""

    def idle(self) -> None:
        return None

    def on_mains(self) -> bool:
        return True

    def busy_share(self) -> float:
        return 0.0

    def free_memory(self) -> int:
        return 10**12


@pytest.fixture(autouse=True)
def the_machine_is_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside other work a training would wait for the processor, and "when will you train?" would be answered with
    that."""
    monkeypatch.setattr(observer, "ThisMachine", MachineAtRest)


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """A test ends its threads, daemons included, and its children."""
    before = running()
    yield
    left = leaked_since(before)
    assert not left, f"leaked {left}"


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
    return resolve_base(SMALL_BASE, CACHE / "base")


@pytest.fixture(scope="session")
def gemma3() -> BaseModel:
    """The other built-in base, 253 MB: for the few slow tests that no small model can stand in for."""
    try:
        return resolve_base("gemma3-270m", CACHE / "base")
    except BaseModelError as error:
        if "cannot be downloaded" not in error.what:
            raise
        pytest.skip(f"no Gemma here: {error.what}")
