"""A model of the Hugging Face hub, from its cache on this machine or from the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.extras import pip_command
from aeon_plugin_ft.messages import Speaker

FILES = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model"]
_say = Speaker("errors/base")


def hub_snapshot(name: str, progress: Callable[[str], None] | None = None) -> Path:
    """The folder with the model `name` ("org/name"); nothing is fetched when it is in the hub's cache.

    Raises BaseModelError.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError as error:
        raise BaseModelError(*_say.error("hub.no_packages", model=name, command=pip_command("train"))) from error
    try:
        # The cache first, by itself: the ordinary call asks the network even where everything is there.
        return Path(snapshot_download(name, allow_patterns=FILES, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        if progress is not None:
            progress(_say("hub.downloading", model=name))
    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # the hub's client raises its transport's own errors
        raise _explained(name, error) from error


def _explained(name: str, error: Exception) -> BaseModelError:
    kind = type(error).__name__
    # By name: the classes have moved between modules of huggingface_hub.
    if kind == "GatedRepoError":
        return BaseModelError(*_say.error("hub.gated", model=name))
    if kind in ("RepositoryNotFoundError", "RevisionNotFoundError", "HFValidationError"):
        return BaseModelError(*_say.error("hub.unknown", model=name))
    return BaseModelError(*_say.error("hub.unreachable", model=name, kind=kind))
