"""A version on a server of the owner's own that speaks OpenAI's format.

vLLM and SGLang load a LoRA folder while they run, each under a name of its own that is never used twice
(vLLM keeps the prefix cache of a name: https://github.com/vllm-project/vllm/issues/42125). A llama-server
takes adapters only when it starts, so it is checked, and the command to start it is given.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.serving.ask import warm
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.serving.model import Deployer, Deployment, OnMoved, OnStep, unheard
from aeon_plugin_ft.serving.openai.server import Flavour, OpenAIServer
from aeon_plugin_ft.serving.smoke import smoke_test
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.weights.adapter import WEIGHTS, adapter_digest, read_adapter
from aeon_plugin_ft.weights.lora_gguf import export_lora_gguf
from hooks import Route
from hooks.providers.secrets import Logins, without_login

_say = Speaker("errors/serving")

NAMES = 20


def openai_token() -> str | None:
    """The server's token from the environment, where it wants one."""
    return os.environ.get("OPENAI_API_KEY") or None


def address(settings: ServeSection) -> str:
    """[serve] openai_url as it is called: without the /v1 that people copy along; "" when there is none."""
    return settings.openai_url.rstrip("/").removesuffix("/v1")


class OpenAIDeployer(Deployer):
    """For vLLM, SGLang and llama-server: each call goes to the server that [serve] names at that moment, or to the one
    where a deployment was made. `token` is asked at each use; `system_prompt()` is what the owner's talk is asked
    under, computed ahead."""

    name = "openai"

    def __init__(
        self, data: DataFolder, *, token: Callable[[], str | None] = openai_token,
        system_prompt: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        self.data, self.system_prompt = data, system_prompt
        self._token, self._logins = token, Logins()
        self._servers: dict[tuple[str, str | None], OpenAIServer] = {}
        self._guard = threading.Lock()

    def server(self, url: str) -> OpenAIServer:
        """The one at an address, with its kept-alive connections; another key gets connections of its own."""
        key = self._logins.whole(url), self._token()
        with self._guard:
            if key not in self._servers:
                self._servers[key] = OpenAIServer(*key)
            return self._servers[key]

    # -- the contract ----------------------------------------------------------------------------

    def deploy(
        self, version: Version | None, base: BaseModel, settings: ServeSection, on_step: OnStep = unheard,
        on_moved: OnMoved = unheard,
    ) -> Deployment:  # fmt: skip
        """Load the adapter into the server that [serve] names now and prove that it answers; for a llama-server, check
        that it was started with it. Raises ServingError."""
        server = self.server(address(settings))
        flavour = server.flavour()
        if flavour == "llama":
            return self._on_llama(server, version, base, settings, on_step)
        if version is None:
            return self._prove(server, "base", server.base_name(), "base", None, on_step)
        _refuse_strangers(version, base)
        # These servers answer a damaged file with an error of their own insides.
        digest = read_adapter(version.adapter).digest
        name, loaded = self._load(server, flavour, version, digest, settings)
        # How each is asked for an adapter: vLLM by its name alone, SGLang as "base:adapter".
        model = name if flavour == "vllm" else f"{server.base_name()}:{name}"
        try:
            return self._prove(server, version.name, model, digest, version, on_step)
        except ServingError:
            if loaded:
                server.unload(flavour, name)
            raise

    def fits(self, deployment: Deployment, settings: ServeSection) -> bool:
        """Whether it is at the address, and under the key, that count now."""
        return deployment.route.base_url == address(settings) and deployment.route.token == self._token()

    def check(self, deployment: Deployment) -> None:
        """Raise ServingError unless the server still has it and answers."""
        server = self._server_of(deployment)
        flavour = server.flavour()
        if flavour == "llama":
            self._require_same(server, deployment)
        if flavour == "vllm" and deployment.model not in {card["id"] for card in server.cards()}:
            raise ServingError(*_say.error("server.gone", model=deployment.model, version=deployment.version))
        server.say_something(deployment.model, self.system_prompt(), deployment.route.adapters)

    def warm_prompt(self, deployment: Deployment) -> None:
        """Ask once under the owner's prompt, which the server's prefix cache then holds."""
        warm(deployment.route, self.system_prompt)

    def retire(self, deployment: Deployment, settings: ServeSection) -> None:
        """Unload the adapter; the server ends the requests that use it first."""
        self._logins.whole(address(settings))  # a deployment out of the journal has none
        server = self._server_of(deployment)
        if deployment.version != "base" and (flavour := server.flavour()) != "llama":
            server.unload(flavour, deployment.model.rpartition(":")[2])

    def abandon(self, version: str, settings: ServeSection) -> None:
        """Unload what a deploy that was cut off may have loaded."""
        self.discard(version, settings)

    def discard(self, version: str, settings: ServeSection) -> None:
        """Unload every name of a version: those that are listed, and on SGLang, which may list none, its first."""
        server = self.server(address(settings))
        flavour = server.flavour()
        if flavour == "llama":
            return
        # Only ours: the owner may serve adapters of their own on the same server, and others of their household have
        # versions of the same name there.
        named = [card for card in server.cards() if str(card["id"]).startswith(f"aeon-ft-{version}-")]
        names = {str(card["id"]) for card in named if self._lies_here(card.get("root"), settings)}
        adapter = self.data.versions / version / "adapter"
        # SGLang lists loaded adapters in some releases only, but unloads them by name.
        if flavour == "sglang" and (adapter / WEIGHTS).exists():
            names.add(_name(version, adapter_digest(adapter)))
        for name in names:
            server.unload(flavour, name)

    def close(self) -> None:
        """End its connections; loaded adapters stay."""
        with self._guard:
            servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            server.close()

    # -- the parts -------------------------------------------------------------------------------

    def _server_of(self, deployment: Deployment) -> OpenAIServer:
        return self.server(str(deployment.route.base_url))

    def _prove(
        self, server: OpenAIServer, name: str, model: str, digest: str, version: Version | None, on_step: OnStep,
        adapters: tuple[tuple[int, float], ...] = (), proof: Mapping[str, Any] | None = None,
    ) -> Deployment:  # fmt: skip
        """A candidate must only say something: its replies are the gate's to judge, with a verdict."""
        on_step(SwapStep.LOADED)
        route = Route("openai", model, base_url=server.url, token=self._token(), version=name, adapters=adapters)
        if version is None or version.state is not VersionState.CANDIDATE:
            smoke_test(route, thinks=True, trained=version is not None)
        # Last: what it computes for the owner's prompt is there for the first reply.
        server.say_something(model, self.system_prompt(), adapters)
        on_step(SwapStep.PROVED)
        return Deployment(name, self.name, model, digest, route, proof or {})

    def _load(
        self, server: OpenAIServer, flavour: Flavour, version: Version, digest: str, settings: ServeSection
    ) -> tuple[str, bool]:
        """The adapter's name on the server, and whether this call loaded it.

        A name holds the adapter's digest; one that is there already with another folder is somebody else's.
        """
        path = self._path(version, settings)
        folders = {str(card["id"]): card.get("root") for card in server.cards()}
        for take in range(NAMES):
            name = _name(version.name, digest, take)
            if name in folders and folders[name] == path:
                return name, False
            if name not in folders and server.load(flavour, name, path):
                return name, True
        raise ServingError(*_say.error("server.no_free_name", version=version.name))

    def _path(self, version: Version, settings: ServeSection) -> str:
        """The adapter's folder as the server sees it."""
        return self._seen_by_server(version.adapter, settings)

    def _lies_here(self, root: object, settings: ServeSection) -> bool:
        """Whether an adapter's folder, as the server says it, is of this data folder; True where it says none."""
        ours = PurePath(self._seen_by_server(self.data.root, settings))
        return not isinstance(root, str) or PurePath(root).is_relative_to(ours)

    # -- a llama-server --------------------------------------------------------------------------

    def _on_llama(
        self, server: OpenAIServer, version: Version | None, base: BaseModel, settings: ServeSection, on_step: OnStep
    ) -> Deployment:
        """Its adapters were given on its command line. Each call says which of them it wants, and how strongly: without
        that the base would be answered by the adapter, and a version at whatever scale somebody has set."""
        there, name, digest, wanted = server.adapters(), "base", "base", None
        proof: dict[str, Any] = {"model_file": server.model_file()}
        if version is not None:
            _refuse_strangers(version, base)
            name, digest = version.name, adapter_digest(version.adapter)
            file = self.data.serving / f"adapter-{name}-{digest[7:15]}.gguf"
            if not file.exists():
                export_lora_gguf(version.adapter, base, file)
            seen = {str(file), self._seen_by_server(file, settings)}
            wanted = next((id for id, path in there.items() if path in seen or _same_file(Path(path), file)), None)
            if wanted is None:
                command = _llama_command(server, base, [*there.values(), self._seen_by_server(file, settings)])
                slots = {"url": without_login(server.url), "version": name, "command": f"{command} --cache-ram 0"}
                raise ServingError(*_say.error("server.not_started_with", **slots))
            proof["adapter_file"] = there[wanted]
        adapters = tuple((id, 1.0 if id == wanted else 0.0) for id in sorted(there))
        return self._prove(server, name, server.base_name(), digest, version, on_step, adapters, proof)

    def _require_same(self, server: OpenAIServer, deployment: Deployment) -> None:
        """Raise ServingError where the server was started again with another model or other adapters."""
        there, proof = server.adapters(), deployment.proof
        wanted = next((id for id, scale in deployment.route.adapters if scale), None)
        same = set(there) == {id for id, _ in deployment.route.adapters}
        same = same and (wanted is None or there[wanted] == proof.get("adapter_file", there[wanted]))
        if not same or server.model_file() != proof.get("model_file", server.model_file()):
            slots = {"url": without_login(server.url), "version": deployment.version}
            raise ServingError(*_say.error("server.started_otherwise", **slots))

    def _seen_by_server(self, file: Path, settings: ServeSection) -> str:
        if not settings.openai_folder:
            return str(file.absolute())
        return str(PurePosixPath(settings.openai_folder, *file.absolute().relative_to(self.data.root).parts))


def _llama_command(server: OpenAIServer, base: BaseModel, adapters: Sequence[str]) -> str:
    """What starts a llama-server anew at its address. `adapters`, as it sees them, are also those that it has: there
    may be a version among them that can be gone back to."""
    loras = "".join(f' --lora "{path}"' for path in adapters)
    return f'llama-server -m "{server.model_file() or base.gguf}"{loras} --port {urlsplit(server.url).port or 80}'


def _refuse_strangers(version: Version, base: BaseModel) -> None:
    if version.base_digest != base.digest:
        raise ServingError(*_say.error("version.another_base", version=version.name, base=base.spec))


def _same_file(one: Path, other: Path) -> bool:
    """Whether two files on this machine hold the same; False where the server's lies on another."""
    try:
        return one.is_absolute() and sha256(one) == sha256(other)
    except OSError:
        return False


def _name(version: str, digest: str, take: int = 0) -> str:
    return f"aeon-ft-{version}-{digest[7:15]}" + (f"-{take + 1}" if take else "")
