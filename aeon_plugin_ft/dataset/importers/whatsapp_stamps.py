"""The date and time in front of each message of WhatsApp's text export, in the ways that phones write them.

12/03/2024 14:05 - Ana: texto                 Android
[12/03/2024, 14:05:33] Ana: texto             iOS
3/13/24, 2:05 PM - Ana: text                  month first
12/3/2024 2:05 p. m. - Ana: texto             Spanish
20/09/17 à(s) 19:38 - Ana: texto              older Portuguese
20/09/17 19:38:20: Ana: texto                 older iOS
20.09.17, 19.38 - Ana: teksti                 points
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
STAMP = re.compile(
    rf"(?P<open>\[)?(\d{{1,4}})[/.\-](\d{{1,2}})[/.\-](\d{{1,4}})[,.]?{_GAP}(?:(?:às|à\(s\)|a las|at|um|alle|à){_GAP})?"
    rf"(\d{{1,2}})(?:[:h.](\d{{2}}))(?:[:.](\d{{2}}))?"
    rf"(?:{_GAP}?([ap])\.?{_GAP}?m\.?)?(?P<shut>\](?:{_GAP}|$)|{_GAP}-{_GAP}|:{_GAP}(?=[^:\n]{{1,80}}:))(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)


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
    if match is None or (match["open"] is not None) != match["shut"].startswith("]"):
        return None
    hour, half = int(match[5]), (match[8] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    numbers = (int(match[2]), int(match[3]), int(match[4]))
    return Stamp(numbers, hour, int(match[6]), int(match[7] or 0), bool(half), match[1] is not None, match["rest"])


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
