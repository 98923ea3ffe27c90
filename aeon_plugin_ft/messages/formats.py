"""Numbers, spans of time and moments as a language writes them, with the words of data/formats.toml."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from aeon_plugin_ft.messages.catalogue import Language, Messages
from aeon_plugin_ft.turns.model import KNOWN_FROM

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


class Formats:
    """For one language; `now` is seconds since the epoch and makes "hoje" and "ontem"."""

    def __init__(self, language: Language, now: Callable[[], float]) -> None:
        self._say, self._now = Messages("formats", language), now
        self._decimal, self._thousands = (",", ".") if language is Language.PT else (".", ",")

    def number(self, value: float, digits: int = 0) -> str:
        """ "1.234,5" in Portuguese, "1,234.5" in English."""
        written = f"{value:,.{digits}f}"
        return written.translate(str.maketrans(",.", self._thousands + self._decimal))

    def percent(self, share: float) -> str:
        """ "12 %" of 0.12; below ten per cent with one digit more, where it is not zero."""
        value = share * 100
        digits = 1 if 0 < abs(value) < 10 and round(value, 1) != round(value) else 0
        return f"{self.number(value, digits)} %"

    def size(self, count: float) -> str:
        """Bytes as people say them: "1,2 GB", "340 MB"."""
        return f"{self.number(count / 1e9, 1)} GB" if count >= 1e9 else f"{self.number(count / 1e6)} MB"

    def span(self, seconds: float) -> str:
        """A span of time to about a tenth of itself: "3 min 20 s", "2 h 5 min"."""
        whole = max(0, round(seconds))
        if whole < MINUTE:
            return self._say("span.seconds", seconds=whole)
        if whole < 10 * MINUTE:
            return self._say("span.minutes_seconds", minutes=whole // 60, seconds=whole % 60)
        if whole < HOUR:
            return self._say("span.minutes", minutes=round(whole / 60))
        if whole < 2 * DAY:
            return self._say("span.hours_minutes", hours=whole // 3600, minutes=whole % 3600 // 60)
        return self._say("span.days", n=round(whole / DAY))

    def moment(self, at: float) -> str:
        """ "hoje às 14:02", "12 de março às 9:30"; that it is not known for an import that told no time."""
        if at < KNOWN_FROM:
            return self._say("day.unknown")
        return self._say("day.at", day=self.day(at), time=self.time(at))

    def time(self, at: float) -> str:
        """ "14:02"."""
        return "" if at < KNOWN_FROM else datetime.fromtimestamp(at).strftime("%H:%M")

    def day(self, at: float) -> str:
        """ "hoje", "ontem", "12 de março", with the year where it is another."""
        if at < KNOWN_FROM:
            return self._say("day.unknown")
        day, today = date.fromtimestamp(at), date.fromtimestamp(self._now())
        if day == today:
            return self._say("day.today")
        if (today - day).days == 1:
            return self._say("day.yesterday")
        month = self._say(f"month.m{day.month}")
        key = "day.date" if day.year == today.year else "day.date_year"
        return self._say(key, day=day.day, month=month, year=day.year)
