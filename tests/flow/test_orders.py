"""An order by voice is answered by what became of it, also where nothing could begin."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft import extras
from aeon_plugin_ft.causes import EndCause, NotTrained, PauseCause
from aeon_plugin_ft.cli.main import main
from aeon_plugin_ft.errors import (
    AeonFtError,
    AlreadyLearntError,
    BackendDownError,
    DatasetError,
    NoTrainerError,
    PreemptedError,
    RefusedError,
    RunStoppedError,
    TrainingError,
)
from aeon_plugin_ft.extras import missing_for_training, require_trainer
from aeon_plugin_ft.learning import not_trained
from aeon_plugin_ft.voice import announce
from tests.flow.owner import Owner, eventually, no_real_models, owner

__all__ = ["no_real_models", "owner"]


@pytest.fixture(autouse=True)
def talks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "HUSH_S", 0.0)


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "torch" else find(name))


def left(runtime: Any) -> list[dict[str, Any]]:
    return [event["data"] for event in runtime.store.events() if event["name"] == "training_left"]


def order(owner: Owner) -> str:
    answer = owner.hears("treina agora")
    assert answer is not None
    return answer


def test_without_a_trainer_the_first_answer_names_the_command(owner: Owner, no_torch: None) -> None:
    runtime = owner.start()
    assert "pip install aeon-plugin-ft[train]" in order(owner)
    assert not runtime.background.busy, "nothing is downloaded or measured first"


@pytest.mark.parametrize("command", [("train",), ("estimate",)])
def test_a_command_says_it_before_anything_is_downloaded(
    command: tuple[str, ...], tmp_path: Path, no_torch: None, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", lambda *_: pytest.fail("the base was asked for"))
    assert main(["--data", str(tmp_path / "data"), *command]) == NoTrainerError.exit_code
    told = " ".join(capsys.readouterr().err.split())
    assert "pip install" in told and "torch" in told


def test_the_schedule_does_not_begin_without_a_trainer(owner: Owner, no_torch: None) -> None:
    runtime = owner.start()
    runtime.background.start()
    assert runtime.background.join(60)
    assert isinstance(runtime.background.error, NoTrainerError)
    assert [(event["why"], event["ordered"]) for event in left(runtime)] == [("no_trainer", False)]
    assert owner.said == [], "what began by itself ends by itself"


def test_doctor_and_install_ask_the_python_that_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_for_training() == [] == missing_for_training(Path(sys.executable))
    monkeypatch.setattr(extras, "_MISSING", "print('torch peft')")
    assert missing_for_training(Path(sys.executable)) == ["torch", "peft"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(extras, "interpreter", lambda: Path(sys.executable))
    assert missing_for_training() == ["torch", "peft"]
    with pytest.raises(NoTrainerError, match="torch, peft"):
        require_trainer()


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RefusedError(["other programs left no time to measure a training step within 15 minutes"]), "folga"),
        (DatasetError("There is nothing to learn from yet"), "ainda não há conversas"),
        (AlreadyLearntError("d", "r"), "nada de novo"),
        (TrainingError("A training step cannot be measured (the child ended with code 1)"), "erro"),
        (RunStoppedError("r", "interrupted", 3, EndCause.HUNG), "parou no meio"),
        (ZeroDivisionError(), "erro"),
    ],
)
def test_what_was_ordered_and_came_to_nothing_is_said_aloud(owner: Owner, error: Exception, why: str) -> None:
    runtime = owner.start()
    runtime.settings_file.set("voice.announce", ["finished"])
    announcer_waits_for_nothing(runtime)

    def learn(*_: object) -> None:
        raise error

    runtime.pipeline.learn = learn
    order(owner)
    assert runtime.background.join(60)
    assert [event["ordered"] for event in left(runtime)] == [True]
    eventually(lambda: any(why in sentence for sentence in owner.said))


def announcer_waits_for_nothing(runtime: Any) -> None:
    runtime.announcer._hush_s = 0.0


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RunStoppedError("r", "paused", 3, PauseCause.OWNER_PAUSED), None),
        (RunStoppedError("r", "paused", 3, PauseCause.NO_MAINS), NotTrained.LEFT),
        (PreemptedError("measuring a training step", PauseCause.NO_MAINS), NotTrained.LEFT),
        (TrainingError("Run r failed", cause=EndCause.DIVERGED), None),
        (TrainingError("The training process cannot be started"), NotTrained.BROKE),
        (BackendDownError("nobody answers"), NotTrained.BROKE),
    ],
)
def test_what_another_event_tells_is_not_told_twice(error: AeonFtError, why: NotTrained | None) -> None:
    assert not_trained(error) is why


def test_the_event_is_stored_with_its_reason(owner: Owner) -> None:
    runtime = owner.start()
    runtime.background.start()
    assert runtime.background.join(60)
    told = left(runtime)
    assert len(told) == 1 and "nothing to learn from" in told[0]["reason"]
    assert json.dumps(told[0])
