"""Whether what a model is told stays on this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from hooks.contract import Route
from hooks.providers.address import ollama_url

_CLOUD_TAGS = ("-cloud", ":cloud")
"""An Ollama on this machine passes such models on to its makers' servers (https://docs.ollama.com/cloud)."""


def is_here(route: Route) -> bool:
    """Whether a call of this route stays on this machine. What is not known to stay counts as leaving: Groq wherever
    its address points, any other machine of the same network, and a name that is no address of this one."""
    if route.provider == "ollama":
        return not route.model.endswith(_CLOUD_TAGS) and _is_loopback(ollama_url(route.base_url))
    if route.provider in ("embedded", "openai"):
        return route.base_url is not None and _is_loopback(route.base_url)
    return route.provider in ("canned", "none")


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # brackets that do not close
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False
