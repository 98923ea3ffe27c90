"""Numbers said aloud, as speech recognition writes them: "cinco dois nove", "quarenta e sete nove nove um"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aeon_plugin_ft.privacy.context import hint
from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.number_words import ALL, BETWEEN, HUNDREDS, REPEATS, TEENS, TENS, UNITS
from aeon_plugin_ft.privacy.numbers import judge_digits
from aeon_plugin_ft.privacy.text import ScannedText

_TOKEN = re.compile(r"\w+")
_MIN_DIGITS = 5
_SLIP = 2
"""Words."""
_BROKEN = re.compile(r"[!?]")
_BREATH = re.compile(r"[.;\n]")
_LISTED = re.compile(r"\d[,;.]\s")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a spoken number and where it stands."""

    text: str
    start: int
    end: int


def spoken_runs(folded: str) -> Iterator[list[Word]]:
    """Stretches of number words and digits: with a number word in them, if only "traço", or with figures that were
    dictated, parted by commas and the like. Recognisers end a sentence where somebody takes a breath, so a full stop
    and a line break do not end a run; "!" and "?" do."""
    run: list[Word] = []
    for match in _TOKEN.finditer(folded):
        word = Word(match.group(), match.start(), match.end())
        broken = bool(run) and _BROKEN.search(folded, run[-1].end, word.start) is not None
        if not broken and (_says_number(word.text) or (run and word.text in BETWEEN)):
            run.append(word)
            continue
        yield from _finished(run, folded)
        run = [word] if _says_number(word.text) else []
    yield from _finished(run, folded)


def _says_number(word: str) -> bool:
    return word in ALL or word.isdigit() or word in REPEATS


def _finished(run: list[Word], folded: str) -> Iterator[list[Word]]:
    while run and (run[-1].text in BETWEEN or run[-1].text in REPEATS):
        run.pop()
    if any(not word.text.isdigit() for word in run) or (run and _LISTED.search(folded, run[0].end, run[-1].start + 1)):
        yield run


def digits_of(run: list[Word], *, join_without_e: bool = False) -> str:
    """The digits of a spoken run: "quarenta e sete" is 47, "nove nove um" 991, "cento e vinte" 120.

    `join_without_e` also reads "quarenta sete" as 47 rather than 407: recognisers drop the "e".
    """
    digits: list[str] = []
    number, room, joined, times = 0, 0, False, 1  # room: how large what may still be added to `number` can be
    for word in run:
        if word.text in REPEATS:
            times, room = REPEATS[word.text], 0
            continue
        value, next_room = _value(word.text)
        if value is None:
            joined = word.text == "e"
            room = room if joined else 0
            continue
        if 0 < value < room and (joined or join_without_e):
            number += value
            digits[-1] = str(number)
        else:
            number = value
            digits.append((word.text if word.text.isdigit() else str(value)) * times)
            times = 1
        room, joined = next_room, False
    return "".join(digits)


def _value(word: str) -> tuple[int | None, int]:
    """The number a word stands for, and how large what may be added to it can be (0: nothing)."""
    if word.isdigit():
        return int(word), 0
    for table, room in ((UNITS, 0), (TEENS, 0), (TENS, 10), (HUNDREDS, 100)):
        if word in table:
            return table[word], room
    return None, 0


def find_spoken(source: ScannedText) -> Iterator[Finding]:
    """Documents, phones and cards that were dictated."""
    for run in spoken_runs(source.folded):
        finding = _judge(source, run)
        if finding:
            yield finding
            continue
        for part in _between_breaths(source.folded, run):
            if len(part) < len(run) and (finding := _judge(source, part)):
                yield finding


def _between_breaths(folded: str, run: list[Word]) -> Iterator[list[Word]]:
    """The stretches of a run between full stops and line breaks, those of figures alone left out."""
    part: list[Word] = []
    for word in run:
        if part and _BREATH.search(folded, part[-1].end, word.start):
            yield from _finished(part, folded)
            part = []
        part.append(word)
    yield from _finished(part, folded)


def _judge(source: ScannedText, run: list[Word]) -> Finding | None:
    near = hint(source, run[0].start, run[-1].end)
    # The first word may belong to the sentence ("o um", "a meia"); without a hint only the whole counts.
    starts = (0, 1) if near.kind else (0,)
    ends = range(len(run), 0, -1) if near.kind else (len(run),)
    for first in starts:
        for last in ends:
            part = run[first:last]
            if not part or part[-1].text in BETWEEN or part[-1].text in REPEATS:
                continue
            # As it was said, and as recognisers write it that lose the "e".
            for loose in (False, True):
                digits = digits_of(part, join_without_e=loose)
                if not _MIN_DIGITS <= len(digits) <= 19:
                    continue
                judged = judge_digits(digits, "", near)
                if judged and (judged[0] is not Kind.CNH or near.kind is Kind.CNH):
                    # A digit more than there can be was said, too: a slip, or heard twice.
                    end = run[-1].end if len(run) - last <= _SLIP else run[last - 1].end
                    return Finding(judged[0], part[0].start, end, digits, judged[1])
    return None
