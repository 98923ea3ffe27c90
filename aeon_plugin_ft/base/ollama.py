"""The GGUF behind an Ollama tag, asked from Ollama itself.

Ollama's /api/show answers with a Modelfile whose FROM line is the path of the weights' blob on the
machine that it runs on.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, BaseModelError

DEFAULT_URL = "http://127.0.0.1:11434"
_FROM = re.compile(r"^FROM\s+(?P<quote>[\"']?)(?P<path>.+?)(?P=quote)\s*$", re.MULTILINE)


def ollama_url() -> str:
    """OLLAMA_HOST as Ollama's own client reads it: scheme and port may be left out; 0.0.0.0 means here."""
    host = os.environ.get("OLLAMA_HOST", "").strip().rstrip("/")
    if not host:
        return DEFAULT_URL
    if "://" not in host:
        host = f"http://{host}"
    scheme, _, rest = host.partition("://")
    rest = rest.replace("0.0.0.0", "127.0.0.1", 1) if rest.startswith("0.0.0.0") else rest
    return f"{scheme}://{rest}" if re.search(r":\d+(/|$)", rest) or scheme == "https" else f"{scheme}://{rest}:11434"


def ollama_blob(tag: str, url: str | None = None) -> Path:
    """The path of the weights of `tag`. Raises BaseModelError, BackendDownError, BackendRefusedError."""
    found = _FROM.search(str(_show(tag, url or ollama_url()).get("modelfile", "")))
    path = Path(found["path"]) if found else None
    if path is None or not path.is_absolute():
        raise BaseModelError(
            f"Ollama does not say where the weights of {tag} are",
            "Give the GGUF file itself as [base] model",
        )
    if not path.is_file():
        raise BaseModelError(
            f"Ollama keeps {tag} in {path}, which is not on this machine or not readable",
            "Copy the GGUF here and give its path as [base] model",
        )
    return path


def _show(tag: str, url: str) -> dict[str, Any]:
    import httpx

    try:
        answer = httpx.post(f"{url}/api/show", json={"model": tag}, timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        raise BackendDownError(f"Ollama does not answer at {url}", "Start it with: ollama serve") from error
    if answer.status_code == 404:
        raise BaseModelError(f"Ollama has no model {tag}", f"Get it with: ollama pull {tag}")
    if answer.status_code != 200:
        raise BackendRefusedError(
            f"Ollama answered {answer.status_code} when asked about {tag}",
            "Look at its log, or start it again",
            answer.status_code,
        )
    found = answer.json()
    return found if isinstance(found, dict) else {}
