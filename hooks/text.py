"""What a model wrote, made fit to be shown: without its reasoning, and without orders to the terminal.

The one rule, for what is shown, logged, judged and learnt:

- Reasoning stands between `<think>` and the next `</think>`; `<thinking>` and `<reasoning>` are the same, in
  capitals and with attributes too. The blank space behind it goes with it.
- A block that never ends is reasoning to the end of the text: the reply was cut off.
- A closing tag that nothing opened ends reasoning that began in the prompt (the templates of DeepSeek-R1 and of
  some Qwen3 open the block themselves), so everything before it goes too.
- A tag inside a code span or a closed code block is something the reply shows, not reasoning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAMES = ("think", "thinking", "reasoning")
THINK_TAG = re.compile(rf"<(/?)({'|'.join(_NAMES)})(?:\s[^<>]*)?(/?)>", re.IGNORECASE)
"""An opening or a closing tag; a reply that still has one shows its reasoning."""
_TAG_SO_FAR = re.compile(r"</?([a-z]*)(\s[^<>]*|/)?", re.IGNORECASE)
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_SPAN = re.compile(r"`[^`\n]+`")

_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""C0 but for tab and line end, DEL, C1, and the signs that change the direction or begin a line of their own."""


def harmless(text: str) -> str:
    """A text without what orders a terminal about; its letters, tabs and line ends stay."""
    return text if text.isascii() and text.isprintable() else _ORDERS.sub("", text)


def harmless_json(text: str) -> str:
    """A JSON document that means the same, with those signs written as escapes."""
    return _ORDERS.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def strip_think(text: str) -> str:
    """The reply without its reasoning, by the rule above."""
    if "<" not in text:
        return text.strip()
    scan = _Scan()
    shown: list[str] = []
    for piece in (*scan.read(text), *scan.read("", last=True)):
        if piece is None:
            shown.clear()
        else:
            shown.append(piece)
    return "".join(shown).strip()


class ThinkFilter:
    """`strip_think` for a reply that arrives in pieces: feed() returns what may be shown by now.

    What could still turn out to be a tag is held back until the next piece or close(). What was shown before a
    closing tag without an opening one cannot be called back here: whoever shows it compares with `strip_think` of
    the whole reply and shows that anew.
    """

    def __init__(self) -> None:
        self._scan = _Scan()

    def feed(self, piece: str) -> str:
        """What may be shown of the reply up to this piece, less what was returned before."""
        return "".join(shown for shown in self._scan.read(piece) if shown is not None)

    def close(self) -> str:
        """What was held back and is no tag after all."""
        return "".join(shown for shown in self._scan.read("", last=True) if shown is not None)


class _Scan:
    """The rule, as a machine that is fed text and yields what is to be shown; None takes back all of it so far.

    It decides only what no later piece can change, so that the cuts between the pieces make no difference.
    """

    def __init__(self) -> None:
        self._held = ""
        self._ahead = 0
        """So many characters of `_held` were shown already: they stay text, whatever follows."""
        self._thinking = ""
        """The name of the tag that is open."""
        self._started = False

    def read(self, piece: str, *, last: bool = False) -> Iterator[str | None]:
        self._held += piece
        while self._held:
            if self._thinking:
                if not self._skip_reasoning():
                    return
                continue
            yield self._take(_plain_length(self._held))
            if not self._held:
                return
            size = _code_length(self._held)
            tag = THINK_TAG.match(self._held)
            if size:
                yield self._take(size)
            elif tag:
                if self._open_or_close(tag):
                    yield None
            elif not last and _may_grow(self._held):
                yield self._show_ahead()
                return
            else:
                yield self._take(1)

    def _skip_reasoning(self) -> bool:
        """Whether the block ended. Its end is looked for everywhere, in code too: a reasoning with an odd number of
        code fences must not swallow the reply."""
        end = re.search(rf"</{self._thinking}\s*>", self._held, re.IGNORECASE)
        if end is None:
            begun = self._held.rfind("<")
            self._held = "" if begun < 0 else self._held[begun:]
            return False
        self._held, self._thinking, self._started = self._held[end.end() :], "", False
        return True

    def _open_or_close(self, tag: re.Match[str]) -> bool:
        """Whether it closes what nothing opened. What was shown ahead never reaches into a tag."""
        self._held, self._started = self._held[tag.end() :], False
        if not tag[1] and not tag[3]:
            self._thinking = tag[2].lower()
        return bool(tag[1])

    def _take(self, size: int) -> str:
        """So many characters off the front, without the blank lines between reasoning and reply."""
        taken, self._held = self._held[self._ahead : size], self._held[size:]
        self._ahead = max(0, self._ahead - size)
        return self._lead(taken)

    def _show_ahead(self) -> str:
        """An unfinished code block is shown as it grows, up to the first thing that could be a tag."""
        reach = _plain_of_code(self._held, self._ahead) if self._held[0] == "`" else 0
        shown = self._held[self._ahead : reach]
        self._ahead += len(shown)
        return self._lead(shown)

    def _lead(self, text: str) -> str:
        text = text if self._started else text.lstrip()
        self._started = self._started or bool(text)
        return text


def _plain_length(text: str) -> int:
    """Up to the first character that code or a tag may begin with."""
    return min((at for at in (text.find("<"), text.find("`")) if at >= 0), default=len(text))


def _plain_of_code(text: str, begin: int) -> int:
    """Up to the first thing from `begin` on that is a tag or could become one."""
    at = text.find("<", begin)
    while at >= 0 and not THINK_TAG.match(text, at) and not _may_grow(text[at:]):
        at = text.find("<", at + 1)
    return at if at >= 0 else len(text)


def _code_length(text: str) -> int:
    """Length of the code that the text begins with, 0 when it begins with none.

    A block with a closing tag that nothing in it opens counts as none: it is more likely that the reasoning left a
    fence open than that the reply shows half a tag.
    """
    fence = _FENCE.match(text)
    if fence is None:
        span = _SPAN.match(text)
        return span.end() if span else 0
    depth = 0
    for tag in THINK_TAG.finditer(fence[0]):
        depth += -1 if tag[1] else 1
        if depth < 0:
            return 0
    return fence.end()


def _may_grow(text: str) -> bool:
    """Whether more text could make code or a tag of what this begins with."""
    if text[0] == "`":
        if text.startswith("```"):
            return _FENCE.match(text) is None
        return text in ("`", "``") or (text[1] != "`" and "\n" not in text)
    begun = _TAG_SO_FAR.fullmatch(text)
    if begun is None:
        return False
    name = begun[1].lower()
    return name in _NAMES if begun[2] else any(whole.startswith(name) for whole in _NAMES)
