"""Where an Ollama is, read as Ollama itself reads OLLAMA_HOST."""

from __future__ import annotations

import ipaddress
import os

OLLAMA_URL = "http://127.0.0.1:11434"
_PORT = 11434
_PORTS = {"http": 80, "https": 443}


def ollama_url(host: str | None = None) -> str:
    """`host`, else $OLLAMA_HOST, else Ollama's default, as a URL that can be connected to.

    The rules are those of Ollama's envconfig.ConnectableHost (https://github.com/ollama/ollama, envconfig/config.go):
    quotes around the value count for nothing, scheme and port may be missing, a port that is none is the default one,
    and an address to listen on everywhere (0.0.0.0, ::) stands for this machine.
    """
    given = _bare(host or "") or _bare(os.environ.get("OLLAMA_HOST") or "")
    if not given:
        return OLLAMA_URL
    if given == "ollama.com":
        given = "https://ollama.com"
    scheme, separator, rest = given.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("http", given)
    place, _, path = rest.partition("/")
    default = _PORTS.get(scheme, _PORT) if separator else _PORT
    login, at, place = place.rpartition("@")
    name, port = _split(place, default)
    shown = "" if port == _PORTS.get(scheme) else f":{port}"
    return f"{scheme}://{login}{at}{_connectable(name)}{shown}" + (f"/{path.strip('/')}" if path.strip("/") else "")


def _bare(text: str) -> str:
    return text.strip().strip("\"'").strip()


def _split(place: str, default: int) -> tuple[str, int]:
    """(host, port), as Go's net.SplitHostPort cuts them; an IPv6 address without brackets has no port."""
    host, colon, port = place.rpartition(":")
    if not colon or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        return place.strip("[]"), default
    number = int(port) if port.isascii() and port.isdigit() else -1
    return host.strip("[]"), number if 0 <= number <= 65535 else default


def _connectable(host: str) -> str:
    """A name or an address to call; IPv6 in brackets. An empty one is this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or "127.0.0.1"
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return f"[{address}]" if address.version == 6 else str(address)
