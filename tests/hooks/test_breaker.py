"""The circuit breaker: three failures, a rest, one try, and longer rests for what does not come back."""

from __future__ import annotations

from hooks import Route
from hooks.breaker import Breaker

BAD, OTHER = Route("embedded", "v1", "http://127.0.0.1:1"), Route("embedded", "v2", "http://127.0.0.1:1")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_three_failures_in_a_row_rest_for_seconds_then_one_call_tries() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    assert [breaker.failed(BAD) for _ in range(3)] == [False, False, True]
    assert not breaker.allows(BAD) and breaker.allows(OTHER)
    clock.now += 4
    assert breaker.allows(BAD)
    assert not breaker.allows(BAD)  # the others wait for its outcome
    assert breaker.failed(BAD) is False and not breaker.allows(BAD)
    clock.now += 4
    assert not breaker.allows(BAD)
    clock.now += 4
    assert breaker.allows(BAD)
    breaker.worked(BAD)
    assert breaker.allows(BAD)
    assert breaker.failed(BAD) is False and breaker.allows(BAD)


def test_what_does_not_come_back_rests_longer_each_time_but_never_over_a_minute() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    for _ in range(3):
        breaker.failed(BAD)
    rests = []
    for _ in range(7):
        began = clock.now
        while not breaker.allows(BAD):
            clock.now += 1
        rests.append(clock.now - began)
        breaker.failed(BAD)
    assert rests == [4, 8, 16, 32, 60, 60, 60]


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(BAD)
        breaker.failed(BAD)
        breaker.worked(BAD)
    assert breaker.allows(BAD)
