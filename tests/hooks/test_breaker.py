"""The circuit breaker: three failures, a rest, one try."""

from __future__ import annotations

from hooks import Route
from hooks.breaker import Breaker

BAD, OTHER = Route("embedded", "v1", "http://127.0.0.1:1"), Route("embedded", "v2", "http://127.0.0.1:1")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_three_failures_in_a_row_rest_for_a_minute_then_one_call_tries() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    assert [breaker.failed(BAD) for _ in range(3)] == [False, False, True]
    assert not breaker.allows(BAD) and breaker.allows(OTHER)
    clock.now += 60
    assert breaker.allows(BAD)
    assert not breaker.allows(BAD)  # the others wait for its outcome
    assert breaker.failed(BAD) is False and not breaker.allows(BAD)
    clock.now += 60
    assert breaker.allows(BAD)
    breaker.worked(BAD)
    assert breaker.allows(BAD)
    assert breaker.failed(BAD) is False and breaker.allows(BAD)


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(BAD)
        breaker.failed(BAD)
        breaker.worked(BAD)
    assert breaker.allows(BAD)
