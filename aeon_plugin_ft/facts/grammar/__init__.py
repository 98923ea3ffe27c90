"""The grammar of what people tell: from a sentence in Brazilian Portuguese to claims.

    claims("minha gata é a Fork, a preta")           the owner speaks: "meu", "eu", "a gente" are his
    claims_of_reply("Cara, tu mora em Joinville.")   the assistant speaks to the owner: "teu", "tu", "você" are his

Words on their own: no model, no network, nothing read before the first sentence. Both read sentence by sentence, so
that a text may hold several. A question, a wish, a tale, what others said, a joke, a mood, a plan and what holds for
today only give nothing; nor do documents and passwords, which the recognisers of `privacy` find. What is too long to
have been said (`LONGEST_TEXT`, `LONGEST_SENTENCE` characters) is not read: a pasted book costs no more than a page.

text.py         sentences, words, commas
casing.py       capitals for a text without any; data/casing.toml
lexicon.py      data/words.toml, data/verbs.toml
subjects.py     of whom a clause speaks
clauses.py      who, verb, rest; where the next clause begins
rules.py        data/rules.toml, applied to a clause; checks.py: its conditions on a value
specials.py     data/specials.toml: forms that are no clause ("aqui é o Valdir", "filme favorito: ...")
values.py       data/values.toml: where the words of a value end
habits.py       what is done again and again, at its hour, never
possessions.py  what is had and kept
asides.py       what is said between commas
questions.py    a short answer, read with its question; data/questions.toml
reader.py       all of it, in order; data/leads.toml and data/refusals.toml
schema.py       the same claims, read by a local model
"""

from __future__ import annotations

from aeon_plugin_ft.facts.grammar.questions import answered
from aeon_plugin_ft.facts.grammar.reader import read
from aeon_plugin_ft.facts.grammar.subjects import Voice
from aeon_plugin_ft.facts.model import Claim

__all__ = ["claims", "claims_of_reply"]


def claims(sentence: str) -> list[Claim]:
    """What the owner says of himself and of what is his."""
    return read(sentence, Voice.OWNER)


def claims_of_reply(reply: str, question: str = "") -> list[Claim]:
    """What the assistant says to the owner of the owner's world. With the owner's `question` also a short answer to
    it is read: "quem é a minha gata?", "Cara, é a Fork."."""
    told = read(reply, Voice.ASSISTANT)
    if not question:
        return told
    there = {(one.subject, one.relation, one.attribute) for one in told}
    return told + [one for one in answered(reply, question) if (one.subject, one.relation, one.attribute) not in there]
