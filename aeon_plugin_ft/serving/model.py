"""A deployment: a version made servable by one backend, with the proof that it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.registry.model import Version
from hooks import Route


@dataclass(frozen=True, slots=True)
class Deployment:
    """`route` answers with this version. `digest` is the backend's own name of the served weights, compared
    before the route flips. `version` is "base" for the base model itself. `proof` is what was measured of how
    faithfully it serves, in plain values; it is kept in the version's manifest."""

    version: str
    backend: str
    model: str
    digest: str
    route: Route
    proof: Mapping[str, Any] = field(default_factory=dict, compare=False)


class Deployer(Protocol):
    """Takes a version to one backend. Every method may be called again after a crash (idempotent)."""

    name: str

    def deploy(self, version: Version | None, base: BaseModel) -> Deployment:
        """Make it servable, load it and prove that it serves; None means the base itself.

        Raises ServingError. Nothing the brain uses now is touched.
        """

    def check(self, deployment: Deployment) -> None:
        """Raise ServingError unless the deployment answers now, with the expected digest."""

    def retire(self, deployment: Deployment) -> None:
        """Drain and take away what `deploy` made, after another deployment has taken over."""

    def close(self) -> None:
        """End every child and free every port."""


@runtime_checkable
class Discarding(Protocol):
    """A deployer whose backend keeps what it was given until it is told otherwise."""

    def discard(self, version: str) -> None:
        """Take away everything of a version that was refused; nothing happens when there is nothing."""
