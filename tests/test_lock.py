"""The lock that the demo and the tests install from: what constraints.txt pins, with hashes, and all that is needed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import tomlkit

from aeon_plugin_ft.install.torch_wheels import indexes
from tests.conftest import REPOSITORY

LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    """Name to version; a package with several, by marker, has its newest."""
    return {normal(name): version for name, version in re.findall(r"^([\w.-]+)==([\w.+!-]+)", LOCK, re.MULTILINE)}


def test_every_package_has_hashes_and_no_address() -> None:
    blocks = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) > 50
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in LOCK and "--index" not in LOCK and " @ " not in LOCK


def test_it_holds_what_constraints_pin() -> None:
    pins = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")
    pinned = {normal(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", pins, re.MULTILINE)}
    have = locked()
    assert {name: have[name] for name in pinned if name in have} == {
        name: version for name, version in pinned.items() if name in have
    }


def test_it_holds_all_that_is_declared_and_what_builds_this_folder() -> None:
    declared = tomlkit.parse((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")).unwrap()
    project = declared["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["train"],
        *declared["build-system"]["requires"],
    ]
    wanted += project["optional-dependencies"]["dev"]
    # Those for older Pythons are not in it.
    names = {normal(re.split(r"[\s<>=!;\[]", one)[0]) for one in wanted if "python_version < '3.11'" not in one}
    assert names - set(locked()) == set()


def test_uv_takes_pytorch_without_cuda_where_the_installer_does() -> None:
    uv = tomlkit.parse((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")).unwrap()["tool"]["uv"]
    (index,) = uv["index"]
    (source,) = uv["sources"]["torch"]
    assert indexes(None, "Linux", "x86_64")[0] == index["url"]
    assert indexes(None, "Linux", "aarch64") == indexes(None, "Windows", "AMD64") == [None]
    assert source == {
        "index": index["name"],
        "marker": "sys_platform == 'linux' and platform_machine == 'x86_64'",
    }
    # Nothing else is looked for there, and the lock, by which pip installs, is made without it.
    assert index["explicit"] is True and "--no-sources" in LOCK.partition("\naccelerate==")[0]


@pytest.fixture
def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", REPOSITORY / "dev.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_commands_install_by_hash_and_fetch_nothing_else(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dev, "VENV", tmp_path)
    builder, by_hash, own = dev.installations((3, 13), dev.LOCK)
    assert builder[:2] == ["--require-hashes", "--requirement"]
    assert re.findall(r"^[a-z].*==", Path(builder[2]).read_text(encoding="utf-8"), re.MULTILINE) == ["setuptools=="]
    # Isolated, pip would fetch what builds a package by name.
    lock = str(REPOSITORY / "requirements.lock")
    assert by_hash == ["--require-hashes", "--no-build-isolation", "--requirement", lock]
    assert {"--no-deps", "--no-build-isolation", "--editable"} <= set(own)
    assert "constraints.txt" in dev.installations((3, 10), dev.LOCK)[0]


@pytest.mark.parametrize("at_hand", [False, True])
def test_a_cpu_build_that_is_at_hand_is_taken_and_cuda_is_not(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_hand: bool
) -> None:
    asked: list[tuple[str, ...]] = []

    def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 0 if at_hand else 1)

    monkeypatch.setattr(dev, "pip", pip)
    monkeypatch.setattr(dev, "VENV", tmp_path)
    chosen = dev.choose_lock()
    assert asked == [("--no-index", "--no-deps", f"torch=={locked()['torch']}+cpu")]
    text = chosen.read_text(encoding="utf-8")
    assert (text == LOCK) is not at_hand
    if at_hand:
        kept = {normal(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
        gone = set(locked()) - kept
        assert all(name.startswith(("nvidia-", "cuda-", "triton")) for name in gone)
        assert gone and "torch" in kept and text.count("--hash=") > 500
