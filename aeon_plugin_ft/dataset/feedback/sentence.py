"""The owner's sentence as corrections read it: what leads in and out taken off, and whether it refuses something."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aeon_plugin_ft.dataset.feedback.values import Value, values
from aeon_plugin_ft.privacy.folding import fold_in_place

CALL = (
    r"(?:(?:aeon|cara|mano|putz|po|ah|olha|oh|o(?=\s*,)|entao|poxa|velho|ih|hum+|mas|opa|calma|pera|perai|epa|ei)"
    r"[\s,.]+){0,4}"
)
_REFUSED = (
    r"(?:(?:nao|nops?|negativo)(?:\s*[,.:;!-]+\s*|\s+(?=(?:o|a|quem)\s))"
    r"|quase(?:\s*[,.:;!-]+\s*|\s+(?=mas\b|foi\b))|(?:mudou|passou|trocaram)\s+(?=pr[ao]\b|para\b)"
    r"|(?:errad[oa]|erro[ur]?|errei|mentira|na verdade|na real|corrig(?:indo|e(?: ai)?)|correcao|nada disso"
    r"|(?:(?:tu|voce|vc|ce)\s+)?(?:se\s+)?(?:errou|confundiu|confundiste|erraste|trocou)"
    r"|resposta errada|(?:isso\s+)?(?:ta|esta) errad[oa])"
    r"(?:\s*[,.:;!-]+\s*|\s+))"
)
_LEAD = re.compile(rf"^{CALL}(?P<refused>(?:{_REFUSED}{CALL})*)")
_PARTING = re.compile(
    r"[\s,.!]+(?:ta|viu|ok|beleza|ne|hein|por favor|anota(?: ai)?|grava(?: ai)?|aprende(?: isso)?|cara|aeon|porra"
    r"|caramba|mano|po|ai)\s*[.!]*$|[\s.!,;]+$"
)
_PARTING_REFUSAL = re.compile(
    r"[\s,.!]+(?:na verdade|na real|corrige(?: ai| isso)?|(?:isso )?(?:ta|esta) errad[oa]|errad[oa]|presta atencao"
    r"|olha direito|(?:tu |voce |vc )?errou|conserta(?: ai)?|arruma(?: ai)?)\s*[.!]*$"
)
IS = r"(?:e|eh|sao|era|eram|foi|foram|seria|fica|ficava|se chama|chama|ta|esta)"
"""With "dá", which is written here as "eh" (`_folded`)."""


@dataclass(frozen=True, slots=True)
class Said:
    """The owner's sentence without what leads in and out; `refused`: it says that something was wrong; `whole`: nothing
    was in front."""

    text: str
    folded: str
    refused: bool
    whole: bool = False
    before: str = ""

    def values(self) -> list[Value]:
        """The values of the sentence."""
        return values(self.text, whole=self.whole)

    def part(self, start: int, end: int) -> str:
        """The words at a place, without the signs around them."""
        return self.text[start:end].strip(" \t,.;:!\"'“”")


def folded_words(text: str) -> str:
    """Folded in place, but for two words that folding would make another: "dá" becomes "eh", and "e" becomes "&" where
    it is no "é": in a text that has accents, and in front, where it goes on with a question ("e a do Rio")."""
    plain = _GIVES.sub("eh", text)
    return fold_in_place((_AND_FIRST if plain.isascii() else _AND).sub("&", plain))


_GIVES = re.compile(r"\bdá\b", re.IGNORECASE)
_AND = re.compile(r"(?<!\w)e(?!\w)", re.IGNORECASE)
_AND_FIRST = re.compile(
    r"^e(?= [aeo]\b| em\b| no?a?\b| d[aeo]\b| \d+ ?(?:vezes|x|mais|menos|dividido|por|[+*/-])(?!\w))", re.IGNORECASE
)


def read_sentence(text: str) -> Said | None:
    """A sentence taken apart; None for a question, or when nothing is left of it."""
    text = text.strip()
    folded = folded_words(text)
    if folded.endswith("?"):
        return None
    lead = _LEAD.match(folded)
    start, refused = (lead.end(), bool(lead["refused"])) if lead else (0, False)
    end = len(folded)
    while True:
        if parting := _PARTING_REFUSAL.search(folded, start, end):
            end, refused = parting.start(), True
        elif parting := _PARTING.search(folded, start, end):
            end = parting.start()
        else:
            break
    return Said(text[start:end], folded[start:end], refused, start == 0, folded[:start]) if end > start else None
