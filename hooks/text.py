"""What a model wrote, made fit to be shown: reasoning between <think> tags is not part of a reply."""

from __future__ import annotations

import re

OPEN, CLOSE = "<think>", "</think>"
_BLOCK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)


def strip_think(text: str) -> str:
    """The reply without its reasoning.

    A closing tag without an opening one ends reasoning that began in the prompt (templates of
    DeepSeek-R1 do that), so everything before it goes too. A block that never ends is all reasoning.
    """
    stripped = _BLOCK.sub("", text)
    head, tag, tail = stripped.rpartition(CLOSE)
    return (tail if tag else head + tail).strip()


class ThinkFilter:
    """`strip_think` for a reply that arrives in pieces: feed() returns what may be shown by now.

    What could still turn out to be a tag is held back until the next piece or close().
    """

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._started = False

    def feed(self, piece: str) -> str:
        self._held += piece
        shown = ""
        while True:
            tag = CLOSE if self._thinking else OPEN
            before, found, after = self._held.partition(tag)
            if not found:
                break
            shown += "" if self._thinking else before
            self._thinking = not self._thinking
            self._held = after
        keep = _overlap(self._held, CLOSE if self._thinking else OPEN)
        ready, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return self._lead(shown if self._thinking else shown + ready)

    def close(self) -> str:
        """What was held back and is no tag after all."""
        rest, self._held = self._held, ""
        return "" if self._thinking else self._lead(rest)

    def _lead(self, text: str) -> str:
        """Without the blank lines that stand between the reasoning and the reply."""
        text = text if self._started else text.lstrip()
        self._started = self._started or bool(text)
        return text


def _overlap(text: str, tag: str) -> int:
    """Length of the longest end of `text` that begins `tag`."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)
