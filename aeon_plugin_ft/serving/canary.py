"""Serves a candidate beside the model in use, for a share of the sessions. Nothing of it is in the journal of
swaps: after a crash the store still says that the canary goes on, and it is deployed anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.backends import deploy_judged, deployer_named
from aeon_plugin_ft.serving.deployments import DeploymentTable
from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.serving.routes import CanaryRoute, RouteTable
from aeon_plugin_ft.settings import ServeSection

log = logging.getLogger("aeon_ft.serving")


class CanaryServer:
    """One candidate at a time; called from one thread. `settings` gives [serve] as it stands."""

    def __init__(
        self, routes: RouteTable, deployers: Mapping[str, Deployer], settings: Callable[[], ServeSection],
        table: DeploymentTable,
    ) -> None:  # fmt: skip
        self.routes, self.deployers, self.settings, self._table = routes, deployers, settings, table
        self.serving: Deployment | None = None

    def serve(self, version: Version, base: BaseModel, share: float) -> None:
        """Deploy it as [serve] says and prove it, then route its share of the sessions to it. Nothing happens while it
        is served so. Raises ServingError; the brain then goes on with what it has."""
        settings, serving = self.settings(), self.serving
        deployer = deployer_named(settings.backend, self.deployers)
        same = serving is not None and (serving.version, serving.backend) == (version.name, settings.backend)
        if serving is not None and same and deployer.fits(serving, settings):
            return
        # Only then: two candidates beside the model in use may be more than the memory holds.
        self.stop()
        deployment = deploy_judged(
            settings.backend, deployer, self._table, version, base, settings, on_moved=self._moved
        )
        self.serving = deployment
        self.routes.canary = CanaryRoute(deployment.route, share)

    def stop(self) -> None:
        """Route nothing to it any more, let its replies end, take it away."""
        deployment, self.serving, self.routes.canary = self.serving, None, None
        if deployment is None:
            return
        try:
            # The route is gone from the table already, so no new call can come while the old ones end.
            self.routes.wait_unused(deployment.route, deployment.route.timeout_s)
            self.deployers[deployment.backend].retire(deployment, self.settings())
        except AeonFtError as error:
            log.warning("the candidate %s could not be taken away: %s", deployment.version, error)

    def _moved(self, old: Deployment, new: Deployment) -> None:
        """It came back at another address after a crash: its share of the sessions follows."""
        # Each read once: this runs on the deployer's thread, and `stop` may clear them meanwhile.
        serving, canary = self.serving, self.routes.canary
        if serving is not None and canary is not None and serving.route == old.route:
            self.serving = replace(serving, route=new.route)
            self.routes.canary = CanaryRoute(new.route, canary.share)
