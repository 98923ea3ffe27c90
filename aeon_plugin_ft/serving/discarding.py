"""Taking versions that are never used again away from every backend that was given them.

A backend may keep gigabytes of a version (a tag in Ollama, an upload at Groq), and [serve] may name another one since.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.serving.deployments import DeploymentTable
from aeon_plugin_ft.serving.model import Deployer
from aeon_plugin_ft.settings import ServeSection

log = logging.getLogger("aeon_ft.serving")


def discard(
    versions: Iterable[str], deployers: Mapping[str, Deployer], settings: ServeSection, table: DeploymentTable
) -> None:
    """Discard them everywhere. A backend that cannot be asked now (it is offline, or belongs to a plugin that is not
    here) stays in the table, so that the next clean-up asks it."""
    for version in versions:
        # The configured one is asked in any case: it may hold what was made before the table noted it.
        for backend in dict.fromkeys((*table.backends_given(version), settings.backend)):
            deployer = deployers.get(backend)
            if deployer is None:
                continue
            try:
                deployer.discard(version, settings)
            except ServingError as error:
                table.note_given(version, backend)
                log.warning("%s could not be taken away from %s: %s", version, backend, error)
            else:
                table.drop(version, backend)
