"""Which version is served by which backend, in the store: the one place that reads and writes `deployments`."""

from __future__ import annotations

from enum import Enum

from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.store import Store


class DeploymentState(str, Enum):
    """Of a version on a backend."""

    GIVEN = "given"
    """It was given to the backend, to be judged or tried or put into use, and has not answered the brain there."""
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

    def note_given(self, version: str, backend: str) -> None:
        """Before a backend gets a version: what it makes of it is found again when the version goes, also after a
        crash, and also when [serve] names another backend by then. Nothing changes where that is known already."""
        self._store.execute(
            "INSERT OR IGNORE INTO deployments (version, backend, model, digest, state, created)"
            " VALUES (?, ?, '', '', ?, ?)",
            version, backend, DeploymentState.GIVEN.value, self._store.clock(),
        )  # fmt: skip

    def backends_given(self, version: str) -> list[str]:
        """Every backend that a version was ever given to, and not taken away from."""
        rows = self._store.rows("SELECT backend FROM deployments WHERE version = ? ORDER BY created, id", version)
        return [str(row["backend"]) for row in rows]

    def versions(self) -> list[str]:
        """Every version that some backend was given, "base" among them."""
        return [str(row["version"]) for row in self._store.rows("SELECT DISTINCT version FROM deployments")]

    def drop(self, version: str, backend: str) -> None:
        """This backend has nothing of this version any more."""
        self._store.execute("DELETE FROM deployments WHERE version = ? AND backend = ?", version, backend)

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
