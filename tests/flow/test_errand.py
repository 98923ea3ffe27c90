"""What the follower waits out after a failure, and what it does not."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.host import errand
from aeon_plugin_ft.host.errand import Errand


class Choice:
    """Something that is wanted and cannot be done; `meanwhile` is what is chosen while it is tried."""

    def __init__(self) -> None:
        self.wanted, self.tried = "v1", list[str]()
        self.meanwhile: str | None = None

    def do(self) -> None:
        self.tried.append(self.wanted)
        if self.meanwhile is not None:
            self.wanted, self.meanwhile = self.meanwhile, None
        raise ServingError("it cannot be served")

    def errand(self) -> Errand:
        return Errand("serving", self.do, about=lambda: self.wanted)


@pytest.fixture(autouse=True)
def long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errand, "REFUSED_SECONDS", (600.0,))


def test_what_failed_is_waited_for() -> None:
    choice = Choice()
    serving = choice.errand()
    for _ in range(3):
        serving.run()
    assert choice.tried == ["v1"]


def test_another_choice_is_tried_at_once() -> None:
    choice = Choice()
    serving = choice.errand()
    serving.run()
    choice.wanted = "v2"
    serving.run()
    serving.run()
    assert choice.tried == ["v1", "v2"]


def test_what_was_chosen_while_another_one_failed_is_tried_at_once() -> None:
    choice = Choice()
    choice.meanwhile = "v2"
    serving = choice.errand()
    for _ in range(3):
        serving.run()
    assert choice.tried == ["v1", "v2"]
