"""Names of calls, and who made them."""

from __future__ import annotations

import os
import threading
import uuid
from typing import Any

import pytest

from hooks.call import find_caller, one_line
from hooks.ids import new_id


def test_a_name_is_a_uuid4_and_never_repeats() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(new_id() for _ in range(700))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 2800
    assert all(uuid.UUID(name).version == 4 and uuid.UUID(name).variant == uuid.RFC_4122 for name in made)


if hasattr(os, "fork"):  # Windows has none

    def test_a_forked_child_does_not_repeat_its_parents_names() -> None:
        new_id()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, new_id().encode())
            os._exit(0)
        os.waitpid(child, 0)
        named = os.read(reading, 32).decode()
        os.close(reading)
        os.close(writing)
        assert named not in {new_id() for _ in range(300)}


def call_through(*modules: str) -> str:
    """find_caller() as seen below functions of modules of these names, the outermost first."""
    function: Any = find_caller
    for name in reversed(modules):
        names: dict[str, Any] = {"__name__": name, "inner": function}
        exec("def call(): return inner()", names)
        function = names["call"]
    caller: str = function()
    return caller


@pytest.mark.parametrize(
    ("modules", "caller"),
    [
        (("threading", "core.main_gui_logic"), "chat"),
        (("core.main_gui_logic", "core.module_manager", "modules.web.web_mod"), "modules.web.web_mod"),
        (("core.main_gui_logic", "someones_wrapper"), "chat"),
        (("core.console",), "chat"),
        (("core.main_gui_logic", "hooks.repairs"), "chat"),
    ],
)
def test_the_nearest_name_that_says_something_is_the_caller(modules: tuple[str, ...], caller: str) -> None:
    assert call_through(*modules) == caller


def test_an_unknown_caller_is_named_by_its_module() -> None:
    assert call_through("meu_script") == "meu_script"


def test_an_error_is_one_line() -> None:
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(KeyError) and one_line(TimeoutError()) == "TimeoutError"
    assert len(one_line("x" * 999)) == 300
