"""Threads follow what a container may use, not what it sees."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.processes.cores import cpu_quota, usable_cores
from aeon_plugin_ft.serving.embedded.deployer import _size
from aeon_plugin_ft.settings import ServeSection, TrainSection
from aeon_plugin_ft.training import recipe


def groups(folder: Path, own: str, **files: str) -> tuple[Path, Path]:
    """/proc/self/cgroup and /sys/fs/cgroup with these files in it."""
    folder.mkdir(exist_ok=True)
    (folder / "own").write_text(own, encoding="utf-8")
    for name, content in files.items():
        path = folder / "mounts" / name.replace("__", "/").replace("cpu_", "cpu.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="ascii")
    return folder / "own", folder / "mounts"


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/\n", {"cpu_max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu_max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a__b__cpu_max": "max 100000\n", "a__cpu_max": "200000 100000\n"}, 2.0),
        ("0::/docker/1234\n", {"cpu_max": "50000 100000\n"}, 0.5),
        (
            "4:cpu,cpuacct:/x\n3:memory:/x\n",
            {"cpu,cpuacct__x__cpu_cfs_quota_us": "300000\n", "cpu,cpuacct__x__cpu_cfs_period_us": "100000\n"},
            3.0,
        ),
        ("4:cpu:/\n", {"cpu__cpu_cfs_quota_us": "-1\n", "cpu__cpu_cfs_period_us": "100000\n"}, None),
        ("nonsense", {}, None),
        ("0::/\n", {"cpu_max": "nonsense\n"}, None),
    ],
)
def test_the_smallest_quota_of_all_groups_counts(
    own: str, files: dict[str, str], quota: float | None, tmp_path: Path
) -> None:
    assert cpu_quota(*groups(tmp_path / "c", own, **files)) == quota


def test_a_system_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize(("quota", "cores"), [("50000", 1), ("140000", 1), ("150000", 2), ("400000", 4), ("max", 8)])
def test_threads_are_as_many_as_the_quota(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 16 if logical else 8)
    own, mounts = groups(tmp_path / "c", "0::/\n", cpu_max=f"{quota} 100000\n")
    assert usable_cores(own, mounts) == cores


def test_training_and_serving_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeon_plugin_ft.training.recipe.usable_cores", lambda: 3)
    monkeypatch.setattr("aeon_plugin_ft.serving.embedded.deployer.usable_cores", lambda: 3)
    assert recipe.physical_cores() == 3 == _size(ServeSection())[1]
    assert _size(ServeSection(threads=2))[1] == 2 and TrainSection().threads == 0
