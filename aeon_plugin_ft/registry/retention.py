"""What may be deleted, in which order, so that the data folder stays below its cap.

    always    what no run will ever need again: checkpoints and measurements of runs that have ended, leftovers of
              a crash
    next      beyond [serve] keep_versions, or while the folder is above [plugin] disk_cap_gb: tainted versions,
              rejected ones, runs that were judged (the version has the adapter and the report), datasets that no
              open run needs (they can be frozen again from the log), then the oldest versions; a version takes its
              run with it
    never     the log, the database, plugin.toml, the version in use, the one before it, a canary, a run
              that can go on with its dataset and the version it went on from, the newest dataset, the base (it has no
              version folder), anything outside the data folder

`plan` only looks; `carry_out` deletes. Both can be interrupted: what is left is found again the next time.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft.dataset.frozen import dataset_hashes
from aeon_plugin_ft.errors import StoreError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.registry.canaries import canary_under_way
from aeon_plugin_ft.registry.folders import not_changed_lately
from aeon_plugin_ft.registry.model import VersionState
from aeon_plugin_ft.registry.registry import Registry
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.files import left_behind
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.table import ENDED, list_runs, runs_in

_say = Speaker("errors/registry")

_ORDER = {VersionState.TAINTED: 0, VersionState.REJECTED: 1}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can go. `kind`: leftover, checkpoints, version, run, dataset. `always`: also below the cap."""

    kind: str
    name: str
    path: Path
    size: int
    why: str
    always: bool = False


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """`used` bytes (of versions, runs, datasets and what is served) now and `left` afterwards, against `cap`;
    `items` in the order of deletion. The log, the database and the cache of base models are not counted."""

    items: tuple[Item, ...]
    used: int
    cap: int

    @property
    def freed(self) -> int:
        """Bytes that go."""
        return sum(item.size for item in self.items)

    @property
    def left(self) -> int:
        """Bytes that stay."""
        return self.used - self.freed

    @property
    def fits(self) -> bool:
        """Whether what stays is within the cap; False where more must stay than the owner allows."""
        return self.left <= self.cap


class Retention:
    """Plans and carries out for one data folder."""

    def __init__(self, data: DataFolder, store: Store, *, cap_bytes: float, keep_versions: int) -> None:
        self.data, self.store = data, store
        self.registry = Registry(data, store)
        self.cap, self.keep = int(cap_bytes), keep_versions

    def plan(self) -> PrunePlan:
        """What would go now; nothing is touched."""
        data = self.data
        # Only what pruning can do something about: the log is never deleted, the cache may be another folder's too.
        used = sum(map(size_of, (data.versions, data.runs, data.datasets, data.serving)))
        taken = list(self._always())
        left = used - sum(item.size for item in taken)
        surplus = self._surplus()
        for item in self._in_order():
            if left > self.cap or item.name in surplus:
                # Read from the store before the version goes, which is the last to know its run.
                for one in (item, *self._run_of(item)):
                    left -= _take(one, taken)
        return PrunePlan(tuple(taken), used, self.cap)

    def carry_out(self, plan: PrunePlan) -> tuple[str, ...]:
        """Delete; returns the versions that went, for backends that keep copies. Raises StoreError at the first
        path that is not inside the data folder."""
        for item in plan.items:
            # All are looked at before the first goes: a plan that is wrong in one place is not to be trusted in any.
            if not self._is_ours(item.path):
                raise StoreError(*_say.error("pruning.outside", path=item.path, folder=self.data.root))
        for item in plan.items:
            self._delete(item)
        return tuple(item.name for item in plan.items if item.kind == "version")

    # -- what can go ---------------------------------------------------------------------------

    def _always(self) -> Iterator[Item]:
        open_runs = {run.id for run in runs_in(self.store, set(RunState) - set(ENDED))}
        for folder in _folders(self.data.runs):
            if folder.name in open_runs:
                continue
            for part in ("checkpoints", "heldout"):
                if (folder / part).is_dir() and (part == "checkpoints" or self._judged(folder.name)):
                    why = "the run has ended" if part == "checkpoints" else "the run was judged"
                    yield _item("checkpoints", f"{folder.name}/{part}", folder / part, why, always=True)
        merged = not_changed_lately(self.data.serving, "merged-*")  # such a model lives only until a backend has it
        for path in (*left_behind(self.data.versions), *left_behind(self.data.datasets), *merged):
            yield _item("leftover", path.name, path, "left by a crash", always=True)

    def _in_order(self) -> Iterator[Item]:
        yield from self._versions(bad=True)
        yield from self._runs()
        yield from self._datasets()
        yield from self._versions(bad=False)

    def _versions(self, *, bad: bool) -> Iterator[Item]:
        safe = self._safe()
        chosen = [(name, state) for name, state in self.registry.states().items() if (state in _ORDER) is bad]
        for name, state in sorted(chosen, key=lambda one: _ORDER.get(one[1], 2)):  # stable: the oldest first
            if name in safe:
                continue
            path = self.data.versions / name
            if path.is_dir():
                yield _item("version", name, path, state.value)

    def _runs(self) -> Iterator[Item]:
        """Runs that have ended: their adapter is in the version, what they learnt is in its report."""
        for row in reversed(runs_in(self.store, ENDED)):
            path = self.data.runs / row.id
            if path.is_dir() and (row.state is not RunState.FINISHED or self._judged(row.id)):
                yield _item("run", row.id, path, f"the run is {row.state.value}")

    def _run_of(self, item: Item) -> Iterator[Item]:
        """A version's run: without the version nobody knows any more that it was judged."""
        run = self.registry.run_of(item.name) if item.kind == "version" else None
        if run is not None and (self.data.runs / run).is_dir():
            yield _item("run", run, self.data.runs / run, f"it made {item.name}")

    def _datasets(self) -> Iterator[Item]:
        needed = self._datasets_needed()
        for hash in dataset_hashes(self.store):
            path = self.data.datasets / hash
            if hash not in needed and path.is_dir():
                yield _item("dataset", hash, path, "no open run needs it")

    def _datasets_needed(self) -> set[str]:
        """Of runs that can go on or wait for a verdict, and the newest."""
        runs = list_runs(self.store)
        needed = {run.dataset for run in runs if run.state not in ENDED}
        waiting = [run for run in runs if run.state is RunState.FINISHED and not self._judged(run.id)]
        needed |= {run.dataset for run in waiting if run.run.adapter.is_dir()}
        return needed | set(dataset_hashes(self.store)[-1:])

    def _surplus(self) -> set[str]:
        """Versions beyond the number that is kept: bad ones first, then the oldest."""
        there = [item.name for bad in (True, False) for item in self._versions(bad=bad)]
        kept = len(self._safe() & set(self.registry.states()))
        return set(there[: max(0, len(there) + kept - self.keep)])

    def _safe(self) -> set[str]:
        canary = canary_under_way(self.store)
        open_runs = runs_in(self.store, set(RunState) - set(ENDED))
        gone_on_from = {run.parent.parent.name for run in open_runs if run.parent is not None}
        in_use = {self.registry.current(), self.registry.previous(), canary.version if canary is not None else ""}
        return in_use | gone_on_from

    def _judged(self, run: str) -> bool:
        return self.registry.version_of(run) is not None

    # -- deleting ------------------------------------------------------------------------------

    def _is_ours(self, path: Path) -> bool:
        """Inside the data folder also after every link was followed, and not the folder itself."""
        root, real = self.data.root.resolve(), path.resolve()
        return root in real.parents

    def _delete(self, item: Item) -> None:
        if item.kind == "version":
            self.registry.remove(item.name)
        elif item.path.is_symlink() or item.path.is_file():
            item.path.unlink(missing_ok=True)
        else:
            shutil.rmtree(item.path, ignore_errors=True)


def size_of(path: Path) -> int:
    """Bytes of all files below a path; links are not followed."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size if path.exists() else 0
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def _take(item: Item, taken: list[Item]) -> int:
    """Add an item unless it is there already, without what of it is there already; the bytes that it frees."""
    # A folder that goes takes along what is in it; a part that goes already is not counted twice.
    if any(one.path in (item.path, *item.path.parents) for one in taken):
        return 0
    size = item.size - sum(one.size for one in taken if item.path in one.path.parents)
    taken.append(Item(item.kind, item.name, item.path, size, item.why))
    return size


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def _item(kind: str, name: str, path: Path, why: str, *, always: bool = False) -> Item:
    return Item(kind, name, path, size_of(path), why, always)
