"""A version on a server of the owner's own that speaks OpenAI's format.

vLLM and SGLang load a LoRA folder while they run, each under a name of its own that is never used twice
(vLLM keeps the prefix cache of a name: https://github.com/vllm-project/vllm/issues/42125). A llama-server
takes adapters only when it starts, so it is checked, and the command to start it is given.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendRefusedError, ServingError
from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.serving.ask import greeting, listed
from aeon_plugin_ft.serving.journal import Step
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.serving.openai.client import ApiClient
from aeon_plugin_ft.serving.smoke import smoke_test
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.weights.adapter import WEIGHTS, adapter_digest
from aeon_plugin_ft.weights.lora_gguf import export_lora_gguf
from hooks import Route

Flavour = Literal["vllm", "sglang", "llama"]
_PROBES: tuple[tuple[str, Flavour], ...] = (
    ("/get_server_info", "sglang"),
    ("/props", "llama"),
    ("/version", "vllm"),
    ("/server_info", "sglang"),
)
"""A route that only that server has, in an order in which none is mistaken for another."""

LOAD_SECONDS = 300.0
NAMES = 20


def openai_token() -> str | None:
    """The server's token from the environment, where it wants one."""
    return os.environ.get("OPENAI_API_KEY") or None


class OpenAIDeployer:
    """serving.model.Deployer for vLLM, SGLang and llama-server. `system_prompt()` is what the owner's talk is asked
    under, computed ahead."""

    name = "openai"

    def __init__(
        self, data: DataFolder, settings: ServeSection, *, token: Callable[[], str | None] = openai_token,
        system_prompt: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        self.data, self.settings, self.system_prompt = data, settings, system_prompt
        self.on_step: Callable[[Step], None] = lambda _: None
        self._token = token
        self._prefix = ""
        self.url = settings.openai_url.rstrip("/").removesuffix("/v1")
        self.client = _Client("The model server", self.url, token(), "Start it, or correct [serve] openai_url")

    # -- the contract ----------------------------------------------------------------------------

    def deploy(self, version: Version | None, base: BaseModel) -> Deployment:
        flavour = self.flavour()
        if version is None:
            return self._prove("base", self._base_name(), "base", None)
        if version.base_digest != base.digest:
            raise ServingError(f"{version.name} was trained on another base than {base.spec}", "Train again on it")
        digest = adapter_digest(version.adapter)
        if flavour == "llama":
            return self._llama(version, base, digest)
        name, loaded = self._load(version, digest)
        model = name if flavour == "vllm" else f"{self._base_name()}:{name}"
        try:
            return self._prove(version.name, model, digest, version)
        except ServingError:
            if loaded:
                self._unload(name)
            raise

    def check(self, deployment: Deployment) -> None:
        if self.flavour() == "vllm" and deployment.model not in {card["id"] for card in self._cards()}:
            raise ServingError(
                f"The model server no longer has {deployment.model} (was it restarted?)",
                f"Deploy {deployment.version} again",
            )
        self._say_something(deployment.model)

    def retire(self, deployment: Deployment) -> None:
        """Unload the adapter; the server ends the requests that use it first."""
        if deployment.version != "base" and self.flavour() != "llama":
            self._unload(deployment.model.rpartition(":")[2])

    def close(self) -> None:
        self.client.close()

    def abandon(self, version: str) -> None:
        """Unload what a deploy that was cut off may have loaded."""
        self.discard(version)

    def discard(self, version: str) -> None:
        """Unload every name of a version: those that are listed, and on SGLang, which may list none, its first."""
        flavour = self.flavour()
        if flavour == "llama":
            return
        names = {str(card["id"]) for card in self._cards() if str(card["id"]).startswith(f"aeon-ft-{version}-")}
        adapter = self.data.versions / version / "adapter"
        if flavour == "sglang" and (adapter / WEIGHTS).exists():
            names.add(_name(version, adapter_digest(adapter)))
        for name in names:
            self._unload(name)

    # -- the server ------------------------------------------------------------------------------

    def flavour(self) -> Flavour:
        """Which server this is, by the routes that only it has."""
        if not self.url:
            raise ServingError("There is no address of a model server", "Set [serve] openai_url")
        for path, flavour in _PROBES:
            try:
                self.client.call("GET", path, seconds=10)
            except BackendRefusedError as error:
                if error.status == 401:
                    raise
                continue
            self._prefix = "/v1" if flavour == "vllm" else ""
            return flavour
        raise ServingError(f"The server at {self.url} is no vLLM, SGLang or llama-server", "Correct [serve] openai_url")

    def _cards(self) -> list[dict[str, Any]]:
        answer = self.client.call("GET", "/v1/models")
        cards = answer.get("data", []) if isinstance(answer, dict) else []
        return [card for card in cards if isinstance(card, dict) and "id" in card]

    def _base_name(self) -> str:
        found = next((str(card["id"]) for card in self._cards() if not card.get("parent")), None)
        if found is None:
            raise ServingError(f"The server at {self.url} serves no model", "Start it with a base model")
        return found

    def _prove(self, name: str, model: str, digest: str, version: Version | None) -> Deployment:
        """A candidate must only say something: its replies are the gate's to judge, with a verdict."""
        self.on_step(Step.LOADED)
        route = Route("openai", model, base_url=self.url, token=self._token(), version=name)
        if version is None or version.state is not VersionState.CANDIDATE:
            smoke_test(route, thinks=True, trained=version is not None)
        self._say_something(model)  # last: what it computes for the owner's prompt is there for the first reply
        self.on_step(Step.PROVED)
        return Deployment(name, self.name, model, digest, route)

    def _say_something(self, model: str) -> None:
        body = {"model": model, "messages": listed(greeting(self.system_prompt())), "max_tokens": 64}
        self.client.call("POST", "/v1/chat/completions", body, seconds=LOAD_SECONDS)

    # -- adapters at run time --------------------------------------------------------------------

    def _load(self, version: Version, digest: str) -> tuple[str, bool]:
        """The adapter's name on the server, and whether this call loaded it.

        A name holds the adapter's digest; one that is there already with another folder is somebody else's.
        """
        path = self._path(version)
        there = {str(card["id"]): card.get("root") for card in self._cards()}
        for take in range(NAMES):
            name = _name(version.name, digest, take)
            if name in there and there[name] == path:
                return name, False
            if name not in there and self._loaded(name, path):
                return name, True
        raise ServingError(f"No name is free for {version.name} on the server", "Restart the model server")

    def _loaded(self, name: str, path: str) -> bool:
        """Load it; False when the name is taken."""
        try:
            answer = self.client.call(
                "POST",
                f"{self._prefix}/load_lora_adapter",
                {"lora_name": name, "lora_path": path},
                seconds=LOAD_SECONDS,
            )
        except BackendRefusedError as error:
            if "already" in error.what:
                return False
            raise
        if isinstance(answer, dict) and answer.get("success") is False:
            raise BackendRefusedError(f"The model server did not load it: {answer.get('error_message')}", "See its log")
        return True

    def _unload(self, name: str) -> None:
        try:
            self.client.call("POST", f"{self._prefix}/unload_lora_adapter", {"lora_name": name}, seconds=LOAD_SECONDS)
        except BackendRefusedError as error:
            if error.status not in (400, 404):  # gone already, by a restart of the server
                raise

    def _path(self, version: Version) -> str:
        """The adapter's folder as the server sees it."""
        if not self.settings.openai_folder:
            return str(version.adapter.absolute())
        inside = version.adapter.absolute().relative_to(self.data.root)
        return str(PurePosixPath(self.settings.openai_folder, *inside.parts))

    # -- llama-server ----------------------------------------------------------------------------

    def _llama(self, version: Version, base: BaseModel, digest: str) -> Deployment:
        """A llama-server that was started with this adapter; otherwise the command that starts it so."""
        file = self.data.serving / f"adapter-{version.name}-{digest[7:15]}.gguf"
        if not file.exists():
            export_lora_gguf(version.adapter, base, file)
        adapters = self.client.call("GET", "/lora-adapters")
        active = [Path(str(item.get("path"))).name for item in adapters if item.get("scale")]
        if active != [file.name]:
            raise ServingError(
                f"The llama-server at {self.url} was not started with {version.name}",
                f'Start it with: llama-server -m "{base.gguf}" --lora "{file}" --cache-ram 0',
            )
        return self._prove(version.name, self._base_name(), digest, version)


def _name(version: str, digest: str, take: int = 0) -> str:
    return f"aeon-ft-{version}-{digest[7:15]}" + (f"-{take + 1}" if take else "")


class _Client(ApiClient):
    def next_step(self, status: int, text: str) -> str:
        lower = text.lower()
        if status == 404 and "not found" in lower and "adapter" not in lower:
            return (
                "Start vLLM with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and --enable-lora, or SGLang with --enable-lora"
            )
        if "rank" in lower:
            return "Start the server with a larger --max-lora-rank, or train with a smaller [train] rank"
        if "no adapter found" in lower:
            return "Let the server see the data folder, and set [serve] openai_folder to its path there"
        if status == 401:
            return "Set OPENAI_API_KEY to the server's key"
        return super().next_step(status, text)
