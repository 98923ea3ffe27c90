"""A model of the Hugging Face hub, from its cache on this machine or from the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.extras import pip_command

FILES = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model"]


def hub_snapshot(name: str, progress: Callable[[str], None] | None = None) -> Path:
    """The folder with the model `name` ("org/name"); nothing is fetched when it is in the hub's cache.

    Raises BaseModelError.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError as error:
        raise BaseModelError(
            f"To use {name} from Hugging Face, the training packages are needed",
            f"Install them: {pip_command('train')}",
        ) from error
    try:
        # The cache first, by itself: the ordinary call asks the network even where everything is there.
        return Path(snapshot_download(name, allow_patterns=FILES, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        if progress is not None:
            progress(f"Downloading {name} from Hugging Face")
    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # the hub's client raises its transport's own errors
        raise _explained(name, error) from error


def _explained(name: str, error: Exception) -> BaseModelError:
    kind = type(error).__name__
    # By name: the classes have moved between modules of huggingface_hub.
    if kind == "GatedRepoError":
        return BaseModelError(
            f"{name} is only given to those who accepted its licence",
            "Accept it on its page, then `hf auth login`, or choose another model",
        )
    if kind in ("RepositoryNotFoundError", "RevisionNotFoundError", "HFValidationError"):
        return BaseModelError(f"Hugging Face has no model {name}", "Check [base] model in plugin.toml")
    return BaseModelError(
        f"{name} is not on this machine and Hugging Face cannot be reached ({kind})",
        "Connect to the internet, or set [base] model to a local folder or file",
    )
