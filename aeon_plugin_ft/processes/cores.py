"""How many threads may really run at once: a container may own less of the processors than it sees."""

from __future__ import annotations

import math
import os
from pathlib import Path

import psutil

_OWN = Path("/proc/self/cgroup")
_MOUNTS = Path("/sys/fs/cgroup")


def schedulable_cores() -> int:
    """Logical cores that this process may be scheduled on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_cores(own: Path = _OWN, mounts: Path = _MOUNTS) -> int:
    """Physical cores, at most as many as this process may be scheduled on, and as its control groups have a quota for
    (https://docs.kernel.org/admin-guide/cgroup-v2.html, cpu.max); at least 1. A thread more than the quota makes all
    of them wait for one another at the end of each period."""
    allowed = schedulable_cores()
    cores = min(allowed, psutil.cpu_count(logical=False) or allowed)
    quota = cpu_quota(own, mounts)
    # Rounded to the nearest: half a core more is better used than left, and half a core less is not waited for.
    return max(1, cores if quota is None else min(cores, math.floor(quota + 0.5)))


def cpu_quota(own: Path = _OWN, mounts: Path = _MOUNTS) -> float | None:
    """Processors that this process's control groups, and those around them, have a quota for (1.5); None without."""
    quotas = []
    for folder in _groups(own, mounts):
        quota = _of_version_2(folder) or _of_version_1(folder)
        if quota is not None:
            quotas.append(quota)
    return min(quotas, default=None)


def _groups(own: Path, mounts: Path) -> list[Path]:
    """The folders of this process's groups with those above them. In a container its own group is mounted as the top,
    under whatever name it has outside."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = mounts / controllers if controllers else mounts
        folder = top / path.strip("/")
        folders += [top, *(one for one in (folder, *folder.parents) if top in one.parents)]
    return folders


def _of_version_2(folder: Path) -> float | None:
    words = _words(folder / "cpu.max")
    return _share(words[0], words[1]) if len(words) == 2 else None


def _of_version_1(folder: Path) -> float | None:
    quota, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
    return _share(quota[0], period[0]) if quota and period else None


def _share(quota: str, period: str) -> float | None:
    """ "max" and -1 stand for none."""
    if not (quota.isdigit() and period.isdigit()) or int(period) == 0:
        return None
    return int(quota) / int(period)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").split()
    except OSError:
        return []
