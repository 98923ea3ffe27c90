"""How threads wait for one another: spinning on a quiet machine, asleep beside others."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from aeon_plugin_ft.processes.calm import QUIET_LOOKS, Calm, Others

linux = pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP is PyTorch's on Linux only")

WAITING = """
import json, time, torch
from aeon_plugin_ft.processes.calm import Crowd, gnu_openmp

torch.set_num_threads(2)
numbers = torch.linspace(-3, 3, 200_000)

def cost():
    # After each operator the second thread waits for the next one, which is long in coming.
    began, results = time.process_time(), []
    for _ in range(60):
        results.append(torch.sin(numbers).sum().item())
        time.sleep(0.01)
    return time.process_time() - began, results

cost()
crowd = Crowd(gnu_openmp(), 2)
alone, expected = cost()
crowd.gather()
crowd.gather()
beside_others, same = cost()
crowd.dissolve()
crowd.dissolve()
alone_again, _ = cost()
print(json.dumps([alone, beside_others, alone_again, expected == same, crowd.gathered]))
"""


class Heard:
    """A crowd that only notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def gather(self) -> None:
        self.told.append("gather")

    def dissolve(self) -> None:
        self.told.append("dissolve")


def looked(threads: int, cores: int, takes: list[float | None]) -> list[str]:
    crowd: Any = Heard()
    left = iter(takes)
    calm = Calm(threads, crowd, lambda: next(left), cores)
    for _ in takes:
        calm.look()
    return crowd.told  # type: ignore[no-any-return]


def test_threads_that_need_every_core_are_held_up_by_one_busy_program() -> None:
    assert looked(2, 2, [0.0, 1.0]) == ["gather"]


def test_cores_that_no_thread_needs_may_be_busy() -> None:
    assert looked(6, 12, [5.9, 6.0, 6.05]) == ["dissolve"]
    assert looked(6, 12, [7.0]) == ["gather"]


def test_they_spin_again_when_it_has_been_quiet_for_a_while() -> None:
    assert looked(2, 2, [1.0, *[0.02] * QUIET_LOOKS]) == ["gather", "dissolve"]
    assert looked(2, 2, [1.0, *[0.02] * (QUIET_LOOKS - 1), 0.2, 0.02]) == ["gather"]


def test_where_the_system_does_not_say_nothing_changes() -> None:
    assert looked(2, 2, [None, None]) == []


@linux
def test_a_busy_program_is_seen_and_this_one_is_not_among_the_others() -> None:
    others = Others()
    assert others() is None  # no time has gone by
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            busy.wait(1.5)
        except subprocess.TimeoutExpired:
            taken = others()
        finally:
            busy.kill()
    assert taken is not None and taken > 0.1


@linux
def test_beside_others_a_waiting_thread_sleeps_and_computes_the_same() -> None:
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", WAITING], capture_output=True, text=True, check=True)
    alone, beside_others, alone_again, same, gathered = json.loads(ran.stdout)
    assert beside_others < alone / 2 and beside_others < alone_again / 2
    assert same and not gathered


SHARING = """
import json, threading, torch
from aeon_plugin_ft.processes.calm import compute_alone

torch.set_num_threads(2)
numbers, results, shared_by = torch.linspace(-3, 3, 200_000), [], []

def compute(*first):
    for prepare in first:
        prepare()
    results.append(torch.sin(numbers).tolist())
    shared_by.append(torch.get_num_threads())

for first in ([], [compute_alone], []):
    thread = threading.Thread(target=compute, args=first)
    thread.start()
    thread.join()
compute()
print(json.dumps([shared_by, all(one == results[0] for one in results)]))
"""


@linux
def test_a_thread_that_computes_alone_leaves_others_their_teams_and_computes_the_same() -> None:
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", SHARING], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [[2, 1, 2, 2], True]
