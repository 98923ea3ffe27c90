"""The embedded backend: each version is served by a child process of its own, on loopback only.

A swap is blue/green: the new child is started, loaded and checked beside the old one, the route flips,
the old one finishes its requests and leaves. The base's pages are shared through mmap, so that the second
child costs its caches only. Nothing is shared between adapters: no process ever serves two.

    <data>/serving/embedded/<process>/<version>-<digest>.gguf   the adapter that a child serves
                                      <version>-<digest>.log    its errors
"""

from __future__ import annotations

import hashlib
import math
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, ServingError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.cores import usable_cores
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.ask import warm
from aeon_plugin_ft.serving.embedded.child import Address, new_config
from aeon_plugin_ft.serving.embedded.prompts import without_thoughts
from aeon_plugin_ft.serving.embedded.server import ServerConfig
from aeon_plugin_ft.serving.embedded.supervised import SupervisedChild
from aeon_plugin_ft.serving.embedded.window import keeps_all
from aeon_plugin_ft.serving.journal import SwapStep, process_lives, process_name
from aeon_plugin_ft.serving.model import Deployer, Deployment, OnMoved, OnStep, unheard
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.store.files import move_into_place
from aeon_plugin_ft.weights.adapter import whole_model
from aeon_plugin_ft.weights.lora_gguf import export_lora_gguf
from hooks import Route

_say = Speaker("errors/serving")

FIRST_QUESTION = "Diga uma palavra."
FIRST_TOKENS = 4
DRAIN_SECONDS = 120.0
HTTP_SECONDS = 120.0
CHECK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Served:
    """What one child serves: its process, its adapter file (None: the base alone) and the base's digest. `on_moved`
    hears when it had to take another address."""

    child: SupervisedChild
    adapter: Path | None
    base_digest: str
    deployment: Deployment
    on_moved: OnMoved


class EmbeddedDeployer(Deployer):
    """On children of this process. `system_prompt()` is computed ahead in each new child; "" when there is none."""

    name = "embedded"

    def __init__(self, data: DataFolder, *, system_prompt: Callable[[], str] = str) -> None:
        self.system_prompt = system_prompt
        self.root = data.serving / "embedded"
        self.folder = self.root / process_name()
        self._served: dict[str, _Served] = {}
        self._guard = threading.Lock()
        # What a process that died without closing has left; a living one's folder is recognised by its name.
        sweep(self.root)

    # -- Deployer ------------------------------------------------------------------------------

    def deploy(
        self, version: Version | None, base: BaseModel, settings: ServeSection, on_step: OnStep = unheard,
        on_moved: OnMoved = unheard,
    ) -> Deployment:  # fmt: skip
        """Start a child with this version and prove that it answers. Raises ServingError."""
        _refuse_strangers(version, base)
        on_step(SwapStep.BUILDING)
        name = "base" if version is None else version.name
        whole = None if version is None else whole_model(version.adapter)
        if whole is not None:
            # It stands in the base's place: what follows serves it as a base with a name of its own.
            base, adapter, digest = as_base(base, whole)
        else:
            adapter, digest = self._build(version, base)
        on_step(SwapStep.BUILT)
        config = self._config(name, base, adapter, settings, trained=version is not None)
        on_step(SwapStep.LOADING)
        served = self._start(name, config, adapter, base.digest, digest, on_moved)
        try:
            on_step(SwapStep.LOADED)
            _ask_first(served.deployment.route, served.child.config.warm_prompt)
            on_step(SwapStep.SMOKE_TESTED)
            self._prove(served)
            on_step(SwapStep.PROVED)
        except BaseException:
            # At once: nobody has been routed to it.
            self._remove(served, 0.0)
            raise
        return served.deployment

    def check(self, deployment: Deployment) -> None:
        """Raise ServingError unless its child lives, answers and serves the expected digest."""
        served = self._find(deployment)
        if served is None:
            raise BackendDownError(*_say.error("embedded.not_here", version=deployment.version))
        if not served.child.alive:
            name, why = deployment.version, served.child.failure
            if not why:
                raise BackendDownError(*_say.error("embedded.down", version=name))
            raise BackendDownError(*_say.error("embedded.down_because", version=name, reason=why))
        served.child.require_awake()
        self._prove(served)

    def fits(self, deployment: Deployment, settings: ServeSection) -> bool:
        """A child keeps its context, its threads and its limit for life."""
        served = self._find(deployment)
        if served is None:
            # One of another process's is no business of this one: `check` says that it is not served here.
            return True
        config = served.child.config
        return (config.context, config.threads, config.reply_tokens) == _size(settings)

    def warm_prompt(self, deployment: Deployment) -> None:
        """Ask once under the owner's prompt, whose computation then waits in a slot."""
        warm(deployment.route, self.system_prompt)

    def retire(self, deployment: Deployment, settings: ServeSection) -> None:
        """Let its child finish and leave, and remove its files. Nothing happens when it is gone already."""
        served = self._find(deployment)
        if served is not None:
            self._remove(served, DRAIN_SECONDS)

    def close(self) -> None:
        """End every child now and remove this process's files."""
        with self._guard:
            served, self._served = list(self._served.values()), {}
        for one in served:
            one.child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- for the curious -----------------------------------------------------------------------

    def pids(self) -> list[int]:
        """Process ids of the children that serve now."""
        with self._guard:
            return [one.child.pid for one in self._served.values() if one.child.pid is not None and one.child.alive]

    # -- steps ---------------------------------------------------------------------------------

    def _build(self, version: Version | None, base: BaseModel) -> tuple[Path | None, str]:
        """The adapter's GGUF and the digest of what will be served."""
        if version is None:
            return None, base.digest
        # Exported for each process anew: the digest under which it is served is that of these very bytes.
        part = self.folder / f"{version.name}.gguf"
        exported = export_lora_gguf(version.adapter, base, part)
        final = self.folder / f"{version.name}-{exported.removeprefix('sha256:')[:12]}.gguf"
        # With the digest in its name: a file that a running child has mapped is never overwritten by another adapter.
        move_into_place(part, final)
        return final, _combined(base.digest, exported)

    def _config(
        self, name: str, base: BaseModel, adapter: Path | None, settings: ServeSection, *, trained: bool
    ) -> ServerConfig:
        if base.gguf is None:
            raise ServingError(*_say.error("embedded.no_gguf", base=base.spec))
        context, threads, reply_tokens = _size(settings)
        config = new_config(base.gguf, adapter, f"aeon-ft:{name}", context, threads, self.system_prompt(), reply_tokens)
        config = replace(config, keep_all=keeps_all(base.gguf, config.context * config.slots))
        # A version was taught replies without thoughts; the base is left as it is.
        return without_thoughts(config) if trained else config

    def _start(
        self, name: str, config: ServerConfig, adapter: Path | None, base_digest: str, digest: str, on_moved: OnMoved
    ) -> _Served:
        log = self.folder / f"{adapter.stem if adapter else name}.log"
        # The lambda names the child that is only being made: it is called after a death at the earliest.
        child = SupervisedChild(config, log, lambda address, new: self._move(child, address, new))
        address = child.start()
        route = Route("embedded", config.alias, base_url=address.url, token=config.token, version=name)
        deployment = Deployment(name, self.name, config.alias, digest, route, at_once=config.slots)
        served = _Served(child, adapter, base_digest, deployment, on_moved)
        with self._guard:
            # By address, which one child has to itself; a version may be served twice for a moment.
            self._served[address.url] = served
        return served

    def _prove(self, served: _Served) -> None:
        """The server says itself which files it serves; their digest must be the deployment's."""
        route = served.deployment.route
        aliases = [model.get("id") for model in _get(route, "/v1/models").get("data", [])]
        adapters = _get(route, "/lora-adapters")
        # Scale 1 is that of an adapter which is applied; at 0 it is loaded and has no effect.
        files = [Path(one["path"]) for one in adapters if one["scale"] == 1.0]
        if aliases != [route.model] or len(files) != len(adapters) or len(files) > 1:
            slots = {"url": route.base_url, "aliases": aliases, "count": len(adapters), "model": route.model}
            raise BackendRefusedError(*_say.error("embedded.other_model", **slots))
        digest = _combined(served.base_digest, sha256(files[0])) if files else served.base_digest
        if digest != served.deployment.digest:
            raise BackendRefusedError(*_say.error("embedded.other_weights", model=route.model))

    # -- inside --------------------------------------------------------------------------------

    def _move(self, child: SupervisedChild, address: Address, config: ServerConfig) -> None:
        """A child came back elsewhere: the deployment gets its new address and token."""
        with self._guard:
            old_url = next((url for url, served in self._served.items() if served.child is child), None)
            if old_url is None:
                return
            served = self._served.pop(old_url)
            route = replace(served.deployment.route, base_url=address.url, token=config.token)
            moved = replace(served, deployment=replace(served.deployment, route=route))
            self._served[address.url] = moved
        # Outside the guard: the listener takes locks of its own.
        served.on_moved(served.deployment, moved.deployment)

    def _find(self, deployment: Deployment) -> _Served | None:
        with self._guard:
            return self._served.get(deployment.route.base_url or "")

    def _remove(self, served: _Served, drain: float) -> None:
        if drain:
            served.child.drain(drain)
        else:
            served.child.stop()
        with self._guard:
            self._served.pop(served.deployment.route.base_url or "", None)
            # Windows refuses to remove a file that another child has mapped.
            still_used = any(other.adapter == served.adapter for other in self._served.values())
        if served.adapter is not None and not still_used:
            served.adapter.unlink(missing_ok=True)


def as_base(base: BaseModel, whole: Path) -> tuple[BaseModel, Path | None, str]:
    """A version that is a whole model in the place of the base that it was made from: no adapter, and its digest."""
    digest = sha256(whole)
    return replace(base, gguf=whole, digest=digest), None, digest


def sweep(root: Path) -> list[str]:
    """Remove the files of processes that are gone; returns their names."""
    removed = []
    for folder in root.glob("*-*"):
        if folder.is_dir() and not process_lives(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed


def _size(settings: ServeSection) -> tuple[int, int, int]:
    """Tokens of context, threads, and tokens of a reply that does not end by itself."""
    return settings.context_tokens, settings.threads or usable_cores(), settings.max_reply_tokens


def _refuse_strangers(version: Version | None, base: BaseModel) -> None:
    if version is not None and version.base_digest != base.digest:
        raise ServingError(*_say.error("embedded.base_changed", version=version.name, base=base.spec))


def _combined(base_digest: str, adapter_digest: str) -> str:
    """One digest for a base with an adapter."""
    return "sha256:" + hashlib.sha256(f"{base_digest}+{adapter_digest}".encode()).hexdigest()


def _ask_first(route: Route, system_prompt: str) -> None:
    """One short answer, whose tokens must have finite log-probabilities. Raises ServingError.

    It is asked under the shared system prompt, so that what was computed ahead for that is not displaced.
    """
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    body = {
        "model": route.model,
        "messages": [*system, {"role": "user", "content": FIRST_QUESTION}],
        "max_tokens": FIRST_TOKENS,
        "temperature": 0,
        "logprobs": True,
    }
    answer = _request(route, "POST", "/v1/chat/completions", body, HTTP_SECONDS)
    try:
        tokens = answer["choices"][0]["logprobs"]["content"] or []
        good = [token for token in tokens if math.isfinite(token["logprob"]) and token["logprob"] <= 0]
    except (KeyError, IndexError, TypeError) as error:
        raise BackendRefusedError(*_say.error("embedded.no_first_answer", model=route.model)) from error
    if not tokens or len(good) != len(tokens):
        raise BackendRefusedError(*_say.error("embedded.no_probabilities", model=route.model))


def _get(route: Route, path: str) -> Any:
    return _request(route, "GET", path, None, CHECK_SECONDS)


def _request(route: Route, method: str, path: str, body: Any, seconds: float) -> Any:
    name = _say("embedded.name", model=route.model)
    with HttpServer(name, route.base_url or "", token=route.token) as server:
        return server.call(method, path, body, seconds=seconds)
