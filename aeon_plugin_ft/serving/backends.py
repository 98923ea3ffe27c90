"""The deployers by the names of [serve] backend, each made on first use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.deployments import DeploymentTable
from aeon_plugin_ft.serving.model import Deployer, Deployment, OnMoved, OnStep, unheard
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder

_say = Speaker("errors/serving")

Factory = Callable[[], Deployer]


class Backends(Mapping[str, Deployer]):
    """`backends["embedded"]` and so on; making one costs nothing until it deploys. `close()` ends all.

    `settings` gives [serve] as it stands; `system_prompt` the owner's prompt, which servers compute ahead.
    """

    def __init__(
        self, data: DataFolder, settings: Callable[[], ServeSection], *, system_prompt: Callable[[], str]
    ) -> None:
        self.settings = settings
        self._factories: dict[str, Factory] = {
            "embedded": lambda: _embedded(data, system_prompt),
            "ollama": lambda: _ollama(data, system_prompt),
            "groq": lambda: _groq(data),
            "openai": lambda: _openai(data, system_prompt),
        }
        self._made: dict[str, Deployer] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Deployer:
        with self._lock:
            if name not in self._made:
                self._made[name] = self._factories[name]()
            return self._made[name]

    def chosen(self) -> Deployer:
        """That of [serve] backend. Raises ServingError when no plugin here adds it."""
        return deployer_named(self.settings().backend, self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._factories)

    def __len__(self) -> int:
        return len(self._factories)

    def __contains__(self, name: object) -> bool:
        return name in self._factories

    def add(self, name: str, factory: Factory) -> None:
        """Another backend, "plugin.NAME" in [serve] backend; see `ft_register_deployers`."""
        self._factories[name] = factory

    def close(self) -> None:
        """End every child of every backend that was used."""
        with self._lock:
            # Taken out under the lock, ended outside it: a child may take seconds to leave, and its thread may ask for
            # a backend.
            made, self._made = list(self._made.values()), {}
        for deployer in made:
            deployer.close()


def deployer_named(backend: str, deployers: Mapping[str, Deployer]) -> Deployer:
    """The deployer of that name in [serve] backend. Raises ServingError when no plugin here adds it."""
    if backend not in deployers:
        names = ", ".join(deployers) or _say("backend.none")
        raise ServingError(*_say.error("backend.unknown", backend=backend, names=names))
    return deployers[backend]


def deploy_judged(
    backend: str,
    deployer: Deployer,
    table: DeploymentTable,
    version: Version | None,
    base: BaseModel,
    settings: ServeSection,
    on_step: OnStep = unheard,
    on_moved: OnMoved = unheard,
) -> Deployment:
    """The one way from a version (None: the base itself) to something that serves it.

    Its files are read first: what answers is what was judged. Then the store is told who gets it, so that it can be
    taken away again whatever happens. Raises RegistryError for a version whose files were changed, ServingError.
    """
    if version is not None:
        version.require_whole()
        table.note_given(version.name, backend)
    deployment = deployer.deploy(version, base, settings, on_step, on_moved)
    # A plugin's backend is called plugin.NAME here, whatever it calls itself.
    return replace(deployment, backend=backend)


def _embedded(data: DataFolder, system_prompt: Callable[[], str]) -> Deployer:
    from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer

    return EmbeddedDeployer(data, system_prompt=system_prompt)


def _ollama(data: DataFolder, system_prompt: Callable[[], str]) -> Deployer:
    from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer

    return OllamaDeployer(data, system_prompt=system_prompt)


def _groq(data: DataFolder) -> Deployer:
    from aeon_plugin_ft.serving.groq.deployer import GroqDeployer

    return GroqDeployer(data)


def _openai(data: DataFolder, system_prompt: Callable[[], str]) -> Deployer:
    from aeon_plugin_ft.serving.openai.deployer import OpenAIDeployer

    return OpenAIDeployer(data, system_prompt=system_prompt)
