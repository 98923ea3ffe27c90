"""Versions: immutable folders, manifest last, promotion and rollback, healing after a crash."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.errors import RegistryError
from aeon_plugin_ft.evaluation.model import Check, CheckKind, Verdict
from aeon_plugin_ft.registry import Registry, VersionState, normal_name
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.seal import seal
from tests.windows import refuse_deletes

GOOD = Verdict(True, (Check(CheckKind.GAIN, True, "2.0 against 3.0"),), {"gain.base": 0.33})
BAD = Verdict(False, (Check(CheckKind.GAIN, False, "3.1 against 3.0"),), {})


@pytest.fixture
def registry(data: DataFolder, store: Store) -> Registry:
    return Registry(data, store)


def make(registry: Registry, tmp_path: Path, run: str, verdict: Verdict = GOOD, dataset: str = "d1") -> str:
    adapter = tmp_path / f"adapter-{run}"
    adapter.mkdir(exist_ok=True)
    (adapter / "adapter_model.safetensors").write_bytes(run.encode())
    made = registry.create(
        run=run, adapter=adapter, dataset=dataset, base="smol", base_digest="sha256:0", verdict=verdict
    )
    return made.name


def test_versions_are_numbered_and_read_back_whole(registry: Registry, tmp_path: Path) -> None:
    assert [make(registry, tmp_path, run) for run in ("r1", "r2")] == ["v0001", "v0002"]
    version = registry.get("v2")
    assert (version.run, version.verdict, version.state) == ("r2", GOOD, VersionState.ACCEPTED)
    assert (version.adapter / "adapter_model.safetensors").read_bytes() == b"r2"


def test_what_was_measured_against_today_and_in_the_exam_is_read_from_the_verdict(
    registry: Registry, tmp_path: Path
) -> None:
    numbers = {"today.won": 1.0, "exam.fact.a": 1.0, "exam.fact.b": 0.5, "exam.asked": 4.0}
    won = registry.get(make(registry, tmp_path, "r1", Verdict(True, (), numbers)))
    lost = registry.get(make(registry, tmp_path, "r2", Verdict(True, (), {"today.won": 0.0})))
    older = registry.get(make(registry, tmp_path, "r3"))
    assert [version.won_today for version in (won, lost, older)] == [True, False, None]
    assert [version.learnt for version in (won, lost, older)] == [{"a"}, set(), set()]


def test_a_run_makes_one_version(registry: Registry, tmp_path: Path) -> None:
    assert make(registry, tmp_path, "r1") == make(registry, tmp_path, "r1") == "v0001"


@pytest.mark.parametrize("name", ["7", "v7", "V0007", "v0007"])
def test_a_version_may_be_named_short(name: str) -> None:
    assert normal_name(name) == "v0007"


def test_an_unknown_version_names_those_there_are(registry: Registry, tmp_path: Path) -> None:
    make(registry, tmp_path, "r1")
    with pytest.raises(RegistryError, match=r"no version v9.*v0001, and base"):
        registry.get("v9")


def test_promote_and_go_back_step_by_step(registry: Registry, tmp_path: Path) -> None:
    first, second = make(registry, tmp_path, "r1"), make(registry, tmp_path, "r2")
    registry.promote(first, PromotionCause.BETTER)
    registry.promote(second, PromotionCause.BETTER)
    assert (registry.current(), registry.previous()) == (second, first)
    assert registry.get(first).state is VersionState.RETIRED
    registry.promote(registry.previous(), PromotionCause.UNDONE)
    assert (registry.current(), registry.previous()) == (first, "base")
    registry.promote(registry.previous(), PromotionCause.UNDONE)
    assert (registry.current(), registry.previous()) == ("base", "base")


def test_a_rejected_version_is_never_used(registry: Registry, tmp_path: Path) -> None:
    name = make(registry, tmp_path, "r1", BAD)
    with pytest.raises(RegistryError, match=r"rejected .*3\.1 against 3\.0"):
        registry.promote(name, PromotionCause.OWNER)
    assert registry.current() == "base"


def test_a_version_that_disappointed_stays_rejected(registry: Registry, tmp_path: Path) -> None:
    name = make(registry, tmp_path, "r1")
    registry.promote(name, PromotionCause.BETTER)
    registry.reject(name, "complaints")
    registry.promote("base", PromotionCause.UNDONE)
    assert registry.get(name).state is VersionState.REJECTED


def test_forgetting_taints_what_was_trained_on_it(registry: Registry, tmp_path: Path) -> None:
    first, second = make(registry, tmp_path, "r1", dataset="d1"), make(registry, tmp_path, "r2", dataset="d2")
    assert registry.taint({"d1"}, "forgotten") == [first]
    assert registry.get(first).state is VersionState.TAINTED
    assert registry.get(second).state is VersionState.ACCEPTED
    with pytest.raises(RegistryError, match="tainted"):
        registry.promote(first, PromotionCause.OWNER)


def test_a_folder_without_its_row_is_found_again(registry: Registry, tmp_path: Path, store: Store) -> None:
    name = make(registry, tmp_path, "r1")
    store.execute("DELETE FROM versions")
    half = registry.data.versions / f"v0002.{2**31 - 1}.part"  # a number that no process has
    written_now = registry.data.versions / f"v0003.{os.getpid()}.part"
    half.mkdir()
    written_now.mkdir()
    (written_now / "manifest.json").write_bytes((registry.data.versions / name / "manifest.json").read_bytes())
    assert registry.heal() == [name], "one that is just being written is no version yet"
    assert registry.get(name).run == "r1"
    assert not half.exists() and written_now.exists()


def test_a_name_is_not_given_twice_when_the_database_was_lost(registry: Registry, tmp_path: Path, store: Store) -> None:
    make(registry, tmp_path, "r1")
    store.execute("DELETE FROM versions")
    assert registry.next_name() == "v0002"


def test_a_damaged_manifest_is_named(registry: Registry, tmp_path: Path) -> None:
    name = make(registry, tmp_path, "r1")
    (registry.get(name).folder / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(RegistryError, match="damaged"):
        registry.get(name)


def test_the_version_in_use_cannot_be_removed(registry: Registry, tmp_path: Path) -> None:
    first, second = make(registry, tmp_path, "r1"), make(registry, tmp_path, "r2")
    registry.promote(first, PromotionCause.BETTER)
    with pytest.raises(RegistryError, match="in use"):
        registry.remove(first)
    folder = registry.get(second).folder
    assert registry.remove(second) > 0
    assert not folder.exists()


def test_the_report_is_kept_with_the_version(registry: Registry, tmp_path: Path) -> None:
    adapter = tmp_path / "a"
    adapter.mkdir()
    version = registry.create(
        run="r", adapter=adapter, dataset="d", base="b", base_digest="x", verdict=GOOD, report={"answers": ["é"]}
    )
    assert registry.report(version) == {"answers": ["é"]}
    assert json.loads((version.folder / "manifest.json").read_text(encoding="utf-8"))["name"] == "v0001"


def test_a_rejected_version_never_returns(registry: Registry, tmp_path: Path, store: Store) -> None:
    name = make(registry, tmp_path, "r1")
    registry.promote(name, PromotionCause.BETTER)
    assert registry.step_back(name, PromotionCause.WORSE, "it did badly", reject=True) == "base"
    with pytest.raises(RegistryError, match="it did badly"):
        registry.promote(name, PromotionCause.OWNER)
    store.execute("DELETE FROM versions")  # the database was lost: the mark beside the manifest stays
    registry.heal()
    assert registry.get(name).state is VersionState.REJECTED and not registry.usable(name)
    with pytest.raises(RegistryError, match="it did badly"):
        registry.promote(name, PromotionCause.OWNER)


def test_a_tainted_version_stays_tainted_when_the_database_was_lost(registry: Registry, tmp_path: Path) -> None:
    name = make(registry, tmp_path, "r1")
    registry.taint({"d1"}, "forgotten")
    registry.store.execute("DELETE FROM versions")
    registry.heal()
    assert registry.get(name).state is VersionState.TAINTED


def test_a_version_that_went_on_from_a_tainted_one_is_tainted_too(registry: Registry, tmp_path: Path) -> None:
    make(registry, tmp_path, "r1")
    (tmp_path / "a").mkdir()
    child, grandchild = (
        registry.create(
            run=run, adapter=tmp_path / "a", dataset=run, base="b", base_digest="x", verdict=GOOD, parent=parent
        ).name
        for run, parent in (("r2", "v0001"), ("r3", "v0002"))
    )
    other = make(registry, tmp_path, "r4", dataset="d4")
    assert registry.taint({"d1"}, "forgotten") == ["v0001", child, grandchild]
    assert registry.usable(other) and not registry.usable(grandchild)
    late = registry.create(
        run="r5", adapter=tmp_path / "a", dataset="r5", base="b", base_digest="x", verdict=GOOD, parent=grandchild
    )
    assert late.state is VersionState.TAINTED


def test_a_mark_that_cannot_be_read_counts_as_a_refusal(registry: Registry, tmp_path: Path) -> None:
    name = make(registry, tmp_path, "r1")
    registry.store.execute("DELETE FROM versions")
    (registry.data.versions / name / "withdrawn.json").write_text("{", encoding="ascii")
    registry.heal()
    assert not registry.usable(name)


def test_going_back_by_itself_happens_once(registry: Registry, tmp_path: Path) -> None:
    first, second = make(registry, tmp_path, "r1"), make(registry, tmp_path, "r2")
    registry.promote(first, PromotionCause.BETTER)
    registry.promote(second, PromotionCause.BETTER)
    assert registry.step_back(second, PromotionCause.WORSE, "worse", reject=True) == first
    assert registry.step_back(second, PromotionCause.WORSE, "worse", reject=True) is None
    assert (registry.current(), registry.previous()) == (first, "base")


def test_the_way_back_leads_past_a_rejected_version(registry: Registry, tmp_path: Path) -> None:
    first, second = make(registry, tmp_path, "r1"), make(registry, tmp_path, "r2")
    registry.promote(first, PromotionCause.BETTER)
    registry.promote(second, PromotionCause.BETTER)
    registry.reject(first, "it did badly")
    assert registry.previous() == "base"


def test_a_name_is_not_given_twice_after_a_version_was_removed(registry: Registry, tmp_path: Path) -> None:
    make(registry, tmp_path, "r1", BAD)
    registry.remove("v0001")
    assert make(registry, tmp_path, "r2") == "v0002"


def test_the_report_is_kept_as_a_page_too(registry: Registry, tmp_path: Path) -> None:
    version = registry.get(make(registry, tmp_path, "r1"))
    assert "Vers" in (version.folder / "report.html").read_text(encoding="utf-8")
    assert registry.report(version) == {}
    (version.folder / "report.json").unlink()
    with pytest.raises(RegistryError, match="cannot be read"):
        registry.report(version)


def test_a_version_that_cannot_be_written_whole_leaves_nothing(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aeon_plugin_ft.registry.folders.write_json", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make(registry, tmp_path, "r1")
    assert list(registry.data.versions.iterdir()) == [] and registry.heal() == []


def test_a_version_whose_files_are_open_for_a_moment_is_removed_later(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = registry.get(make(registry, tmp_path, "r1")).folder
    with monkeypatch.context() as windows:
        tried = refuse_deletes(windows)
        registry.remove("v0001")
    assert tried == [folder] * 3 and not folder.exists()


# -- what was judged is what is kept ---------------------------------------------------------------

FILE = "adapter_model.safetensors"


def test_a_changed_version_is_named_and_not_used(registry: Registry, tmp_path: Path) -> None:
    name = make(registry, tmp_path, "r1")
    registry.get(name).require_whole()
    (registry.get(name).adapter / FILE).write_bytes(b"other weights")
    with pytest.raises(RegistryError, match=rf"v0001 is not what was judged: adapter/{FILE}"):
        registry.promote(name, PromotionCause.OWNER)
    (registry.get(name).adapter / FILE).unlink()
    with pytest.raises(RegistryError, match="is missing"):
        registry.promote(name, PromotionCause.OWNER)
    assert registry.current() == "base"


def test_going_back_passes_over_a_damaged_version(registry: Registry, tmp_path: Path) -> None:
    names = [make(registry, tmp_path, run) for run in ("r1", "r2", "r3")]
    for name in names:
        registry.promote(name, PromotionCause.BETTER)
    (registry.get(names[1]).adapter / FILE).write_bytes(b"other weights")
    assert registry.step_back(names[2], PromotionCause.WORSE, reject=True) == names[0] == registry.current()


def test_an_adapter_that_changed_while_it_was_judged_is_not_registered(registry: Registry, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / FILE).write_bytes(b"judged")
    sealed = seal(adapter)
    (adapter / FILE).write_bytes(b"another")

    def create() -> str:
        return registry.create(
            run="r", adapter=adapter, dataset="d", base="b", base_digest="x", verdict=GOOD, judged=sealed
        ).name

    with pytest.raises(RegistryError, match="changed while it was judged"):
        create()
    assert registry.versions() == [] and not list(registry.data.versions.iterdir())
    (adapter / FILE).write_bytes(b"judged")
    assert create() == "v0001"


def test_a_version_of_before_digests_is_used_as_before(registry: Registry, tmp_path: Path) -> None:
    version = registry.get(make(registry, tmp_path, "r1"))
    manifest = json.loads((version.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest.pop("files")
    (version.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    registry.promote(version.name, PromotionCause.OWNER)
    assert registry.current() == version.name
