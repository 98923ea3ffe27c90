"""Which version is served by which backend, in the store: the one place that reads and writes `deployments`."""

from __future__ import annotations

from enum import Enum

from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.store import Store


class DeploymentState(str, Enum):
    """Of a version on a backend."""

    SERVING = "serving"
    RETIRED = "retired"
    """Out of memory; going back to it deploys it again."""


class DeploymentTable:
    """One row for each version on each backend."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, deployment: Deployment, state: DeploymentState) -> None:
        """Write down how a version stands on its backend now."""
        self._store.execute(
            "INSERT INTO deployments (version, backend, model, digest, state, created) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (version, backend) DO UPDATE SET model = excluded.model, digest = excluded.digest,"
            " state = excluded.state, created = excluded.created",
            deployment.version,
            deployment.backend,
            deployment.model,
            deployment.digest,
            state.value,
            self._store.clock(),
        )

    def serving(self) -> list[tuple[str, str]]:
        """(version, backend) of everything that was put into use and not taken away yet, oldest first."""
        rows = self._store.rows(
            "SELECT version, backend FROM deployments WHERE state = ? ORDER BY created, id",
            DeploymentState.SERVING.value,
        )
        return [(str(row["version"]), str(row["backend"])) for row in rows]

    def backend_of(self, version: str) -> str | None:
        """The backend that serves a version, the newest where there are two; None: none that is known of."""
        return next((backend for name, backend in reversed(self.serving()) if name == version), None)
