"""Children have no window, end with this process, and run on a Python."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.processes.children import ask, interpreter, start
from tests.conftest import REPOSITORY

windows = pytest.mark.skipif(sys.platform != "win32", reason="consoles and job objects are Windows' own")


def _starts(path: Path) -> list[str]:
    """Every use of subprocess in a file that starts a program."""
    ways = {"Popen", "run", "call", "check_call", "check_output"}
    return [
        f"{path.name}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in {("subprocess", way) for way in ways}
    ]


def test_no_program_is_started_but_here() -> None:
    """What starts one by itself opens a console window on Windows, and may leave it behind."""
    package, helper = REPOSITORY / "aeon_plugin_ft", REPOSITORY / "aeon_plugin_ft" / "processes" / "children.py"
    # These run on other machines: one file without the package, and what begins a run on a cluster.
    elsewhere = {package / "training" / "places" / name for name in ("there.py", "rayhead.py")}
    assert _starts(helper), "the test sees what it looks for"
    assert [call for path in {*package.rglob("*.py")} - {helper, *elsewhere} for call in _starts(path)] == []


def test_a_helper_program_is_asked_in_its_folder_and_gets_no_input(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd() + sys.stdin.read()); print('não', file=sys.stderr)"
    done = ask([sys.executable, "-X", "utf8", "-c", code], seconds=60, folder=tmp_path)
    assert Path(done.stdout.strip()).samefile(tmp_path) and (done.stderr.strip(), done.returncode) == ("não", 0)


HOST = """
import subprocess, sys, time
from aeon_plugin_ft.processes.children import start
child = start([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, stderr=None, encoding="utf-8")
print(child.stdout.readline(), flush=True)
time.sleep(600)
"""
LISTENING = """
import os
from aeon_plugin_ft.processes.parent import ParentPipe
print(os.getpid(), flush=True)
ParentPipe().gone(within=600)
"""
DEAF = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


@pytest.mark.parametrize("child", [LISTENING, pytest.param(DEAF, marks=windows)])
def test_a_killed_host_leaves_no_child(child: str) -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST, child], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    started = psutil.Process(int(host.stdout.readline()))
    host.kill()
    host.wait()
    host.stdout.close()
    try:
        started.wait(5)
    except psutil.TimeoutExpired:
        started.kill()
        raise


@windows
def test_a_child_has_no_console_window() -> None:
    code = "import ctypes; print(ctypes.windll.kernel32.GetConsoleWindow())"
    assert ask([sys.executable, "-c", code], seconds=60).stdout.strip() == "0"
    child = start([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=None, encoding="utf-8")
    assert child.communicate()[0].strip() == "0"


def test_children_run_on_the_python_that_runs_this() -> None:
    assert interpreter() == Path(sys.executable)


@pytest.mark.parametrize("beside", ["python.exe", ".venv/Scripts/python.exe", ".venv/bin/python"])
def test_in_a_frozen_aeon_they_run_on_the_python_beside_it(
    beside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program's own name, which PyInstaller puts into sys.executable, would start Aeon once more."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "Aeon.exe"))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(InstallError, match=r"Aeon\.exe is a program without a Python .*python -m venv") as refused:
        interpreter()
    assert str(tmp_path) in str(refused.value)
    (tmp_path / beside).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / beside).touch()
    assert interpreter() == tmp_path / beside


def test_a_child_is_told_of_the_end_of_its_input(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as out:
        child = start([sys.executable, "-c", "import sys; print(len(sys.stdin.read()))"], stdout=out, stderr=out)
    assert child.stdin is not None
    time.sleep(0.2)
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(60) == 0 and (tmp_path / "log").read_text().strip() == "0"
