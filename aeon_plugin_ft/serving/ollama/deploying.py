"""One deploy to one Ollama, from the base and the adapter to a tag that is loaded and proven."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.base.ollama_names import canonical_name
from aeon_plugin_ft.base.turns import as_ollama_says
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.serving.merging.version import Merging, proof_of
from aeon_plugin_ft.serving.model import Deployment, OnStep
from aeon_plugin_ft.serving.ollama.client import Behaviour, OllamaClient
from aeon_plugin_ft.serving.ollama.create import blob_digest, parse_parameters, template_of, weights_path
from aeon_plugin_ft.serving.ollama.prompts import (
    PROBES,
    PromptMatch,
    compare,
    go_template,
    trained_prompts,
    without_thoughts,
)
from aeon_plugin_ft.serving.ollama.room import is_local, require_disk, require_memory
from aeon_plugin_ft.serving.ollama.server import OllamaServer
from aeon_plugin_ft.serving.ollama.tags import is_made_of
from aeon_plugin_ft.serving.smoke import smoke_test
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.weights.adapter import adapter_digest, whole_model
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.lora_gguf import export_lora_gguf
from hooks import Route

log = logging.getLogger("aeon_ft.serving")

_say = Speaker("errors/serving")

BASE: Final = "base"


@dataclass(frozen=True, slots=True)
class OllamaDeploy:
    """`settings` is [serve] at its beginning, `on_step` hears each step, `say` gets a sentence before a long one;
    `system_prompt()` is what the owner's talk is asked under, computed ahead."""

    server: OllamaServer
    settings: ServeSection
    on_step: OnStep
    say: Callable[[str], None]
    system_prompt: Callable[[], str]

    @property
    def client(self) -> OllamaClient:
        """The Ollama that it goes to."""
        return self.server.client

    def run(self, version: Version | None, base: BaseModel) -> Deployment:
        """As `Deployer.deploy`."""
        behaviour = self.server.behaviour()
        carrier, show = self._carrier(base)
        # The base is in Ollama already: its own tag answers, and nothing is imported.
        if version is None and carrier is not None:
            return self._prove(carrier, BASE, show, None)
        if version is not None and version.base_digest != base.digest:
            raise ServingError(*_say.error("ollama.another_base", version=version.name, base=base.spec))
        gguf = self._weights(base, show)
        name_of, content = (BASE, base.digest) if version is None else (version.name, adapter_digest(version.adapter))
        name = self.server.free_name(name_of, content)
        adopted = name not in self.server.ledger.read() and self.client.show(name) is not None
        try:
            self._ensure(name, version, base, gguf, show, behaviour, content, carrier)
            match = self._match_prompt(name, gguf, show, at_once=version is not None)
            made = self._require_format(name, show, behaviour)
            done = self._prove(name, name_of, made, version)
            done = replace(done, proof={**done.proof, "prompt": str(match)})
        except ServingError:
            self.server.undo(name)
            raise
        # The digest only now: a tag without one in the list was never proven, and may be removed.
        noted = self.server.ledger.read().get(name)
        adopted = adopted or (noted is not None and noted.adopted)
        self.server.ledger.add(name, name_of, content, done.digest, adopted=adopted)
        return done

    # -- what is there already -------------------------------------------------------------------

    def _carrier(self, base: BaseModel) -> tuple[str | None, dict[str, Any]]:
        """The tag in Ollama that is this base, whose template and parameters are taken over; None where the
        base is not in Ollama, with what it brings along itself."""
        named = base.spec.removeprefix("ollama:") if base.spec.startswith("ollama:") else ""
        tag = named or self.settings.ollama_model
        show = self.client.show(tag)
        if named and show is None:
            raise ServingError(*_say.error("ollama.unknown", tag=tag))
        # Without a GGUF of its own (trained on the originals) the tag cannot be compared by digest; `Merging` compares
        # it.
        if show is not None and (blob_digest(show) == base.digest or base.gguf is None):
            return tag, show
        if named:
            raise ServingError(*_say.error("ollama.pulled_again", tag=tag))
        return None, {} if base.gguf is None else as_ollama_says(base.gguf)

    def _weights(self, base: BaseModel, show: Mapping[str, Any]) -> Path:
        path = base.gguf or weights_path(show)
        if path is None:
            raise ServingError(*_say.error("ollama.nowhere", base=base.spec))
        if not path.is_file():
            raise ServingError(*_say.error("ollama.unreadable", base=base.spec, path=path))
        return path

    # -- making ----------------------------------------------------------------------------------

    def _ensure(
        self, name: str, version: Version | None, base: BaseModel, gguf: Path, show: Mapping[str, Any],
        behaviour: Behaviour, content: str, carrier: str | None,
    ) -> None:  # fmt: skip
        """Make the tag unless a try before this one did."""
        made = self.client.show(name)
        ours = self.server.ledger.read().get(name)
        # Either is proof enough: its own metadata, or a digest in our list, which only a proven tag has.
        if made is not None and (is_made_of(made, content) or (ours is not None and ours.digest)):
            return
        if version is None:
            self._require_room(gguf.stat().st_size, show, behaviour)
            self.server.importer.whole(name, BASE, content, gguf, base.digest, show, behaviour)
        elif (whole := whole_model(version.adapter)) is not None:
            self._require_room(whole.stat().st_size, show, behaviour)
            self.server.importer.whole(name, version.name, content, whole, content, show, behaviour)
        elif not self._as_adapter(name, version, replace(base, gguf=gguf), show, behaviour, content, carrier):
            self._as_merged(
                name, Merging(self.server.data, version, base, gguf, self.settings, self.say), show, behaviour
            )
        self.on_step(SwapStep.IMPORTED)

    def _require_room(self, size: int, show: Mapping[str, Any], behaviour: Behaviour) -> None:
        theirs = weights_path(show) if is_local(self.server.url) else None
        require_disk(self.server.data.serving, theirs.parent if theirs else None, size, behaviour)
        require_memory(self.server.url, size, list(self.client.running().values()))

    def _as_merged(self, name: str, merging: Merging, show: Mapping[str, Any], behaviour: Behaviour) -> None:
        self._require_room(merging.size(), show, behaviour)
        self.on_step(SwapStep.BUILDING)
        version, content = merging.version, adapter_digest(merging.version.adapter)
        merged = self.server.data.serving / f"merged-{version.name}-{content[7:15]}.gguf"
        try:
            digest = merging.write(merged)
            self.on_step(SwapStep.BUILT)
            self.server.importer.whole(name, version.name, content, merged, digest, show, behaviour)
        finally:
            merged.unlink(missing_ok=True)

    def _as_adapter(
        self, name: str, version: Version, base: BaseModel, show: Mapping[str, Any], behaviour: Behaviour, content: str,
        carrier: str | None,
    ) -> bool:  # fmt: skip
        """The short way: megabytes in place of gigabytes. False where it is not wanted or this Ollama has none."""
        if not self.settings.ollama_adapter:
            return False
        if not behaviour.takes_adapters(base.architecture):
            log.warning("Ollama %s takes no adapters; %s is merged instead", behaviour.version, version.name)
            return False
        carrier = carrier or self._imported_base(base, show, behaviour)
        self.on_step(SwapStep.BUILDING)
        file = self.server.data.serving / f"merged-{version.name}-adapter.gguf"
        try:
            digest = export_lora_gguf(version.adapter, base, file)
            self.on_step(SwapStep.BUILT)
            return self.server.importer.adapter(name, version.name, content, file, digest, carrier)
        finally:
            file.unlink(missing_ok=True)

    def _imported_base(self, base: BaseModel, show: Mapping[str, Any], behaviour: Behaviour) -> str:
        """The tag that carries an adapter, where the base is a file: imported once, for every version of it."""
        assert base.gguf is not None
        name = self.server.free_name(BASE, base.digest)
        self._ensure(name, None, base, base.gguf, show, behaviour, base.digest, None)
        listed = self.client.tags().get(name)
        if listed is None:
            raise ServingError(*_say.error("ollama.not_there", name=name))
        self.server.ledger.add(name, BASE, base.digest, listed.digest)
        return name

    def _match_prompt(self, name: str, gguf: Path, base: Mapping[str, Any], *, at_once: bool) -> PromptMatch:
        """Compare the prompt that it is served with to the one that was trained (`at_once`: without thoughts), and give
        it the latter where it is another one and a template can be written for it. Raises ServingError."""
        trained = trained_prompts(gguf, at_once=at_once)
        match = self._compared(name, trained, at_once)
        made = self.client.show(name) or {}
        if at_once and match is PromptMatch.DIFFERS and self._end_thoughts(name, gguf, template_of(made) or ""):
            match = self._compared(name, trained, at_once)
            made = self.client.show(name) or {}
        # Tools and thoughts are beyond such a template, and a renderer stands above any. Thoughts that only the file's
        # own template knows of are no loss to a version.
        beyond = set(made.get("capabilities") or ()) - {"completion"}
        beyond -= {"thinking"} - set(base.get("capabilities") or ()) if at_once else set()
        plain = not beyond and not made.get("renderer")
        template = go_template(trained) if trained and plain and match is not PromptMatch.SAME else None
        # Nothing can be compared before 0.11.5; there the file's template is not read at all, and ours is the better.
        if template is None or (match is PromptMatch.UNKNOWN and template_of(base)):
            if match is PromptMatch.DIFFERS:
                log.warning("%s is asked in another form in Ollama than it was trained in", name)
            return match
        if template != template_of(made):
            self._give_template(name, template)
        return self._compared(name, trained, at_once)

    def _end_thoughts(self, name: str, gguf: Path, template: str) -> bool:
        """Have the template end the thoughts that it begins though it is told to think of nothing (DeepSeek-R1's, and
        those of models that only think). Tools and all else of it stay. Returns whether it began any."""
        written = self.client.rendered(name, PROBES[0], at_once=True) or ""
        if not template:
            with GgufFile(gguf) as file:
                template = str(file.get("tokenizer.chat_template") or "")
        ended = without_thoughts(template, written)
        if ended is not None:
            self._give_template(name, ended)
        return ended is not None

    def _give_template(self, name: str, template: str) -> None:
        self.client.create({"model": name, "from": name, "template": template}, self.say)
        self.server.unload(name)  # it runs under the digest that it had

    def _compared(self, name: str, trained: tuple[str, ...] | None, at_once: bool) -> PromptMatch:
        if trained is None or self.client.rendered(name, PROBES[0], at_once=at_once) is None:
            return PromptMatch.UNKNOWN
        return compare(trained, lambda talk: self.client.rendered(name, talk, at_once=at_once) or "")

    def _require_format(self, name: str, base: Mapping[str, Any], behaviour: Behaviour) -> dict[str, Any]:
        """What Ollama says of the new model; raises ServingError unless it talks in the base's format."""
        made = self.client.show(name)
        if made is None:
            raise ServingError(*_say.error("ollama.not_there", name=name))
        # Ollama derives them from the template: one that was lost on the way loses tools or thinking.
        lost = set(base.get("capabilities") or ()) - set(made.get("capabilities") or ())
        if lost:
            raise ServingError(*_say.error("unlike.abilities", name=name, lost=", ".join(sorted(lost))))
        if base and template_of(base) and not template_of(made):
            raise ServingError(*_say.error("unlike.template", name=name))
        if base and _parameters(base) != _parameters(made):
            raise ServingError(*_say.error("unlike.parameters", name=name))
        if not behaviour.reads_jinja and not template_of(made) and not made.get("renderer"):
            raise ServingError(*_say.error("unlike.no_template", name=name))
        return made

    # -- proving ---------------------------------------------------------------------------------

    def _prove(self, name: str, version_name: str, show: Mapping[str, Any], version: Version | None) -> Deployment:
        """Load it, ask it, and note the digest under which Ollama serves it.

        A candidate must only say something: its replies are the gate's to judge, with a verdict.
        """
        self.say(_say("ollama.loading", name=name))
        self.on_step(SwapStep.LOADING)
        full = canonical_name(name)
        listed = self.client.tags().get(full)
        if listed is None:
            raise ServingError(*_say.error("ollama.not_listed", name=name))
        # Asked before loading: what the owner had in memory already is not ours to take out again.
        if self.server.runner(full) is None:
            self.server.loaded.add(full)
        self.server.require_running(full, listed.digest)
        self.on_step(SwapStep.LOADED)
        route = Route("ollama", listed.name, base_url=self.server.url, version=version_name)
        abilities = show.get("capabilities") or ()
        if "tools" in abilities and version is not None:
            self._require_tools(full)
        if version is None or version.state is not VersionState.CANDIDATE:
            # A version replies at once; the base may think, and is asked for a sign of life only.
            smoke_test(route, trained=version is not None)
        # Last: what it computes for the owner's prompt is there for the first reply.
        self._require_words(full, at_once=version is not None)
        self.on_step(SwapStep.SMOKE_TESTED)
        # Once more at the end: the tests took a while, in which another program may have pushed it out of memory.
        self.server.require_running(full, listed.digest)
        self.on_step(SwapStep.PROVED)
        proof = {} if version is None else proof_of(self.server.data, version_name, adapter_digest(version.adapter))
        return Deployment(version_name, "ollama", listed.name, listed.digest, route, proof)

    def _require_words(self, name: str, *, at_once: bool) -> None:
        if not self.client.says_something(name, self.system_prompt(), at_once=at_once):
            raise ServingError(*_say.error("ollama.silent", model=name))

    def _require_tools(self, name: str) -> None:
        """A base that calls tools through Ollama still does: they are taken, and what comes back is a call."""
        broken = next((call for call in self.client.tool_calls(name) if not _is_call(call)), None)
        if broken is not None:
            raise ServingError(*_say.error("ollama.broken_call", name=name, call=broken))


def _parameters(show: Mapping[str, Any]) -> dict[str, Any]:
    return parse_parameters(str(show.get("parameters") or ""))


def _is_call(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return isinstance(function, dict) and bool(function.get("name")) and isinstance(function.get("arguments"), dict)
