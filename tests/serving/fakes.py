"""A backend on disk: what it serves is a file per version, so that orphans show after a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.errors import AeonFtError, ServingError
from aeon_plugin_ft.registry import Version
from aeon_plugin_ft.serving.journal import Step
from aeon_plugin_ft.serving.model import Deployment
from hooks import Route

BASE_MODEL = BaseModel("tiny", "sha256:" + "b" * 64, "llama", 1000, Path("copy"), Path("tiny.gguf"))


class FakeDeployer:
    """serving.model.Deployer that keeps its models in `folder`. `failures` maps a method's name to the error
    of its next call; `history` is what was called, in order."""

    name = "fake"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failures: dict[str, AeonFtError] = {}
        self.history: list[tuple[str, str]] = []
        self.on_step: Callable[[Step], None] = lambda _: None
        folder.mkdir(exist_ok=True)

    def deploy(self, version: Version | None, base: BaseModel) -> Deployment:
        name = "base" if version is None else version.name
        self._called("deploy", name)
        self.on_step(Step.BUILDING)
        part = self.folder / f"{name}.part"
        part.write_text(name)
        for step in (Step.BUILT, Step.IMPORTED, Step.LOADING):
            self.on_step(step)
        part.replace(self.folder / name)
        for step in (Step.LOADED, Step.SMOKE_TESTED, Step.PROVED):
            self.on_step(step)
        route = Route("none", f"fake:{name}", token="secret", version=name, timeout_s=0.2)
        return Deployment(name, self.name, f"fake:{name}", f"sha256:{name}", route)

    def check(self, deployment: Deployment) -> None:
        self._called("check", deployment.version)
        if not (self.folder / deployment.version).exists():
            raise ServingError(f"{deployment.version} is not there")

    def retire(self, deployment: Deployment) -> None:
        self._called("retire", deployment.version)
        self.abandon(deployment.version)

    def abandon(self, version: str) -> None:
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
