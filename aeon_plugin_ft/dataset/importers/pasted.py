"""Chats that somebody pasted into a chat: lines with stamps of their own, of people who are not in it.

A pasted line is older than the message that it stands in, and behind it the chat goes on where it was. Where a chat
goes back and stays there, two exports stand in one file, and everybody in them is somebody.
"""

from __future__ import annotations

from collections import Counter

from aeon_plugin_ft.dataset.importers.whatsapp_stamps import Stamp, minutes_of

BACK_MINUTES = 10
"""How much older a pasted line is, at least; what the network delays is mostly younger."""


class Pasted:
    """Follows the authors of a chat, line by line."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        """Who is only in pasted lines."""
        self._anchor: tuple[int, int] | None = None
        self._last: Stamp | None = None
        self._open: Counter[str] = Counter()

    def take(self, stamp: Stamp, name: str, known: Counter[str]) -> bool:
        """Whether this line may be a pasted one, and is not counted for now; whoever turns out to be somebody is put
        into `known`."""
        last, self._last = self._last, stamp
        new = name not in known
        if self._anchor is None:
            if not new or last is None or not known or not _is_back(stamp, last):
                return False
            self._anchor = minutes_of(last)
        elif not new or not _is_before(stamp, self._anchor):
            self._settle(stamp, known)
            return False
        self._open[name] += 1
        self._last = last
        return True

    def _settle(self, stamp: Stamp, known: Counter[str]) -> None:
        if self._anchor is not None and _is_before(stamp, self._anchor):
            known.update(self._open)
        else:
            self.names |= self._open.keys() - known.keys()
        self._anchor, self._open = None, Counter()

    def finish(self, known: Counter[str]) -> None:
        """The file has ended: what nothing came behind is no paste."""
        known.update(self._open)
        self._open = Counter()
        self.names -= known.keys()


def _is_before(stamp: Stamp, moment: tuple[int, int]) -> bool:
    """In both orders of day and month: which one it is, the whole file tells later."""
    day_first, month_first = minutes_of(stamp)
    return 0 < day_first < moment[0] and 0 < month_first < moment[1]


def _is_back(stamp: Stamp, last: Stamp) -> bool:
    day_first, month_first = minutes_of(last)
    return _is_before(stamp, (day_first - BACK_MINUTES, month_first - BACK_MINUTES))
