"""A backend on disk: what it serves is a file per version, so that orphans show after a crash."""

from __future__ import annotations

from pathlib import Path

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.errors import AeonFtError, ServingError
from aeon_plugin_ft.registry import Version
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.serving.model import Deployer, Deployment, OnMoved, OnStep, unheard
from aeon_plugin_ft.settings import ServeSection
from hooks import Route

BASE_MODEL = BaseModel("tiny", "sha256:" + "b" * 64, "llama", 1000, Path("copy"), Path("tiny.gguf"))


class FakeDeployer(Deployer):
    """Keeps its models in `folder`. `failures` maps a method's name to the error
    of its next call; `history` is what was called, in order."""

    name = "plugin.fake"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failures: dict[str, AeonFtError] = {}
        self.history: list[tuple[str, str]] = []
        self.moved: OnMoved = unheard
        """Who hears when the newest deployment takes another address."""
        folder.mkdir(exist_ok=True)

    def deploy(
        self, version: Version | None, base: BaseModel, settings: ServeSection, on_step: OnStep = unheard,
        on_moved: OnMoved = unheard,
    ) -> Deployment:  # fmt: skip
        name = "base" if version is None else version.name
        self._called("deploy", name)
        self.moved = on_moved
        on_step(SwapStep.BUILDING)
        part = self.folder / f"{name}.part"
        part.write_text(name)
        for step in (SwapStep.BUILT, SwapStep.IMPORTED, SwapStep.LOADING):
            on_step(step)
        part.replace(self.folder / name)
        for step in (SwapStep.LOADED, SwapStep.SMOKE_TESTED, SwapStep.PROVED):
            on_step(step)
        route = Route("none", f"fake:{name}", token="secret", version=name, timeout_s=0.2)
        return Deployment(name, self.name, f"fake:{name}", f"sha256:{name}", route)

    def check(self, deployment: Deployment) -> None:
        self._called("check", deployment.version)
        if not (self.folder / deployment.version).exists():
            raise ServingError(f"{deployment.version} is not there")

    def retire(self, deployment: Deployment, settings: ServeSection) -> None:
        self._called("retire", deployment.version)
        self.abandon(deployment.version, settings)

    def abandon(self, version: str, settings: ServeSection) -> None:
        """Remove whatever a deploy of `version` left, finished or not."""
        for left in (self.folder / version, self.folder / f"{version}.part"):
            left.unlink(missing_ok=True)

    def close(self) -> None:
        self.history.append(("close", ""))

    @property
    def models(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def _called(self, method: str, version: str) -> None:
        self.history.append((method, version))
        if method in self.failures:
            raise self.failures.pop(method)
