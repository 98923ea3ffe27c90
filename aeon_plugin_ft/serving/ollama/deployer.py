"""A version in Ollama: merged into the base's GGUF, imported under a name of its own, loaded and proven.

Works with every Ollama from 0.5.5 on. Adapters of Ollama's own (`adapters` in /api/create) are used only where the
owner asks for it ([serve] ollama_adapter) and the version allows it: 0.34.1 removed them, and before that a base
and its adapter cannot both be in memory, so that a swap throws out the model in use while the new one loads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError, ServingError
from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.serving.journal import Step
from aeon_plugin_ft.serving.merging.version import Merging, proof_of, report_file
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.serving.ollama.client import Behaviour, OllamaClient
from aeon_plugin_ft.serving.ollama.create import blob_digest, parse_parameters, template_of, weights_path
from aeon_plugin_ft.serving.ollama.importing import Importer
from aeon_plugin_ft.serving.ollama.room import is_local, require_disk, require_memory
from aeon_plugin_ft.serving.ollama.tags import Ledger, is_made_of, tag_name, too_many
from aeon_plugin_ft.serving.smoke import smoke_test
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.weights.adapter import adapter_digest
from aeon_plugin_ft.weights.lora_gguf import export_lora_gguf
from hooks import Route
from hooks.providers import ollama_url

BASE: Final = "base"
UNLOAD_SECONDS = 30.0


class OllamaDeployer:
    """serving.model.Deployer for a local or remote Ollama. `on_step` hears each step of `deploy`; `say` gets a
    sentence before a long one; `system_prompt()` is what the owner's talk is asked under, computed ahead."""

    name = "ollama"

    def __init__(
        self, data: DataFolder, settings: ServeSection, *, say: Callable[[str], None] = lambda _: None,
        pause: Callable[[float], None] = time.sleep, system_prompt: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        self.data, self.settings, self.system_prompt = data, settings, system_prompt
        self.url = ollama_url(settings.ollama_url)
        self.client = OllamaClient(self.url)
        self.ledger = Ledger(data.serving / "ollama.json")
        self.on_step: Callable[[Step], None] = lambda _: None
        self._say, self._pause = say, pause
        self._import = Importer(self.client, self.ledger, say, pause)
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
            self._ensure(name, version, base, gguf, show, behaviour, content, carrier)
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
                if tag.name in self.ledger.read() and self.client.show(tag.name) is None:
                    self._forget(tag.name)
        self._remove_merged(version)
        report_file(self.data, version).unlink(missing_ok=True)

    def abandon(self, version: str) -> None:
        """Take away what a deploy that was cut off has left: tags that were never proven, merged files, and the memory
        of a proven tag that nobody uses (whoever loaded it may be gone)."""
        for tag in self.ledger.read().values():
            if tag.version == version and tag.digest:
                self._unload(tag.name)
            elif tag.version == version:
                self._undo(tag.name)
        self._remove_merged(version)

    def clean_up(self, never: tuple[str, ...] = ()) -> list[str]:
        """Remove our oldest tags beyond [serve] keep_versions and ollama_cap_gb; returns their names.

        What is in memory now is in use and stays.
        """
        ours, sizes = self.ledger.read(), {name: tag.size for name, tag in self.client.tags().items()}
        for name in ours.keys() - sizes.keys():
            self._forget(name)
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
        behaviour: Behaviour, content: str, carrier: str | None,
    ) -> None:  # fmt: skip
        """Make the tag unless a try before this one did."""
        there = self.client.show(name)
        known = self.ledger.read().get(name)
        if there is not None and (is_made_of(there, content) or (known is not None and known.digest)):
            return
        if version is None:
            self._require_room(gguf.stat().st_size, show, behaviour)
            self._import.whole(name, BASE, content, gguf, base.digest, show, behaviour)
        elif not self._as_adapter(name, version, replace(base, gguf=gguf), behaviour, content, carrier):
            self._as_merged(name, Merging(self.data, version, base, gguf, self.settings, self._say), show, behaviour)
        self.on_step(Step.IMPORTED)

    def _require_room(self, size: int, show: Mapping[str, Any], behaviour: Behaviour) -> None:
        theirs = weights_path(show) if is_local(self.url) else None
        require_disk(self.data.serving, theirs.parent if theirs else None, size, behaviour)
        require_memory(self.url, size, list(self.client.running().values()))

    def _as_merged(self, name: str, merging: Merging, show: Mapping[str, Any], behaviour: Behaviour) -> None:
        self._require_room(merging.size(), show, behaviour)
        self.on_step(Step.BUILDING)
        version, content = merging.version, adapter_digest(merging.version.adapter)
        merged = self.data.serving / f"merged-{version.name}-{content[7:15]}.gguf"
        try:
            digest = merging.write(merged)
            self.on_step(Step.BUILT)
            self._import.whole(name, version.name, content, merged, digest, show, behaviour)
        finally:
            merged.unlink(missing_ok=True)

    def _as_adapter(
        self, name: str, version: Version, base: BaseModel, behaviour: Behaviour, content: str, carrier: str | None
    ) -> bool:
        """The short way: megabytes in place of gigabytes. False where it is not wanted or this Ollama has none."""
        if not self.settings.ollama_adapter or carrier is None or not behaviour.takes_adapters(base.architecture):
            return False
        self.on_step(Step.BUILDING)
        file = self.data.serving / f"merged-{version.name}-adapter.gguf"
        try:
            digest = export_lora_gguf(version.adapter, base, file)
            self.on_step(Step.BUILT)
            return self._import.adapter(name, version.name, content, file, digest, carrier)
        finally:
            file.unlink(missing_ok=True)

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
        abilities = show.get("capabilities") or ()
        if "tools" in abilities and version is not None:
            self._require_tools(full)
        if version is None or version.state is not VersionState.CANDIDATE:
            smoke_test(route, thinks="thinking" in abilities, trained=version is not None)
        self._require_words(full)  # last: what it computes for the owner's prompt is there for the first reply
        self.on_step(Step.SMOKE_TESTED)
        self._require_running(full, listed.digest)
        self.on_step(Step.PROVED)
        proof = {} if version is None else proof_of(self.data, version_name, adapter_digest(version.adapter))
        return Deployment(version_name, self.name, full, listed.digest, route, proof)

    def _require_words(self, name: str) -> None:
        if not self.client.says_something(name, self.system_prompt()):
            raise ServingError(f"{name} answers nothing", "Go back to the version before")

    def _require_tools(self, name: str) -> None:
        """A base that calls tools through Ollama still does: they are taken, and what comes back is a call."""
        broken = next((call for call in self.client.tool_calls(name) if not _is_call(call)), None)
        if broken is not None:
            raise ServingError(f"{name} calls a tool in a form that nobody can read ({broken})", "Train again")

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
        tag = self.ledger.read().get(name)
        if tag is None:
            return
        try:
            self._unload(name)
            if not self.client.delete(name) and tag.blob and self.client.has_blob(tag.blob):
                return  # uploaded and not used yet: the next try sends nothing twice, the next clean-up removes it
        except BackendDownError:
            return
        self.ledger.remove(name)

    def _forget(self, name: str) -> None:
        """Drop from the list what Ollama does not have, with what was uploaded for it."""
        tag = self.ledger.read().get(name)
        if tag is not None and not self.client.behaviour().rewrites:
            self._import.drop_upload(tag.blob)
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


def _is_call(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return isinstance(function, dict) and bool(function.get("name")) and isinstance(function.get("arguments"), dict)
