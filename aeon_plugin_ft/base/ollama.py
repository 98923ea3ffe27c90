"""The GGUF behind an Ollama tag, asked from Ollama itself.

Ollama's /api/show answers with a Modelfile whose FROM line is the path of the weights' blob on the
machine that it runs on. Where that file cannot be used, the same weights on Hugging Face are named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from aeon_plugin_ft.base.trainable import kind_of, options_for
from aeon_plugin_ft.errors import BackendRefusedError, BaseModelError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.weights.architectures import FAMILIES

_say = Speaker("errors/base")
SHOW_SECONDS = 10.0
_FROM = re.compile(r"^FROM\s+(?P<quote>[\"']?)(?P<path>.+?)(?P=quote)\s*$", re.MULTILINE)


def ollama_blob(tag: str, url: str) -> Path:
    """The path of the weights of `tag`. Raises BaseModelError, BackendDownError, BackendRefusedError."""
    show = show_model(tag, url)
    _refuse_unknown(tag, show)
    line = _FROM.search(str(show.get("modelfile", "")))
    or_this = options_for(tag, show)
    # "FROM llama3" names another model instead of a file.
    if line is None or not is_absolute(line["path"]):
        raise BaseModelError(*_say.error("ollama.nowhere", tag=tag, or_this=or_this))
    path = Path(line["path"])
    if not path.is_file():
        raise BaseModelError(*_say.error("ollama.elsewhere", tag=tag, path=line["path"], or_this=or_this))
    return path


def is_absolute(path: str) -> bool:
    """Whether it is a whole path on the machine of an Ollama, whichever system that is: on Windows many run it in WSL
    or in a container, and Path knows only the rules of this one."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def _refuse_unknown(tag: str, show: Mapping[str, Any]) -> None:
    """Before gigabytes are read: a family that cannot be turned into a training copy."""
    architecture, billions = kind_of(show)
    if architecture not in FAMILIES and architecture != "unknown":
        known, or_this = ", ".join(sorted(FAMILIES)), options_for(tag, show)
        slots = {"architecture": architecture, "billions": f"{billions:.1f}", "supported": known}
        raise BaseModelError(*_say.error("ollama.family", tag=tag, or_this=or_this, **slots))


def show_model(tag: str, url: str) -> dict[str, Any]:
    """What /api/show says of a tag. Raises BaseModelError where Ollama does not have it, BackendDownError,
    BackendRefusedError."""
    # No proxy of the environment: Ollama is on this machine or on the owner's own network.
    with HttpServer("Ollama", url, down=_say("ollama.start"), proxies=False) as server:
        try:
            return server.json_object("POST", "/api/show", {"model": tag}, seconds=SHOW_SECONDS)
        except BackendRefusedError as error:
            if error.status == 404:
                raise BaseModelError(*_say.error("ollama.unknown", tag=tag)) from error
            raise
