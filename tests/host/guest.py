"""A second plugin of an Aeon, beside the real one (`drive.py --guest`): it adds, refuses and hears.

Loaded inside the driven Aeon by its path, so it imports nothing of this repository but what is installed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from aeon_plugin_ft.dataset.filters import Filter
from aeon_plugin_ft.plugin import FineTuning
from aeon_plugin_ft.serving.model import Deployer, Deployment
from hooks import Turn, hookimpl

PATIENCE = 30.0
"""Seconds until the watcher must have read the log."""
EXPECTED = 2
"""Turns that the test says and the guest does not refuse."""


class Icq:
    """A reader that finds nothing; only whether it is asked counts."""

    name, title = "icq", "ICQ"

    def sniff(self, sample: str) -> float:
        return 0.0

    def read(self, source: Any, reading: Any) -> Iterator[Any]:
        return iter(())


class Shelf(Deployer):
    """A backend that keeps nothing."""

    name = "plugin.shelf"

    def deploy(self, *_: Any) -> Deployment:
        raise NotImplementedError("nothing is ever put on this shelf")

    def check(self, deployment: Deployment) -> None:
        raise NotImplementedError("nothing is ever put on this shelf")

    def retire(self, *_: Any) -> None: ...


class Guest:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.shelves: list[str] = []

    @hookimpl
    def ft_refuse_turn(self, turn: Turn) -> str | None:
        return "the bank" if "banco" in turn.prompt else None

    @hookimpl
    def ft_event(self, event: Any) -> None:
        self.heard.append(event.name)

    @hookimpl
    def ft_register_importers(self, register: Any) -> None:
        register(Icq())

    @hookimpl
    def ft_register_filters(self, register: Any) -> None:
        register(Filter("no_cats", "Speaks of cats.", lambda turn, *_: "a cat" if "gato" in turn.user else None))

    @hookimpl
    def ft_register_deployers(self, register: Any) -> None:
        register("shelf", self._shelf)

    def _shelf(self, data: Any, settings: Any) -> Shelf:
        self.shelves.append(str(data.root))
        return Shelf()


class Pair:
    """The real plugin and its guest, and what the one made of the other."""

    def __init__(self) -> None:
        self.real, self.guest = FineTuning(), Guest()
        self.turns: list[Any] = []
        """The driver asks its plugin for the turns it kept: here they are in the log."""

    def account(self) -> dict[str, Any]:
        runtime = self.real.runtime
        if runtime is None:
            raise RuntimeError("the real plugin did not start")
        deadline = time.monotonic() + PATIENCE
        while runtime.index.count(None) < EXPECTED or "turns_logged" not in self.guest.heard:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the log was not read: {self.guest.heard}")
            time.sleep(0.02)
        backends = runtime.backends
        assert backends["plugin.shelf"] is backends["plugin.shelf"]
        return {
            "logged": [turn.user for turn in runtime.index.turns()],
            "heard": self.guest.heard,
            "importers": list(runtime.extensions.importers.names()),
            "dropped": [one.filter for one in runtime.pipeline.draft().dropped],
            "shelves": self.guest.shelves,
        }
