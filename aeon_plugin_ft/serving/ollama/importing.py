"""Bringing a file into Ollama under a name of ours, and taking an upload away that no model came to use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, ServingError
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.serving.ollama.client import Behaviour, OllamaClient
from aeon_plugin_ft.serving.ollama.create import adapter_path, blob_digest, carried
from aeon_plugin_ft.serving.ollama.tags import MODEL, Ledger

log = logging.getLogger("aeon_ft.serving")

_say = Speaker("errors/serving")

UPLOADS = 3
"""Tries of an upload or a create whose connection broke."""
LEFTOVER = f"{MODEL}:leftover"
"""A name that lives for two calls: Ollama removes a blob only together with a model that used it."""


@dataclass(frozen=True, slots=True)
class Importer:
    """`say` gets a sentence before a long step, `pause` waits some seconds."""

    client: OllamaClient
    ledger: Ledger
    say: Callable[[str], None]
    pause: Callable[[float], None]

    def whole(
        self, name: str, version: str, content: str, file: Path, digest: str, base: Mapping[str, Any],
        behaviour: Behaviour,
    ) -> None:  # fmt: skip
        """One GGUF with everything that the `base` (its /api/show) carries besides its weights."""
        self._send(name, version, content, file, digest)
        body = {"model": name, "files": {"model.gguf": digest}, **carried(base)}
        self._again(lambda: self._create(body))
        # Where it rewrites, the digest is another one by design, and nothing can be compared.
        if not behaviour.rewrites:
            held = blob_digest(self.client.show(name) or {})
            if held != digest:
                raise ServingError(*_say.error("ollama.sent_otherwise", name=name, held=held, digest=digest))

    def adapter(self, name: str, version: str, content: str, file: Path, digest: str, tag: str) -> bool:
        """A LoRA GGUF on the base `tag`, which brings everything else itself; False where Ollama takes none."""
        self._send(name, version, content, file, digest)
        body = {"model": name, "from": tag, "adapters": {"adapter.gguf": digest}}
        try:
            self._again(lambda: self._create(body))
        except BackendRefusedError as error:
            # Ollama's words since 0.34.1; the version number was asked before, but a build of one's own may lie about
            # it.
            if "no longer supported" not in error.what:
                raise
            self.drop_upload(digest)
            return False
        if not adapter_path(self.client.show(name) or {}):
            raise ServingError(*_say.error("ollama.no_adapter", name=name))
        return True

    def drop_upload(self, digest: str) -> None:
        """Remove a blob that an upload left and no model uses. One that some model uses stays: only the last
        model of a blob takes it along. An adapter cannot be removed so; Ollama does it at its next start."""
        if not digest or not self.client.has_blob(digest):
            return
        try:
            self.client.create({"model": LEFTOVER, "files": {"model.gguf": digest}}, self.say)
            self.client.delete(LEFTOVER)
        except BackendRefusedError as error:
            log.info("an upload stays until Ollama starts again: %s", error)

    def _send(self, name: str, version: str, content: str, file: Path, digest: str) -> None:
        """Noted first: a crash leaves nothing that nobody knows."""
        self.say(_say("ollama.sending", name=name, size=decimal(file.stat().st_size / 1e9, 1)))
        self.ledger.add(name, version, content, blob=digest)
        self._again(lambda: self._upload(file, digest))

    def _upload(self, file: Path, digest: str) -> None:
        # A gigabyte that an earlier try has sent completely need not go again.
        if not self.client.has_blob(digest):
            self.client.upload(file, digest, lambda _share: None)

    def _create(self, body: Mapping[str, Any]) -> None:
        try:
            self.client.create(body, self.say)
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
                self.pause(0.5 * 2**attempt)
        return None
