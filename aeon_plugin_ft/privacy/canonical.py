"""A text as the recognisers read it, whatever wrote it: composed accents, plain digits, hyphens and blanks.

macOS and iOS write "é" as two characters (NFD), phones write U+2011 in numbers and hide U+200B in them, keyboards of
other countries have digits of full width. The owner's text stays as it is: places are led back into it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from aeon_plugin_ft.privacy.model import Finding

_HIDDEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_ODD = re.compile(f"[\u0300-\u036f\u00a0\u2000-\u2015\u202f\u205f\u2212\uff01-\uff5e{_HIDDEN}]")
_CLUSTER = re.compile("[^\u0300-\u036f][\u0300-\u036f]+|[\\s\\S]")
_PLAIN = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f", " "),
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(_HIDDEN, ""),
}


class Canonical:
    """`text` is what is read; `back` leads a finding in it to the text that was given."""

    __slots__ = ("_places", "text")

    def __init__(self, given: str) -> None:
        self._places: list[int] | None = None
        self.text = given
        # Nearly every text has none of these: one search, in C.
        if given.isascii() or _ODD.search(given) is None:
            return
        parts: list[str] = []
        self._places = []
        for cluster in _CLUSTER.finditer(given):
            plain = _plain(cluster.group())
            parts.append(plain)
            self._places += [cluster.start()] * len(plain)
        self._places.append(len(given))
        self.text = "".join(parts)

    def back(self, finding: Finding) -> Finding:
        """The same finding with its places in the given text."""
        if self._places is None:
            return finding
        return replace(finding, start=self._places[finding.start], end=self._places[finding.end])


def _plain(cluster: str) -> str:
    if len(cluster) > 1:
        return unicodedata.normalize("NFC", cluster)
    return _PLAIN.get(cluster, cluster)
