"""What WhatsApp writes in the place of a message: pictures left out, calls, polls, places, deleted messages, notices.

A text is compared as a whole: "Mensagem apagada dá pra recuperar?" is a sentence. The iPhone sets U+200E in front of
everything that nobody typed, whatever its language; Android marks nothing, so its words are in data/whatsapp.toml.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from importlib.resources import files

from aeon_plugin_ft.dataset.importers.people import DIRECTION
from aeon_plugin_ft.privacy.folding import fold_accents

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MARK = "\u200e"
PICTURE = "a picture, a recording or a deleted message"
LONGEST_EDITED = 60
LONGEST = 300
"""Characters: nothing that WhatsApp writes itself is longer on one line."""
_ANGLES = re.compile(r"<[^<>\n=/\"]{2,200}>")
# The picture of a caption, and that a message was edited, in any language.
_MARKED = re.compile(MARK + r"<[^<>\n]{1,200}>")
_FORM = re.compile(r"([^\W\d_]{4,16}) ?:")
_LINE_OF_FORM = re.compile(r"[^\W\d_ ]{4,16}(?: [^\W\d_]{1,16})? ?: ?\S")
_MAP = re.compile(
    r"([^\W\d_]{4,20}) ?: https?://(?:maps\.(?:google|apple)\.\w+|(?:www\.)?google\.\w+/maps|goo\.gl/maps)\S*"
)
_FILE = re.compile(r"(.{1,255}\.\w{2,5}) \(([^()\n]{4,40})\)")


@lru_cache(1)
def _words() -> dict[str, tuple[str, ...]]:
    text = (files("aeon_plugin_ft.dataset.importers") / "data" / "whatsapp.toml").read_text(encoding="utf-8")
    return {name: tuple(dict.fromkeys(map(fold_accents, words))) for name, words in tomllib.loads(text).items()}


@lru_cache(1)
def _whole() -> re.Pattern[str]:
    words = _words()
    forms = (form for name in ("omitted", "gone", "calls", "places") for form in words[name])
    return re.compile("|".join(re.escape(form).replace(r"\*", r".{1,60}") for form in forms))


@lru_cache(1)
def _notices() -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<!\w){re.escape(words)}(?!\w)" for words in _words()["notices"]))


@lru_cache(1)
def _edges() -> tuple[frozenset[str], frozenset[str]]:
    """The first words of all that is compared as a whole, and the last ones of what may begin with anything."""
    words = _words()
    forms = [form for name in ("omitted", "gone", "calls", "places", "openings") for form in words[name]]
    firsts = {form.split()[0].rstrip(".,") for form in forms if not form.startswith("*")}
    return frozenset(firsts), frozenset(form.split()[-1] for form in forms if form.startswith("*"))


def _is_plain_talk(text: str) -> bool:
    """Whether a look at its edges tells that it is what somebody typed: most messages are, and there are millions."""
    if not text or text[0] in "<\u200e" or text[-1] in ">)" or "\n" in text or MARK in text or "://" in text:
        return False
    first, _, rest = text.partition(" ")
    last = rest[rest.rfind(" ") + 1 :] or first
    firsts, lasts = _edges()
    return fold_accents(first).rstrip(".,:;!?。") not in firsts and fold_accents(last).rstrip(".") not in lasts


def says_notice(text: str) -> bool:
    """Whether these words, which stand where a name would, are part of a notice."""
    return _notices().search(fold_accents(DIRECTION.sub("", text))) is not None


def typed(text: str) -> str:
    """What somebody typed of a message, as it is in the export, marks and all: without the lines that stand for
    something else, and without the sign that it was edited; "" where nothing is left."""
    text = text.strip()
    if _is_plain_talk(text):
        return _clean(text)
    text = _unedited(text)
    if is_notice(text):
        return ""
    if text.startswith(MARK) and _is_marked(text):
        return ""
    if _is_form(text):
        return ""
    if MARK in text:
        text = _MARKED.sub("", text)
    kept = [line for line in text.split("\n") if not _is_placeholder(line)]
    left = _clean("\n".join(kept))
    # A document's name is repeated as its caption.
    named = _FILE.match(DIRECTION.sub("", text))
    return "" if named is not None and left == named[1].strip() else left


def is_notice(text: str) -> bool:
    """Whether it is nobody's message, though somebody's name stands in front of it: the iPhone puts the group's there,
    or that of whom the notice is about."""
    text = text.strip()
    if _is_plain_talk(text):
        return False
    if "\n" not in text and fold_accents(DIRECTION.sub("", text[:LONGEST])).startswith(_words()["openings"]):
        return True
    if not text.startswith(MARK) or not _is_marked(text):
        return False
    first = DIRECTION.sub("", text).partition("\n")[0].strip()
    head = _FORM.match(first)
    return not _is_placeholder(first) and (head is None or fold_accents(head[1]) not in _words()["forms"])


def _clean(text: str) -> str:
    return DIRECTION.sub("", text).strip()


def _is_marked(text: str) -> bool:
    """Nobody types the mark; but one that asks something is no notice, and a copied name may begin with it."""
    first = text.split("\n", 1)[0]
    return not first.rstrip().endswith("?") or MARK in text[1:] or _is_form(text)


def _unedited(text: str) -> str:
    start = text.rfind("<", -LONGEST_EDITED) if text.endswith(">") else -1
    if start < 0 or _plain(text[start + 1 : -1]) not in _words()["edited"]:
        return text
    return text[:start].rstrip(f" {MARK}")


def _plain(text: str) -> str:
    return fold_accents(" ".join(DIRECTION.sub("", text).split())).rstrip(". ।۔。")


def _is_form(text: str) -> bool:
    """A poll or an event: a word of a form, and more lines that are built like it."""
    first, _, more = DIRECTION.sub("", text).partition("\n")
    head = _FORM.match(first)
    if head is None or not head[1].isupper() or fold_accents(head[1]) not in _words()["forms"]:
        return False
    return any(_LINE_OF_FORM.match(line) and line.partition(":")[0].isupper() for line in more.split("\n"))


@lru_cache(1 << 12)
def _is_placeholder(line: str) -> bool:
    """Whether a line stands for something that is no text."""
    if len(line) > LONGEST:
        return False
    bare = DIRECTION.sub("", line).strip()
    if not bare:
        return False
    if bare.startswith("<"):
        inside = _ANGLES.fullmatch(bare)
        # Of several words, or of another script's: tags of HTML are neither.
        told = " " in bare or not bare[1].isascii() or _plain(bare[1:-1]) in _words()["omitted"]
        return inside is not None and told
    named = _FILE.fullmatch(bare)
    if named is not None and _plain(named[2]) in _words()["attached"]:
        return True
    place = _MAP.fullmatch(bare)
    if place is not None and fold_accents(place[1]) in _words()["place_words"]:
        return True
    return _whole().fullmatch(_plain(bare)) is not None
