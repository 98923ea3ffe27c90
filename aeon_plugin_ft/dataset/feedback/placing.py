"""Putting a right part where a wrong one stands in a reply."""

from __future__ import annotations

import re

from aeon_plugin_ft.dataset.feedback.values import Sort, Value, values
from aeon_plugin_ft.privacy.folding import fold_in_place
from aeon_plugin_ft.privacy.text import vocabulary

_SMALL = vocabulary(
    "o a os as um uma de da do das dos em no na nos nas por pra pro para com ao e eh meu minha seu sua teu tua so sao"
    " esse essa dia as"
)
"""Words that stand in front of a thing and are no part of it."""
_ARTICLES = vocabulary("o a os as um uma")
_POINTING = vocabulary("esse essa esses essas isso este esta isto aquele aquela aquilo nada ele ela")
_LONGEST_PART = 10
"""Words of what may be put in: more is another sentence."""


_LONGEST_ABOUT = 5
"""Words in front of the verb of a correction: "cinco vezes oito dá"."""


def same_word(one: str, other: str) -> bool:
    """Whether two folded words are forms of one: "terminou" and "terminado", "moro" and "mora", "uso" and "usa"."""
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < 3 or shorter[0].isdigit():
        return False
    if len(shorter) == 3 and len(longer) > 4:  # "voo" and "volta" share two letters and nothing else
        return longer.startswith(shorter)
    stem = max(2 if len(shorter) == 3 else 3, len(shorter) - 2)
    return shorter[:stem] == longer[:stem] and len(longer) - len(shorter) <= 3


def named_part(wrong: str, reply: str) -> tuple[int, int] | None:
    """Where the part that was called wrong (folded) stands in a reply; None when it is not there, or more than once.

    "a do quarto" stands where "do quarto" does, "o Sarney" where "José Sarney" does, "quarenta" where 40 does.
    """
    folded, words = fold_in_place(reply), wrong.split()
    if words[0] in _POINTING:  # "não é essa conta" names nothing
        return None
    while words and (words[0] not in _SMALL or len(words) > 1):
        places = [match.span() for match in re.finditer(rf"(?<!\w){re.escape(' '.join(words))}(?!\w)", folded)]
        if places and not all(word in _SMALL for word in words):
            if len(places) > 1:
                return None
            return _whole_name(places[0], reply) if len(words) == 1 else places[0]
        if words[0] not in _SMALL:
            break
        words = words[1:]
    return _same_value(" ".join(words) or wrong, reply)


def _whole_name(place: tuple[int, int], reply: str) -> tuple[int, int]:
    """The name of which a part was said."""
    for value in values(reply):
        if value.sort is Sort.NAME and value.start <= place[0] and place[1] <= value.end:
            return value.start, value.end
    return place


def _same_value(wrong: str, reply: str) -> tuple[int, int] | None:
    meant = values(wrong, names=False)
    if len(meant) != 1 or meant[0].end - meant[0].start < len(wrong) - len(meant[0].unit) - 2:
        return None
    there = [one for one in values(reply) if _alike(meant[0], one)]
    return (there[0].start, there[0].end) if len(there) == 1 else None


def _alike(said: Value, told: Value) -> bool:
    if said.sort in {Sort.NUMBER, Sort.DAY} and told.sort in {Sort.TIME, Sort.DAY, Sort.NUMBER, Sort.DATE}:
        if told.sort is Sort.TIME:
            return told.canon == f"{said.canon}:00"
        # "45, não 44" of a year.
        short_year = len(told.canon) == 4 and len(said.canon) == 2 and told.canon.endswith(said.canon)
        return told.canon == said.canon or short_year or told.canon.startswith(f"{said.canon} de ")
    return said.sort is told.sort and said.canon == told.canon


def corrected_part(right: str, wrong: str, place: tuple[int, int], reply: str) -> str | None:
    """The reply with `right` at `place`, where `wrong` was; None when `right` is no part but another sentence.

    What both say in front ("a da sala, não a do quarto") or the reply says already ("máxima de 27" behind "máxima de")
    is not said twice.
    """
    right = _after_verb(right)
    right = _without_common_start(right, wrong, reply[place[0] : place[1]])
    right = _without_said(right, reply[: place[0]])
    told = reply[place[0] : place[1]]
    if not right or len(right.split()) > _LONGEST_PART or fold_in_place(right) == fold_in_place(told):
        return None
    if re.fullmatch(r"(?:19|20)\d\d", told) and re.fullmatch(r"\d\d", right):
        right = told[:2] + right
    if reply[place[1] : place[1] + 1] == "%" and fold_in_place(right).endswith("por cento"):
        place = place[0], place[1] + 1
    return replaced(reply, place, right)


def _after_verb(right: str) -> str:
    """ "minha irmã é a Heloísa" says "a Heloísa"."""
    match = re.match(r"(?P<about>.{2,60}?)\s+(?:é|eh|era|foi|são|dá|fica|deu|se chama)\s+", right, re.IGNORECASE)
    return right[match.end() :] if match and len(match["about"].split()) <= _LONGEST_ABOUT else right


def _without_common_start(right: str, wrong: str, told: str) -> str:
    """Without the small words in front that the wrong part had and its place has not."""
    ours, theirs, there = right.split(), wrong.split(), fold_in_place(told).split()
    while len(ours) > 1 and theirs and fold_in_place(ours[0]) in _SMALL and theirs[:1] != there[:1]:
        if theirs[0] not in _SMALL:
            break
        ours, theirs = ours[1:], theirs[1:]
    if len(ours) > 1 and fold_in_place(ours[0]) in _ARTICLES and theirs[:1] == there[:1] and theirs[0] not in _SMALL:
        ours = ours[1:]
    return " ".join(ours)


def _without_said(right: str, before: str) -> str:
    """Without the words in front that stand right before the place."""
    said = fold_in_place(before).split()
    words = right.split()
    for count in range(min(len(words) - 1, 5), 0, -1):
        ours = [fold_in_place(word) for word in words[:count]]
        if said[-count:] == ours or (
            count == 1 and said and ours[0] in _SMALL and said[-1] in _CONTRACTED.get(ours[0], ())
        ):
            return " ".join(words[count:])
    return right


_CONTRACTED = {"pro": ("o", "pro"), "pra": ("a", "pra"), "o": ("o", "do", "no", "ao"), "a": ("a", "da", "na")}


def replaced(reply: str, place: tuple[int, int], right: str) -> str:
    """`right` in place of a part; words that follow the part and end `right` too are not said twice."""
    start, end = place
    following = fold_in_place(reply[end:])
    for cut in range(len(right)):
        if right[cut] == " " and re.match(re.escape(fold_in_place(right[cut:])) + r"(?!\w)", following):
            end += len(right) - cut
            break
    if right[:1].islower() and reply[start : start + 1].isupper() and start == 0:
        right = right[:1].upper() + right[1:]
    return reply[:start] + right + reply[end:]
