"""WhatsApp's text export, from Android and iOS, with Brazilian (and other) dates.

    12/03/2024 14:05 - Ana: texto            Android
    [12/03/2024, 14:05:33] Ana: texto        iOS

A line without a stamp continues the message above; one with a stamp and no name is a notice. Day and month are told
apart by a number above 12, and are Brazilian where there is none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.people import INVISIBLE, Line, PairUp, seconds, who_is_who
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.turns.model import LoggedTurn

_STAMP = re.compile(
    r"\[?(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4}),? (?:às )?(\d{1,2})[:h](\d{2})(?::(\d{2}))?"
    r"(?:[ \u00a0\u202f]?([ap])\.?[ ]?m\.?)?(?:\] ?| - )(.*)",
    re.DOTALL | re.IGNORECASE,
)
# Each of these looks at a place once: `(?=...)` for the end before the words, a name only where a word begins, no blank
# space in front. A chat of one long line would otherwise take the square of its length.
_MEDIA = re.compile(
    r"<(?=[^<>\n]*>)[^<>\n]*(?:m[ií]dia|media|arquivo|ocult|omitted|anexado|attached)[^<>\n]*>|"
    r"\b(?:imagem|v[ií]deo|[aá]udio|figurinha|GIF|documento|contato|cart[aã]o do contato|image|video|audio|sticker|"
    r"document|contact card) (?:ocult(?:ad)?[oa]|omitid[oa]|omitted)\b|"
    r"(?<!\S)\S{1,255}\.\w{2,5} \((?:arquivo anexado|file attached)\)|^null$",
    re.IGNORECASE,
)
_DELETED = re.compile(
    r"^(?:(?:esta )?mensagem (?:foi )?apagada|voc[eê] apagou esta mensagem|this message was deleted|"
    r"you deleted this message|(?:liga[cç][aã]o|chamada) (?:de (?:voz|v[ií]deo) )?perdida|aguardando mensagem)\b",
    re.IGNORECASE,
)
_EDITED = re.compile(r"<(?:mensagem editada|this message was edited|editada)>\s*$", re.IGNORECASE)


class WhatsApp:
    name = "whatsapp"
    title = "WhatsApp's text export (.txt), Android or iOS"

    def sniff(self, sample: str) -> float:
        """By lines that begin with a stamp; one is enough in a file of three."""
        lines = [line for line in INVISIBLE.sub("", sample).split("\n", 200)[:200] if line.strip()]
        stamped = sum(bool(_STAMP.match(line)) for line in lines)
        return 0.95 if stamped >= 2 or (stamped == 1 and len(lines) <= 3) else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each question with its reply; read twice, the first time for who is in it."""
        authors: Counter[str] = Counter()
        month_first = _month_first(source.sample)
        for line in _lines(source, Reading(), month_first):
            authors[line.author] += 1
        roles = who_is_who(authors, set(), reading, source.path)
        yield from PairUp(self.name, roles, reading).turns(_lines(source, reading, month_first))


def _lines(source: Source, reading: Reading, month_first: bool) -> Iterator[Line]:
    """The messages of people, with their continuation lines; notices, media and deleted ones are skipped."""
    number, author, parts, at = 0, "", [""], 0.0
    for here, raw in source.lines():
        line = INVISIBLE.sub("", raw)
        stamp = _STAMP.match(line)
        if stamp is None:
            if author:
                parts.append(line)
            elif line.strip():
                reading.skip(here, "text before the first message")
            continue
        if author:
            yield from _message(number, author, parts, at, reading)
        name, colon, text = stamp.group(8).partition(": ")
        # An empty first line: the message begins on the next one.
        if not colon and stamp.group(8).endswith(":"):
            name, colon = stamp.group(8)[:-1], ":"
        # No name is longer: a notice may hold a colon, too.
        author = name.strip() if colon and len(name) <= 80 else ""
        number, parts, at = here, [text], _at(stamp, month_first)
        if not author:
            reading.skip(here, "a notice of WhatsApp")
    if author:
        yield from _message(number, author, parts, at, reading)


def _message(number: int, author: str, parts: list[str], at: float, reading: Reading) -> Iterator[Line]:
    text = _EDITED.sub("", "\n".join(parts)).strip()
    left = _MEDIA.sub("", text).strip()
    if _DELETED.match(text) or not left:
        reading.skip(number, "a picture, a recording or a deleted message")
    else:
        yield Line(number, author, left, at)


def _month_first(sample: str) -> bool:
    """Whether dates are month/day: some second number is above 12 and no first one is."""
    stamps = [stamp for line in INVISIBLE.sub("", sample).split("\n") if (stamp := _STAMP.match(line))]
    return any(int(s.group(2)) > 12 for s in stamps) and not any(12 < int(s.group(1)) <= 31 for s in stamps)


def _at(stamp: re.Match[str], month_first: bool) -> float:
    first, second, third, hour, minute = (int(stamp.group(n)) for n in range(1, 6))
    # A year in front, as in exports of some countries.
    if first > 31:
        year, month, day = first, second, third
    else:
        day, month, year = (second, first, third) if month_first else (first, second, third)
    half = (stamp.group(7) or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return seconds(
            datetime(year + 2000 if year < 100 else year, month, day, hour, minute, int(stamp.group(6) or 0))
        )
    except ValueError:
        return 0.0
