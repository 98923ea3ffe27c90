"""A whole text, read sentence by sentence: what comes before a statement, the statement, what is said beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from aeon_plugin_ft.facts.grammar.asides import aside
from aeon_plugin_ft.facts.grammar.clauses import Clause, ClauseReader
from aeon_plugin_ft.facts.grammar.habits import HabitReader
from aeon_plugin_ft.facts.grammar.lexicon import leads, member, refusals
from aeon_plugin_ft.facts.grammar.possessions import PossessionReader
from aeon_plugin_ft.facts.grammar.rules import RuleReader
from aeon_plugin_ft.facts.grammar.specials import Special, SpecialReader
from aeon_plugin_ft.facts.grammar.subjects import OWNER_KINDS, Subject, Voice, is_mine, kinds_of, possessed
from aeon_plugin_ft.facts.grammar.text import LONGEST_TEXT, Sentence, sentences
from aeon_plugin_ft.facts.model import OWNER, Claim, Relation
from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.text import PLACEHOLDER

MOST_CLAIMS = 40
"""Of one text: who tells more pastes a list, and the rest of it is not read."""

_APPOSED = re.compile(
    r"(?:(?:o|a) )?(?:(?:dona|seu|dr|dra|tio|tia) )?[A-ZÀ-Ý]\w+(?: [A-ZÀ-Ý]\w+)*(?: e (?:(?:o|a) )?[A-ZÀ-Ý]\w+)?$"
)
_PUT_RIGHT = re.compile(r"^nao (?:e|eh|foi|era|sao) |, (?:e )?nao (?:e )?[\w ]{1,30}$")
_TAG = re.compile(
    r",? (?:ta|viu|ta bom|ta ok|ok|okay|beleza|blz|entendeu|entendido|visse|ouviu|tendeu|sabia|morou|tlgd)$"
)
"""Said with a rising voice, but no question: "sou evangélica, tá?"."""
_NAMED = re.compile(r"(?:(?:[Éé]|[Ee]h) )?(?P<name>(?:o|a|O|A) (?:\w+ )?[A-ZÀ-Ý]\w+(?: [A-ZÀ-Ý]\w+)*)$")
"""A name alone, with its article: "**a Manuela**, minha filha". Without one it is somebody who is spoken to."""
_LASTING = frozenset({"comprar", "mudar-se", "formar-se", "nascer"})
"""What was done once and holds since: "comprei um Kwid ano passado"."""
_PAST = re.compile(r"passad[oa]|ontem")
_INFINITIVE = re.compile(r"\w+(?:ar|er|ir|or)\b")


@lru_cache(1)
def _redactor() -> Redactor:
    return Redactor()


def read(text: str, voice: Voice) -> list[Claim]:
    """Every claim of a text, in its order."""
    joke = refusals()["sentence"]["joke"]
    claims: list[Claim] = []
    last: Subject | None = None
    for sentence in sentences(text):
        if joke.search(sentence.folded, sentence.start, sentence.end):
            if voice is Voice.OWNER:  # "moro em Marte. brincadeira"
                return []
            continue
        reading = SentenceReader(sentence, voice, last)
        claims += reading.claims()
        last = reading.last
        if len(claims) >= MOST_CLAIMS:
            break
    if text == text.lower():
        claims = [_as_written(one) for one in claims]
    return without_personal_data(text[:LONGEST_TEXT], claims)


def _as_written(claim: Claim) -> Claim:
    """The words as they stand in a text without capitals: those that were put in are a help to the rules only."""
    return replace(claim, subject=claim.subject.lower(), attribute=claim.attribute.lower(), value=claim.value.lower())


def may_tell(text: str, voice: Voice) -> bool:
    """Whether the text may say something that is so: it is no question, wish, tale, joke or request as a whole, and
    does not speak of the moment only."""
    passing = refusals()["clause"]["passing"]
    return any(
        not SentenceReader(sentence, voice, None).refused() and not passing.search(sentence.folded)
        for sentence in sentences(text)
    )


def without_personal_data(text: str, claims: list[Claim]) -> list[Claim]:
    """The claims that touch no document, number or password of `text`, nor a placeholder for one."""
    if not claims:
        return claims
    places = [(one.start, one.end) for one in _redactor().find(text)]
    places += [match.span() for match in PLACEHOLDER.finditer(text)]
    return [claim for claim in claims if not any(start < claim.end and claim.start < end for start, end in places)]


class SentenceReader:
    """Reads one sentence. `last` is whom the text spoke of last: before, and after `claims` also in this one."""

    def __init__(self, sentence: Sentence, voice: Voice, last: Subject | None) -> None:
        self.sentence, self.voice, self.last = sentence, voice, last
        self._clauses = ClauseReader(sentence, voice)
        self._rules = RuleReader(sentence, voice)
        self._habits = HabitReader(sentence, voice)
        self._things = PossessionReader(sentence)
        self._passing = refusals()["clause"]["passing"]
        self._before: tuple[Clause, list[Claim]] | None = None
        self._apposed: Subject | None = None
        self._default: Subject | None = None
        """Whom a verb without its subject is about: the owner, behind "você me contou que"."""
        self._named: tuple[int, int] | None = None
        self._read_up_to = 0

    def claims(self) -> list[Claim]:
        """What the sentence says; nothing for a question, a wish, a tale."""
        begin, note, corrects = self._lead()
        if self.refused():
            return []
        specials = SpecialReader(self.sentence, self.voice, self.last).read(begin)
        claims = [special.claim for special in specials]
        self._read_up_to = begin
        for first, end in self.sentence.segments():
            for start, stop in self._unread(first, end, specials):
                claims += self._segment(start, stop)
        if not claims and note:
            claims = self._note(begin)
        claims = [claim for claim in _once(claims) if not self._quoted(claim)]
        return [replace(claim, corrects=True) for claim in claims] if corrects else claims

    def _unread(self, first: int, end: int, specials: list[Special]) -> Iterator[tuple[int, int]]:
        """The runs of words of a part that no special form has read."""
        words = self.sentence.words
        begin = first
        for at in range(first, end):
            place = words[at].start
            if place < self._read_up_to or any(one.start <= place < one.end for one in specials):
                if begin < at:
                    yield begin, at
                begin = at + 1
        if begin < end:
            yield begin, end

    def _lead(self) -> tuple[int, bool, bool]:
        """Where the statement begins, whether it is to be remembered, whether it puts something right."""
        folded, end = self.sentence.folded, self.sentence.end
        at = self.sentence.words[0].start
        note = False
        corrects = self.voice is Voice.OWNER and bool(_PUT_RIGHT.search(folded[at:end]))
        moved = True
        while moved:
            moved = False
            for name, pattern in leads().items():
                used = name != "front" and (name != "reminded" or self.voice is Voice.ASSISTANT)
                match = pattern.match(folded, at, end) if used else None
                if match and match.end() > at and not self._is_verb(at, match):
                    note, corrects = note or name == "note", corrects or name == "correction"
                    if name == "reminded" and self.voice is Voice.ASSISTANT:
                        self._default = Subject(OWNER, OWNER_KINDS, at)
                    at, moved = match.end(), True
        return at, note, corrects and self.voice is Voice.OWNER

    def _is_verb(self, at: int, match: re.Match[str]) -> bool:
        """Whether the opening is "é" and no "e": "**é** o doutor Haruo, seu dentista"."""
        return self.sentence.text[at] in "éÉ" and match.group().strip(" ,") == "e"

    def refused(self) -> bool:
        """Whether it is a question, a wish, a tale, what others said, a joke, a request."""
        begin, _, _ = self._lead()
        folded, end = self.sentence.folded, self.sentence.end
        tag = _TAG.search(folded, begin, end) if self.sentence.asks else None
        if self.sentence.asks and tag is None:
            return True
        at_start = {"question", "request"}  # their "^" is where the statement begins, behind its openings
        said = folded[begin:end]
        return any(
            pattern.match(said) if name in at_start else pattern.search(said)
            for name, pattern in refusals()["sentence"].items()
        )

    def _segment(self, first: int, end: int) -> list[Claim]:
        """The clauses between two commas."""
        first = self._skip_fillers(first, end)
        if first >= end:
            return []
        words = self.sentence.words
        claims = self._name_beside(first, end)
        if claims:
            return claims
        inherited = self._before[0].subject if self._before else self._default
        if self._apposed is not None:
            inherited = self._apposed
            if words[first].folded == "que" and first + 1 < end:  # "meu sogro, **que se chama Onofre**, tem ..."
                first += 1
        while first < end:
            clause = self._clauses.read(first, end, inherited, self.last)
            if clause is None and (joint := self._later_joint(first, end)) is not None:
                first, inherited = joint, None
                continue
            if clause is None:
                return claims + self._beside(first, end)
            behind = next((at for at in range(first, end) if words[at].start >= clause.rest), end)
            stop, following = self._clauses.next_start(clause, behind, end)
            clause = replace(clause, end=max(words[stop - 1].end, clause.rest if stop == end else 0))
            claims += self._clause(clause)
            inherited, first = clause.subject, following
        return claims

    def _later_joint(self, first: int, end: int) -> int | None:
        """ "eu não contei ainda **mas** minha gata": where a statement of its own begins behind what is none."""
        words = self.sentence.words
        for at in range(first + 1, end - 1):
            if words[at].folded in {"mas", "e", "porque", "pois"} and self.sentence.text[words[at].start] not in "éÉ":
                clause = self._clauses.read(at + 1, end, None, None)
                if clause is not None and clause.start >= words[at].end:
                    return at + 1
        return None

    def _skip_fillers(self, first: int, end: int) -> int:
        words = self.sentence.words
        match = leads()["filler"].match(self.sentence.folded, words[first].start, words[end - 1].end)
        while match and first < end and not self._is_verb(words[first].start, match):
            while first < end and words[first].start < match.end():
                first += 1
            if first >= end:
                break
            match = leads()["filler"].match(self.sentence.folded, words[first].start, words[end - 1].end)
        return first

    def _clause(self, clause: Clause) -> list[Claim]:
        whole = clause.front[0] if clause.front[1] else clause.start, max(clause.end, clause.rest)
        if not clause.subject.owner:
            self.last = _thing_of(clause.subject)
        passing = self._passing.search(self.sentence.folded, *whole)
        if passing and not (clause.verb in _LASTING and _PAST.search(passing.group())):
            return []
        if clause.verb == "dar nome" and self.last is not None:
            clause = replace(clause, subject=self.last)
        claims = self._told_on_the_way(clause.subject)
        said = self._rules.read(clause) or self._things.read(clause) or self._habits.read(clause)
        if not said and not claims:
            self._before = (clause, [])
            return []
        self._before = (clause, said)
        self._read_up_to = max([self._read_up_to, *(one.end for one in said if one.relation is Relation.NAME)])
        self._remember_thing(said)
        return claims + said

    def _told_on_the_way(self, subject: Subject) -> list[Claim]:
        """ "minha irmã **Lívia** faz", "minha filha **de 12 anos** se chama"."""
        end = subject.start + len(subject.text) + len(subject.name) + len(subject.age)
        told = ((Relation.NAME, subject.name), (Relation.AGE, subject.age))
        return [Claim(subject.text, what, value, start=subject.start, end=end) for what, value in told if value]

    def _remember_thing(self, claims: Iterable[Claim]) -> None:
        """ "tenho uma cachorra, o nome dela é Lua": a thing that was just had may be meant by "dela"."""
        for claim in claims:
            if claim.relation is Relation.HAS and claim.subject == OWNER:
                noun = claim.value.split(" ")[0]
                kinds = frozenset({name for name in ("pet", "person", "thing") if member(name, noun.lower())})
                self.last = Subject(noun, kinds, feminine=self._is_feminine(noun))

    def _is_feminine(self, noun: str) -> bool:
        """ "um vira-lata" is not, whatever it ends with."""
        article = re.search(rf"\b(uma?) {re.escape(fold_accents(noun))}\b", self.sentence.folded)
        return article[1] == "uma" if article else noun.endswith("a")

    def _beside(self, first: int, end: int) -> list[Claim]:
        """What stands between two commas and is no clause."""
        words = self.sentence.words
        place = words[first].start, words[end - 1].end
        # "meu sobrinho, filho da Neuza, é ...": what stands between tells nothing, and the next part is about him still
        self._apposed = self._owned_phrase(first, end) or (self._apposed if self._before is None else None)
        if self._apposed is not None and self._named is not None:
            start, stop = self._named
            self._named = None
            if self._apposed.kinds & {"person", "pet", "thing"} and not self._apposed.name:
                return [Claim(self._apposed.text, Relation.NAME, self.sentence.text[start:stop], start=start, end=stop)]
        named = _NAMED.match(self.sentence.text, *place) if self._before is None else None
        self._named = named.span("name") if named else None
        if self._named:
            self._named = self._named[0] + 2, self._named[1]
        if self._before is None or self._passing.search(self.sentence.folded, *place):
            return []
        clause, before = self._before
        if clause.verb == "ser" and clause.subject.owner and before and not clause.negated:
            return self._rules.read(clause, *place)
        claims = aside(self.sentence, clause, before, *place)
        self._read_up_to = max([self._read_up_to, *(claim.end for claim in claims)])
        return claims

    def _owned_phrase(self, first: int, end: int) -> Subject | None:
        """ "a minha sogra" alone between commas: what follows is about her."""
        words = self.sentence.words
        noun = first + 1 if words[first].folded in {"o", "a", "os", "as"} else first
        if noun + 1 < end and is_mine(words[noun].folded, self.voice):
            return possessed(self.sentence, noun + 1, end)
        return None

    def _name_beside(self, first: int, end: int) -> list[Claim]:
        """ "a minha sogra, **dona Cida**, mora"."""
        words = self.sentence.words
        start, stop = words[first].start, words[end - 1].end
        if self._apposed is None or not _APPOSED.match(self.sentence.text, start, stop):
            return []
        if words[first].folded in {"o", "a"}:
            start = words[first + 1].start
        return [Claim(self._apposed.text, Relation.NAME, self.sentence.text[start:stop], start=start, end=stop)]

    def _note(self, begin: int) -> list[Claim]:
        """What is to be remembered and no rule reads, whole."""
        folded, end = self.sentence.folded, self.sentence.end
        body = folded[begin:end]
        if _INFINITIVE.match(body) or len(body.split()) < 4 or self._passing.search(body):
            return []
        value = self.sentence.text[begin:end].strip(" \t,.;:!")
        if "[" in value or member("secret", re.sub(r"^(?:o|a|meu|minha) ", "", body)):
            return []
        return [Claim(OWNER, Relation.NOTE, value, sure=0.8, start=begin, end=end)]

    def _quoted(self, claim: Claim) -> bool:
        return any(start < claim.end and claim.start < end for start, end in self.sentence.quoted)


def _thing_of(subject: Subject) -> Subject:
    """Whom "ele" means behind a side of him: "o nome do meu cavalo é Trovão, **ele** tem 12 anos"."""
    return replace(subject, kinds=kinds_of(fold_accents(subject.text))) if subject.text and subject.head else subject


def _once(claims: list[Claim]) -> Iterator[Claim]:
    """Each claim once, and of where somebody is from the first: "nasci em Ilhéus, mas me criei em ..."."""
    for index, claim in enumerate(claims):
        earlier = claims[:index]
        from_elsewhere = claim.relation is Relation.FROM and any(claim.key == one.key for one in earlier)
        if claim not in earlier and not from_elsewhere:
            yield claim
