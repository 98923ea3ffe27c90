"""From a turn to the claims that are made in it, by the owner, by the assistant, and by a correction."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from aeon_plugin_ft.facts.aliases import SURE
from aeon_plugin_ft.facts.meaning import meaning
from aeon_plugin_ft.facts.model import OWNER, Claim, FactSource, Relation
from aeon_plugin_ft.facts.reciting import recites
from aeon_plugin_ft.facts.table import Mention, Reading, thing_of
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.model import Kind
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind

log = logging.getLogger("aeon_ft.facts")

LONGEST_VALUE = 160
"""Characters; what is longer is a story and no value."""
BETWEEN_PEOPLE = frozenset({"discord", "telegram", "whatsapp"})
"""Sources of imported chats between people: who says "eu" there may be anybody, and the replies are no assistant's."""
_HIDDEN = re.compile(rf"\b(?:{'|'.join(kind.value for kind in Kind)})_\d+\b")
"""A placeholder of what was taken out of the log; a grammar may have left its brackets behind."""
_UNREAD = frozenset({TurnKind.SYNTHETIC, TurnKind.COMMAND})


_KINDS = frozenset({Relation.KIND, Relation.NAME})
"""Their value says what the subject is: "o Farol é o teu bot"."""
_POSSESSIVE = r"\b(?:meu|minha|teu|tua|nosso|nossa)s? (?:melhor |novo |nova |velho |velha )?"
"""Not "seu" and "sua": they may be anybody's."""


class Reader(Protocol):
    """How sentences are read; `facts.grammar` is one. Sentences are split inside."""

    def claims(self, sentence: str, /) -> list[Claim]:
        """What the owner says, of themselves and their world."""

    def claims_of_reply(self, reply: str, question: str = "", /) -> list[Claim]:
        """What the assistant says to the owner, of the owner's world; with the owner's question ("quem é a minha
        gata?") also a short answer to it ("a Fork")."""


class Turns(Protocol):
    """Where turns are read from; `turns.TurnIndex` is one."""

    def get(self, id: str, /) -> LoggedTurn | None:
        """One turn; None when the log does not have it."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the owner holds against a reply: it was bad, and `right` is what it should have been (the reply put right,
    or the owner's words), None where that is not known. `said_in` is the turn in which they said so, None for a
    command."""

    right: str | None = None
    said_in: str | None = None

    @property
    def digest(self) -> str:
        """Equal opinions have equal ones; never ''."""
        text = "\x1f".join((self.right or "", self.said_in or "", "" if self.right is None else "right"))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


Opinions = Mapping[str, Opinion]
"""By the turn whose reply is judged; turns without one are not in it."""


class TurnReader:
    """Reads turns with a grammar. `is_secret` says whether a text holds what must never be kept."""

    def __init__(self, reader: Reader, is_secret: Callable[[str], bool]) -> None:
        self._reader, self._is_secret = reader, is_secret

    def read(self, turn: LoggedTurn) -> Reading:
        """What is said in a turn. The owner's words count even where no model answered them; the assistant's only where
        a model of the host's did, in words of its own: what one of the plugin's has learnt, or invents, is no evidence,
        and what stands in the system prompt is said of the assistant."""
        if not is_owners(turn):
            return Reading(turn.id, ())
        mentions = [_said(turn, claim) for claim in self.owner_says(turn.user)]
        if turn.kind is not TurnKind.CHAT or turn.is_own or recites(turn.reply, turn.system):
            return Reading(turn.id, _placed(mentions))
        told = f"{turn.user}\n{turn.reply}"
        for claim in self._replies(turn.reply, turn.user):
            mentions.append(Mention(_owned(claim, told), FactSource.REPLY, turn.at, turn.id))
        return Reading(turn.id, _placed(mentions), self._heard(turn))

    def of_model(self, turn: LoggedTurn, claims: Iterable[Claim]) -> list[Mention]:
        """What a model read in the owner's words, as far as it may be kept."""
        if not is_owners(turn):
            return []
        # Of the owner it need not be said whose it is.
        sure = (replace(one, sure=SURE) if one.subject == OWNER else _owned(one, turn.user) for one in claims)
        kept = (replace(claim, start=0, end=0) for claim in sure if self.may_keep(claim))
        return list(_placed(Mention(claim, FactSource.MODEL, turn.at, turn.id) for claim in kept))

    def _heard(self, turn: LoggedTurn) -> frozenset[str]:
        # Here: the host imports this at its start, and what reads words takes time to compile.
        from aeon_plugin_ft.facts.heard import heard

        try:
            return heard(turn.user, turn.reply)
        except Exception:  # as for a grammar, in _fit
            log.exception("a reply could not be read for facts")
            return frozenset()

    def put_right(self, judged: LoggedTurn, opinion: Opinion, said_in: LoggedTurn | None) -> list[Mention]:
        """What a correction of `judged` says beyond what is read in the sentence that it was said in."""
        if opinion.right is None:
            return []
        if said_in is None:
            claims = self.owner_says(opinion.right) or list(self._replies(opinion.right, judged.user))
        elif fold_accents(opinion.right) in fold_accents(said_in.user):
            # The owner's words without what introduced them: "não, o certo é minha gata é a Fork".
            before = {_said_so(claim) for claim in self.owner_says(said_in.user)}
            claims = [claim for claim in self.owner_says(opinion.right) if _said_so(claim) not in before]
        else:
            # The reply with its wrong part put right: what it says otherwise than before is what the owner corrected.
            before = {_said_so(claim) for claim in self._replies(judged.reply, judged.user)}
            right = self._replies(opinion.right, judged.user)
            claims = [claim for claim in right if _said_so(claim) not in before]
        where = judged if said_in is None else said_in
        corrected = (replace(claim, corrects=True) for claim in claims)
        return list(
            _placed(Mention(claim, FactSource.CORRECTION, where.at, where.id, judged.id) for claim in corrected)
        )

    def owner_says(self, text: str) -> list[Claim]:
        """The claims in the owner's words that may be kept."""
        return list(self._fit(self._reader.claims, text))

    def may_keep(self, claim: Claim) -> bool:
        """Whether a claim may become a fact: it says something short, and no secret or placeholder of one."""
        texts = (claim.subject, claim.attribute, claim.value)
        if not claim.value.strip() and not claim.ended:
            return False
        if max(map(len, texts)) > LONGEST_VALUE or any(map(_HIDDEN.search, texts)):
            return False
        # Together, too: "a senha do cofre" gives away what "jacare77" alone does not.
        return not any(map(self._is_secret, (*texts, f"{claim.subject} {claim.attribute} é {claim.value}")))

    def _replies(self, text: str, question: str) -> Iterator[Claim]:
        return self._fit(self._reader.claims_of_reply, text, question)

    def _fit(self, read: Callable[..., list[Claim]], *texts: str) -> Iterator[Claim]:
        if not texts[0].strip():
            return
        try:
            claims = read(*texts)
        except Exception:  # one sentence that a grammar breaks at must not keep the rest of the log from being read
            log.exception("a sentence could not be read for facts")
            return
        for claim in claims:
            if self.may_keep(claim):
                yield replace(claim, start=0, end=0)


def is_owners(turn: LoggedTurn) -> bool:
    """Whether it is the owner who speaks in a turn."""
    return turn.kind not in _UNREAD and turn.source not in BETWEEN_PEOPLE


def _said(turn: LoggedTurn, claim: Claim) -> Mention:
    return Mention(claim, FactSource.CORRECTION if claim.corrects else FactSource.OWNER, turn.at, turn.id)


def _owned(claim: Claim, told: str) -> Claim:
    """A claim that only names its subject is surer where "teu bot", "minha bicicleta" says whose it is."""
    nouns = (claim.subject, claim.value) if claim.relation in _KINDS else (claim.subject,)
    firsts = [re.escape(fold_accents(noun).split()[0]) for noun in nouns if noun.strip()]
    if claim.sure < SURE and any(re.search(rf"{_POSSESSIVE}{first}\b", fold_accents(told)) for first in firsts):
        return replace(claim, sure=SURE)
    return claim


def _placed(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    return tuple(replace(mention, place=place) for place, mention in enumerate(mentions))


def _said_so(claim: Claim) -> tuple[str, str]:
    return thing_of(claim), meaning(claim)
