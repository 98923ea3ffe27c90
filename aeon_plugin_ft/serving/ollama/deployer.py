"""A version in Ollama: merged into the base's GGUF, imported under a name of its own, loaded and proven.

Works with every Ollama from 0.5.5 on. Adapters of Ollama's own (`adapters` in /api/create) are used only where the
owner asks for it ([serve] ollama_adapter) and the version allows it: 0.34.1 removed them, and before that a base
and its adapter cannot both be in memory, so that a swap throws out the model in use while the new one loads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.base.ollama_names import canonical_name
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.ask import warm
from aeon_plugin_ft.serving.merging.version import report_file
from aeon_plugin_ft.serving.model import Deployer, Deployment, OnMoved, OnStep, unheard
from aeon_plugin_ft.serving.ollama.deploying import OllamaDeploy
from aeon_plugin_ft.serving.ollama.server import OllamaServer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from hooks.providers import ollama_url
from hooks.providers.secrets import Logins

_say = Speaker("errors/serving")


class OllamaDeployer(Deployer):
    """For local and remote Ollamas: each call goes to the one that [serve] names at that moment, or to the one where a
    deployment was made. `say` gets a sentence before a long step, `pause` waits some seconds; `system_prompt()` is what
    the owner's talk is asked under, computed ahead."""

    name = "ollama"

    def __init__(
        self, data: DataFolder, *, say: Callable[[str], None] = lambda _: None,
        pause: Callable[[float], None] = time.sleep, system_prompt: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        self.data, self.system_prompt = data, system_prompt
        self._say, self._pause = say, pause
        self._logins = Logins()
        self._servers: dict[str, OllamaServer] = {}
        self._guard = threading.Lock()

    def server(self, url: str) -> OllamaServer:
        """The Ollama at an address, with its kept-alive connections."""
        with self._guard:
            url = self._logins.whole(url)
            if url not in self._servers:
                self._servers[url] = OllamaServer(self.data, url, self._say, self._pause)
            return self._servers[url]

    # -- the contract ----------------------------------------------------------------------------

    def deploy(
        self, version: Version | None, base: BaseModel, settings: ServeSection, on_step: OnStep = unheard,
        on_moved: OnMoved = unheard,
    ) -> Deployment:  # fmt: skip
        """Merge, import, load and prove it in the Ollama that [serve] names now. Raises ServingError."""
        server = self.server(ollama_url(settings.ollama_url))
        return OllamaDeploy(server, settings, on_step, self._say, self.system_prompt).run(version, base)

    def fits(self, deployment: Deployment, settings: ServeSection) -> bool:
        """Whether it is in the Ollama that [serve] names now."""
        return deployment.route.base_url == ollama_url(settings.ollama_url)

    def check(self, deployment: Deployment) -> None:
        """Raise ServingError unless the tag is there under the same digest, in memory, and says something."""
        server = self._server_of(deployment)
        listed = server.client.tags().get(canonical_name(deployment.model))
        if listed is None:
            raise ServingError(*_say.error("ollama.gone", model=deployment.model, version=deployment.version))
        if listed.digest != deployment.digest:
            digests = {"now": listed.digest[:19], "before": deployment.digest[:19]}
            raise ServingError(
                *_say.error("ollama.overwritten", model=deployment.model, version=deployment.version, **digests)
            )
        server.require_running(canonical_name(deployment.model), deployment.digest)
        if not server.client.says_something(deployment.model, self.system_prompt(), at_once=deployment.route.at_once):
            raise ServingError(*_say.error("ollama.silent", model=deployment.model))

    def warm_prompt(self, deployment: Deployment) -> None:
        """Ask once under the owner's prompt, which Ollama keeps computed while the model stays loaded."""
        warm(deployment.route, self.system_prompt)

    def retire(self, deployment: Deployment, settings: ServeSection) -> None:
        """Take its tag out of memory; it stays on the disk for going back, within what `settings` allow."""
        self._logins.whole(ollama_url(settings.ollama_url))  # a deployment out of the journal has none
        self._server_of(deployment).retire(canonical_name(deployment.model), settings)

    def abandon(self, version: str, settings: ServeSection) -> None:
        """Remove tags that were never proven, and the memory of a proven one that nobody uses."""
        self.server(ollama_url(settings.ollama_url)).abandon(version)

    def discard(self, version: str, settings: ServeSection) -> None:
        """From every Ollama that we ever gave it to: the address may have been changed since."""
        here = self.server(ollama_url(settings.ollama_url))
        # {here.url}: lists of the time of one Ollama name none.
        for server in {self.server(url) for url in here.ledger.addresses(version)} | {here}:
            server.discard(version)
        report_file(self.data, version).unlink(missing_ok=True)

    def close(self) -> None:
        """End its connections; the models in Ollama stay as they are."""
        with self._guard:
            servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            server.close()

    def _server_of(self, deployment: Deployment) -> OllamaServer:
        return self.server(str(deployment.route.base_url))
