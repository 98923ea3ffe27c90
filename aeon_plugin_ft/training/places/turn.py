"""A run's turn on a Ray cluster: its job's side of the one `FairQueue` there, which is a named actor of Ray's.

The actor is made by whoever comes first and ended by whoever leaves last, so that nothing of ours stays on a cluster
that nobody trains on. Whoever meets it just ended makes a new one, and stands in that.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable
from typing import Any

from aeon_plugin_ft.training.places.fair import FairQueue

log = logging.getLogger("aeon_ft.training")

NAME, NAMESPACE = "aeon-ft-queue", "aeon-ft"
ASK_SECONDS = 2.0
ANSWER_SECONDS = 60.0
TRIES = 5


class Turn:
    """One run's, of the owner `owner`: an opaque name that its data folder has."""

    def __init__(self, ray: Any, owner: str, run: str) -> None:
        self.ray, self.owner, self.run = ray, owner, run
        self._asked = 0.0
        self._must_leave = False

    def wait(self, waiting: Callable[[], None]) -> None:
        """Until it may train; `waiting` is called between two questions and may raise."""
        while not self._or_none("may_train", self.owner, self.run):
            waiting()
            time.sleep(ASK_SECONDS / 4)
        self._must_leave, self._asked = False, time.monotonic()

    def over(self) -> bool:
        """Whether somebody else is to train now. Asked often, it asks itself every ASK_SECONDS only."""
        if not self._must_leave and time.monotonic() - self._asked >= ASK_SECONDS:
            self._asked = time.monotonic()
            # Where nobody answers, nobody waits for it either.
            self._must_leave = bool(self._or_none("must_leave", self.run))
        return self._must_leave

    def again(self) -> None:
        """It has left its card, and waits for the next turn."""
        self._or_none("wait_again", self.run)

    def leave(self) -> None:
        """It has ended, or was paused. The last one ends the queue."""
        if self._or_none("leave", self.run) == 0:
            try:
                self.ray.kill(self.ray.get_actor(NAME, namespace=NAMESPACE))
            except ValueError:
                return  # somebody else was faster

    def _or_none(self, method: str, *arguments: Any) -> Any:
        """As `_ask`; a queue that is in trouble must not end a training."""
        try:
            return self._ask(method, *arguments)
        except TimeoutError as error:
            log.warning("%s", error)
            return None

    def _ask(self, method: str, *arguments: Any) -> Any:
        for _ in range(TRIES):
            try:
                answer = getattr(self._queue(), method).remote(*arguments)
                return self.ray.get(answer, timeout=ANSWER_SECONDS)
            except (self.ray.exceptions.RayActorError, ValueError):
                # It was ended in this moment by the last of the others: a new one is made.
                time.sleep(ASK_SECONDS / 4)
        raise TimeoutError("the cluster's queue does not answer")

    def _queue(self) -> Any:
        try:
            return self.ray.get_actor(NAME, namespace=NAMESPACE)
        except ValueError:
            options: dict[str, Any] = {
                "name": NAME, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True, "num_cpus": 0,
            }  # fmt: skip
            # On the head: the node that trains may go, and what everybody has had would go with it.
            strategies = importlib.import_module("ray.util.scheduling_strategies")
            here = self.ray.get_runtime_context().get_node_id()
            options["scheduling_strategy"] = strategies.NodeAffinitySchedulingStrategy(here, soft=True)
            return self.ray.remote(FairQueue).options(**options).remote(cards(self.ray))


def cards(ray: Any) -> int:
    """How many runs at a time: one for each GPU; on a cluster without any, one for each node beside the head."""
    gpus = int(ray.cluster_resources().get("GPU", 0))
    nodes = sum(bool(node["Alive"] and node["Resources"].get("CPU")) for node in ray.nodes())
    return gpus or max(1, nodes - 1)
