"""UTF-8 that was read as cp1252 or latin-1 and saved again ("nÃ£o"), told from good text that only looks like it.

In Portuguese a capital with a tilde before a quote, a dash or dots ("ATÉ AMANHÃ…") is the same pair of characters. So a
pair alone proves nothing: a text is repaired where several pairs stand in it that good text does not have, or where
nothing in the whole file is encoded rightly; never where it has letters that are right already.
"""

from __future__ import annotations

import re
from typing import Any

# A lead byte of UTF-8 seen through cp1252 or latin-1, followed by a continuation byte seen the same way.
MOJIBAKE = re.compile("[ÂÃÄÅâðï][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")
# The same with all their continuation bytes, so that none of them is taken for a character of its own.
_WHOLE = re.compile("(?:â€[\x80-\xbf‘’“”•–—˜™š›œžŸ¢¦]?|ðŸ..?|" + MOJIBAKE.pattern + ")")
# What good text does not have: lower-case letters ("Ã£"), signs ("Âº"), curly quotes ("â€™"), emoji. Quotation marks
# and blanks may follow a capital by themselves.
_CERTAIN = re.compile("Ã[\xa2-\xaa\xac-\xba\xbc-\xbe]|Â[\xa1-\xaa\xac-\xba\xbc-\xbf]|[ÂÃ][\x80-\x9f]|â€|ðŸ|ï¸")
_RIGHT = re.compile("[À-ÖØ-öø-ÿ‘-„…–—]")


def is_sound(text: str) -> bool:
    """Whether there is something beyond ASCII in it that is encoded rightly."""
    return _RIGHT.search(_WHOLE.sub("", text) if MOJIBAKE.search(text) else text) is not None


def is_certain(text: str) -> bool:
    """Whether there is a pair in it that good text does not have."""
    return _CERTAIN.search(text) is not None


def mended(text: str, file_is_sound: bool) -> str:
    """The text as it was before it was encoded twice; the same where it was not."""
    if not MOJIBAKE.search(text) or is_sound(text):
        return text
    certain = len(_CERTAIN.findall(text))
    if certain < 2 and (file_is_sound or not certain):
        return text
    import ftfy

    # Registers the codec, which knows the five bytes that cp1252 leaves out.
    import ftfy.bad_codecs

    try:
        # Hundreds of times as fast as a look at each piece, and right for a text that was wholly encoded twice.
        once = text.encode("sloppy-windows-1252").decode("utf-8")
    except UnicodeError:
        fixed: str = ftfy.fix_encoding(text)
        return fixed
    # Some were encoded three times.
    return mended(once, file_is_sound)


def mend_value(value: Any, file_is_sound: bool) -> Any:
    """A value read from JSON with every text in it mended."""
    if isinstance(value, str):
        return mended(value, file_is_sound)
    if isinstance(value, list):
        return [mend_value(one, file_is_sound) for one in value]
    if isinstance(value, dict):
        return {key: mend_value(one, file_is_sound) for key, one in value.items()}
    return value
