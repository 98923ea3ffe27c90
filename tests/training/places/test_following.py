"""How a run elsewhere is followed: the other side's real program, in this process, and a keeper that tells a story."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import EndCause, PauseCause, RunPhase
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import LostError, TrainingError
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Progress, Recipe, Run, RunState
from aeon_plugin_ft.training.places import away, cargo, courier, there
from aeon_plugin_ft.training.places.away import Away
from aeon_plugin_ft.training.places.door import Fill, read_answer
from aeon_plugin_ft.training.places.left import left_at
from aeon_plugin_ft.training.places.where import Where, parse_where
from aeon_plugin_ft.training.progress import last_progress
from aeon_plugin_ft.training.runs import RunConfig, create_run
from aeon_plugin_ft.training.worker.priority import Priority
from aeon_plugin_ft.training.worker.stopping import StopRequested
from tests.training.tiny import tiny_recipe

__all__ = ["tiny_recipe"]

Scene = Callable[["Place"], None]
"""What happens over there between two looks."""


class Place:
    """The other side, and a keeper that plays one scene of `story` before each look."""

    def __init__(self, root: Path, run: str) -> None:
        self.root, self.run = root, run
        self.story: list[Scene] = []
        self.begun = 0
        self.asked: list[str] = []
        self.loses = ""
        """A checkpoint that is deleted between being listed and being fetched."""

    @property
    def folder(self) -> Path:
        return self.root / "runs" / self.run

    @property
    def work(self) -> Path:
        return self.folder / "runs" / self.run

    def call(
        self, verb: str, arguments: Mapping[str, Any], fill: Fill | None = None, sink: BinaryIO | None = None
    ) -> dict[str, Any]:
        self.asked.append(verb)
        if verb == "look" and self.begun and self.story:
            self.story.pop(0)(self)
        if verb == "get" and self.loses:
            shutil.rmtree(self.work / "checkpoints" / self.loses, ignore_errors=True)
        payload, answer = io.BytesIO(), io.BytesIO()
        if fill is not None:
            fill(payload)
        line = json.dumps({"verb": verb, "root": str(self.root), **arguments}).encode() + b"\n"
        there.answer(io.BytesIO(line + payload.getvalue()), answer)
        head, _, rest = answer.getvalue().partition(b"\n")
        if sink is not None:
            sink.write(rest)
        return read_answer(head, "the place")

    def begin(self, run: str, spec: Mapping[str, Any]) -> None:
        self.begun += 1
        (self.folder / "ended.json").unlink(missing_ok=True)
        (self.folder / "alive").touch()


def tells(step: int) -> Scene:
    def scene(place: Place) -> None:
        progress = Progress(step, 9, 1.0, 2.0, 1.5, float(step), 0.0)
        line = {"event": "progress", **{name: getattr(progress, name) for name in Progress.__slots__}}
        with (place.work / "progress.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "phase": "training"}) + "\n")

    return scene


def saves(step: int) -> Scene:
    def scene(place: Place) -> None:
        folder = place.work / "checkpoints" / f"step-{step:06d}"
        folder.mkdir(parents=True)
        (folder / "seal.json").write_text("{}", encoding="utf-8")

    return scene


def is_lost(_: Place) -> None:
    raise LostError("no route to host")


def dies(place: Place) -> None:
    (place.folder / "alive").unlink(missing_ok=True)


def ends(state: RunState, cause: str | None = None, adapter: bool = True) -> Scene:
    def scene(place: Place) -> None:
        dies(place)
        told = {"state": state.value, "step": 9, "steps": 9, "seconds": 3.0, "peak_bytes": 1, "loss": 0.5}
        final = state in {RunState.FINISHED, RunState.FAILED}
        ended = {"state": state.value, "cause": cause, "reason": "", "outcome": told if final else None}
        if adapter and state is RunState.FINISHED:
            (place.work / "adapter").mkdir()
            (place.work / "adapter" / "adapter_model.safetensors").write_bytes(b"learnt")
        (place.folder / "ended.json").write_text(json.dumps(ended), encoding="utf-8")

    return scene


class Watch:
    """Wants to leave for `cause` from the `after`-th look on."""

    def __init__(self) -> None:
        self.cause: PauseCause | None = None
        self.after = 0

    def check(self) -> None:
        self.after -= 1
        if self.cause is not None and self.after < 0:
            raise StopRequested(self.cause)


class Followed:
    """A run and what follows it."""

    def __init__(self, run: Run, store: Store, place: Place, made: Away) -> None:
        self.run, self.store, self.place, self.away = run, store, place, made
        self.told: list[Progress] = []
        self.phases: list[RunPhase] = []
        self.watch = Watch()
        made.tell, made.phase, made.watch = self.told.append, self.phases.append, self.watch


@pytest.fixture
def followed(
    data: DataFolder, store: Store, tmp_path: Path, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Followed]:
    monkeypatch.setattr(away, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(away, "COPY_SHARE", 0.0)
    # This package in small: hundreds of files are sent once, by the tests with a real sshd.
    small = cargo._thing([(Path(cargo.__file__), "aeon_plugin_ft/cargo.py")], tmp_path / "digests")
    monkeypatch.setattr(cargo, "code_of", lambda _: small)
    copy, dataset = tmp_path / "copy", tmp_path / "dataset"
    for folder, name in ((copy, "config.json"), (dataset, "train.jsonl")):
        folder.mkdir()
        (folder / name).write_text("{}", encoding="utf-8")
    base = BaseModel("tiny", "sha256:t", "llama", 1, copy, None)
    run = create_run(data, store, base, Dataset("d" * 16, dataset, 1, 1, 0), tiny_recipe())
    where = parse_where("ssh://ana@sala")
    assert isinstance(where, Where)
    place = Place(tmp_path / "there", run.id)
    made = Away(run, RunConfig.read(run.folder), store, where, Watch(), lambda _: None, lambda _: None, door=place)
    before = os.umask(0o022)
    yield Followed(run, store, place, made)
    os.umask(before)


def test_what_it_does_there_is_told_here_once_and_its_adapter_comes_back(followed: Followed) -> None:
    followed.place.story = [tells(1), tells(2), saves(2), tells(3), ends(RunState.FINISHED)]
    outcome = followed.away.train()
    assert [one.step for one in followed.told] == [1, 2, 3]
    assert (outcome.state, outcome.step, outcome.loss) == (RunState.FINISHED, 9, 0.5)
    assert (followed.run.adapter / "adapter_model.safetensors").read_bytes() == b"learnt"
    # Nothing of the run stays there, nor the checkpoints here; the base does, for the next one.
    assert not followed.place.folder.exists() and left_at(followed.store) == {}
    assert not (followed.run.folder / "checkpoints").exists() and not (followed.run.folder / "away.json").exists()
    assert len(list((followed.place.root / "things").iterdir())) == 2


def test_a_lost_connection_is_told_and_found_again(followed: Followed) -> None:
    followed.place.story = [tells(1), is_lost, is_lost, tells(2), ends(RunState.FINISHED)]
    assert followed.away.train().state is RunState.FINISHED
    assert followed.phases.count(RunPhase.LOST) == 2 and followed.place.begun == 1
    assert [one.step for one in followed.told] == [1, 2]


def test_a_place_that_stays_away_leaves_the_run_interrupted_and_known(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(away, "LOST_SECONDS", 0.0)
    followed.place.story = [tells(1), saves(2), tells(2), *[is_lost] * 9]
    outcome = followed.away.train()
    assert outcome.state is RunState.INTERRUPTED and outcome.cause == EndCause.UNREACHABLE.value
    # What was copied is enough to go on anywhere; what lies there is not forgotten.
    assert (followed.run.folder / "checkpoints" / "step-000002").is_dir()
    assert list(left_at(followed.store)) == [followed.run.id]


def test_what_dies_there_is_begun_again_from_its_own_checkpoints(followed: Followed) -> None:
    followed.place.story = [tells(1), saves(2), dies, tells(3), ends(RunState.FINISHED)]
    assert followed.away.train().state is RunState.FINISHED
    assert followed.place.begun == 2


def test_what_dies_again_and_again_is_left(followed: Followed) -> None:
    followed.place.story = [dies] * 20
    outcome = followed.away.train()
    assert outcome.state is RunState.INTERRUPTED and followed.place.begun == away.AGAIN


def test_one_that_has_said_that_it_left_and_is_not_gone_yet_is_waited_for(followed: Followed) -> None:
    def says_so(place: Place) -> None:
        ends(RunState.PAUSED)(place)
        (place.folder / "alive").touch()

    followed.place.story = [tells(1), says_so, tells(1), dies, tells(2), ends(RunState.FINISHED)]
    assert followed.away.train().state is RunState.FINISHED
    assert followed.place.begun == 2


def test_a_failure_there_is_the_failure_here_with_its_cause(followed: Followed) -> None:
    followed.place.story = [tells(1), ends(RunState.FAILED, "diverged")]
    outcome = followed.away.train()
    assert outcome.state is RunState.FAILED and not followed.place.folder.exists()


def test_only_the_checkpoints_that_are_kept_there_are_kept_here(followed: Followed) -> None:
    def drops(place: Place) -> None:
        (place.work / "checkpoints" / "step-000002" / "seal.json").unlink()
        (place.work / "checkpoints" / "step-000002").rmdir()

    followed.place.story = [saves(2), tells(1), saves(4), tells(2), drops, tells(3), *[is_lost] * 3]
    followed.watch.cause, followed.watch.after = PauseCause.HOST_CLOSING, 40
    with pytest.raises(StopRequested):
        followed.away.train()
    assert [path.name for path in (followed.run.folder / "checkpoints").iterdir()] == ["step-000004"]


def test_a_checkpoint_that_is_gone_before_it_was_copied_costs_none_that_is_here(followed: Followed) -> None:
    def replaced(place: Place) -> None:
        saves(4)(place)
        shutil.rmtree(place.work / "checkpoints" / "step-000002")
        place.loses = "step-000004"

    followed.place.story = [saves(2), tells(1), tells(2), replaced, tells(3), *[is_lost] * 3]
    followed.watch.cause, followed.watch.after = PauseCause.HOST_CLOSING, 30
    with pytest.raises(StopRequested):
        followed.away.train()
    assert [path.name for path in (followed.run.folder / "checkpoints").iterdir()] == ["step-000002"]


@pytest.mark.parametrize(
    ("cause", "asked"),
    [(PauseCause.OWNER_PAUSED, True), (PauseCause.HOST_CLOSING, False), (PauseCause.HOST_GONE, False)],
)
def test_the_owners_word_goes_there_and_the_end_of_this_side_does_not(
    followed: Followed, cause: PauseCause, asked: bool
) -> None:
    followed.place.story = [tells(1)]
    followed.watch.cause, followed.watch.after = cause, 12
    with pytest.raises(StopRequested):
        followed.away.train()
    assert ("leave" in followed.place.asked) is asked
    assert (followed.place.folder / "leave").is_file() is asked


def test_a_run_that_goes_on_there_is_found_and_not_sent_again(followed: Followed) -> None:
    followed.place.story = [tells(1)]
    followed.watch.cause, followed.watch.after = PauseCause.HOST_CLOSING, 12
    with pytest.raises(StopRequested):
        followed.away.train()
    followed.watch.cause = None
    followed.place.asked.clear()
    followed.place.story = [tells(2), ends(RunState.FINISHED)]
    assert followed.away.train().state is RunState.FINISHED
    assert followed.place.begun == 1 and "put_run" not in followed.place.asked
    # Each line once, over both sides' lives.
    assert [one.step for one in followed.told] == [1, 2]


def test_an_adapter_that_did_not_come_back_is_no_success(followed: Followed) -> None:
    followed.place.story = [ends(RunState.FINISHED, adapter=False)]
    with pytest.raises(TrainingError, match="did not come back"):
        followed.away.train()
    assert followed.place.folder.exists(), "it was deleted there before it was here"


def test_half_a_line_is_read_with_its_other_half(followed: Followed) -> None:
    def writes(text: str) -> Scene:
        def scene(place: Place) -> None:
            with (place.work / "progress.jsonl").open("a", encoding="utf-8") as file:
                file.write(text)

        return scene

    line = json.dumps({"event": "progress", "step": 5, "steps": 9, "loss": 1.0, "examples_per_second": 1.0,
                       "saving": 1.0, "seconds": 1.0, "seconds_left": 1.0, "phase": "training"})  # fmt: skip
    followed.place.story = [writes(line[:40]), writes(line[40:] + "\n{broken\n"), ends(RunState.FINISHED)]
    followed.away.train()
    assert [one.step for one in followed.told] == [5]


def test_a_long_way_is_not_taken_for_hanging(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "LINE_SECONDS", 0.0)
    run = followed.run
    attempt = courier.AwayAttempt(run, RunConfig.read(run.folder), followed.away.where, Priority.LOWEST)
    attempt.phase(RunPhase.SENDING)
    before = run.progress_file.stat().st_size
    assert attempt.beat() is None
    assert run.progress_file.stat().st_size > before
    newest = last_progress(run.progress_file)
    assert newest is not None and newest.phase is RunPhase.SENDING
    attempt.progress.close()
    attempt.store.close()


@pytest.mark.parametrize(("cause", "told"), [(PauseCause.OWNER_PAUSED, True), (PauseCause.HOST_GONE, False)])
def test_forced_out_in_the_middle_of_a_request_the_place_is_told_all_the_same(
    followed: Followed, monkeypatch: pytest.MonkeyPatch, cause: PauseCause, told: bool
) -> None:
    farewells: list[PauseCause] = []
    monkeypatch.setattr(courier, "send_farewell", lambda where, run, cause: farewells.append(cause))
    run = followed.run
    attempt = courier.AwayAttempt(run, RunConfig.read(run.folder), followed.away.where, Priority.LOWEST)
    attempt.leave_late(cause)
    assert farewells == ([cause] if told else [])
    attempt.store.close()
