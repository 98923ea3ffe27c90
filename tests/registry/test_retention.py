"""The disk cap: what goes, in which order, and what never does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.errors import StoreError
from aeon_plugin_ft.evaluation.model import Check, CheckKind, Verdict
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.registry.canaries import begin_canary
from aeon_plugin_ft.registry.retention import Item, PrunePlan, Retention, size_of
from aeon_plugin_ft.store import DataFolder, Store
from tests.windows import link_folder

KB = 1000
GOOD = Verdict(True, (Check(CheckKind.GAIN, True, ""),), {})
BAD = Verdict(False, (Check(CheckKind.GAIN, False, "worse"),), {})


class House:
    """A data folder with runs, datasets and versions of a known size."""

    def __init__(self, data: DataFolder, store: Store) -> None:
        self.data, self.store = data, store
        self.registry = Registry(data, store)

    def run(self, id: str, state: str = "finished", dataset: str = "") -> str:
        self.dataset(dataset or f"d{id}")
        folder = self.data.runs / id
        fill(folder / "adapter" / "weights", 10)
        fill(folder / "checkpoints" / "c1" / "state", 30)
        fill(folder / "heldout" / "result.json", 5)
        self.store.execute(
            "INSERT INTO runs (id, created, dataset, base, state, updated) VALUES (?, ?, ?, 'b', ?, 0)",
            id, len(self.store.rows("SELECT 1 FROM runs")), dataset or f"d{id}", state,
        )  # fmt: skip
        return id

    def dataset(self, hash: str) -> None:
        fill(self.data.datasets / hash / "train.jsonl", 20)
        created = len(self.store.rows("SELECT 1 FROM datasets"))
        self.store.execute("INSERT OR IGNORE INTO datasets VALUES (?, ?, 1, 1, 0)", hash, created)

    def version(self, id: str, verdict: Verdict = GOOD) -> str:
        self.run(id)
        adapter = self.data.runs / id / "adapter"
        made = self.registry.create(
            run=id, adapter=adapter, dataset=f"d{id}", base="b", base_digest="x", verdict=verdict
        )
        return made.name

    def retention(self, cap_kb: float = 1e9, keep: int = 5) -> Retention:
        return Retention(self.data, self.store, cap_bytes=cap_kb * KB, keep_versions=keep)

    def names(self, **limits: float) -> list[str]:
        return [item.name for item in self.retention(**limits).plan().items]  # type: ignore[arg-type]


def folders(house: House) -> int:
    return sum(map(size_of, (house.data.versions, house.data.runs, house.data.datasets)))


def fill(path: Path, kb: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * kb * KB)


@pytest.fixture
def house(data: DataFolder, store: Store) -> House:
    return House(data, store)


def test_below_the_cap_only_what_nobody_needs_goes(house: House) -> None:
    house.version("r1")
    house.run("r2", "paused")
    house.run("r3")  # finished, waits for a verdict
    half = house.data.versions / f"v0009.{2**31 - 1}.part"  # a number that no process has
    half.mkdir()
    (house.data.versions / f"v0010.{os.getpid()}.part").mkdir()  # is being written now
    fill(house.data.serving / "merged-v0001-ab.gguf", 50)
    fill(house.data.serving / "merged-v0002-cd.gguf", 50)  # is being written now
    os.utime(house.data.serving / "merged-v0001-ab.gguf", (0, 0))
    assert house.names() == [
        "r1/checkpoints", "r1/heldout", "r3/checkpoints", half.name, "merged-v0001-ab.gguf",
    ]  # fmt: skip


def test_over_the_cap_the_worthless_goes_first_and_what_is_needed_stays(house: House) -> None:
    names = [house.version(f"r{n}", BAD if n == 2 else GOOD) for n in range(1, 6)]
    house.registry.taint({"dr1"}, "forgotten")
    house.registry.promote(names[3], PromotionCause.BETTER)
    house.registry.promote(names[4], PromotionCause.BETTER)
    house.run("open", "interrupted")
    gone = house.names(cap_kb=1)
    order = [name for name in gone if "/" not in name]
    assert order[:4] == [names[0], "r1", names[1], "r2"], "tainted, then rejected, with their runs"
    assert order[-2:] == [names[2], "r3"] or order[-1] == names[2], "the oldest good version goes last"
    assert not {names[3], names[4], "open", "dopen"} & set(gone)
    assert "dr1" in gone and house.registry.current() == names[4]


def test_a_candidate_on_trial_stays(house: House) -> None:
    first, second = house.version("r1"), house.version("r2")
    begin_canary(house.store, second, "base", 0.2, 30)
    gone = house.names(cap_kb=1)
    assert first in gone and second not in gone


def test_the_version_that_an_open_run_went_on_from_stays(house: House) -> None:
    parent, other = house.version("r1"), house.version("r2")
    house.run("r3", "paused")
    house.store.execute("UPDATE runs SET parent = ? WHERE id = 'r3'", str(house.data.versions / parent / "adapter"))
    gone = house.names(cap_kb=1)
    assert other in gone and parent not in gone


def test_the_plan_is_carried_out_and_then_nothing_is_left_to_do(house: House) -> None:
    for n in range(1, 5):
        house.version(f"r{n}")
    house.registry.promote("v0004", PromotionCause.BETTER)
    retention = house.retention(cap_kb=100)
    plan = retention.plan()
    before = folders(house)
    versions = retention.carry_out(plan)
    assert before - folders(house) == plan.freed and plan.fits
    assert (plan.used, plan.left) == (before, folders(house))
    assert all(not item.path.exists() for item in plan.items)
    assert set(versions) == {item.name for item in plan.items if item.kind == "version"}
    assert house.retention(cap_kb=100).plan().items == ()
    assert house.registry.current() == "v0004" and house.registry.get("v0004").adapter.exists()


def test_more_versions_than_are_kept_go_also_below_the_cap(house: House) -> None:
    for n in range(1, 7):
        house.version(f"r{n}", BAD if n == 4 else GOOD)
    house.registry.promote("v0006", PromotionCause.BETTER)
    gone = [name for name in house.names(keep=3) if name.startswith("v")]
    assert gone == ["v0004", "v0001", "v0002"], "one in use and two to choose from are left"


def test_a_cap_that_cannot_be_kept_says_so(house: House) -> None:
    house.registry.promote(house.version("r1"), PromotionCause.BETTER)
    plan = house.retention(cap_kb=1).plan()
    assert not plan.fits and plan.left > plan.cap
    assert "v0001" not in [item.name for item in plan.items]


def test_nothing_outside_the_data_folder_is_ever_deleted(house: House, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    fill(precious / "photo", 1)
    fill(house.data.runs / "keep" / "x", 1)
    for path in (precious, house.data.root, house.data.runs / ".." / ".." / "precious"):
        with pytest.raises(StoreError, match="not inside"):
            house.retention().carry_out(PrunePlan((Item("run", "keep", house.data.runs / "keep", 0, ""),
                                              Item("run", "x", path, 0, "")), 0, 0))  # fmt: skip
    assert (precious / "photo").exists() and (house.data.runs / "keep").exists(), "not even the first of the plan went"


def test_what_a_link_leads_to_outside_the_data_folder_is_not_deleted(house: House, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    fill(precious / "photo", 1)
    fill(house.data.runs / "keep" / "x", 1)
    link_folder(house.data.runs / "r1", precious)
    house.store.execute(
        "INSERT INTO runs (id, created, dataset, base, state, updated) VALUES ('r1',1,'d','b','failed',1)"
    )
    with pytest.raises(StoreError, match="not inside"):
        retention = house.retention(cap_kb=0)
        retention.carry_out(retention.plan())
    assert (precious / "photo").exists() and (house.data.runs / "keep").exists(), "not even the first of the plan went"


def test_a_shared_cache_is_neither_counted_nor_touched(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house.data.root / "cache" / "base" / "model.gguf", 500)
    assert house.retention().plan().used == 0
    monkeypatch.setenv("AEON_FT_CACHE", str(tmp_path / "elsewhere"))
    fill(tmp_path / "elsewhere" / "model.gguf", 500)
    assert "elsewhere" not in str([item.path for item in house.retention(cap_kb=0).plan().items])
