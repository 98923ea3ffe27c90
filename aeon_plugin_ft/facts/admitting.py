"""How an assistant says that it was never told something: what is asked of first, then that it does not know.

    admission("onde mora a minha tia?", None, style, names)   -> "Cara, tua tia eu não sei, tu nunca me contou."

An answer that knows begins with the same words ("Cara, tua gata se chama Fork."). So a small model decides whether it
knows behind the noun in its plainest form, which is the same in lessons and in talk, and not behind a question in
words that it never saw.
"""

from __future__ import annotations

import re

from aeon_plugin_ft.facts.model import Claim, Relation
from aeon_plugin_ft.facts.style import Style
from aeon_plugin_ft.facts.wording import Speech, Topic, topic
from aeon_plugin_ft.facts.wording.nouns import Names
from aeon_plugin_ft.facts.wording.templates import fill

_OWN = re.compile(
    r"\b(?:meus?|minhas?) ((?!pr[oó]pri)"
    r"(?:(?:melhor|pior|maior|menor|primeir[oa]|[uú]ltim[oa]|antig[oa]|nov[oa])(?:es|s)? )?"
    r"[^\W\d_]+(?: d[aeo]s? [^\W\d_]+)?(?: (?:favorit|preferid)[oa])?)"
)
"""What is the owner's, behind the possessive."""
_FAVOURITE = "{meu A} [a:favorito|favorita]{dono}"


def admission(question: str, whose: Topic | None, style: Style, names: Names) -> str:
    """The answer to a question about something never told; `whose` is what it asks of, where that is known."""
    speech = Speech(style.person, names)
    noun = _noun(question, whose, speech)
    if noun:
        return style.say(f"{noun} eu não sei, {speech.owner} nunca me contou")
    # Its own way to say so, and always the same: a dozen ways would share what speaks for it between them.
    return style.not_knowing()[0]


def _noun(question: str, whose: Topic | None, speech: Speech) -> str:
    # Of two ("a Ana e o João") the grammar knows no plain form that an answer would begin with.
    if whose is not None and whose.subject and " e " not in whose.subject:
        return fill("{s}", whose, speech) or ""
    if whose is not None and whose.claim.relation is Relation.FAVOURITE:
        return fill(_FAVOURITE, whose, speech) or ""
    own = _OWN.search(question)
    if own is None:
        return ""
    return fill("{s}", topic(Claim(own[1], Relation.PROPERTY, "?", "lado"), speech.names), speech) or ""
