"""One route per call, from its start to its end."""

from __future__ import annotations

import json
import threading
import time

from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.serving.routes import RouteTable
from hooks import Route

OLD = Route("embedded", "aeon-ft:base", base_url="http://127.0.0.1:1", token="a", timeout_s=10)
NEW = Route("embedded", "aeon-ft:v0001", base_url="http://127.0.0.1:2", token="b", version="v0001")


def test_without_a_route_the_host_chooses() -> None:
    table = RouteTable()
    assert table.current is None
    assert table.acquire("call") is None
    table.release("call")


def test_a_call_keeps_its_route_through_a_flip() -> None:
    table = RouteTable()
    table.flip(OLD)
    assert table.acquire("one") is OLD
    assert table.flip(NEW) is OLD
    assert table.acquire("one") is OLD
    assert table.acquire("two") is NEW
    assert table.users(OLD) == table.users(NEW) == 1
    table.release("one")
    table.release("one")
    table.release("never seen")
    assert table.users(OLD) == 0
    assert table.acquire("one") is NEW


def test_waiting_ends_with_the_last_call() -> None:
    table = RouteTable()
    table.flip(OLD)
    table.acquire("one")
    assert not table.wait_unused(OLD, 0.05)
    thread = threading.Timer(0.1, table.release, ["one"])
    thread.start()
    assert table.wait_unused(OLD, 5)
    thread.join()


def test_a_call_that_never_comes_back_is_forgotten() -> None:
    now = [0.0]
    table = RouteTable(clock=lambda: now[0])
    table.flip(OLD)
    table.acquire("lost")
    now[0] = 19.9
    assert table.users(OLD) == 1
    now[0] = 20.1
    assert table.users(OLD) == 0


def test_earlier_routes_are_remembered() -> None:
    table = RouteTable()
    table.flip(OLD)
    table.flip(NEW)
    assert table.history == (None, OLD)
    for _ in range(100):
        table.flip(OLD)
    assert len(table.history) == 20


def test_a_flip_takes_less_than_a_millisecond_while_calls_come_and_go() -> None:
    table = RouteTable()
    table.flip(OLD)
    stop = threading.Event()

    def talk(number: int) -> None:
        count = 0
        while not stop.is_set():
            call = f"{number}-{count}"
            assert table.acquire(call) in (OLD, NEW)
            table.release(call)
            count += 1
            time.sleep(0.0005)

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    times = []
    for number in range(200):
        started = time.perf_counter()
        table.flip(NEW if number % 2 else OLD)
        times.append(time.perf_counter() - started)
        time.sleep(0.001)
    stop.set()
    for thread in threads:
        thread.join()
    assert sorted(times)[len(times) // 2] < 0.001, sorted(times)[-5:]


def test_a_route_that_was_read_back_counts_as_the_one_that_was_written() -> None:
    """After a crash the calls on it must still be waited for."""
    route = Route("ollama", "aeon:v1", version="v0001")
    written = Deployment("v0001", "ollama", "aeon:v1", "sha256:1", route)
    back = Deployment.from_record(json.loads(json.dumps(written.record())))
    table = RouteTable()
    table.flip(route)
    table.acquire("one")
    assert back == written and table.users(back.route) == 1
