"""Serves a candidate beside the model in use, for a share of the sessions. Nothing of it is in the journal of
swaps: after a crash the store still says that the trial goes on, and it is deployed anew."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.serving.routes import Canary, RouteTable

log = logging.getLogger("aeon_ft.serving")


class CanaryServer:
    """One candidate at a time; called from one thread."""

    def __init__(self, routes: RouteTable, deployers: Mapping[str, Deployer]) -> None:
        self.routes, self.deployers = routes, deployers
        self.serving: Deployment | None = None

    def serve(self, version: Version, base: BaseModel, backend: str, share: float) -> None:
        """Deploy, prove, then route its share of the sessions to it. Raises ServingError; the brain then goes on
        with what it has."""
        if self.serving is not None and self.serving.version == version.name:
            return
        self.stop()
        deployment = self.deployers[backend].deploy(version, base)
        self.serving = deployment
        self.routes.canary = Canary(deployment.route, share)

    def stop(self) -> None:
        """Route nothing to it any more, let its replies end, take it away."""
        deployment, self.serving, self.routes.canary = self.serving, None, None
        if deployment is None:
            return
        try:
            self.routes.wait_unused(deployment.route, deployment.route.timeout_s)
            self.deployers[deployment.backend].retire(deployment)
        except AeonFtError as error:
            log.warning("the candidate %s could not be taken away: %s", deployment.version, error)
