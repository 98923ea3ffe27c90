"""Taking models away: what another one replaced, what a failed swap made, and what an earlier process has left."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping

from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.serving.deployments import DeploymentState, DeploymentTable
from aeon_plugin_ft.serving.journal import Journal
from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.settings import ServeSection

log = logging.getLogger("aeon_ft.serving")

Place = tuple[str, str]
"""A version and the backend that serves it."""


def place_of(deployment: Deployment | None) -> Place | None:
    """Where a deployment stands in the table of deployments."""
    return None if deployment is None else (deployment.version, deployment.backend)


class Leaving:
    """`used` is in each call what answers now, and stays: the same version on the same backend may be there twice for a
    moment, at two addresses, and only the older one goes."""

    def __init__(
        self, deployers: Mapping[str, Deployer], settings: Callable[[], ServeSection], table: DeploymentTable,
        journal: Journal,
    ) -> None:  # fmt: skip
        self._deployers, self._settings, self._table, self._journal = deployers, settings, table, journal

    def retire(self, deployment: Deployment, used: Place | None) -> None:
        """Take a deployment out of memory, with what a process that is gone has left of it. Raises ServingError."""
        deployer = self._deployers.get(deployment.backend)
        if deployer is not None:
            deployer.retire(deployment, self._settings())
        # At the same place the new one stands in that row, and to abandon the name would take it away with the old one.
        if place_of(deployment) != used:
            if deployer is not None:
                deployer.abandon(deployment.version, self._settings())
            self._table.keep(deployment, DeploymentState.RETIRED)

    def abandon(self, backend: str, version: str, deployment: Deployment | None, used: Place | None) -> None:
        """Take away what a swap that failed has made, also when it did not come to a deployment. What cannot be taken
        away is only reported: the brain has its old model already."""
        deployer = self._deployers.get(backend)
        try:
            if deployment is not None:
                self.retire(deployment, used)
            elif deployer is not None:
                deployer.abandon(version, self._settings())
        except (AeonFtError, sqlite3.Error) as error:
            log.warning("what is left of %s could not be taken away: %s", version, error)

    def retire_left(self, used: Place) -> None:
        """Take away what an earlier process served and nobody uses now, as far as it was recorded."""
        for version, backend in self._table.serving():
            # A backend whose plugin was removed: nobody here knows how to take its models away.
            if (version, backend) == used or backend not in self._deployers:
                continue
            deployed = self._journal.last_deployed(version, backend)
            if deployed is not None:
                self.abandon(backend, version, Deployment.from_record(deployed), used)


def renewed(old: Deployment, serving: Deployment | None) -> bool:
    """Whether the same name at the same place serves again, so that nothing is to be taken away."""
    return serving is not None and place_of(old) == place_of(serving) and old.route == serving.route
