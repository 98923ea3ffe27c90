"""The date and time in front of each message of WhatsApp's text export, in the ways that phones write them.

12/03/2024 14:05 - Ana: texto                 Android
[12/03/2024, 14:05:33] Ana: texto             iOS
3/13/24, 2:05 PM - Ana: text                  month first
12/3/2024 2:05 p. m. - Ana: texto             Spanish
20/09/17 à(s) 19:38 - Ana: texto              older Portuguese
20/09/17 19:38:20: Ana: texto                 older iOS
20.09.17, 19.38 - Ana: teksti                 points
[12.3.2022 klo 14.08.18] Ana: teksti          Finnish
2024. 3. 12. 오후 2:05 - Ana: text              Korean, the half of the day in front
2024/3/12 下午2:05 - Ana: text                  Chinese and Japanese likewise
‏١٢‏/٣‏/٢٠٢٤، ٢:٠٥ م - Ana: text               Arabic: its own digits and comma, marks of direction between them
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from aeon_plugin_ft.dataset.importers.people import seconds

_GAP = r"[ \u00a0\u202f]"
_BEFORE = {"오전": "a", "오후": "p", "上午": "a", "下午": "p", "午前": "a", "午後": "p"}
_BEHIND = {"ص": "a", "م": "p", "π.μ.": "a", "μ.μ.": "p", "sa": "a", "ch": "p"}
"""The halves of the day as CLDR has them, in front of the hour (ko, zh, ja) or behind it (ar, el, vi)."""
_LEADS = "às|à\\(s\\)|a las|at|um|alle|à|klo|kl\\."


def _stamp(gap: str, before: str, behind: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<open>\[)?(\d{{1,4}})[/.\-]{gap}(\d{{1,2}})[/.\-]{gap}(\d{{1,4}})[,.]?{_GAP}(?:(?:{_LEADS}){_GAP})?"
        rf"{before}(\d{{1,2}})(?:[:h.](\d{{2}}))(?:[:.](\d{{2}}))?"
        rf"(?:{_GAP}?(?:(?P<half>[ap])\.?{_GAP}?m\.?|(?P<behind>{behind})))?"
        rf"(?P<shut>\](?:{_GAP}|$)|{_GAP}-{_GAP}|:{_GAP}(?=[^:\n]{{1,80}}:))(?P<rest>.*)",
        re.DOTALL | re.IGNORECASE,
    )


STAMP = _stamp("", "(?P<before>(?!))?", "sa|ch")
"""What nearly all phones write; an export has a million of them."""
_ANY_STAMP = _stamp(f"{_GAP}?", rf"(?:(?P<before>{'|'.join(_BEFORE)}){_GAP}?)?", "|".join(map(re.escape, _BEHIND)))


class Stamp(NamedTuple):
    """One date as it is written: three numbers whose order the whole file tells, and the time of day."""

    numbers: tuple[int, int, int]
    hour: int
    minute: int
    second: int
    half: bool
    """Whether it is written with AM or PM."""
    bracketed: bool
    """iOS puts it into brackets, Android does not: a line of the other kind is text that somebody pasted."""
    rest: str


def read_stamp(line: str) -> Stamp | None:
    """The stamp that a line begins with, None for a line that goes on with the message above."""
    match = STAMP.match(line)
    if match is None and max(line[:_LONGEST_STAMP], default="") > _LAST_LATIN:
        line = _in_plain_signs(line)
        match = _ANY_STAMP.match(line)
    if match is None or (match["open"] is not None) != match["shut"].startswith("]"):
        return None
    hour, half = int(match[6]), _half(match)
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    numbers = (int(match[2]), int(match[3]), int(match[4]))
    # Only with a.m. and p.m. as English writes them is the month in front where nothing else tells.
    english = match["half"] is not None
    return Stamp(numbers, hour, int(match[7]), int(match[8] or 0), english, match[1] is not None, match["rest"])


def _half(match: re.Match[str]) -> str:
    if match["half"]:
        return match["half"].lower()
    return _BEFORE.get(match["before"] or "", "") or _BEHIND.get((match["behind"] or "").lower(), "")


_LONGEST_STAMP = 48
_LAST_LATIN = "\u036f"
"""Letters and accents of Latin end here; what the other stamps need lies behind it."""
_PLAIN_SIGNS = {0x60C: ",", **{first + digit: str(digit) for first in (0x660, 0x6F0, 0x966) for digit in range(10)}}
"""The Arabic comma, and the digits of Arabic, of Persian and Urdu, and of Hindi."""
_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069")


def _in_plain_signs(line: str) -> str:
    """The line with its stamp in plain digits and without marks of direction; what is behind the stamp, where a mark
    says that nobody typed it, stays as it is."""
    head = line[:_LONGEST_STAMP]
    places = [place for place, sign in enumerate(head) if sign not in _DIRECTIONS]
    plain = "".join(head[place] for place in places).translate(_PLAIN_SIGNS)
    match = _ANY_STAMP.match(plain)
    if match is None:
        return line
    start = match.start("rest")
    end_of_stamp = places[start - 1] + 1
    return plain[:start] + line[end_of_stamp:]


@dataclass(slots=True)
class DayOrder:
    """Whether dates are day/month or month/day, told by every date of a file.

    A number above 12 is a day. Where there is none, the order that makes a chat go backwards is wrong. Where both go
    forwards, AM and PM say month first: only few who write them put the day in front.
    """

    first_above_12: int = 0
    second_above_12: int = 0
    halves: int = 0
    stamps: int = 0
    _last: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    _backwards: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    def see(self, stamp: Stamp) -> None:
        """One more date."""
        first, second, _ = stamp.numbers
        self.stamps += 1
        self.halves += stamp.half
        if first > 31:
            return
        self.first_above_12 += first > 12
        self.second_above_12 += second > 12
        if self.first_above_12 or self.second_above_12:
            return
        for month_first in (True, False):
            day = _day(stamp.numbers, month_first)
            # A minute or two out of order is the network's; the wrong order jumps by weeks.
            self._backwards[month_first] += 0 < day < self._last[month_first] - 2
            self._last[month_first] = day or self._last[month_first]

    @property
    def month_first(self) -> bool:
        """What all of them together say."""
        if self.first_above_12 or self.second_above_12:
            return self.second_above_12 > self.first_above_12
        if self._backwards[True] != self._backwards[False]:
            return self._backwards[True] < self._backwards[False]
        return self.halves * 2 > self.stamps

    @classmethod
    def of(cls, stamps: Iterable[Stamp]) -> DayOrder:
        """Of these dates."""
        order = cls()
        for stamp in stamps:
            order.see(stamp)
        return order


def _day(numbers: tuple[int, int, int], month_first: bool) -> int:
    """A number that grows with the date, 0 for none that there is; the surveys of long chats ask for millions."""
    day, month, year = (numbers[1], numbers[0], numbers[2]) if month_first else numbers
    return year * 372 + month * 31 + day if month <= 12 else 0


def minutes_of(stamp: Stamp) -> tuple[int, int]:
    """Numbers of minutes that grow with the time, for the day in front and for the month; a date that there is not in
    one order is as far as in the other."""
    numbers = stamp.numbers
    if numbers[0] > 31:
        days = [numbers[0] * 372 + numbers[1] * 31 + numbers[2]] * 2
    else:
        days = [_day(numbers, False), _day(numbers, True)]
    minutes = [day * 1440 + stamp.hour * 60 + stamp.minute for day in days if day]
    return (minutes[0], minutes[-1]) if minutes else (0, 0)


@lru_cache(maxsize=1 << 12)
def _moment(numbers: tuple[int, int, int], hour: int, minute: int, month_first: bool) -> tuple[float, str]:
    first, second, third = numbers
    # A year in front, as in exports of some countries.
    if first > 31:
        year, month, day = first, second, third
    else:
        day, month, year = (second, first, third) if month_first else (first, second, third)
    try:
        moment = datetime(year + 2000 if year < 100 else year, month, day, hour, minute)
    except ValueError:
        return 0.0, ""
    return seconds(moment), moment.isoformat(timespec="minutes")


def time_of(stamp: Stamp, month_first: bool) -> tuple[float, str]:
    """Seconds since the epoch in this machine's zone, and the date and the minute without a zone, which are the same in
    an export from another phone; 0.0 and "" for a date that there is not."""
    at, written = _moment(stamp.numbers, stamp.hour, stamp.minute, month_first)
    return at + stamp.second if at else 0.0, written
