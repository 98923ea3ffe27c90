"""What opens a server is for that server alone: keys, and names and passwords inside an address."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

HIDDEN = "***"
_KEYS = re.compile(r"\b(?:gsk_|sk-|hf_|Bearer\s+)[A-Za-z0-9_\-.]{8,}")
"""Keys of Groq, OpenAI and Hugging Face by their beginnings, and whatever stands behind "Bearer"."""
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@\"']*@")


def without_login(url: str) -> str:
    """An address without the name and password in it, as it may be stored and shown."""
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that do not close
        return _IN_ADDRESS.sub("", url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def masked(text: str, *secrets: str | None) -> str:
    """A sentence without these secrets, and without whatever looks like one: a server may repeat the key that it was
    sent."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return _IN_ADDRESS.sub(f"{HIDDEN}@", _KEYS.sub(HIDDEN, text))


class Logins:
    """Addresses with the name and password in them, by how they are stored: without."""

    def __init__(self) -> None:
        self._whole: dict[str, str] = {}

    def whole(self, url: str) -> str:
        """The address as it is called. One that comes with a login is remembered for when it comes without."""
        shown = without_login(url)
        if shown != url:
            self._whole[shown] = url
        return self._whole.get(shown, url)
