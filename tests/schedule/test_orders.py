"""Orders from another process: taken once, withdrawn, or lapsed."""

from __future__ import annotations

import threading
import time

from aeon_plugin_ft.schedule.orders import LAPSES_SECONDS, OrderKind, Orders
from aeon_plugin_ft.store import Store


def test_an_order_that_nobody_takes_is_withdrawn(store: Store) -> None:
    orders = Orders(store)
    assert not orders.are_taken()
    assert orders.ask(OrderKind.TRAIN, 0.0, 0.0) is None
    assert orders.take() is None


def test_an_order_is_taken_once_and_its_outcome_comes_back(store: Store) -> None:
    answers: list[str | None] = []
    asking = threading.Thread(target=lambda: answers.append(Orders(store).ask(OrderKind.PAUSE, 30.0, 30.0)))
    asking.start()
    host, taken = Orders(store), None
    while taken is None:
        taken = host.take()
        time.sleep(0.01)
    assert taken[1] is OrderKind.PAUSE
    assert Orders(store).take() is None
    host.answer(taken[0], "not_training")
    asking.join(30)
    assert answers == ["not_training"]


def test_one_that_is_being_carried_out_is_not_done_twice(store: Store) -> None:
    answers: list[str | None] = []
    asking = threading.Thread(target=lambda: answers.append(Orders(store).ask(OrderKind.TRAIN, 30.0, 0.0)))
    asking.start()
    while Orders(store).take() is None:
        time.sleep(0.01)
    asking.join(30)
    assert answers == [""]


def test_an_order_lapses(store: Store) -> None:
    store.clock = lambda: 1000.0
    store.execute("INSERT INTO orders (at, kind) VALUES (?, 'train')", 1000.0 - LAPSES_SECONDS - 1)
    store.execute("INSERT INTO orders (at, kind) VALUES (?, 'cancel')", 1000.0)
    assert Orders(store).take() is None
    second = Orders(store).take()
    assert second is not None and second[1] is OrderKind.CANCEL


def test_one_process_at_a_time_takes_orders(store: Store) -> None:
    assert Orders(store).stand_ready("one")
    assert Orders(store).are_taken()
    assert not Orders(store).stand_ready("other")
    Orders(store).leave("one")
    assert Orders(store).stand_ready("other")
