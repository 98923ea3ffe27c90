"""The queue of a cluster that many owners share, with a clock of its own: who trains, who waits, who makes room."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from aeon_plugin_ft.training.places.fair import SILENT_SECONDS, FairQueue


@dataclass
class Shared:
    """A cluster and the runs on it; each asks every second, as the jobs do."""

    cards: int = 1
    now: float = 0.0
    left: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    most: int = 0

    def __post_init__(self) -> None:
        self.queue = FairQueue(self.cards, 60.0, lambda: self.now)
        self.owners: dict[str, str] = {}
        self.training: set[str] = set()

    def add(self, owner: str, run: str, seconds: float) -> None:
        self.owners[run], self.left[run] = owner, seconds
        self.queue.may_train(owner, run)

    def second(self) -> None:
        for run in list(self.left):
            if run not in self.training:
                if self.queue.may_train(self.owners[run], run):
                    self.training.add(run)
                continue
            self.left[run] -= 1
            if self.left[run] <= 0:
                del self.left[run]
                self.training.discard(run)
                self.ended[run] = self.now
                self.queue.leave(run)
            elif self.queue.must_leave(run):
                self.training.discard(run)
                self.queue.wait_again(run)
        self.most = max(self.most, len(self.training))
        self.now += 1

    def until_done(self) -> None:
        while self.left:
            self.second()
            assert self.now < 1e5, self.left


def test_one_owners_thousands_do_not_starve_anothers_hundred() -> None:
    shared = Shared()
    for number in range(10):
        shared.add("rico", f"big{number}", 1000)
    for _ in range(300):
        shared.second()
    came = shared.now
    shared.add("ana", "small", 100)
    shared.until_done()
    # Half of the card is hers while she needs it: not behind ten thousand seconds of work.
    assert shared.ended["small"] - came < 3 * 100
    assert sum(end > shared.ended["small"] for run, end in shared.ended.items() if run != "small") == 10
    # And nothing is lost of his.
    assert len(shared.ended) == 11 and shared.now == pytest.approx(10_100, rel=0.02)


def test_owners_get_equal_parts_however_many_runs_each_has() -> None:
    shared = Shared(cards=2)
    for owner, runs in (("a", 1), ("b", 2), ("c", 7)):
        for number in range(runs):
            shared.add(owner, f"{owner}{number}", 10_000)
    for _ in range(3000):
        shared.second()
    parts = shared.queue.report()
    assert shared.most == 2 and sum(parts.values()) == pytest.approx(6000, rel=0.05)
    assert max(parts.values()) < 1.1 * min(parts.values()), parts


def test_alone_nobody_is_asked_to_leave() -> None:
    shared = Shared()
    shared.add("a", "one", 500)
    shared.add("a", "two", 500)
    for _ in range(490):
        shared.second()
    # One of an owner's own runs has no more of a claim than the other.
    assert shared.left["one"] < 20 and shared.left["two"] == 500


def test_who_was_away_stands_level_with_the_rest_and_not_before_them() -> None:
    shared = Shared()
    shared.add("a", "old", 5000)
    for _ in range(2000):
        shared.second()
    shared.add("b", "new", 5000)
    for _ in range(1000):
        shared.second()
    parts = shared.queue.report()
    assert 400 < 5000 - shared.left["new"] < 600, "two thousand seconds were not saved up"
    assert parts["a"] == pytest.approx(parts["b"], rel=0.1)


def test_a_job_that_died_gives_its_card_back() -> None:
    shared = Shared()
    queue = shared.queue
    assert queue.may_train("a", "dead") and not queue.may_train("b", "waits")
    shared.now = SILENT_SECONDS - 1
    assert not queue.may_train("b", "waits")
    shared.now = SILENT_SECONDS + 2
    assert queue.may_train("b", "waits")
    # Found again it has no card: it must leave the one that it believes it has.
    assert queue.must_leave("dead") and not queue.may_train("a", "dead")
    assert queue.report()["a"] == SILENT_SECONDS, "what it had until then is on its account"


def test_no_more_train_than_there_are_cards_and_none_stays_free() -> None:
    shared = Shared(cards=3)
    for number in range(20):
        shared.add(f"owner{number % 4}", f"run{number}", 130 + number)
    shared.until_done()
    assert shared.most == 3
    assert shared.now < 1.1 * sum(130 + number for number in range(20)) / 3 + 200


def test_the_last_one_to_leave_is_told_so() -> None:
    queue = FairQueue(1, clock=lambda: 0.0)
    queue.may_train("a", "1")
    queue.may_train("b", "2")
    assert queue.leave("1") == 1 and queue.leave("2") == 0 and queue.report() == {}
