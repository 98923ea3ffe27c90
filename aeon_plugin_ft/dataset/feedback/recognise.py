"""What the owner's next sentence says about the reply before it: praise, complaint, correction, or nothing.

A sentence is cut into clauses. Each clause is read by phrases of praise and blame, with negation, and counts
only when it is about the reply: it names it ("essa resposta"), speaks to Aeon ("tu errou"), or holds nothing
else. "O filme foi muito bom" and "que filme muito bom passa hoje?" therefore say nothing. Praise next to a
failure ("parabéns, apagou tudo") is sarcasm and counts as a complaint; what comes after "mas" outweighs what
comes before. Mere thanks ("valeu") say nothing about quality. Works on words alone: no model, no network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from aeon_plugin_ft.dataset.feedback import words
from aeon_plugin_ft.dataset.feedback.correction import corrected_reply, corrected_words, denies
from aeon_plugin_ft.dataset.feedback.denied import denies_deed
from aeon_plugin_ft.dataset.feedback.opinion_model import opinion
from aeon_plugin_ft.privacy.folding import fold_in_place

SURE = 0.55
"""The probability from which on the model's word counts."""
SURE_AGAINST_RULES = 0.65
SignalKind = Literal["praise", "complaint", "correction"]


@dataclass(frozen=True, slots=True)
class FeedbackSignal:
    """`correction` is what the reply should have said, in the owner's words and with their accents; where
    the wrong part of the previous reply is known, the whole reply with that part put right. None unless
    `kind` is "correction"."""

    kind: SignalKind
    correction: str | None = None


def recognise(user_text: str, previous_reply: str | None = None) -> FeedbackSignal | None:
    """What `user_text`, said after `previous_reply`, says about that reply; None: nothing.

    With the previous reply given, an answer to its question ("Tem certeza?" - "isso mesmo") is not feedback,
    and a correction of a part of it becomes the whole corrected reply.
    """
    text = user_text.strip()
    folded = fold_in_place(text)
    asked = previous_reply is not None and previous_reply.rstrip().endswith("?")
    if not folded or len(folded) > words.LONGEST:
        return None
    if previous_reply is not None and len(previous_reply) > words.LONGEST_REPLY:
        # A part of so long a text is not put right by a sentence: it is judged as a whole.
        corrected, previous_reply = None, None
    else:
        corrected = corrected_words(text) if previous_reply is None else corrected_reply(text, previous_reply)
    if corrected:
        return FeedbackSignal("correction", corrected)
    if asked and words.ANSWER.fullmatch(folded):
        return None
    polarity = (
        _polarity(folded) or _by_signs(text) or (0 if asked else _after_a_statement(text, folded, previous_reply))
    )
    if polarity > 0:
        return FeedbackSignal("praise")
    refused = polarity < 0 or denies(text, previous_reply) or _denies_deed(text, previous_reply, asked)
    return FeedbackSignal("complaint") if refused else None


def _denies_deed(text: str, reply: str | None, asked: bool) -> bool:
    return reply is not None and not asked and denies_deed(text, reply)


def is_correction(text: str) -> bool:
    """Whether a sentence corrects something, whatever was said before: `recognise` would call it a correction."""
    text = text.strip()
    folded = fold_in_place(text)
    return 0 < len(folded) <= words.LONGEST and corrected_words(text) is not None


def _after_a_statement(text: str, folded: str, reply: str | None) -> int:
    """What a sentence says of a reply that asked nothing."""
    if words.AFFIRMED.fullmatch(folded):
        return 1
    return -1 if words.NOT_THIS.fullmatch(folded) else _by_model(text, reply)


def _by_signs(text: str) -> int:
    """1 or -1 for a text that is signs alone: a thumb, hands that clap."""
    good, bad = words.GOOD_SIGN.search(text), words.BAD_SIGN.search(text)
    if not (good or bad) or any(letter.isalnum() for letter in text):
        return 0
    return -1 if bad else 1


def _by_model(text: str, reply: str | None) -> int:
    """What the model of `opinion_model` is sure of; 0 else. Sentences with a question mark are left to the rules."""
    folded = fold_in_place(text)
    if "?" in text or words.OTHER_SUBJECT.search(folded) or words.FILLER_ONLY.fullmatch(folded.rstrip(" .!,")):
        return 0
    shares = opinion(text, reply)
    # Words of praise or blame that the rules have weighed and found to be about something else: their veto.
    weighed = words.GOOD.search(folded) or words.BAD.search(folded)
    sure = SURE_AGAINST_RULES if weighed else SURE
    if shares["praise"] > sure:
        return 1
    return -1 if shares["complaint"] > sure else 0


def _polarity(folded: str) -> int:
    """1 praise, -1 complaint, 0 neither, of a whole sentence."""
    if words.IDIOM_GOOD.search(folded):
        return 1
    if words.IDIOM_BAD.search(folded):
        return -1
    if not (words.GOOD.search(folded) or words.BAD.search(folded)):
        return 0
    question = _is_question(folded)
    before, after = _around_but(folded)
    first, last = _clauses(before, question), _clauses(after, question)
    if after and last:
        return last
    if after and first > 0:  # "boa, mas faltou o link": what follows "but" is a complaint or says nothing
        return -1 if words.LACK.search(after) else first
    return first


def _around_but(folded: str) -> tuple[str, str]:
    parts = words.BUT.split(folded, maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 else (folded, "")


def _is_question(folded: str) -> bool:
    """A real question; "né?" and "viu?" after a statement do not make one."""
    plain = words.TAG_QUESTION.sub("", folded)
    return plain.rstrip().endswith("?") or bool(words.ASKS.match(words.VOCATIVE.sub("", plain)))


def _clauses(text: str, question: bool) -> int:
    """The polarity of a stretch of clauses; praise beside a failure is sarcasm."""
    read = [_clause(clause.strip()) for clause in words.CLAUSE.split(text) if not _says_nothing(clause)]
    neutral = _Clause(0, strong=False) in read
    if any(clause.polarity < 0 and (clause.strong or not neutral) for clause in read):
        return -1
    praise = [clause for clause in read if clause.polarity > 0]
    if not praise:
        return 0
    if words.FAILURE.search(text):
        return -1
    strong = any(clause.strong for clause in praise)
    return 1 if strong or not (question or neutral) else 0


def _says_nothing(clause: str) -> bool:
    return not clause.strip() or words.FILLER_ONLY.fullmatch(clause.strip()) is not None


@dataclass(frozen=True, slots=True)
class _Clause:
    """`strong` counts beside clauses about other things ("perfeito, agora abre o terminal"); a weak one,
    such as "massa" or "que merda", only when nothing else is said."""

    polarity: int
    strong: bool


def _clause(clause: str) -> _Clause:
    good, bad = words.GOOD.search(clause), words.BAD.search(clause)
    if not (good or bad) or not _about_reply(clause):
        return _Clause(0, strong=False)
    after = bool(words.NOT_AFTER.search(clause))
    if bad:  # "não tá errado" is no complaint; "não gostei" is one phrase of blame
        denied = bool(words.NEGATION.search(clause[: bad.start()])) or (after and not bad.group().startswith("nao"))
        return _Clause(1 if denied else -1, strong=not words.WEAK_BAD.fullmatch(clause))
    denied = after or bool(good and words.NEGATION.search(clause[: good.start()]))
    return _Clause(-1 if denied else 1, strong=denied or bool(words.STRONG.search(clause)))


def _about_reply(clause: str) -> bool:
    if words.OTHER_SUBJECT.search(clause):
        return False
    if words.TO_AEON.search(clause):
        return True
    rest = words.BAD.sub(" ", words.GOOD.sub(" ", clause))
    return all(word in words.EMPTY for word in re.findall(r"[a-z]+", rest))
