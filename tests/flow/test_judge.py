"""Judging a run: what a verdict rests on, and the difference between a bad candidate and a bad moment.

The losses come from trials and the models are stand-ins that answer by rule; datasets, runs, registry, gate,
report and events are real.
"""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PromotionCause, Refusal
from aeon_plugin_ft.errors import BackendDownError, BaseModelError
from aeon_plugin_ft.evaluation.model import HeldoutLoss
from aeon_plugin_ft.evaluation.probes import GENERAL
from aeon_plugin_ft.evaluation.suites import TOOL_PROMPTS
from aeon_plugin_ft.registry import VersionState
from aeon_plugin_ft.registry.canaries import canary_under_way
from aeon_plugin_ft.serving.deployments import DeploymentTable
from aeon_plugin_ft.settings import BaseSection, Settings
from aeon_plugin_ft.training.runs import UNJUDGED
from aeon_plugin_ft.training.table import add_run
from tests.evaluation.report.pages import read
from tests.evaluation.trials import CPF, Reply, english, fixed, well
from tests.flow.court import BASE, Court, Models, court, measured

__all__ = ["court"]


def test_a_good_candidate_is_accepted_with_a_report_and_everything_is_taken_down(court: Court) -> None:
    version = court.pipeline.judge(court.run)
    assert version.state is VersionState.ACCEPTED, version.verdict.reasons
    assert court.models.retired == ["base", version.name]
    report = court.pipeline.registry.report(version)
    assert report["data"]["train"] == court.dataset.train and report["served_digest"] == f"sha256:{version.name}"
    page = read((version.folder / "report.html").read_text(encoding="utf-8"))
    assert "aprovada" in page.text and page.loads == []
    assert "0,0060 nats" in page.text
    kept = json.loads((version.folder / "manifest.json").read_text(encoding="utf-8"))["served"]
    assert kept == version.served == report["served"]
    assert (kept["backend"], kept["digest"], kept["kl"]) == ("embedded", f"sha256:{version.name}", 0.006)
    assert [(e.version, e.accepted) for e in court.verdicts()] == [(version.name, True)]
    assert court.pipeline.unjudged() is None


def test_a_bad_candidate_is_rejected_and_leaves_nothing_at_the_backend(court: Court) -> None:
    court.models.talk = english
    version = court.pipeline.judge(court.run)
    assert version.state is VersionState.REJECTED and court.models.discarded == [version.name]
    assert any("is not Portuguese" in reason for reason in version.verdict.reasons)


def test_a_candidate_that_is_unfit_to_serve_is_rejected(court: Court) -> None:
    name = court.pipeline.registry.next_name()
    court.models.broken.add(name)
    version = court.pipeline.judge(court.run)
    assert version.state is VersionState.REJECTED
    assert any("does not stop" in reason for reason in version.verdict.reasons)


def test_an_offline_backend_decides_nothing_and_the_run_is_judged_later(court: Court) -> None:
    court.models.down = True
    with pytest.raises(BackendDownError):
        court.pipeline.judge(court.run)
    assert court.pipeline.registry.versions() == []
    assert [(e.version, e.accepted) for e in court.verdicts()] == [(None, False)]
    assert "could not be measured" in court.verdicts()[0].reasons[0]
    waiting = court.pipeline.unjudged()
    assert waiting is not None and waiting.id == "run1"
    court.models.down = False
    assert court.pipeline.judge(waiting).state is VersionState.ACCEPTED


def test_a_secret_that_slipped_into_the_training_text_is_found_and_asked_for(court: Court) -> None:
    train = court.dataset.train_file
    text = train.read_text(encoding="utf-8").replace("gente massa", f"CPF {CPF}")
    train.write_text(text, encoding="utf-8")
    court.pipeline._dataset_of = lambda run: court.dataset  # type: ignore[method-assign]  # its hash no longer fits
    court.models.tells = True
    version = court.pipeline.judge(court.run)
    assert any("gives away secrets" in reason for reason in version.verdict.reasons)
    assert CPF not in (version.folder / "report.json").read_text(encoding="utf-8")


def test_a_run_is_judged_on_the_base_that_it_was_trained_on(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when [base] model names another one by now, or auto finds another one."""
    asked: list[str] = []

    def resolve(spec: str, *_: object) -> BaseModel:
        asked.append(spec)
        return BASE

    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", resolve)
    court.settings = court.settings.model_copy(update={"base": BaseSection(model="auto")})
    assert court.pipeline.judge(court.run).base == BASE.spec
    assert asked == [BASE.spec]


def test_a_run_whose_base_has_other_weights_by_now_is_not_judged(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", lambda *_: replace(BASE, digest="sha256:pulled"))
    with pytest.raises(BaseModelError, match="other weights than when run run1"):
        court.pipeline.judge(court.run)
    assert court.pipeline.registry.versions() == []


def test_a_version_of_another_base_is_not_what_it_is_compared_with(court: Court, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    first = court.pipeline.judge(court.run)
    old = court.pipeline.registry.create(
        run="old", adapter=tmp_path / "old", dataset="d", base="other", base_digest="sha256:other",
        verdict=first.verdict,
    )  # fmt: skip
    court.pipeline.registry.promote(old.name, PromotionCause.BETTER)
    court.store.execute("DELETE FROM versions WHERE name = ?", first.name)
    version = court.pipeline.judge(court.run)
    assert not any(old.name in check.name for check in version.verdict.checks)


def forgetful(base: BaseModel, *rest: Any, **more: Any) -> Any:
    """Better at its owner's talk, a fifth worse at general Portuguese."""
    losses = measured(0.2)(base, *rest, **more)
    for name in set(losses[GENERAL]) - {"base"}:
        per_example = tuple((total * 1.5, count) for total, count in losses[GENERAL][name].per_example)
        losses[GENERAL][name] = HeldoutLoss(name, per_example)
    return losses


def without_tools(rng: random.Random, prompt: str) -> Reply:
    """Talks well, and calls half of the tools that the base calls."""
    return well(rng, prompt) if prompt not in TOOL_PROMPTS or fixed(prompt, 0.4) else Reply("Não sei.", True, 0.5)


@pytest.mark.parametrize(
    ("key", "lenient", "strict"), [("min_gain", 0.02, 0.5), ("tool_drop", 0.9, 0.01), ("forget_margin", 0.25, 0.1),
     ("max_faulty", 0.10, 0.0)],
)  # fmt: skip
def test_a_changed_gate_counts_for_the_next_verdict(
    court: Court, key: str, lenient: float, strict: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aeon_plugin_ft.judge.measure_losses", forgetful)
    court.models.talk = without_tools
    passed = []
    for value in (lenient, strict):
        court.settings = Settings.model_validate({"gate": {key: value}})
        version = court.pipeline.judge(court.run)
        passed.append([check.passed for check in version.verdict.checks])
        shutil.rmtree(version.folder)
        court.store.execute("DELETE FROM versions")
    changed = [before and not after for before, after in zip(*passed, strict=True)]
    assert changed.count(True) == 1, "one check, and only by what was asked of it"


def test_with_a_share_an_accepted_version_goes_on_trial(court: Court) -> None:
    court.settings = Settings.model_validate({"gate": {"canary_share": 0.25, "canary_turns": 40}})
    version = court.pipeline.judge(court.run)
    assert court.pipeline.promote(version) is False
    canary = canary_under_way(court.store)
    assert canary is not None and (canary.version, canary.share, canary.turns) == (version.name, 0.25, 40)
    assert court.pipeline.registry.current() == "base"


def test_a_cycle_ends_below_the_disk_cap_and_says_when_it_cannot(court: Court) -> None:
    court.settings = Settings.model_validate({"plugin": {"disk_cap_gb": 1e-6}})
    version = court.pipeline.judge(court.run)
    court.pipeline.promote(version)
    plan = court.pipeline.prune()
    assert "run1" in [item.name for item in plan.items] and not court.run.folder.exists()
    assert court.pipeline.registry.current() == version.name and not plan.fits
    assert "disk cap" in str(court.events[-1])


def test_a_run_waits_for_its_verdict_until_it_has_one(court: Court) -> None:
    court.models.down = True
    with pytest.raises(BackendDownError):
        court.pipeline.settle(court.run)
    assert court.store.fact(UNJUDGED) == "run1", "the schedule judges it later"
    court.models.down = False
    settled = court.pipeline.settle(court.run)
    assert settled.in_use and court.pipeline.registry.current() == settled.version.name
    assert court.store.fact(UNJUDGED) is None
    last = court.pipeline.registry.last_promotion()
    assert last is not None and last.cause is PromotionCause.BETTER


def test_judging_an_older_run_takes_no_other_runs_place(court: Court) -> None:
    add_run(court.store, "newer", court.dataset.hash, "b", None, 10, 0)
    court.store.set_fact(UNJUDGED, "newer")
    assert court.pipeline.settle(court.run).in_use
    assert court.store.fact(UNJUDGED) == "newer"


def test_a_refusal_carries_its_causes(court: Court) -> None:
    court.models.talk = english
    assert court.pipeline.settle(court.run).in_use is False
    told = court.verdicts()[0]
    assert Refusal.LANGUAGE in told.refusals and len(told.refusals) == len(told.reasons)


def test_what_an_earlier_backend_was_given_goes_with_the_version(court: Court) -> None:
    """Tags of gigabytes in Ollama would stay there for ever after a move to another backend."""
    judged = court.pipeline.judge(court.run).name
    court.backends["ollama"] = later = Models()
    court.settings = Settings.model_validate({"serve": {"backend": "ollama"}})
    court.pipeline.registry.remove(judged)
    court.pipeline.prune()
    assert court.models.discarded == [judged] == later.discarded
    court.pipeline.prune()
    assert court.models.discarded == [judged], "gone is gone"


def test_a_backend_that_is_offline_loses_the_version_when_it_is_back(court: Court) -> None:
    judged = court.pipeline.judge(court.run).name
    court.backends["ollama"] = Models()
    court.settings = Settings.model_validate({"serve": {"backend": "ollama"}})
    court.pipeline.registry.remove(judged)
    court.models.down = True
    court.pipeline.prune()
    assert court.models.discarded == []
    court.models.down = False
    court.pipeline.prune()
    assert court.models.discarded == [judged]


def test_a_candidate_that_waits_for_its_verdict_keeps_what_the_backend_has(court: Court) -> None:
    """Its name is not registered yet; taking it away would cost another import of gigabytes."""
    candidate = court.pipeline.registry.next_name()
    DeploymentTable(court.store).note_given(candidate, "embedded")
    court.pipeline.prune()
    assert court.models.discarded == []
