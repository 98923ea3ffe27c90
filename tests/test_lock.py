"""The lock that the demo and the tests install from: what constraints.txt pins, with hashes, and all that is needed."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest
import tomlkit

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


@pytest.fixture
def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", REPOSITORY / "dev.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_commands_install_by_hash_and_fetch_nothing_else(dev: ModuleType) -> None:
    by_hash, own = dev.installations((3, 13))
    assert "--require-hashes" in by_hash and "requirements.lock" in by_hash
    assert {"--no-deps", "--no-build-isolation", "--editable"} <= set(own)
    assert "constraints.txt" in dev.installations((3, 10))[0]
