"""A run that trains at another place, as this side sees it: sent, followed, found again after a lost connection, and
brought back. Its run folder here stays the whole truth: checkpoints are copied into it while it trains, so that it can
go on anywhere else."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from aeon_plugin_ft.causes import EndCause, PauseCause, RunPhase
from aeon_plugin_ft.errors import LostError, TrainingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.store.files import move_into_place, whole_folder, write_json
from aeon_plugin_ft.training.model import Progress, Run, RunOutcome, RunState
from aeon_plugin_ft.training.places import cargo, there
from aeon_plugin_ft.training.places.consent import owner_of, require_allowed
from aeon_plugin_ft.training.places.door import Door, open_door
from aeon_plugin_ft.training.places.farewell import send_farewell, tell
from aeon_plugin_ft.training.places.left import clean_owed, note_gone, note_left
from aeon_plugin_ft.training.places.where import Where
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.worker.priority import Priority
from aeon_plugin_ft.training.worker.stopping import StopRequested

_say = Speaker("errors/training")

log = logging.getLogger("aeon_ft.training")

LOOK_SECONDS = 1.0
LOST_SECONDS = 900.0
"""How long a place is looked for; the run is then interrupted here, goes on there, and is found again when resumed."""
GONE_SECONDS = 60.0
AGAIN = 3
"""How often a run that was left over there is begun again before it counts as interrupted here."""
COPY_SHARE = 10.0
"""Copying checkpoints takes at most this part of the time: after one that took a second, ten seconds pass."""
AWAY_FILE = "away.json"
"""Which place has the run, and how much of its progress was read: {"address", "offset"}."""
STAYS_THERE = frozenset({PauseCause.HOST_CLOSING, PauseCause.HOST_GONE, PauseCause.TERMINATED})
"""What ends this side only: the run goes on over there, and is found again."""

Tell = Callable[[Progress], None]
OnPhase = Callable[[RunPhase], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a place says of the run."""

    there: bool
    alive: bool
    ended: dict[str, Any] | None
    checkpoints: tuple[str, ...]


class Watch(Protocol):
    """Whoever says when to leave (worker.stopping.StopWatch)."""

    def check(self) -> None:
        """Raise StopRequested once somebody wants the run to leave."""


class Away:
    """One attempt at a run, elsewhere; stands where `worker.session.Session` stands for a run here. `door` is the way
    there (None: opened by `where`); `on_seen` hears each time that the place was looked at; `priority` is how the
    worker over there stands to everything else on that machine."""

    def __init__(
        self,
        run: Run,
        config: RunConfig,
        store: Store,
        where: Where,
        watch: Watch,
        phase: OnPhase,
        tell: Tell,
        *,
        door: Door | None = None,
        on_seen: Callable[[], None] = lambda: None,
        priority: Priority = Priority.LOWEST,
    ) -> None:
        self.run, self.config, self.store, self.where, self.watch = run, config, store, where, watch
        self.phase, self.tell = phase, tell
        self.cache = config.store.parent / "cache" / "places"
        self.door, self.on_seen, self.priority = door, on_seen, priority
        self._next_copy = 0.0

    def train(self) -> RunOutcome:
        """The run to its end over there, and back."""
        door, given = self.door, self.door is not None
        if door is None:
            # Here, and not before: nothing is opened, and nothing goes, without the owner's word.
            require_allowed(self.store, self.where)
            door = self.door = open_door(self.where)
        try:
            return self._train(door)
        except LostError as error:
            # It may still go on there: resumed, it is found again, or goes on from what was copied.
            return self._outcome(
                {"state": RunState.INTERRUPTED.value, "cause": EndCause.UNREACHABLE.value, "reason": error.what}
            )
        except StopRequested as stop:
            if stop.cause not in STAYS_THERE:
                self._say_farewell(door if given else None, stop.cause)
            raise

    def _say_farewell(self, door: Door | None, cause: PauseCause) -> None:
        if door is not None:
            tell(door, self.run.id, cause.value)
        else:
            # This process is ended within seconds now, whatever it waits for.
            send_farewell(self.where, self.run.id, cause)

    def settle(self, seconds: float = 30.0) -> None:
        """After it was asked to leave: wait until it has, and take what it saved."""
        door, until = self.door, time.monotonic() + seconds
        while door is not None and time.monotonic() < until:
            seen = self._look(door)
            if seen.ended is not None or not seen.alive:
                self._copy_checkpoints(door, seen.checkpoints)
                return
            time.sleep(LOOK_SECONDS)

    def _train(self, door: Door) -> RunOutcome:
        clean_owed(self.store, self.where, door)
        seen = self._patiently(lambda: self._look(door))
        if seen.there and not seen.alive and seen.ended is None:
            log.info("what stayed with the run at %s is gone; it is begun again", self.where.address)
        for _ in range(AGAIN):
            if not _is_final(seen.ended):
                if seen.ended is not None or not seen.alive:
                    self._wait_until_gone(door)
                    self._patiently(lambda: self._send(door))
                seen = self._follow(door)
            if _is_final(seen.ended):
                break
        return self._bring_back(door, seen)

    # -- there ---------------------------------------------------------------------------------

    def _send(self, door: Door) -> None:
        """Everything that it lacks, and the start."""
        self.phase(RunPhase.SENDING)
        things = {"base": cargo.base_of(self.config, self.cache), "code": cargo.code_of(self.cache)}
        digests = [thing.digest for thing in things.values()]
        missing = set(door.call("missing", {"digests": digests})["missing"])
        for thing in things.values():
            if thing.digest in missing:
                self.watch.check()
                door.call("put", {"digest": thing.digest}, _filled(thing.entries))
        own = list(cargo.own_of(self.run, self.config))
        # Before it goes: whatever becomes of this side, it is known that something lies there.
        note_left(self.store, self.run.id, self.where)
        if door.call("put_run", {"run": self.run.id}, _filled(own))["under_way"]:
            return
        self.watch.check()
        spec = {name: thing.digest for name, thing in things.items()}
        door.begin(self.run.id, {**spec, "priority": self.priority.value, "owner": owner_of(self.store)})
        self._note(0)

    def _wait_until_gone(self, door: Door) -> None:
        """What stays with a run writes down that it has ended a moment before it is gone, and until then nothing new
        can be begun."""
        until = time.monotonic() + GONE_SECONDS
        while self._patiently(lambda: self._look(door)).alive and time.monotonic() < until:
            self._wait(LOOK_SECONDS)

    def _follow(self, door: Door) -> Seen:
        """Until it has ended, or nobody stays with it any more."""
        self.phase(RunPhase.STARTING)
        while True:
            self.watch.check()
            seen = self._patiently(lambda: self._look(door))
            self.on_seen()
            if seen.ended is not None or not seen.alive:
                return seen
            if time.monotonic() >= self._next_copy:
                began = time.monotonic()
                self._patiently(lambda: self._copy_checkpoints(door, seen.checkpoints))  # noqa: B023 - called at once
                self._next_copy = time.monotonic() + max(LOOK_SECONDS, COPY_SHARE * (time.monotonic() - began))
            self._wait(LOOK_SECONDS)

    def _look(self, door: Door) -> Seen:
        offset = self._offset()
        with tempfile.SpooledTemporaryFile(1 << 20) as lines:
            sink: Any = lines
            raw = door.call("look", {"run": self.run.id, "offset": offset}, sink=sink)
            lines.seek(0)
            whole = lines.read()
        whole = whole[: whole.rfind(b"\n") + 1]  # half a line is read with its other half
        for line in whole.splitlines():
            progress = _progress(line)
            if progress is not None:
                self.tell(progress)
        if whole:
            self._note(offset + len(whole))
        return Seen(raw["there"], raw["alive"], raw["ended"], tuple(raw["checkpoints"]))

    def _patiently(self, step: Callable[[], T]) -> T:
        """Again and again while the connection is lost; LostError after LOST_SECONDS."""
        deadline, pause = time.monotonic() + LOST_SECONDS, LOOK_SECONDS
        while True:
            try:
                return step()
            except LostError as error:
                if time.monotonic() > deadline:
                    raise
                log.info("%s", error)
                # A line of progress each time: what follows says "nothing", and is not taken for hanging.
                self.phase(RunPhase.LOST)
                self._wait(pause)
                pause = min(30.0, pause * 2)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.watch.check()
            time.sleep(0.1)

    # -- and back ------------------------------------------------------------------------------

    def _copy_checkpoints(self, door: Door, names: Iterable[str]) -> None:
        """The checkpoints over there, into the run folder here; those that went there go here too."""
        folder, names = self.run.folder / "checkpoints", list(names)
        lacking = [name for name in names if not (folder / name).is_dir()]
        if lacking:
            self._take_checkpoints(door, lacking)
        # What is listed may be gone before it is copied, or not listed yet at a place that it has just come to: until a
        # newer one is here, what is here is what it goes on from.
        newest = max((name for name in names if (folder / name).is_dir()), default="")
        for old in folder.glob("step-*"):
            if old.name not in names and old.name < newest:
                shutil.rmtree(old, ignore_errors=True)

    def _take_checkpoints(self, door: Door, names: list[str]) -> None:
        folder = self.run.folder / "checkpoints"
        with self._fetched(door, [*(f"checkpoints/{name}" for name in names), *cargo.KEPT_BY_ATTEMPTS[1:]]) as got:
            for name in names:
                if (got / "checkpoints" / name / "seal.json").is_file():
                    folder.mkdir(exist_ok=True)
                    move_into_place(got / "checkpoints" / name, folder / name)
            _take_files(got, self.run.folder, cargo.KEPT_BY_ATTEMPTS[1:])

    def _bring_back(self, door: Door, seen: Seen) -> RunOutcome:
        ended = seen.ended or {"state": RunState.INTERRUPTED.value, "cause": EndCause.DIED.value, "outcome": None}
        if ended["state"] == RunState.FINISHED.value:
            self.phase(RunPhase.FETCHING)
            self._patiently(lambda: self._fetch(door))
        else:
            self._patiently(lambda: self._copy_checkpoints(door, seen.checkpoints))
        if _is_final(ended):
            self._patiently(lambda: door.call("clean", {"run": self.run.id}))
            note_gone(self.store, self.run.id)
            (self.run.folder / AWAY_FILE).unlink(missing_ok=True)
        return self._outcome(ended)

    def _fetch(self, door: Door) -> None:
        with self._fetched(door, ["adapter", *cargo.KEPT_BY_ATTEMPTS[1:]]) as got:
            if not (got / "adapter" / "adapter_model.safetensors").is_file():
                raise TrainingError(*_say.error("places.no_adapter"))
            _take_files(got, self.run.folder, cargo.KEPT_BY_ATTEMPTS[1:])
            with whole_folder(self.run.adapter, replace=True) as part:
                for path in (got / "adapter").iterdir():
                    shutil.copyfile(path, part / path.name)
        for old in self.run.folder.glob("checkpoints*"):
            shutil.rmtree(old, ignore_errors=True)

    @contextlib.contextmanager
    def _fetched(self, door: Door, names: list[str]) -> Any:
        """Files of the run folder over there, unpacked in a folder that goes again."""
        folder = Path(tempfile.mkdtemp(prefix="away-", dir=self.run.folder))
        try:
            with (folder / "got.tar").open("w+b") as file:
                door.call("get", {"run": self.run.id, "names": names}, sink=file)
                file.seek(0)
                try:
                    there.unpack(file, folder / "got")
                except (tarfile.TarError, there.Refused) as error:
                    raise LostError(_say("places.not_whole", address=self.where.address, reason=error)) from error
            (folder / "got").mkdir(exist_ok=True)
            yield folder / "got"
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _outcome(self, ended: dict[str, Any]) -> RunOutcome:
        told = ended.get("outcome")
        state = RunState(ended["state"])
        if told is not None and state in {RunState.FINISHED, RunState.FAILED}:
            names = {field.name for field in fields(RunOutcome)}
            return RunOutcome(**{**{k: v for k, v in told.items() if k in names}, "state": state})
        cause, reason = ended.get("cause") or EndCause.DIED.value, ended.get("reason") or ""
        final = state if state is RunState.FAILED else RunState.INTERRUPTED
        return RunOutcome(final, 0, self.config.recipe.steps, 0.0, 0, reason=str(reason), cause=str(cause))

    # -- which place, and how far ----------------------------------------------------------------

    def _offset(self) -> int:
        try:
            raw = json.loads((self.run.folder / AWAY_FILE).read_text(encoding="utf-8"))
            return int(raw["offset"]) if raw["address"] == self.where.address else 0
        except (OSError, ValueError, KeyError):
            return 0

    def _note(self, offset: int) -> None:
        write_json(self.run.folder / AWAY_FILE, {"address": self.where.address, "offset": offset})


def _is_final(ended: dict[str, Any] | None) -> bool:
    return ended is not None and ended["state"] in {RunState.FINISHED.value, RunState.FAILED.value}


def _filled(entries: Iterable[cargo.Entry]) -> Callable[[BinaryIO], None]:
    return lambda sink: cargo.pack(entries, sink)


def _take_files(source: Path, target: Path, names: Iterable[str]) -> None:
    for name in names:
        if (source / name).is_file():
            move_into_place(source / name, target / name)


def _progress(line: bytes) -> Progress | None:
    try:
        raw = json.loads(line)
    except ValueError:
        return None
    if not isinstance(raw, dict) or raw.get("event") != "progress":
        return None
    names = {field.name for field in fields(Progress)}
    values = {key: value for key, value in raw.items() if key in names}
    try:
        phase = RunPhase(raw.get("phase"))
    except ValueError:
        phase = RunPhase.OTHER
    return Progress(**{**values, "phase": phase})
