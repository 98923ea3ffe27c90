"""Single keys from a terminal, on Windows and elsewhere; whole lines where there is no terminal.

Keys are named: a character in lower case, or "left", "right", "enter", "escape". The end of the input, Ctrl-C and
Ctrl-D read as "escape".
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ReadKey = Callable[[], str]

ESCAPE = "escape"
_NAMES = {"\r": "enter", "\n": "enter", " ": "right", "\x1b": ESCAPE, "\x03": ESCAPE, "\x04": ESCAPE, "": ESCAPE}
_UNIX_ARROWS = {"[C": "right", "[D": "left", "OC": "right", "OD": "left"}
_WINDOWS_ARROWS = {"M": "right", "K": "left"}
_ARROW_WAIT = 0.05
"""Seconds in which the rest of an arrow's sequence follows its escape character."""


@contextmanager
def reading_keys() -> Iterator[ReadKey]:
    """A reader of single keys while the block runs; the terminal is as it was afterwards."""
    if not sys.stdin.isatty():
        yield _from_line
    elif sys.platform == "win32":
        yield _windows_key
    else:
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        try:
            tty.setcbreak(descriptor)
            yield lambda: _unix_key(descriptor)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def name_of(raw: str) -> str:
    """The name of what a terminal sent for one key: "k" for "K", "left" for its arrow."""
    if raw[:1] == "\x1b" and raw[1:] in _UNIX_ARROWS:
        return _UNIX_ARROWS[raw[1:]]
    if raw[:1] in {"\x00", "\xe0"} and len(raw) > 1:
        return _WINDOWS_ARROWS.get(raw[1], "")
    return _NAMES.get(raw, raw.lower())


def _from_line() -> str:
    line = sys.stdin.readline()
    return name_of(line.strip()[:1] or line[:1])


def _unix_key(descriptor: int) -> str:
    import os
    import select

    raw = os.read(descriptor, 1)
    if raw == b"\x1b" and select.select([descriptor], [], [], _ARROW_WAIT)[0]:
        raw += os.read(descriptor, 2)
    while raw and not _whole(raw):
        raw += os.read(descriptor, 1)
    return name_of(raw.decode("utf-8", "replace"))


def _whole(raw: bytes) -> bool:
    """Whether the bytes end with a whole UTF-8 character: "ç" comes as two."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return True


def _windows_key() -> str:
    import msvcrt

    read: Callable[[], str] = msvcrt.getwch  # type: ignore[attr-defined,unused-ignore]
    first = read()
    return name_of(first + read() if first in {"\x00", "\xe0"} else first)
