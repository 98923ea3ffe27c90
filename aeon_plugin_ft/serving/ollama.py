"""A version in Ollama: merged into the base's GGUF, imported under a name of its own, loaded and proven.

Works with every Ollama from 0.5.5 on. Adapters of Ollama's own (`adapters` in /api/create, ADAPTER in a
Modelfile) are not used: 0.34.1 removed them, and before that a base and its adapter could not both stay in
memory, so that preparing a swap would have thrown out the model in use.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError, ServingError
from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.serving.journal import Step
from aeon_plugin_ft.serving.merge import merged_size
from aeon_plugin_ft.serving.merge_adapter import adapter_digest
from aeon_plugin_ft.serving.merge_check import KL_LIMIT, heldout_replies, measure_merge, why_not
from aeon_plugin_ft.serving.merge_identity import require_same_model
from aeon_plugin_ft.serving.merge_worker import merge_in_child
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.serving.ollama_client import Behaviour, OllamaClient
from aeon_plugin_ft.serving.ollama_create import blob_digest, carried, parse_parameters, template_of, weights_path
from aeon_plugin_ft.serving.ollama_room import is_local, require_disk, require_memory
from aeon_plugin_ft.serving.ollama_tags import Ledger, is_made_of, tag_name, too_many
from aeon_plugin_ft.serving.smoke import smoke_test
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from hooks import Route
from hooks.providers import ollama_url

BASE: Final = "base"
UPLOADS = 3
"""Tries of an upload or a create whose connection broke."""
UNLOAD_SECONDS = 30.0


class OllamaDeployer:
    """serving.model.Deployer for a local or remote Ollama. `on_step` hears each step of `deploy`; `say` gets a
    sentence before a long one."""

    name = "ollama"

    def __init__(
        self, data: DataFolder, settings: ServeSection, *, say: Callable[[str], None] = lambda _: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.data, self.settings = data, settings
        self.url = ollama_url(settings.ollama_url)
        self.client = OllamaClient(self.url)
        self.ledger = Ledger(data.serving / "ollama.json")
        self.on_step: Callable[[Step], None] = lambda _: None
        self._say, self._pause = say, pause
        self._loaded: set[str] = set()

    # -- the contract ----------------------------------------------------------------------------

    def deploy(self, version: Version | None, base: BaseModel) -> Deployment:
        behaviour = self._behaviour()
        carrier, show = self._carrier(base)
        if version is None and carrier is not None:
            return self._prove(carrier, BASE, show, None)
        if version is not None and version.base_digest != base.digest:
            raise ServingError(
                f"{version.name} was trained on another base than {base.spec}", "Train again on the base in use"
            )
        gguf = self._weights(base, show)
        name_of, content = (BASE, base.digest) if version is None else (version.name, adapter_digest(version.adapter))
        name = self._free_name(name_of, content)
        try:
            self._ensure(name, version, base, gguf, show, behaviour, content)
            made = self._require_format(name, show, behaviour)
            done = self._prove(name, name_of, made, version)
        except ServingError:
            self._undo(name)
            raise
        self.ledger.add(name, name_of, content, done.digest)
        return done

    def check(self, deployment: Deployment) -> None:
        listed = self.client.tags().get(deployment.model)
        if listed is None:
            raise ServingError(
                f"Ollama no longer has {deployment.model}", f"Deploy {deployment.version} again, or go back to the base"
            )
        if listed.digest != deployment.digest:
            raise ServingError(
                f"{deployment.model} was overwritten by someone else: it is {listed.digest[:19]} and was "
                f"{deployment.digest[:19]}",
                f"Deploy {deployment.version} again; it gets a name of its own",
            )
        self._require_running(deployment.model, deployment.digest)
        self._require_words(deployment.model)

    def retire(self, deployment: Deployment) -> None:
        """Out of memory, unless it was there before this deployer came; the tag stays on disk for going back,
        within the number and size that are kept."""
        if deployment.model in self._loaded:
            self._unload(deployment.model)
        self.clean_up(never=(deployment.model,))

    def close(self) -> None:
        self.client.close()

    # -- beyond the contract ---------------------------------------------------------------------

    def discard(self, version: str) -> None:
        """Take a version away for good (rejected, or trained on something that was forgotten)."""
        for tag in self.ledger.read().values():
            if tag.version == version:
                self._undo(tag.name)
        self._remove_merged(version)

    def abandon(self, version: str) -> None:
        """Take away what a deploy that was cut off has left: tags that were never proven, merged files."""
        for tag in self.ledger.read().values():
            if tag.version == version and not tag.digest:
                self._undo(tag.name)
        self._remove_merged(version)

    def clean_up(self, never: tuple[str, ...] = ()) -> list[str]:
        """Remove our oldest tags beyond [serve] keep_versions and ollama_cap_gb; returns their names.

        What is in memory now is in use and stays.
        """
        ours, sizes = self.ledger.read(), {name: tag.size for name, tag in self.client.tags().items()}
        for name in ours.keys() - sizes.keys():
            self.ledger.remove(name)
        there = [tag for name, tag in ours.items() if name in sizes]
        busy = {*never, *self.client.running()}
        cap = self.settings.ollama_cap_gb * 1e9
        gone = too_many(there, sizes, self.settings.keep_versions, cap, busy)
        for name in gone:
            self._undo(name)
        return gone

    # -- what is there already -------------------------------------------------------------------

    def _behaviour(self) -> Behaviour:
        behaviour = self.client.behaviour()
        if not behaviour.imports:
            raise ServingError(
                f"Ollama {behaviour.version} cannot import a model over its API", "Update Ollama to 0.5.5 or later"
            )
        return behaviour

    def _carrier(self, base: BaseModel) -> tuple[str | None, dict[str, Any]]:
        """The tag in Ollama that is this base, whose template and parameters are taken over; None where the
        base is not in Ollama."""
        named = base.spec.removeprefix("ollama:") if base.spec.startswith("ollama:") else ""
        tag = named or self.settings.ollama_model
        show = self.client.show(tag)
        if named and show is None:
            raise ServingError(f"Ollama has no model {tag}", f"Get it with: ollama pull {tag}")
        if show is not None and (blob_digest(show) == base.digest or base.gguf is None):
            return tag, show
        if named:
            raise ServingError(
                f"{tag} in Ollama is no longer the model that was trained on (it was pulled again)",
                "Train again; the versions of the old one stay with the old one",
            )
        return None, {}

    def _weights(self, base: BaseModel, show: Mapping[str, Any]) -> Path:
        path = base.gguf or weights_path(show)
        if path is None or not path.is_file():
            raise ServingError(
                f"The GGUF of {base.spec} is not readable here ({path or 'Ollama does not say where it is'})",
                "Copy it here and set [base] model to its path",
            )
        return path

    def _free_name(self, version: str, content: str) -> str:
        """The version's name, or one with a number after it where somebody else's model has that name."""
        for take in range(100):
            name = tag_name(version, content, take)
            show = self.client.show(name)
            ours = self.ledger.read().get(name)
            if show is None or is_made_of(show, content) or (ours is not None and not ours.digest):
                return name
            if ours is not None and ours.digest == self.client.tags()[name].digest:
                return name
        raise ServingError(f"No name is free for {version} in Ollama", "Remove models named aeon-ft:*")

    # -- making ----------------------------------------------------------------------------------

    def _ensure(
        self, name: str, version: Version | None, base: BaseModel, gguf: Path, show: Mapping[str, Any],
        behaviour: Behaviour, content: str,
    ) -> None:  # fmt: skip
        """Make the tag unless a try before this one did."""
        there = self.client.show(name)
        known = self.ledger.read().get(name)
        if there is not None and (is_made_of(there, content) or (known is not None and known.digest)):
            return
        size = gguf.stat().st_size if version is None else merged_size(gguf, version.adapter)
        theirs = weights_path(show) if is_local(self.url) else None
        require_disk(self.data.serving, theirs.parent if theirs else None, size, behaviour)
        require_memory(self.url, size, list(self.client.running().values()))
        if version is None:
            self._import(name, gguf, base.digest, show, behaviour, BASE, content)
            return
        if base.gguf is None:
            require_same_model(gguf, base.training_copy)
        self._say(f"Merging {version.name} into {base.spec}")
        self.on_step(Step.BUILDING)
        merged = self.data.serving / f"merged-{version.name}-{content[7:15]}.gguf"
        try:
            report = merge_in_child(gguf, version.adapter, merged, base.digest, version.name)
            report["check"] = self._compare(version, base, merged)
            (self.data.serving / f"merge-{version.name}.json").write_text(json.dumps(report), encoding="utf-8")
            self.on_step(Step.BUILT)
            self._import(name, merged, str(report["digest"]), show, behaviour, version.name, content)
        finally:
            merged.unlink(missing_ok=True)

    def _compare(self, version: Version, base: BaseModel, merged: Path) -> dict[str, Any]:
        """The merged file against base + adapter in PEFT, where this machine can do that; the numbers, or why
        there are none. Raises ServingError when the file says something else than the adapter."""
        talks = heldout_replies(self.data, version)
        reason = why_not(base, merged.stat().st_size, talks)
        if reason:
            return {"skipped": reason}
        self._say(f"Comparing the merged {version.name} with its adapter")
        check = measure_merge(base, version.adapter, merged, talks, self.data.serving)
        if not check.passed:
            raise ServingError(
                f"The merged {version.name} differs from its adapter by {check.kl:.3f} nats per token "
                f"(at most {KL_LIMIT} is accepted)",
                "Serve it with the embedded server, which applies the adapter itself",
            )
        return asdict(check)

    def _import(
        self, name: str, file: Path, digest: str, show: Mapping[str, Any], behaviour: Behaviour, version: str,
        content: str,
    ) -> None:  # fmt: skip
        self._say(f"Sending {name} to Ollama ({file.stat().st_size / 1e9:.1f} GB)")
        self._again(lambda: self._upload(file, digest))
        self.ledger.add(name, version, content)
        body = {"model": name, "files": {"model.gguf": digest}, **carried(show)}
        self._again(lambda: self._create(body))
        self.on_step(Step.IMPORTED)
        if not behaviour.rewrites:
            found = blob_digest(self.client.show(name) or {})
            if found != digest:
                raise ServingError(
                    f"Ollama holds other weights under {name} than were sent ({found} in place of {digest})",
                    "Look for another program that writes into Ollama, and try again",
                )

    def _upload(self, file: Path, digest: str) -> None:
        if not self.client.has_blob(digest):
            self.client.upload(file, digest, lambda _share: None)

    def _create(self, body: Mapping[str, Any]) -> None:
        try:
            self.client.create(body, self._say)
        except BackendDownError:
            # The line "success" may have been lost with the connection.
            if self.client.show(str(body["model"])) is None:
                raise

    def _again(self, step: Callable[[], None]) -> None:
        """A broken connection is tried again after a pause; a refusal is not."""
        for attempt in range(UPLOADS):
            try:
                return step()
            except BackendDownError:
                if attempt == UPLOADS - 1:
                    raise
                self._pause(0.5 * 2**attempt)
        return None

    def _require_format(self, name: str, base: Mapping[str, Any], behaviour: Behaviour) -> dict[str, Any]:
        """What Ollama says of the new model; raises ServingError unless it talks in the base's format."""
        made = self.client.show(name)
        if made is None:
            raise ServingError(f"Ollama said that {name} was made and does not have it", "Try again")
        lost = set(base.get("capabilities") or ()) - set(made.get("capabilities") or ())
        problems = {
            f"it lost {', '.join(sorted(lost))}": lost,
            "its chat template is another": base and template_of(base) != template_of(made),
            "its parameters are others": base and _parameters(base) != _parameters(made),
            "it has no chat template, and this Ollama cannot read the one in the file": (
                not behaviour.reads_jinja and not template_of(made) and not made.get("renderer")
            ),
        }
        reason = next((text for text, found in problems.items() if found), None)
        if reason is not None:
            raise ServingError(f"{name} is not like its base: {reason}", "Update Ollama and try again")
        return made

    # -- proving ---------------------------------------------------------------------------------

    def _prove(self, name: str, version_name: str, show: Mapping[str, Any], version: Version | None) -> Deployment:
        """Load it, ask it, and note the digest under which Ollama serves it.

        A candidate must only say something: its replies are the gate's to judge, with a verdict.
        """
        self._say(f"Loading {name}")
        self.on_step(Step.LOADING)
        full = name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
        listed = self.client.tags().get(full)
        if listed is None:
            raise ServingError(f"Ollama does not list {name}", "Try again, or restart Ollama")
        if full not in self.client.running():
            self._loaded.add(full)
        self._require_running(full, listed.digest)
        self.on_step(Step.LOADED)
        route = Route("ollama", full, base_url=self.url, version=version_name)
        if version is not None and version.state is VersionState.CANDIDATE:
            self._require_words(full)
        else:
            thinks = "thinking" in (show.get("capabilities") or ())
            smoke_test(route, thinks=thinks, portuguese=version is not None)
        self.on_step(Step.SMOKE_TESTED)
        self._require_running(full, listed.digest)
        self.on_step(Step.PROVED)
        return Deployment(version_name, self.name, full, listed.digest, route)

    def _require_words(self, name: str) -> None:
        if not self.client.says_something(name):
            raise ServingError(f"{name} answers nothing", "Go back to the version before")

    def _require_running(self, name: str, digest: str) -> None:
        self.client.load(name)
        running = self.client.running().get(name)
        if running is None:
            raise ServingError(f"{name} does not stay in Ollama's memory", "Close other programs, or unload models")
        if running.digest != digest:
            raise ServingError(
                f"Ollama serves other weights as {name} than those listed under it", "Restart Ollama and try again"
            )

    # -- taking away -----------------------------------------------------------------------------

    def _undo(self, name: str) -> None:
        """Delete a tag of ours and forget it. While Ollama is away it stays noted, for the next clean-up."""
        if name not in self.ledger.read():
            return
        try:
            self._unload(name)
            self.client.delete(name)
        except BackendDownError:
            return
        self.ledger.remove(name)

    def _remove_merged(self, version: str) -> None:
        for left in self.data.serving.glob(f"merged-{version}-*"):
            left.unlink(missing_ok=True)

    def _unload(self, name: str) -> None:
        """Out of memory, when its running requests are done."""
        if name not in self.client.running():
            return
        self.client.unload(name)
        deadline = time.monotonic() + UNLOAD_SECONDS
        while name in self.client.running() and time.monotonic() < deadline:
            self._pause(0.1)


def _parameters(show: Mapping[str, Any]) -> dict[str, Any]:
    return parse_parameters(str(show.get("parameters") or ""))
