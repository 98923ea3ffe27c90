"""`kill -9` of the host, of what trains or measures, and of the model server, in random order, while all are at work.

After each: the owner's next sentence has a reply, nothing of ours is left without a parent, and the log has every
turn that the owner got a reply to exactly once.
"""

from __future__ import annotations

import collections
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.runs import reap_runs
from aeon_plugin_ft.turns import TurnIndex, read_turns
from tests.conftest import REPOSITORY
from tests.flow.small_life import make_folder

pytestmark = pytest.mark.slow(seconds=60)

KILLS = int(os.environ.get("AEON_FT_KILLS", "12"))
SEED = int(os.environ.get("AEON_FT_KILLS_SEED", "17"))
MARK = "AEON_FT_TEST_MARK"
BURST_SECONDS, CALM_SECONDS, NEWS_SECONDS = 0.4, 8.0, 15.0
"""The longest waits before a kill: mostly none worth the name, now and then as long as it takes to train, and now
and then until the loop has come a step further, so that what begins then is hit as well."""
GONE_SECONDS = 20.0
"""A child leaves 3 s after its parent by itself; on a busy machine it may first have to wait."""
PATIENCE = 300.0
PAUSES = ("burst", "burst", "burst", "burst", "calm", "news")
VICTIMS = {
    "host": frozenset({"tests.flow.killed_life"}),
    "worker": frozenset({"aeon_plugin_ft.training.worker", "aeon_plugin_ft.evaluation.worker"}),
    "server": frozenset({"aeon_plugin_ft.serving.embedded.server"}),
}
"""The modules that they run."""


class Owner:
    """Talks to one host after the other on the same data folder, through `tests.flow.killed_life`."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.mark = folder, f"{folder}-{seed}"
        self.random = random.Random(seed)
        self._victims, self._pauses = self._turns(VICTIMS), self._turns(PAUSES)
        self.acknowledged: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self.killed: collections.Counter[str] = collections.Counter()
        self._errors = (folder.parent / "host.log").open("ab")
        self.host = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        host = subprocess.Popen(
            [sys.executable, "-m", "tests.flow.killed_life", str(self.folder)],
            cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            env={**os.environ, MARK: self.mark},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._listen, args=(host,))
        self._reader.start()
        return host

    def _listen(self, host: subprocess.Popen[bytes]) -> None:
        assert host.stdout is not None
        for line in host.stdout:
            if not line.endswith(b"\n"):
                continue  # its last words, cut off
            said = json.loads(line)
            if "turn" in said:
                self.acknowledged.append(said["turn"])
            self.heard.append(said)
        host.stdout.close()

    # -- killing -------------------------------------------------------------------------------

    def kill(self) -> None:
        """One of the three, at a random moment."""
        victim = next(self._victims)
        self._pause()
        if victim == "host":
            since = self._kill_host()
        else:
            since = self._kill_child(victim)
        self.killed[victim] += 1
        self._next_sentences_are_answered(since)

    def _turns(self, things: Iterable[str]) -> Iterator[str]:
        """Each as often as the others, in random order: a dozen kills hit everything."""
        while True:
            yield from self.random.sample(list(things), len(list(things)))

    def _kill_child(self, victim: str) -> int:
        """A worker or a server that was alive; how much was heard by then."""
        while not lives(process := self._await_one(victim)):
            continue
        process.kill()
        return len(self.heard)

    def _pause(self) -> None:
        kind = next(self._pauses)
        seconds = self.random.uniform(0, CALM_SECONDS if kind == "calm" else BURST_SECONDS)
        if kind != "burst":
            assert within(self.version_in_use_answers, PATIENCE), f"its model never came back: {self.heard[-5:]}"
        if kind == "news":
            before = self._news()
            within(lambda: self._news() > before, NEWS_SECONDS)
        time.sleep(seconds)

    def _news(self) -> int:
        """How often a run or a version was finished."""
        return sum(said.get("learning") not in {None, "stopped", "waiting"} for said in self.heard)

    def _await_one(self, victim: str) -> psutil.Process:
        found: list[psutil.Process] = []

        def look() -> bool:
            found[:] = [one for one in self._living() if VICTIMS[victim] & set(process_line(one))]
            return bool(found)

        assert within(look, PATIENCE), f"no {victim} ever came: {self.heard[-5:]}"
        return self.random.choice(sorted(found, key=lambda process: process.pid))

    def _kill_host(self) -> int:
        """The next one starts at once, while what the dead one left is still leaving. How much the dead one said."""
        left = [process for process in self._living() if process.pid != self.host.pid]
        self.host.kill()
        self.host.wait()
        self._forget_host()
        self._check_log()
        said = len(self.heard)
        self.host = self._start()
        assert within(lambda: not any(map(lives, left)), GONE_SECONDS), f"left: {lines(left)}"
        return said

    def _forget_host(self) -> None:
        self._reader.join()
        if self.host.stdin is not None:
            self.host.stdin.close()

    def _living(self) -> list[psutil.Process]:
        """Every host of ours, what it has started, and whatever else works on our data folder."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                return False
            return process.environ().get(MARK) == self.mark or any(
                str(self.folder) in part for part in process.cmdline()
            )
        except (psutil.Error, OSError):  # it has just ended; on Windows with any error
            return False

    # -- checking ------------------------------------------------------------------------------

    def _next_sentences_are_answered(self, before: int) -> None:
        """Two: the first may have been asked just before a child was killed."""

        def answered() -> bool:
            return sum("turn" in said for said in self.heard[before:]) >= 2

        assert within(answered, PATIENCE), f"nobody answers: {self.heard[-5:]}"
        broken = [said for said in self.heard if "broken" in said]
        assert not broken, broken[0]["broken"]
        used = {"base", *(said["current"] for said in self.heard if said.get("current"))}
        for said in self.heard[before:]:
            if "turn" in said:
                assert said["reply"] and said["provider"] in {"embedded", "canned"}, said
                assert said["provider"] == "canned" or said["version"] in used, f"{said} was never put into use"

    def version_in_use_answers(self) -> bool:
        """The newest reply came from the model that the store names."""
        turns = [said for said in self.heard[-20:] if "turn" in said]
        return bool(turns) and turns[-1]["provider"] == "embedded" and turns[-1]["version"] == turns[-1]["current"]

    def _check_log(self) -> None:
        found = collections.Counter(turn.id for turn in read_turns(self.folder / "log"))
        lost = set(self.acknowledged) - set(found)
        assert not lost, f"{len(lost)} acknowledged turns are not in the log"
        assert max(found.values(), default=1) == 1, "a turn is in the log twice"

    def settle(self) -> None:
        """After all of it the loop comes to a model of its own, and that one answers."""

        def learnt() -> bool:
            return self.version_in_use_answers() and self.heard[-1].get("current", "base") != "base"

        assert within(learnt, PATIENCE), f"the loop never came round: {self.heard[-8:]}"

    def leave(self) -> None:
        """The host ends in order, with nothing left behind."""
        assert self.host.stdin is not None
        self.host.stdin.close()
        assert self.host.wait(60) == 0
        self._forget_host()
        assert within(lambda: not self._living(), GONE_SECONDS), f"left: {lines(self._living())}"
        self._check_log()

    def clean_up(self) -> None:
        for process in [*self._living(), self.host]:
            try:
                process.kill()
            except psutil.Error:
                continue
        self.host.wait()
        self._forget_host()
        self._errors.close()


def within(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def process_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.Error, OSError):
        return []


def lines(processes: list[psutil.Process]) -> list[str]:
    return [f"{process.pid}: {' '.join(process_line(process))[-150:]}" for process in processes]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    make_folder(tmp_path / "data")
    made = Owner(tmp_path / "data", SEED)
    yield made
    made.clean_up()


def test_no_kill_loses_a_turn_leaves_an_orphan_or_silences_the_brain(owner: Owner) -> None:
    assert within(owner.version_in_use_answers, PATIENCE)
    for _ in range(KILLS):
        owner.kill()
    owner.settle()
    owner.leave()
    assert set(owner.killed) == set(VICTIMS) and sum(owner.killed.values()) == KILLS
    data = DataFolder(owner.folder)
    store = Store(data.database)
    index = TurnIndex(store, data.log)
    index.ingest()
    # As whoever comes next does: on Windows what trains is ended with its host, and not asked to leave.
    reap_runs(store, data)
    assert index.count(None) == sum(1 for _ in read_turns(data.log))
    registry = Registry(data, store)
    assert registry.usable(registry.current()) and store.lease_holder("training") is None
    store.close()
