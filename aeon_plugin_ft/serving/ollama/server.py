"""One Ollama, with the list of what we made there: its names, what is in memory, and what goes away again."""

from __future__ import annotations

import time
from collections.abc import Callable

from aeon_plugin_ft.base.ollama_names import canonical_name
from aeon_plugin_ft.errors import BackendDownError, ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.serving.ollama.client import Behaviour, Listed, OllamaClient
from aeon_plugin_ft.serving.ollama.create import files_of
from aeon_plugin_ft.serving.ollama.importing import Importer
from aeon_plugin_ft.serving.ollama.tags import Ledger, is_made_of, tag_name, too_many
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder

_say = Speaker("errors/serving")

UNLOAD_SECONDS = 30.0
KEEP_ALIVE = "10m"
"""Of our own models, when we load them: longer than Ollama's five minutes, for the next talk."""


class OllamaServer:
    """The Ollama at `url`. `say` gets a sentence before a long step, `pause` waits some seconds. `loaded` are the
    models that were not in memory before we came: only those are taken out of it."""

    def __init__(
        self, data: DataFolder, url: str, say: Callable[[str], None] = lambda _: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.data, self.url = data, url
        self.client = OllamaClient(url)
        self.ledger = Ledger(data.serving / "ollama.json", url)
        self.importer = Importer(self.client, self.ledger, say, pause)
        self.loaded: set[str] = set()
        self._pause = pause

    def close(self) -> None:
        """End its connections."""
        self.client.close()

    def behaviour(self) -> Behaviour:
        """What this version of Ollama does with an import. Raises ServingError for one that takes none."""
        behaviour = self.client.behaviour()
        if not behaviour.imports:
            raise ServingError(*_say.error("ollama.too_old", version=behaviour.version))
        return behaviour

    def free_name(self, version: str, content: str) -> str:
        """The version's name, or one with a number after it where somebody else's model has that name."""
        for take in range(100):
            name = tag_name(version, content, take)
            show = self.client.show(name)
            ours = self.ledger.read().get(name)
            if show is None or is_made_of(show, content) or (ours is not None and not ours.digest):
                return name
            # Proven by us and unchanged since: it is there, and only to be loaded.
            if ours is not None and ours.digest == self.client.tags()[name].digest:
                return name
        raise ServingError(*_say.error("ollama.no_free_name", version=version))

    def runner(self, name: str) -> Listed | None:
        """What answers for this model now. A runner belongs to the weights' file: two tags of one file share it, and
        Ollama goes on naming the one that loaded it."""
        running = self.client.running()
        if not running or name in running:
            return running.get(name)
        listed, files = self.client.tags().get(name), files_of(self.client.show(name) or {})
        for each in running.values():
            # The digest first: the name that it was loaded by may mean other weights since.
            if listed is not None and each.digest == listed.digest:
                return each
            if files is not None and files_of(self.client.show(each.name) or {}) == files:
                return each
        return None

    def require_running(self, name: str, digest: str) -> None:
        """Load it; raises ServingError unless it is in memory then, with the weights of that digest."""
        # What somebody else has loaded, or made, stays as long as they want.
        ours = name in self.ledger.read() and self.runner(name) is None
        self.client.load(name, KEEP_ALIVE if ours else None)
        running = self.runner(name)
        if running is None:
            raise ServingError(*_say.error("ollama.not_kept", name=name))
        if running.digest != digest and canonical_name(running.name) == name:
            raise ServingError(*_say.error("ollama.served_otherwise", name=name))

    # -- going away ------------------------------------------------------------------------------

    def retire(self, name: str, settings: ServeSection) -> None:
        """Out of memory, unless it was there before we came; the tag stays on disk for going back, within the number
        and size that are kept."""
        if name in self.loaded:
            self.unload(name)
        self.clean_up(settings, never=(name,))

    def abandon(self, version: str) -> None:
        """Take away what a deploy that was cut off has left: tags that were never proven, merged files, and the memory
        of a proven tag that nobody uses (whoever loaded it may be gone)."""
        for tag in self.ledger.read().values():
            if tag.version == version and tag.adopted:
                continue
            if tag.version == version and tag.digest:
                self.unload(tag.name)
            elif tag.version == version:
                self.undo(tag.name)
        self._remove_merged(version)

    def discard(self, version: str) -> None:
        """Take a version away for good."""
        for tag in self.ledger.read().values():
            if tag.version == version:
                self.undo(tag.name)
                if tag.name in self.ledger.read() and self.client.show(tag.name) is None:
                    self.forget(tag.name)
        self._remove_merged(version)

    def clean_up(self, settings: ServeSection, never: tuple[str, ...] = ()) -> list[str]:
        """Remove our oldest tags beyond [serve] keep_versions and ollama_cap_gb; returns their names.

        What is in memory now is in use and stays.
        """
        ours, sizes = self.ledger.read(), {name: tag.size for name, tag in self.client.tags().items()}
        for name in ours.keys() - sizes.keys():
            self.forget(name)
        there = [tag for name, tag in ours.items() if name in sizes]
        busy = {*never, *(tag.name for tag in there if self.runner(tag.name) is not None)}
        cap = settings.ollama_cap_gb * 1e9
        gone = too_many(there, sizes, settings.keep_versions, cap, busy)
        for name in gone:
            self.undo(name)
        return gone

    def undo(self, name: str) -> None:
        """Delete a tag of ours and forget it. While Ollama is away it stays noted, for the next clean-up. One that was
        there before we came is only forgotten."""
        tag = self.ledger.read().get(name)
        if tag is None:
            return
        if tag.adopted:
            self.ledger.remove(name)
            return
        try:
            self.unload(name)
            if not self.client.delete(name) and tag.blob and self.client.has_blob(tag.blob):
                return  # uploaded and not used yet: the next try sends nothing twice, the next clean-up removes it
        except BackendDownError:
            return
        self.ledger.remove(name)

    def forget(self, name: str) -> None:
        """Drop from the list what Ollama does not have, with what was uploaded for it."""
        tag = self.ledger.read().get(name)
        if tag is not None and not tag.adopted and not self.client.behaviour().rewrites:
            self.importer.drop_upload(tag.blob)
        self.ledger.remove(name)

    def unload(self, name: str) -> None:
        """Out of memory, when its running requests are done. What another tag has loaded is somebody else's."""
        if name not in self.client.running():
            return
        self.client.unload(name)
        deadline = time.monotonic() + UNLOAD_SECONDS
        # Ollama answers before it has unloaded: requests that are being answered come first.
        while name in self.client.running() and time.monotonic() < deadline:
            self._pause(0.1)

    def _remove_merged(self, version: str) -> None:
        for left in self.data.serving.glob(f"merged-{version}-*"):
            left.unlink(missing_ok=True)
