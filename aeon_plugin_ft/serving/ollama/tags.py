"""Our own tags in Ollama: their names, the list of those that we made, and how many are kept.

A tag's name holds the version and the adapter's digest ("aeon-ft:v0007-1a2b3c4d"), so a name never means
two models. Only what stands in <data>/serving/ollama.json is ever deleted; a name is written there before
the tag is made, so that a crash leaves nothing that nobody knows.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.serving.ollama.create import blob_digest
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.weights.merge import KEY_ADAPTER
from hooks.providers.secrets import without_login

_say = Speaker("errors/serving")

MODEL = "aeon-ft"
_WRITING = threading.Lock()
"""Reading the list, changing it and writing it back is one step, for the lists of all addresses are one file."""


@dataclass(frozen=True, slots=True)
class OurTag:
    """A tag that we made in the Ollama at `url`. `content` is the digest that tells it apart: of the adapter, or of the
    base that was imported as it is. `digest` is the manifest's once it was proven, "" before. `order` grows with each
    tag. `blob` is what was uploaded for it."""

    name: str
    version: str
    content: str
    digest: str
    order: int
    blob: str = ""
    url: str = ""
    """"" in a list of the time when there was one Ollama only: then it is the one that is asked now."""
    adopted: bool = False
    """Whether it was there before we came, of the same content: used, and never ours to delete."""

    @property
    def key(self) -> str:
        """Two Ollamas may have a tag of one name."""
        return f"{self.name} {self.url}"


class Ledger:
    """The tags that we made in the Ollama at `url`, on disk."""

    def __init__(self, file: Path, url: str) -> None:
        # Without a name and password in it, also in lists of the time when those were kept.
        self.file, self.url = file, without_login(url)

    def read(self) -> dict[str, OurTag]:
        """By name."""
        return {tag.name: tag for tag in self._all() if tag.url in ("", self.url)}

    def addresses(self, version: str) -> set[str]:
        """Of every Ollama that was given this version."""
        return {tag.url for tag in self._all() if tag.version == version and tag.url}

    def add(
        self, name: str, version: str, content: str, digest: str = "", blob: str = "", *, adopted: bool = False
    ) -> None:  # fmt: skip
        """Note a tag of ours, or what is now known of one that is noted: `digest` once it is proven, `blob` once it is
        sent."""
        with _WRITING:
            tags = self._all()
            # A second note of the same tag keeps its age, and the upload that was noted with the first.
            old = next((tag for tag in tags if tag.name == name and tag.url in ("", self.url)), None)
            order = old.order if old else 1 + max((tag.order for tag in tags), default=0)
            made = OurTag(name, version, content, digest, order, blob or (old.blob if old else ""), self.url, adopted)
            self._write([*(tag for tag in tags if tag is not old), made])

    def remove(self, name: str) -> None:
        """Take a tag off the list; nothing happens when it is not on it."""
        with _WRITING:
            tags = self._all()
            kept = [tag for tag in tags if tag.name != name or tag.url not in ("", self.url)]
            if len(kept) < len(tags):
                self._write(kept)

    def _all(self) -> list[OurTag]:
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            return [OurTag(**{**entry, "url": without_login(entry.get("url", ""))}) for entry in content.values()]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ServingError(*_say.error("ollama.damaged_list", file=self.file, reason=error)) from error

    def _write(self, tags: Collection[OurTag]) -> None:
        write_json(self.file, {tag.key: asdict(tag) for tag in tags})


def tag_name(version: str, content: str, take: int = 0) -> str:
    """The name for a version made of `content` ("sha256:..."); `take` > 0 where somebody else has that name."""
    short = content.removeprefix("sha256:")[:8]
    return f"{MODEL}:{version}-{short}" + (f"-{take + 1}" if take else "")


def is_made_of(show: Mapping[str, Any], content: str) -> bool:
    """Whether a model was made of this adapter, by its own metadata, or is this base as it was imported."""
    info = show.get("model_info") or {}
    return content in (info.get(KEY_ADAPTER), blob_digest(show))


def too_many(
    tags: Collection[OurTag], sizes: Mapping[str, int], keep: int, cap_bytes: float, never: Collection[str]
) -> list[str]:
    """Names to remove, oldest first: beyond `keep` versions, then until all together are below `cap_bytes`.

    `never` are names that stay whatever happens (in use, or the way back).
    """
    by_age = sorted((tag for tag in tags if not tag.adopted), key=lambda tag: tag.order)
    free = [tag for tag in by_age if tag.name not in never]
    gone = free[: max(0, len(by_age) - keep)]
    left = sum(sizes.get(tag.name, 0) for tag in by_age if tag not in gone)
    for tag in free[len(gone) :]:
        if left <= cap_bytes:
            break
        gone.append(tag)
        left -= sizes.get(tag.name, 0)
    return [tag.name for tag in gone]
