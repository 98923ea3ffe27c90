"""The deployers by the names of [serve] backend, each made on first use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.serving.model import Deployer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder

Factory = Callable[[], Deployer]


class Backends(Mapping[str, Deployer]):
    """`backends["embedded"]` and so on; making one costs nothing until it deploys. `close()` ends all."""

    def __init__(self, data: DataFolder, settings: ServeSection, *, system_prompt: Callable[[], str]) -> None:
        self.settings = settings
        self._factories: dict[str, Factory] = {
            "embedded": lambda: _embedded(data, self.settings, system_prompt),
            "ollama": lambda: _ollama(data, self.settings, system_prompt),
            "groq": lambda: _groq(data, self.settings),
            "openai": lambda: _openai(data, self.settings, system_prompt),
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
        if self.settings.backend not in self:
            raise ServingError(
                f"There is no backend {self.settings.backend} here", f"Set [serve] backend to one of: {', '.join(self)}"
            )
        return self[self.settings.backend]

    def __iter__(self) -> Iterator[str]:
        return iter(self._factories)

    def __len__(self) -> int:
        return len(self._factories)

    def __contains__(self, name: object) -> bool:
        return name in self._factories

    def add(self, name: str, factory: Factory) -> None:
        """Another backend, "plugin.NAME" in [serve] backend; see `ft_register_deployers`."""
        self._factories[name] = factory

    def use(self, settings: ServeSection) -> None:
        """[serve] was changed: it counts from the next deployment on; what is served now goes on as it is."""
        with self._lock:
            self.settings = settings
            for deployer in self._made.values():
                if hasattr(deployer, "settings"):
                    deployer.settings = settings

    def close(self) -> None:
        """End every child of every backend that was used."""
        with self._lock:
            made, self._made = list(self._made.values()), {}
        for deployer in made:
            deployer.close()


def _embedded(data: DataFolder, settings: ServeSection, system_prompt: Callable[[], str]) -> Deployer:
    from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer

    return EmbeddedDeployer(data, settings, system_prompt=system_prompt)


def _ollama(data: DataFolder, settings: ServeSection, system_prompt: Callable[[], str]) -> Deployer:
    from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer

    return OllamaDeployer(data, settings, system_prompt=system_prompt)


def _groq(data: DataFolder, settings: ServeSection) -> Deployer:
    from aeon_plugin_ft.serving.groq.deployer import GroqDeployer

    return GroqDeployer(data, settings)


def _openai(data: DataFolder, settings: ServeSection, system_prompt: Callable[[], str]) -> Deployer:
    from aeon_plugin_ft.serving.openai.deployer import OpenAIDeployer

    return OpenAIDeployer(data, settings, system_prompt=system_prompt)
