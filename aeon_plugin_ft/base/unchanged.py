"""Whether a base model is still the one that something was begun with."""

from __future__ import annotations

import json
from pathlib import Path

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker, cause
from aeon_plugin_ft.store.digest import folder_sha256, remembered_sha256

_say = Speaker("errors/base")


def require_unchanged(base: BaseModel, cache: Path) -> None:
    """Raise BaseModelError unless the files of `base` are those that its digest names.

    `cache` keeps the digests of large files by their size and time of change, so that they are read once and not for
    each run. A training copy of before its digests were noted is taken as it is.
    """
    copy = base.training_copy
    try:
        if base.gguf is not None:
            _require(remembered_sha256(base.gguf, cache) == base.digest, base.gguf)
            for name, digest in json.loads((copy / "source.json").read_text("utf-8")).get("files", {}).items():
                _require(remembered_sha256(copy / name, cache) == digest, copy / name)
        else:
            files = [*sorted(copy.glob("*.safetensors")), copy / "config.json"]
            _require(folder_sha256(files, cache) == base.digest, copy)
    except (OSError, ValueError) as error:
        raise BaseModelError(*_say.error("unchanged.unreadable", base=base.spec, error=cause(error))) from error


def _require(same: bool, path: Path) -> None:
    if not same:
        raise BaseModelError(*_say.error("unchanged.changed", path=path))
