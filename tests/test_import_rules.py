"""The tree's rules: stages import leftwards only, hosts know nothing of us, the host process loads no ML."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

STAGES = [
    "privacy", "turns", "facts", "dataset", "weights", "base", "training", "evaluation", "registry", "serving",
    "schedule", "watch", "voice", "install",
]  # fmt: skip
"""Left to right: what flows from one into the next."""
SHARED = {
    "causes",
    "errors",
    "events",
    "extras",
    "http",
    "processes",
    "settings",
    "store",
    "wording",
    "messages",
    "__init__",
}
ML = {"torch", "transformers", "peft", "trl", "accelerate", "datasets", "bitsandbytes"}
ML_FOLDERS = {"engine", "worker"}
"""Folders of these names run in children of ours."""
PACKAGE = REPOSITORY / "aeon_plugin_ft"
CLIENTS = {"ollama", "groq", "openai", "httpx2", "jinja2"}
"""Imported at the first call, or by a thread that warms them up."""


def imported(path: Path) -> set[str]:
    """Full names of all modules that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_leftwards_only(stage: str) -> None:
    allowed = set(STAGES[: STAGES.index(stage) + 1]) | SHARED
    for path in (PACKAGE / stage).rglob("*.py"):
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "aeon_plugin_ft" and len(parts) > 1:
                assert parts[1] in allowed or parts[1].startswith("__"), f"{path} imports {name}"


@pytest.mark.parametrize("folder", ["core", "hooks"])
def test_the_host_side_never_imports_the_plugin(folder: str) -> None:
    for path in (REPOSITORY / folder).rglob("*.py"):
        assert not any(name.startswith("aeon_plugin_ft") for name in imported(path)), path


def test_ml_libraries_stay_in_the_workers() -> None:
    for path in PACKAGE.rglob("*.py"):
        used = {name.split(".")[0] for name in imported(path)} & ML
        assert not used or ML_FOLDERS & set(path.parent.parts), f"{path} imports {used}"


def test_every_package_is_a_stage_or_known() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert packages == {*STAGES, "host", "processes", "settings", "store", "cli", "messages", "panel"}


def test_importing_the_plugin_loads_no_ml_library() -> None:
    code = "import sys, aeon_plugin_ft.plugin; print('\\n'.join(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {name.split(".")[0] for name in listed} & (
        ML | {"numpy", "httpx", "pydantic", "xllamacpp", "apscheduler"} | CLIENTS
    )
    assert not heavy


def test_the_page_is_an_edge_that_nothing_leans_on() -> None:
    """It runs in a process of its own: what a host loads knows neither it nor what it is made with."""
    for path in PACKAGE.rglob("*.py"):
        inside = path.relative_to(PACKAGE).parts[0]
        if inside == "panel":
            continue
        names = imported(path)
        assert not {name.split(".")[0] for name in names} & {"starlette", "uvicorn"}, path
        assert inside == "cli" or not any(name.startswith("aeon_plugin_ft.panel") for name in names), path


def test_the_hooks_have_one_name_here_and_in_a_wheel() -> None:
    """Where other plugins import from: all that `hooks` gives, and the very same."""
    names = "import hooks, hooks.providers, aeon_plugin_ft.hooks as ours"
    code = f"""{names}
from aeon_plugin_ft.hooks.providers import is_here
assert is_here is hooks.providers.is_here
for name in hooks.__all__:
    assert getattr(ours, name) is getattr(hooks, name) and name in ours.__all__, name
"""
    subprocess.run([sys.executable, "-c", code], check=True)
