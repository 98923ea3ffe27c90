"""One clause: who, the verb, and what follows it; and where the next clause begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from aeon_plugin_ft.facts.grammar.lexicon import BEFORE_NOUN, leads
from aeon_plugin_ft.facts.grammar.subjects import (
    OWNER_KINDS,
    Subject,
    Voice,
    definite,
    is_mine,
    possessed,
    referent,
    verb_after,
    verb_at,
)
from aeon_plugin_ft.facts.grammar.text import Sentence
from aeon_plugin_ft.privacy.text import vocabulary

SubjectMaker = Callable[[int, int], Subject | None]
"""From the words of a noun phrase (first, behind the last) to the subject."""
_I = frozenset({"eu"})
_WE = frozenset({"nois", "nos"})
_YOU = vocabulary("tu voce vc ce")
_SIR = frozenset({("o", "senhor"), ("a", "senhora"), ("vossa", "senhoria")})
_OTHERS = vocabulary("ele ela eles elas")
_ARTICLES = vocabulary("o a os as")
_NOT = frozenset({"nao", "num", "nem", "n"})
_NEVER = frozenset({"nunca", "jamais"})
_BETWEEN = vocabulary("ja tambem tb tbm so agora mesmo ainda realmente que me lhe quase geralmente normalmente")
_JOINTS = vocabulary("e mas porque pq pois entao so")
_NO_START = vocabulary("que se quando como qual quem onde enquanto caso embora")
_INSIDE = vocabulary("e ou nem de com sem pra para por em ate sobre que mais menos tao muito igual do jeito")
"""Behind these a verb or a "minha" belongs to what is being said."""
_FIRST_ONLY = vocabulary("sou moro tenho nasci gosto adoro odeio torço torco prefiro faco")
"""Forms that are nothing but a verb of the owner's, with which people begin anew."""
_FIRST_PAIRS = frozenset(
    (verb, preposition)
    for verb, prepositions in (("trabalho", "na no em de como numa num"), ("estudo", "na no em"), ("acordo", "as"))
    for preposition in prepositions.split()
)
"""Nouns as well, but for what follows: "trabalho na Volvo"."""
_STATES = frozenset({"ser", "ter", "morar", "chamar", "chamar-se", "aniversariar", "fazer anos", "nascer", "gostar"})
_THIRD = frozenset({"3", "3p"})
_FIRST = frozenset({"1", "1p"})
_PLURAL = frozenset({"1p"})
_TOGETHER = 8
"""Words within which a subject of two ends."""


@dataclass(frozen=True, slots=True)
class Clause:
    """`verb` is the infinitive; the verb stands at `verb_start`, what follows it from `rest` to `end` (characters).
    `front` is what came before it about how often ("todo sábado"). `ended`: "não ... mais"."""

    subject: Subject
    verb: str
    verb_start: int
    rest: int
    end: int
    start: int
    person: str
    negated: bool = False
    never: bool = False
    always: bool = False
    ended: bool = False
    front: tuple[int, int] = (0, 0)


class ClauseReader:
    """Reads the clauses of one sentence; `last` is whom the text spoke of before."""

    def __init__(self, sentence: Sentence, voice: Voice) -> None:
        self.sentence, self.voice = sentence, voice
        self._copula = sentence.text.isascii()
        """Typed without accents: an "e" where a verb must stand is "é"."""

    def read(self, begin: int, end: int, inherited: Subject | None, last: Subject | None) -> Clause | None:
        """The clause that begins at word `begin`; `inherited` is the subject of the clause before it."""
        words = self.sentence.words
        if begin >= end or (words[begin].folded in _NO_START and verb_at(words, begin, end) is None):
            return None
        begin, front = self._front(begin, end)
        if begin >= end:
            return None
        subject, at, persons = self._subject(begin, end, inherited, last)
        return None if subject is None else self._verb(subject, begin, at, end, persons, front)

    def next_start(self, clause: Clause, begin: int, end: int) -> tuple[int, int]:
        """The word between `begin` and `end` at which the clause ends, and the one with which another begins: the same
        where nothing joins them. `end`, `end` where there is no other."""
        words = self.sentence.words
        for at in range(begin, end - 1):
            if words[at].folded in _JOINTS and self._opens(at, end, clause):
                return at, at + 1
            if at > begin and self._starts_over(at, end):
                return at, at
        return end, end

    def _starts_over(self, at: int, end: int) -> bool:
        """Whether a statement begins without a joint, as in speech that was written down: "me chamo Edilson **eu moro
        em Caruaru**"."""
        words = self.sentence.words
        if words[at - 1].folded in _NO_START | _JOINTS | _INSIDE | BEFORE_NOUN:
            return False
        word = words[at].folded
        if word in _I:
            clause = self.read(at, end, None, None)
            return clause is not None and (clause.person in _FIRST or clause.never)
        if word in _OTHERS:
            form = verb_at(words, at + 1, end)
            return form is not None and form[0].verb in _STATES and form[0].person in _THIRD
        verb = at + 1 if word in _NOT | _BETWEEN and at + 1 < end else at
        if (
            words[verb].folded in _FIRST_ONLY
            or (words[verb].folded, words[min(verb + 1, end - 1)].folded) in _FIRST_PAIRS
        ):
            return True
        noun = at + 1 if word in _ARTICLES and at + 1 < end else at
        if not is_mine(words[noun].folded, self.voice):
            return False
        clause = self.read(at, end, None, None)
        return clause is not None and clause.verb in _STATES

    def _opens(self, joint: int, end: int, clause: Clause) -> bool:
        words = self.sentence.words
        if words[joint].folded == "e" and self.sentence.text[words[joint].start] in "éÉ":
            return False
        if self.read(joint + 1, end, clause.subject, clause.subject) is not None:
            return True
        # A clause about somebody else is not read, and is no part of this one either.
        following = words[joint + 1].folded
        if following in _I | _YOU | _OTHERS:
            return True
        return following in _ARTICLES and verb_after(self.sentence, joint + 2, end, copula=False) is not None

    def _front(self, begin: int, end: int) -> tuple[int, tuple[int, int]]:
        words = self.sentence.words
        match = leads()["front"].match(self.sentence.folded, words[begin].start, words[end - 1].end)
        if not match:
            return begin, (0, 0)
        span = words[begin].start, match.start() + len(match.group().rstrip(" ,"))
        while begin < end and words[begin].start < match.end():
            begin += 1
        return begin, span

    def _subject(
        self, begin: int, end: int, inherited: Subject | None, last: Subject | None
    ) -> tuple[Subject | None, int, frozenset[str]]:
        """Whom the clause is about, the word after that, and the persons that the verb may have."""
        words = self.sentence.words
        word = words[begin].folded
        pair = (word, words[begin + 1].folded) if begin + 1 < end else (word, "")
        owner = Subject("", OWNER_KINDS, words[begin].start)
        if word in {"aqui", "la"} and [one.folded for one in words[begin + 1 : begin + 3]] == ["em", "casa"]:
            return owner, begin + 3, _THIRD
        if self.voice is Voice.OWNER:
            together = self._together(begin, end)
            if together:
                return owner, together, _PLURAL
            if word in _I:
                return owner, begin + 1, _FIRST
            if pair == ("a", "gente"):
                return owner, begin + 2, _THIRD
            if word in _WE:
                return owner, begin + 1, _THIRD | _FIRST
        elif word in _YOU:
            return owner, begin + 1, _THIRD
        elif pair in _SIR:
            return owner, begin + 2, _THIRD
        if word in _OTHERS:
            return referent(word, last), begin + 1, _THIRD
        return self._noun_or_none(begin, end, inherited, last)

    def _together(self, begin: int, end: int) -> int:
        """The verb of "eu e o Marcos moramos", "minha esposa e eu moramos"; 0 where there is none."""
        words = self.sentence.words
        window = [word.folded for word in words[begin : min(end, begin + _TOGETHER)]]
        first = window[:2] == ["eu", "e"]
        if not first and not any(pair == ("e", "eu") for pair in pairwise(window)):
            return 0
        for at in range(begin + 2, begin + len(window)):
            form = verb_at(words, at, end)
            if form is not None and form[0].person == "1p":
                return at
        return 0

    def _noun_or_none(
        self, begin: int, end: int, inherited: Subject | None, last: Subject | None
    ) -> tuple[Subject | None, int, frozenset[str]]:
        words = self.sentence.words
        verb_first = self._verb_first(begin, end, inherited)
        if verb_first is not None:
            return verb_first
        noun = begin + 1 if words[begin].folded in _ARTICLES else begin
        if noun < end and is_mine(words[noun].folded, self.voice):
            return self._with_verb(noun + 1, end, lambda first, stop: possessed(self.sentence, first, stop), True)
        return self._with_verb(noun, end, lambda first, stop: definite(self.sentence, first, stop, self.voice, last))

    def _verb_first(
        self, begin: int, end: int, inherited: Subject | None
    ) -> tuple[Subject | None, int, frozenset[str]] | None:
        """A clause without its subject: "moro em Betim", "e mora em Londrina"."""
        words = self.sentence.words
        at = begin
        while at < end and words[at].folded in (_NOT | _NEVER | _BETWEEN | {"sempre"}):
            if verb_at(words, at, end) is not None:
                break
            at += 1
        if at < end and self._conjunction(at) | self._bare_e(at):
            return None
        form = verb_at(words, at, end)
        never = any(words[index].folded in _NEVER for index in range(begin, at))
        if never and at < end and (form is None or (form[0].person in _THIRD and inherited is None)):
            return Subject("", OWNER_KINDS, words[begin].start), begin, _FIRST
        if form is None:
            return None
        if form[0].person in _FIRST and self.voice is Voice.OWNER:
            return Subject("", OWNER_KINDS, words[begin].start), begin, _FIRST
        if (
            form[0].person in _THIRD
            and inherited is not None
            and (not inherited.owner or self.voice is not Voice.OWNER)
        ):
            return inherited, begin, _THIRD
        return None

    def _with_verb(
        self, first: int, end: int, make: SubjectMaker, owned: bool = False
    ) -> tuple[Subject | None, int, frozenset[str]]:
        stop = verb_after(self.sentence, first, end, copula=False) if first < end else None
        if stop is None and self._copula and first < end and (owned or self._must_be_copula(first, end)):
            stop = verb_after(self.sentence, first, end, copula=True)
        if stop is None:
            return None, first, _THIRD
        return make(first, stop), stop, _THIRD

    def _must_be_copula(self, first: int, end: int) -> bool:
        """Whether the first "e" behind an article and its noun is "é": "o nome do meu cachorro **e** Thor"; not in "a
        gata **e** o cachorro dormem", where the verb comes later."""
        words = self.sentence.words
        if not first or words[first - 1].folded not in _ARTICLES:
            return False
        joint = next((at for at in range(first + 1, end) if words[at].folded == "e"), end)
        if any(word.folded == "com" for word in words[first:joint]):  # "o baba com os caras"
            return False
        if joint == first + 1 and joint + 1 < end and words[joint + 1].folded in {"o", "a"}:  # "o Tom e a Mel"
            return False
        for at in range(joint + 2, end):
            if words[at].folded in _JOINTS:
                return True
            form = verb_at(words, at, end)
            if form is not None and form[0].person in _THIRD and words[at - 1].folded not in BEFORE_NOUN:
                return False
        return joint + 1 < end

    def _bare_e(self, at: int) -> bool:
        """Whether the word is an "e" without its accent and nothing tells that it is "é": in "chama Fumaca e e cinza"
        the second one does."""
        word = self.sentence.words[at]
        if word.folded != "e" or self.sentence.text[word.start] in "éÉ":
            return False
        return not (self._copula and at and self.sentence.words[at - 1].folded == "e")

    def _conjunction(self, at: int) -> bool:
        """Whether the "e" at a word is "and" and not "é"."""
        word = self.sentence.words[at]
        return word.folded == "e" and not self._copula and self.sentence.text[word.start] not in "éÉ"

    def _verb(
        self, subject: Subject, begin: int, at: int, end: int, persons: frozenset[str], front: tuple[int, int]
    ) -> Clause | None:
        words = self.sentence.words
        seen: set[str] = set()
        behind_never = at
        while at < end and words[at].folded in (_NOT | _NEVER | _BETWEEN | {"sempre"}):
            if verb_at(words, at, end) is not None:
                break
            seen.add(words[at].folded)
            at += 1
            if seen & _NEVER and words[at - 1].folded in _NEVER:
                behind_never = at
        form = None if at < end and self._conjunction(at) else verb_at(words, at, end)
        never = bool(seen & _NEVER) and "quase" not in seen  # "quase nunca como doce" is seldom
        if seen & _NEVER and not never:
            return None
        start = subject.start or words[begin].start
        if form is None or form[0].person not in persons:
            if not (never and subject.owner and at < end):
                return None
            at = behind_never
            return Clause(subject, "", words[at].start, words[at].end, words[end - 1].end, start, "1", never=True)
        after, negated = form[1], bool(seen & _NOT)
        ended = negated and after < end and words[after].folded == "mais"
        if ended:
            after += 1
        rest = words[after].start if after < end else words[end - 1].end
        verb_start = words[at].start
        return Clause(
            subject, form[0].verb, verb_start, rest, words[end - 1].end, start, form[0].person,
            negated, never, "sempre" in seen, ended, front,
        )  # fmt: skip
