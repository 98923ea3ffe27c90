"""What a reply to a question about a fact is worth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from aeon_plugin_ft.causes import Cause
from aeon_plugin_ft.facts.marking.holding import is_question, mentions, says, sentences
from aeon_plugin_ft.facts.marking.readings import MOST, is_content, read, replies, stem
from aeon_plugin_ft.privacy.folding import fold_accents


class Asks(Cause):
    """What a question about facts asks for."""

    VALUE = "value"
    """The value: "quem é a minha gata?"."""
    YES = "yes"
    """Whether something right is so."""
    NO = "no"
    """Whether something wrong is so."""
    NEVER_TOLD = "never_told"
    """What was never told: the right answer admits not knowing."""


class Mark(Cause):
    """What a reply is worth."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSURE = "unsure"
    """Admits not knowing; to what was never told also a reply that states nothing (empty, a call of a tool)."""
    INVENTED = "invented"
    """States something that was never told."""


_HATES = re.compile(r"\b(?:odei|detest|abomin|horror|nojo)")
_NEGATIVE = re.compile(
    r"\b(?:nao|nunca|odei\w*|detest\w*|irrita\w*|horror|nojo|raiva|bronca|suport\w*|reclamar|fujo|foge\w*|evit\w+)\b"
)
_DISLIKES = re.compile(
    r"\b(?:nunca|jamais|nao (?:\w+ )?(?:gost|suport|aguent|toler|curt|faz|fac|com|pod|us|beb|tom|quer|vai|sai)\w*)"
)
_LOVES = re.compile(r"\b(?:ador|am[ao]\b|gost|curt|fa d)")
_SHORT = 3
"""Content words of an interjection: "Boa pergunta!"."""
_STATING = re.compile(r"\b(?:e|eh|sao|chama|chamam|mora|moram|fica|ficam|trabalha|trabalham|tem|usa|prefere|nasceu|faz"
                      r"|torce|estuda|vive|gosta|cai|rola|comeca|dorme|acorda)\b")  # fmt: skip
_SAYS = re.compile(r"\w+")


def mark_reply(asks: Asks, question: str, accepted: Sequence[str], reply: str, asked: str = "") -> Mark:
    """The mark of `reply` to `question`. `accepted` are values of which one has to be said (of Asks.YES and Asks.NO:
    what is so), `asked` is the value that a yes-no question asks about. Of an Asks.NO without accepted values
    ("posso fazer deploy na sexta?") only the yes or no counts."""
    reply = reply.strip()[:MOST]
    if asks is Asks.NEVER_TOLD:
        return _mark_never_told(reply)
    if not reply or reply.startswith("{"):
        return Mark.WRONG
    right = any(says(reply, value) or _says_denied(question, reply, value) for value in accepted)
    if asks is Asks.VALUE:
        return Mark.RIGHT if right else _mark_missing(reply)
    if asks is Asks.YES:
        return _mark_yes(question, reply, right)
    return _mark_no(question, reply, accepted, asked, right)


def _says_denied(question: str, reply: str, value: str) -> bool:
    """Whether the question is about what is not done or not liked, and the reply says that of the value."""
    if not _NEGATIVE.search(fold_accents(question)):
        return False
    stated = [one for one in sentences(reply) if not is_question(one)]
    return any(mentions(one, value) and _DISLIKES.search(fold_accents(one)) for one in stated)


def _mark_missing(reply: str) -> Mark:
    return Mark.UNSURE if admits(reply) and not _guesses(reply) else Mark.WRONG


def _mark_yes(question: str, reply: str, right: bool) -> Mark:
    opening = _opening(question, reply)
    if right and opening is not False:
        return Mark.RIGHT
    if admits(reply) and not _guesses(reply):
        return Mark.UNSURE
    return Mark.RIGHT if opening or right or _repeats_with_yes(question, reply) else Mark.WRONG


def _repeats_with_yes(question: str, reply: str) -> bool:
    """Whether the reply says what was asked once more, and ends in a yes: "tu toma café coado, sim"."""
    first = _without_opener(sentences(reply)[0])
    if not re.search(r", sim\W*$", fold_accents(first)):
        return False
    asked = {stem(token) for token in read(question).tokens}
    said = [stem(token) for token in read(first).tokens if is_content(token)]
    # The first one is the verb, in another person than it was asked in: "eu faço", "tu faz".
    return bool(said) and all(token in asked for token in said[1:])


def _mark_no(question: str, reply: str, accepted: Sequence[str], asked: str, right: bool) -> Mark:
    opening = _opening(question, reply)
    if not accepted:
        if admits(sentences(reply)[0]):
            return _mark_missing(reply)
        denies = opening is False or (opening is None and _denies(question, sentences(reply)[0]))
        return Mark.RIGHT if denies else _mark_missing(reply)
    if right:
        return Mark.RIGHT
    if admits(reply) and not _guesses(reply):
        return Mark.UNSURE
    if opening is not False or (asked and says(reply, asked)):
        return Mark.WRONG
    return Mark.WRONG if _states_other(question, reply, [*accepted, asked]) else Mark.RIGHT


def _mark_never_told(reply: str) -> Mark:
    if not reply or reply.startswith("{"):
        return Mark.UNSURE
    for number, sentence in enumerate(sentences(reply)):
        if _admits(sentence, rhetorical=number > 0):
            return Mark.INVENTED if _guesses(reply) else Mark.UNSURE
        if is_question(sentence):
            continue
        words = [token for token in read(_without_opener(sentence)).tokens if is_content(token)]
        if number or len(words) > _SHORT or not sentence.endswith(("!", "...", "…", ".")) or not _interjects(sentence):
            return Mark.INVENTED
    return Mark.UNSURE if is_question(reply) else Mark.INVENTED


def _interjects(sentence: str) -> bool:
    folded = fold_accents(sentence).rstrip("!.… ")
    return not _without_opener(folded).strip(" ,.!") or folded in {
        "boa pergunta",
        "que pergunta",
        "boa",
        "olha",
        "essa",
    }


def admits(reply: str) -> bool:
    """Whether the reply says that it does not know."""
    return any(_admits(sentence, rhetorical=True) for sentence in sentences(reply))


def _admits(sentence: str, rhetorical: bool) -> bool:
    folded = fold_accents(sentence)
    if rhetorical and re.search(replies()["admits"]["rhetorical"], folded):
        return False
    return any(re.search(pattern, folded) for pattern in replies()["admits"]["patterns"])


def _guesses(reply: str) -> bool:
    return re.search(replies()["admits"]["guesses"], fold_accents(reply)) is not None


def _negates(sentence: str) -> bool:
    return re.search(replies()["negation"]["word"], fold_accents(sentence)) is not None


def _denies(question: str, sentence: str) -> bool:
    """Whether the statement says the contrary of what the question asks: "tu odeia Java" to "eu gosto de Java?"."""
    asked, told = fold_accents(question), fold_accents(sentence)
    if _HATES.search(asked):
        return _LOVES.search(told) is not None and not _HATES.search(told)
    return _negates(sentence) or (_LOVES.search(asked) is not None and _HATES.search(told) is not None)


def _without_opener(text: str) -> str:
    """Folded, without "cara," and the like."""
    folded = fold_accents(text).strip()
    pattern = _compiled(rf"^{replies()['answers']['openers']}\s*[,.!?…:]*\s*(?=\S)|^{replies()['answers']['openers']}$")
    while (match := pattern.match(folded)) and match.end():
        folded = folded[match.end() :]
    return folded


def _behind_address(text: str) -> str:
    """Folded, without up to three words before the first comma: "ô meu bem, não"."""
    before, _, behind = fold_accents(text).partition(",")
    words = _SAYS.findall(before)
    return behind.strip() if len(words) <= _SHORT and not _STATING.search(before) else ""


def _opening(question: str, reply: str) -> bool | None:
    """Whether the reply begins with a yes or a no; None for neither."""
    answers = replies()["answers"]
    # "Mia? Nada disso": the answer begins behind what was asked back.
    stated = [one for one in sentences(reply) if not is_question(one)] or [reply]
    for begin in (fold_accents(stated[0]).strip(), _without_opener(stated[0]), _behind_address(stated[0])):
        if _compiled(rf"^{answers['no']}").match(begin):
            return False
        if _compiled(rf"^{answers['yes']}").match(begin) or _compiled(rf"^{answers['bare_yes']}").match(begin):
            return True
    words = _SAYS.findall(_without_opener(stated[0]))
    if words and words[0] in _echoes(question):
        return words[1:2] not in (["nao"], ["nada"])
    return None


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _echoes(question: str) -> set[str]:
    """Verbs with which Portuguese says yes: "mora", to "eu moro em Joinville?"."""
    # Imported late: the marks of a reply need no wordings otherwise.
    from aeon_plugin_ft.facts.wording.persons import verb_forms

    echoes: set[str] = set()
    for word in _SAYS.findall(fold_accents(question)):
        forms = verb_forms(word)
        if forms:
            echoes.add(fold_accents(forms[0]))
        if _STATING.fullmatch(word) and word not in {"e", "eh"}:
            echoes.add(word)
    return echoes


def _states_other(question: str, reply: str, values: Sequence[str]) -> bool:
    """Whether a no goes on with a value that is neither the right one nor the one asked about: "não, é a Luna"."""
    known = {stem(token) for text in (question, *values) for token in read(text).tokens}
    for sentence in sentences(reply)[:2]:
        clauses = re.split(r"[,;:.!]\s*", _without_opener(sentence))
        for clause in clauses:
            verb = _STATING.search(clause)
            if verb is None or _negates(clause) or any(mentions(clause, value) for value in values if value):
                continue
            told = [token for token in read(clause[verb.end() :]).tokens if is_content(token)]
            times = read(clause).times or read(clause).dates
            if times or any(stem(token) not in known for token in told):
                return True
        if sentence is sentences(reply)[0] and len(_SAYS.findall(_without_opener(sentence))) > _SHORT:
            break
    return False
