"""A simulated person, machine and trainer around the real schedule and the real store.

Time moves from event to event; the schedule looks every half hour instead of every minute, and one second after
whatever the owner does. What the trainer writes into the store it writes through the product's own functions.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import EndCause, PauseCause
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import AlreadyLearntError, PreemptedError, RunStoppedError
from aeon_plugin_ft.schedule import Decisions, FailurePolicy, TrainingController
from aeon_plugin_ft.schedule.observer import ScheduleObserver
from aeon_plugin_ft.settings import ScheduleSection, Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Exit, Recipe, Run, RunOutcome, RunState
from aeon_plugin_ft.training.progress import write_outcome
from aeon_plugin_ft.training.runs import (
    LEASE,
    LEASE_SECONDS,
    UNJUDGED,
    create_run,
    learnt_before,
    record_end,
    resume_run,
    teaching_turns,
)
from aeon_plugin_ft.training.table import get_run, latest_run, set_state
from aeon_plugin_ft.training.worker.stopping import PAUSE_FILE

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
LOOK = 30 * MINUTE
LEAVE_SECONDS = 3.5
"""The longest that a real worker takes once it was asked (supervise.PAUSE_SECONDS and the poll before it)."""
ESTIMATE, TRAIN, JUDGE = 5 * MINUTE, 100 * MINUTE, 10 * MINUTE
PATIENCE = 2 * HOUR
"""A calm and eligible machine trains within this; the longest wait after a failure is an hour."""

BASE = BaseModel("tiny", "sha256:0", "llama", 1, Path(), None)
RECIPE = Recipe(
    rank=4, alpha=4, learning_rate=1e-3, batch_size=4, epochs=1.0, steps=100, warmup_steps=1, max_length=512, seed=1,
    threads=1, checkpoint_steps=5,
)  # fmt: skip
SETTINGS = Settings(schedule=ScheduleSection(every_turns=30, first_turns=10))


@dataclass
class Machine:
    """What the schedule may ask of the machine."""

    world: World

    def idle(self) -> float | None:
        return self.world.now - self.world.touched

    def on_mains(self) -> bool:
        return self.world.plugged

    def busy_share(self) -> float:
        return 0.9 if self.world.game else 0.0

    def free_memory(self) -> int:
        return 10**11


class Trainer:
    """One training at a time, of which time alone is simulated. It dies with its host."""

    def __init__(self, world: World) -> None:
        self.world, self.store = world, world.store
        self.busy = self.ordered = False
        self.run: Run | None = None
        self.phase, self.left = "", 0.0
        self.leaving: PauseCause | None = None

    def silence(self) -> float:
        return math.inf

    def start(self, resume: str | None = None) -> None:
        assert not self.busy and not self.world.training, "never two at once"
        self.world.starts += 1
        self.busy, self.leaving, self.run = True, None, None
        if resume is None:
            self.phase, self.left = "estimate", ESTIMATE
            return
        row = get_run(self.store, resume)
        assert row is not None
        self.run = row.run
        if row.state is RunState.FINISHED:
            self.phase, self.left = "judge", JUDGE
        else:
            self._train(resume_run(resume, self.world.data, self.store))

    def pause(self, cause: PauseCause) -> None:
        self.leaving = self.leaving or cause

    def pass_time(self, seconds: float) -> None:
        """The work goes on; each phase leads into the next."""
        while self.busy and seconds > 0:
            used = min(seconds, self.left)
            seconds, self.left = seconds - used, self.left - used
            if self.phase == "train" and self.run is not None:
                self.store.acquire_lease(LEASE, self.run.id, LEASE_SECONDS)
                self.world.kept[self.run.id] = self.left
            if self.left <= 0:
                self._next()

    def leave(self) -> None:
        """What a worker does that was asked to leave."""
        cause, self.leaving = self.leaving or PauseCause.ASKED, None
        if self.phase == "train" and self.run is not None:
            (self.run.folder / PAUSE_FILE).write_text(cause.value, encoding="utf-8")
            assert record_end(self.store, self.run, Exit.PAUSED) is RunState.PAUSED
            self._end(RunStoppedError(self.run.id, "paused", 1, cause))
        else:
            self._end(PreemptedError(self.phase, cause))

    def die(self) -> None:
        """Killed, while its host lives."""
        if self.phase == "train" and self.run is not None:
            assert record_end(self.store, self.run, -9) is RunState.INTERRUPTED
            self.world.failed_in_a_row += 1
            self._end(RunStoppedError(self.run.id, "interrupted", 1, EndCause.DIED))

    def _train(self, run: Run) -> None:
        self.run, self.phase = run, "train"
        self.left = self.world.kept.get(run.id, TRAIN)
        self.store.acquire_lease(LEASE, run.id, LEASE_SECONDS)
        set_state(self.store, run.id, RunState.RUNNING)
        self.world.training.add(run.id)

    def _next(self) -> None:
        if self.phase == "estimate":
            self._make_run()
        elif self.phase == "train" and self.run is not None:
            write_outcome(self.run.outcome_file, RunOutcome(RunState.FINISHED, 100, 100, TRAIN, 0))
            record_end(self.store, self.run, Exit.FINISHED)
            self.world.training.discard(self.run.id)
            self.store.set_fact(UNJUDGED, self.run.id)
            self.phase, self.left = "judge", JUDGE
        else:
            self.store.set_fact(UNJUDGED, None)
            self.world.failed_in_a_row = 0
            self._end(None)

    def _make_run(self) -> None:
        turns = teaching_turns(self.store)
        folder = self.world.data.datasets / f"of-{turns}"
        folder.mkdir(parents=True, exist_ok=True)
        dataset = Dataset(hash=folder.name, folder=folder, train=turns, heldout=1, dropped=0)
        known = learnt_before(self.store, self.world.data, dataset, BASE, RECIPE)
        if known is not None:
            self._end(AlreadyLearntError(dataset.hash, known))
            return
        self._train(create_run(self.world.data, self.store, BASE, dataset, RECIPE))

    def _end(self, error: RunStoppedError | PreemptedError | AlreadyLearntError | None) -> None:
        self.busy, self.phase = False, ""
        self.world.training.clear()
        self.world.failures.note(error)


class World:
    """`now` is true time in seconds, never set back; the wall clock is `now + offset`."""

    def __init__(self, folder: Path) -> None:
        self.data = DataFolder(folder).create()
        self.now, self.offset = 1_800_000_000.0, 0.0
        self.touched, self.plugged, self.game = self.now, True, False
        self.training: set[str] = set()
        self.kept: dict[str, float] = {}
        self.starts = self.failed_in_a_row = 0
        self.calm_since: float | None = None
        self._ids = count()
        self.boot()

    # -- the host ------------------------------------------------------------------------------

    def boot(self) -> None:
        self.store = Store(self.data.database, clock=lambda: self.now + self.offset)
        self.trainer = Trainer(self)
        self.failures = FailurePolicy(self.store, lambda: SETTINGS, lambda: teaching_turns(self.store))
        observer = ScheduleObserver(
            self.data,
            self.store,
            lambda: SETTINGS.schedule,
            self.trainer,
            self.failures,
            Machine(self),
        )
        self.controller = TrainingController(observer, self.trainer, Decisions(self.store))
        observer.tidy()

    def crash(self, *, power: bool) -> None:
        """The host dies; its worker notices and leaves in order, unless the power is what went."""
        run = self.trainer.run
        if self.trainer.busy and self.trainer.phase == "train" and run is not None and not power:
            write_outcome(
                run.outcome_file, RunOutcome(RunState.PAUSED, 1, 100, 1.0, 0, cause=PauseCause.HOST_GONE.value)
            )
        self.training.clear()
        self.store.close()
        self.boot()
        self.touched, self.calm_since = self.now, None

    def close(self) -> None:
        self.store.close()
        shutil.rmtree(self.data.root)

    # -- the person ----------------------------------------------------------------------------

    def owner_is_here(self, minutes: float, turns: int, *, game: bool) -> None:
        """Sits down, talks `turns` times, plays, and goes."""
        self.touched, self.calm_since = self.now, None
        self._leave_within_five_seconds()
        self.store.connection().executemany(
            "INSERT INTO turns (id, at, session, kind, caller, provider, model, version, seconds, reply_chars, file,"
            ' "offset", length) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 1, ?, 0, 0)',
            [
                (f"t{next(self._ids)}", self.now + self.offset, "s", "chat", "chat", "groq", "m", "base", "f")
                for _ in range(turns)
            ],
        )
        self.game = game
        self.now += minutes * MINUTE
        self.touched = self.now
        self.look()
        self.game = False

    def unplug(self, hours: float) -> None:
        self.plugged, self.calm_since = False, None
        self._leave_within_five_seconds()
        self.wait(hours * HOUR)
        self.plugged = True

    def _leave_within_five_seconds(self) -> None:
        """The quick look comes within a second, and what it asks for within LEAVE_SECONDS."""
        self.trainer.pass_time(1.0)
        self.now += 1.0
        self.controller.look_while_training()
        if self.trainer.busy:
            assert self.trainer.leaving, "the owner is back and nobody told the trainer"
            self.trainer.pass_time(LEAVE_SECONDS)
            self.now += LEAVE_SECONDS
            if self.trainer.busy:
                self.trainer.leave()
        assert not self.training, "a run while the owner is active"
        self.check()

    # -- time ----------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Nobody does anything for so long."""
        end = self.now + seconds
        while self.now < end:
            step = min(LOOK, end - self.now)
            self.trainer.pass_time(step)
            self.now += step
            self.look()

    def hibernate(self, hours: float) -> None:
        """No look, no work; the clock goes on. Who opens the lid touches the machine."""
        self.now += hours * HOUR
        self.touched, self.calm_since = self.now, None
        self._leave_within_five_seconds()

    def set_clock(self, seconds: float) -> None:
        self.offset += seconds
        self.calm_since = None

    def look(self) -> None:
        self.controller.step()
        if self.trainer.leaving:
            self.trainer.leave()
        self.check()
        self._trains_when_it_can()

    # -- what must always hold -----------------------------------------------------------------

    def check(self) -> None:
        running = self.store.rows("SELECT id FROM runs WHERE state = 'running'")
        assert len(running) <= 1, "never two runs at once"
        assert {row["id"] for row in running} == self.training, "the store says what is true"
        twice = "SELECT dataset FROM runs WHERE state = 'finished' GROUP BY dataset HAVING count(*) > 1"
        assert not self.store.rows(twice), "nothing is trained twice on the same data"
        holder = self.store.lease_holder(LEASE)
        assert holder is None or holder in self.training, "a lease that nobody holds"

    def eligible(self) -> bool:
        """In words of this world: there is something to do, and nothing in its way."""
        if self.failures.given_up or not self.plugged or self.now - self.touched < SETTINGS.schedule.idle_minutes * 60:
            return False
        last = latest_run(self.store)
        if last is None:
            return teaching_turns(self.store) >= 10
        unfinished = last.state in {RunState.PAUSED, RunState.INTERRUPTED}
        since = self.now + self.offset - last.created
        cooled = not 0 <= since < SETTINGS.schedule.cooldown_hours * HOUR
        return unfinished or (cooled and teaching_turns(self.store) - (last.turns or 0) >= 30)

    def _trains_when_it_can(self) -> None:
        if self.trainer.busy or not self.eligible():
            self.calm_since = None
            return
        self.calm_since = self.now if self.calm_since is None else self.calm_since
        assert self.now - self.calm_since <= PATIENCE, "a night in which it could train, and did not"
