"""An adapter from elsewhere: what it is judged by, what is not known of it, and that it is a version like any other.

The losses come from trials and the models are stand-ins that answer by rule; exports, adapters, datasets, runs, gate
and registry are real.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aeon_plugin_ft.bringing import Brought, bring
from aeon_plugin_ft.causes import PromotionCause, Unknown
from aeon_plugin_ft.dataset.export.exporting import export
from aeon_plugin_ft.dataset.export.marker import MARKER, find_marker
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.forget import Forgetter
from aeon_plugin_ft.registry import VersionState
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.training.continual import Parent, choose_start
from aeon_plugin_ft.training.runs import UNJUDGED, learnt_before
from aeon_plugin_ft.training.table import get_run, list_runs
from aeon_plugin_ft.weights.adapter import read_adapter
from tests.evaluation.report.pages import read
from tests.flow.court import Court, court
from tests.servers import models
from tests.weights.foreign import SHAPES, make_base, write_peft, write_tensors

__all__ = ["court"]


@pytest.fixture(autouse=True)
def tiny(court: Court, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = make_base(tmp_path / "base")
    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", lambda *_: base)


@pytest.fixture
def exported(court: Court, tmp_path: Path) -> Path:
    export(court.dataset, tmp_path / "export", "axolotl")
    return tmp_path / "export"


def came_back(court: Court, exported: Path) -> Brought:
    """As Axolotl leaves it: below the export."""
    return bring(court.pipeline, write_peft(exported / "outputs" / "aeon-lora"))


def test_what_was_trained_on_an_export_is_judged_by_what_was_kept_out_of_it(court: Court, exported: Path) -> None:
    brought = came_back(court, exported)
    assert brought.origin.dataset == court.dataset.hash and brought.origin.aside == 0
    assert Unknown.DATA not in brought.origin.unknown and Unknown.BASE not in brought.origin.unknown
    settled = court.pipeline.settle(brought.run)
    version = settled.version
    assert version.state is VersionState.CURRENT or court.pipeline.registry.current() == version.name
    assert version.dataset == court.dataset.hash and settled.in_use
    assert set(read_adapter(version.adapter).updates) == set(SHAPES)
    report = court.pipeline.registry.report(version)
    assert report["origin"]["trainer"] == "peft" and report["origin"]["base_named"] == "models/tiny-base"
    page = read((version.folder / "report.html").read_text(encoding="utf-8"))
    assert "De onde veio" in page.text and court.dataset.hash in page.text and "Trazida de fora" in page.text
    registry = court.pipeline.registry
    registry.promote(registry.previous(), PromotionCause.UNDONE)
    assert registry.current() != version.name


def test_a_whole_model_is_a_version_of_its_own_kind(
    court: Court, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "{{ messages }}"
    base = models.make_base(models.write_gguf(tmp_path / "small.gguf", seed=1, template=template), "small.gguf")
    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", lambda *_: base)
    file = models.write_gguf(exported / "merged.gguf", seed=2, template=template)
    brought = bring(court.pipeline, file)
    assert brought.rank == 0 and brought.origin.trainer == "whole" and brought.origin.dataset == court.dataset.hash
    assert Unknown.BASE not in brought.origin.unknown
    settled = court.pipeline.settle(brought.run)
    version = settled.version
    assert settled.in_use and (version.adapter / "model.gguf").read_bytes() == file.read_bytes()
    assert set(version.files) == {"adapter/model.gguf"} and not version.faults()
    page = read((version.folder / "report.html").read_text(encoding="utf-8"))
    assert "veio como modelo inteiro" in page.text
    # No training of ours goes on from it: there is no adapter to go on with.
    settings = court.settings.train.model_copy(update={"rebuild_max": 0})
    start = choose_start(settings, court.dataset, base.digest, Parent(version.adapter, brought.run.folder))
    assert start.parent is None and "cannot be told" in start.reason
    court.pipeline.registry.promote(court.pipeline.registry.previous(), PromotionCause.UNDONE)
    assert court.pipeline.registry.current() != version.name
    with (version.adapter / "model.gguf").open("ab") as changed:
        changed.write(b"x")
    assert version.faults()


def test_the_same_adapter_again_is_the_same_version(court: Court, exported: Path) -> None:
    brought = came_back(court, exported)
    version = court.pipeline.settle(brought.run).version
    again = came_back(court, exported)
    assert again.run.id == brought.run.id and again.version == version.name
    assert sum(row.id == brought.run.id for row in list_runs(court.store)) == 1


def test_one_that_cannot_be_judged_now_waits_for_its_verdict(court: Court, exported: Path) -> None:
    court.models.down = True
    brought = came_back(court, exported)
    with pytest.raises(Exception, match="does not answer"):
        court.pipeline.settle(brought.run)
    assert court.store.fact(UNJUDGED) == brought.run.id
    unjudged = court.pipeline.unjudged()
    assert unjudged is not None and unjudged.id == brought.run.id


def test_of_an_unknown_one_everything_that_it_may_have_seen_is_put_aside(
    court: Court, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aeon_plugin_ft.bringing.FEWEST_HELDOUT", 2)
    alike = {"heldout_min": 12, "disabled_filters": ("near_duplicate", "topic")}
    court.settings = Settings.model_validate({"dataset": alike})
    # What an earlier split had to be trained on counts as seen.
    frozen = court.dataset.train_file.read_text(encoding="utf-8")
    seen, unseen = [example for example in court.pipeline.draft().heldout if example.user not in frozen][:2]
    line = {"messages": [{"role": m.role, "content": m.content.upper()} for m in seen.messages]}
    data = tmp_path / "mine.jsonl"
    data.write_text(json.dumps(line) + "\nnot json\n", encoding="utf-8")
    unknown = bring(court.pipeline, write_peft(tmp_path / "adapter"))
    assert unknown.origin.dataset is None and Unknown.DATA in unknown.origin.unknown
    told = bring(court.pipeline, write_peft(tmp_path / "adapter"), [data])
    assert told.origin.aside == unknown.origin.aside + 1 and Unknown.DATA not in told.origin.unknown
    row = get_run(court.store, told.run.id)
    assert row is not None
    heldout = (court.data.datasets / row.dataset / "heldout.jsonl").read_text(encoding="utf-8")
    assert seen.user not in heldout and unseen.user in heldout


def test_nothing_left_to_judge_by_is_said(court: Court, tmp_path: Path) -> None:
    draft = court.pipeline.draft()
    lines = [{"messages": [{"role": m.role, "content": m.content} for m in e.messages]} for e in draft.heldout]
    data = tmp_path / "all.jsonl"
    data.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(InputFileError, match="only 0 of"):
        bring(court.pipeline, write_peft(tmp_path / "adapter"), [data])


def test_an_export_that_was_edited_is_no_longer_known(court: Court, exported: Path) -> None:
    with (exported / "aeon_sft.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}\n')
    origin = came_back(court, exported).origin
    assert origin.dataset is None and Unknown.DATA_CHANGED in origin.unknown


def test_what_was_forgotten_does_not_come_back(court: Court, exported: Path) -> None:
    turn = court.pipeline.index.latest(1)[0].id
    brought = came_back(court, exported)
    version = court.pipeline.settle(brought.run).version
    forgotten = Forgetter(court.data, court.store).forget([turn])
    # A version that was brought is tainted like one of our own.
    assert version.name in forgotten.versions
    with pytest.raises(InputFileError, match="forgotten"):
        came_back(court, exported)


def test_forgetting_also_reaches_what_an_edited_export_taught(court: Court, exported: Path) -> None:
    with (exported / "aeon_sft.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    version = court.pipeline.settle(came_back(court, exported).run).version
    assert version.name in Forgetter(court.data, court.store).plan([court.pipeline.index.latest(1)[0].id]).versions


def test_it_never_stands_for_a_training_of_our_own(court: Court, exported: Path, tmp_path: Path) -> None:
    brought = came_back(court, exported)
    base, recipe = court.pipeline.recipe(court.dataset)
    assert learnt_before(court.store, court.data, court.dataset, base, recipe) is None
    unknown = bring(court.pipeline, write_peft(tmp_path / "adapter", rank=16, alpha=16))
    settings = court.settings.train.model_copy(update={"rebuild_max": 0})
    start = choose_start(settings, court.dataset, base.digest, Parent(unknown.run.adapter, unknown.run.folder))
    assert start.parent is None and "cannot be told" in start.reason
    row = get_run(court.store, brought.run.id)
    assert row is not None and row.turns == 0


@pytest.mark.parametrize(("module", "shape", "why"), [
    ("model.layers.0.self_attn.q_proj", (9, 8), "another model"),
    ("model.layers.7.self_attn.q_proj", (16, 8), "does not have"),
])  # fmt: skip
def test_an_adapter_of_another_base_is_refused(
    court: Court, tmp_path: Path, module: str, shape: tuple[int, int], why: str
) -> None:
    import numpy as np

    folder = write_peft(tmp_path / "adapter")
    tensors = {
        f"base_model.model.{module}.lora_A.weight": np.ones((4, shape[1])),
        f"base_model.model.{module}.lora_B.weight": np.ones((shape[0], 4)),
    }
    write_tensors(folder / "adapter_model.safetensors", tensors)
    before = len(list_runs(court.store))
    with pytest.raises(InputFileError, match=why):
        bring(court.pipeline, folder)
    assert len(list_runs(court.store)) == before


def test_the_marker_is_found_from_wherever_trainers_save_and_damage_is_said(court: Court, exported: Path) -> None:
    deep = exported / "saves" / "aeon-lora" / "checkpoint-40"
    deep.mkdir(parents=True)
    marker = find_marker(deep)
    assert marker is not None and marker.dataset == court.dataset.hash and not marker.changed
    assert "pessoa" not in (exported / MARKER).read_text(encoding="utf-8")
    (exported / MARKER).write_text("{}", encoding="utf-8")
    with pytest.raises(InputFileError, match="no marker"):
        find_marker(deep)


def test_the_trainers_own_curve_is_in_the_report(court: Court, exported: Path) -> None:
    folder = write_peft(exported / "outputs")
    history = [{"step": 5, "loss": 2.0}, {"step": 10, "loss": 1.0}, {"step": 10, "eval_loss": 3.0}]
    state = {"global_step": 10, "epoch": 2.0, "log_history": history}
    (folder / "trainer_state.json").write_text(json.dumps(state), encoding="utf-8")
    brought = bring(court.pipeline, folder)
    assert Unknown.RECIPE not in brought.origin.unknown
    report = court.pipeline.registry.report(court.pipeline.judge(brought.run))
    assert report["curve"] == [[5, 2.0], [10, 1.0]] and report["training"]["steps"] == 10
