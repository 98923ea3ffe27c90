"""What a backend must do to serve a version: one contract, whole, for the swap, the canary, the judge and prune.

A deployer keeps no settings and no listener: [serve] as it stands and whoever wants to hear the steps are arguments of
the call, so that the judge's thread and a swap never share them, and a saved change counts from the next call on.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.settings import ServeSection
from hooks import Route
from hooks.providers.secrets import without_login

_OF_A_CALL = frozenset({"examples", "memories", "last_resort"})
"""Fields of a route that no deployment has."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A version made servable by one backend, with the proof that it serves.

    `route` answers with this version. `digest` is the backend's own name of the served weights, compared before the
    route flips. `version` is "base" for the base model itself. `backend` is the name in [serve] backend. `proof` is
    what was measured of how faithfully it serves, in plain values; it is kept in the version's manifest. `at_once` is
    how many questions it computes side by side in about the time of one.
    """

    version: str
    backend: str
    model: str
    digest: str
    route: Route
    proof: Mapping[str, Any] = field(default_factory=dict, compare=False)
    at_once: int = field(default=1, compare=False)

    def record(self) -> dict[str, Any]:
        """For the journal: everything but what opens the server, which the deployer gets anew where it gets it now."""
        url = self.route.base_url and without_login(self.route.base_url)
        return {**asdict(self), "route": {**asdict(self.route), "token": None, "base_url": url, "fallback": ()}}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Deployment:
        """The deployment of `record()`, without its token."""
        # What belongs to one call is left out: as lists, which JSON makes of it, the route would equal no other.
        route = {key: value for key, value in record["route"].items() if key not in _OF_A_CALL}
        adapters = tuple((int(id), float(scale)) for id, scale in route.get("adapters", ()))
        return cls(**{**record, "route": Route(**{**route, "fallback": (), "adapters": adapters})})


OnStep = Callable[[SwapStep], None]
"""Hears each step of one deployment before the next begins."""
OnMoved = Callable[[Deployment, Deployment], None]
"""Hears (old, new) of a deployment that had to take another address after a crash, on a thread of the deployer's."""


def unheard(*_: Any) -> None:
    """The listener of a deployment that nobody follows."""


class Deployer(ABC):
    """One backend. Every method may be called again after a crash (idempotent), and from any thread.

    `settings` is [serve] as it stands at the call. Where a deployment is given it is found where it was made, whatever
    [serve] says now. A backend defines the first three methods; the others have defaults for one that keeps nothing.
    """

    name: str
    """As in [serve] backend."""

    @abstractmethod
    def deploy(
        self, version: Version | None, base: BaseModel, settings: ServeSection, on_step: OnStep = unheard,
        on_moved: OnMoved = unheard,
    ) -> Deployment:  # fmt: skip
        """Make it servable, load it and prove that it serves. None is the base itself: that is how one goes back to it.

        Raises ServingError. Nothing that the brain uses now is touched.
        """

    @abstractmethod
    def check(self, deployment: Deployment) -> None:
        """Raise ServingError unless the deployment answers now, with the expected digest."""

    @abstractmethod
    def retire(self, deployment: Deployment, settings: ServeSection) -> None:
        """Drain it and take it out of memory, after another deployment has taken over. What going back to it needs may
        stay, within what `settings` allow. Nothing happens when it is gone already."""

    def fits(self, deployment: Deployment, settings: ServeSection) -> bool:
        """Whether a deployment of this backend is served as `settings` say: at that address, in that size. False: it
        must be deployed anew, and the one in use answers until then."""
        return True

    def abandon(self, version: str, settings: ServeSection) -> None:  # noqa: B027 - nothing is right for a backend that keeps nothing
        """Take away what a `deploy` that was cut off has left of a version (or "base"), and free the memory of a model
        that nobody uses any more; a proven one may stay on the disk."""

    def discard(self, version: str, settings: ServeSection) -> None:  # noqa: B027 - likewise
        """Take away everything of a version that is never used again: refused, pruned or tainted."""

    def warm_prompt(self, deployment: Deployment) -> None:  # noqa: B027 - likewise
        """Answer one short question on the route that the brain uses now, under the owner's system prompt: a server
        keeps what it computed for the newest prompt, and the owner's next question is to find that ready. Raises
        ServingError. Nothing to do for a backend that keeps no prompt."""

    def close(self) -> None:  # noqa: B027 - likewise
        """End every child and free every port. May be called twice."""


def lacks(deployer: object) -> list[str]:
    """What of the contract an object does not have, by name: methods, or parameters of theirs; [] for a Deployer. It
    need not inherit from it."""
    missing = [] if isinstance(getattr(deployer, "name", None), str) else ["name"]
    for name, contract in inspect.getmembers(Deployer, inspect.isfunction):
        if name.startswith("_"):
            continue
        method = getattr(deployer, name, None)
        if not callable(method):
            missing.append(f"{name}()")
            continue
        parameters = list(inspect.signature(contract).parameters)[1:]
        try:
            # By position and number, as they are called here; the names are the other side's own.
            inspect.signature(method).bind(*parameters)
        except TypeError:
            missing.append(f"{name}({', '.join(parameters)})")
    return missing
