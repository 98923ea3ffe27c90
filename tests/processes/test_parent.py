"""A child hears its parent, and hears of its end, without ever waiting in a read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from aeon_plugin_ft.processes.parent import ParentPipe


@pytest.fixture
def pipe() -> Iterator[tuple[ParentPipe, int]]:
    """(the child's side, the parent's end)"""
    read, write = os.pipe()
    yield ParentPipe(read), write
    os.close(read)
    try:
        os.close(write)
    except OSError:
        assert write, "the test has closed it"


def test_a_parent_that_lives_is_not_gone(pipe: tuple[ParentPipe, int]) -> None:
    parent, end = pipe
    began = time.monotonic()
    assert not parent.gone() and time.monotonic() - began < 5
    assert not parent.gone(within=0.2) and time.monotonic() - began >= 0.2
    os.write(end, b"drain")
    assert not parent.gone(within=0.1)


def test_its_end_is_noticed_while_somebody_waits_for_it(pipe: tuple[ParentPipe, int]) -> None:
    parent, end = pipe
    closing = threading.Timer(0.2, os.close, (end,))
    closing.start()
    assert parent.gone(within=60)
    closing.join()
    assert parent.gone() and parent.line() is None


def test_lines_come_whole_and_in_order_and_what_a_look_has_seen_is_kept(pipe: tuple[ParentPipe, int]) -> None:
    parent, end = pipe
    os.write(end, 'é\r\n{"a": 1}\ndra'.encode())
    assert not parent.gone()
    assert (parent.line(), parent.line()) == ("é", '{"a": 1}')
    writing = threading.Timer(0.2, lambda: (os.write(end, b"in 5\nhalf"), os.close(end)))
    writing.start()
    assert parent.line() == "drain 5"
    writing.join()
    assert parent.line() is None


CHILD = """
import ctypes, sys, threading, time
from aeon_plugin_ft.processes.parent import ParentPipe, leave_now
parent = ParentPipe()
def watch():
    while not parent.gone(within=60):
        pass
    print("parent gone", flush=True)
    leave_now(7)
threading.Thread(target=watch, daemon=True).start()
time.sleep(0.3)
import os
os.fstat(0)  # what OpenBLAS asks for while it is loaded
print("asked", flush=True)
time.sleep(600)
"""


def test_a_child_that_watches_its_parent_may_ask_what_its_stdin_is() -> None:
    """On Windows a read that waits would hold up the question for ever (numpy issue 24290)."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    late = threading.Timer(60, child.kill)
    late.start()
    try:
        assert child.stdout.readline() == "asked\n"
        child.stdin.close()
        assert child.stdout.readline() == "parent gone\n"
        assert child.wait(30) == 7
    finally:
        late.cancel()
        late.join()
        child.kill()
        child.stdout.close()


BUSY = """
import ctypes, sys, time
from aeon_plugin_ft.processes.parent import ParentPipe
parent = ParentPipe()
with parent.watched():
    pass
print("over", flush=True)
print(parent.line(), flush=True)
with parent.watched():
    print("busy", flush=True)
    {work}
"""
KEEPS_GIL = "ctypes.PyDLL(None).sleep(600)"
"""As llama.cpp's binding does while it loads a model: no other thread of Python's runs."""


@pytest.mark.parametrize(
    "work",
    [
        "time.sleep(600)",
        pytest.param(KEEPS_GIL, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux' own")),
    ],
)
def test_a_child_that_is_busy_ends_with_its_parent(work: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY.format(work=work)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdin is not None and child.stdout is not None
            assert child.stdout.readline() == "over\n"
            child.stdin.write("order\n")
            child.stdin.flush()
            assert (child.stdout.readline(), child.stdout.readline()) == ("order\n", "busy\n")
            assert child.poll() is None
            child.stdin.close()
            child.wait(10)
        finally:
            child.kill()
