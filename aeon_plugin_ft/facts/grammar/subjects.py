"""Of whom a clause speaks: the owner, somebody or something of the owner's, a thing with a name of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

from aeon_plugin_ft.facts.grammar.lexicon import BEFORE_NOUN, VerbForm, classes, member, verb_forms
from aeon_plugin_ft.facts.grammar.text import Sentence, Word
from aeon_plugin_ft.privacy.text import vocabulary


class Voice(Enum):
    """Who speaks: it decides whose "meu" and "teu" is, and which person of the verb is the owner."""

    OWNER = "owner"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Subject:
    """`text` is what a claim calls it, "" for the owner; `head` the noun that names a side of it ("cor" of "a cor do
    carro"). `kinds` are what rules ask for. `feminine` is None where the sentence does not tell. `name` and `age` are
    told on the way: "minha irmã Lívia", "minha filha de 12 anos"."""

    text: str
    kinds: frozenset[str]
    start: int = 0
    head: str = ""
    feminine: bool | None = None
    name: str = ""
    age: str = ""

    @property
    def owner(self) -> bool:
        """Whether it is the owner himself."""
        return "owner" in self.kinds


OWNER_KINDS = frozenset({"owner"})
_MINE = {
    Voice.OWNER: vocabulary("meu minha meus minhas nosso nossa nossos nossas"),
    Voice.ASSISTANT: vocabulary("teu tua teus tuas seu sua seus suas"),
}
_FEMININE = vocabulary("minha minhas nossa nossas tua tuas sua suas a as uma umas")
_ARTICLE = vocabulary("o a os as")
_OF = vocabulary("do da dos das de")
_NEVER_INSIDE = vocabulary(
    "que se com pra para por quando como ou mas porque eu tu voce vc ele ela esta ta tava foi era vai "
    "queria quer acha disse falou contou tem me te"
)
_ADVERBS = vocabulary(
    "nao nunca jamais sempre so ja tambem tb tbm agora mesmo ainda geralmente normalmente realmente quase nem"
)
_MOST_WORDS = 7
_LONGEST_VERB = 4
_HEADS = {
    word: kind
    for kind, words in {
        "nome": (
            "nome",
            "nomes",
            "primeiro nome",
            "nome completo",
            "nome de batismo",
            "nome verdadeiro",
            "nome todo",
            "nick",
        ),
        "apelido": ("apelido",),
        "nascimento": ("aniversario", "niver", "aniver", "nascimento", "data de nascimento"),
        "idade": ("idade",),
        "profissao": ("profissao", "oficio", "ocupacao"),
        "terra": ("terra", "terra natal", "cidade natal"),
    }.items()
    for word in words
}
"""The noun that a sentence begins with to the kind of subject that it is."""
_NOBODY = frozenset({"senhor", "senhora", "deus", "jesus"})
"""Of whom verses speak: "o Senhor é meu pastor"."""
_OTHER_WORDS = {
    "sangue": "tipo sanguíneo", "tipo de sangue": "tipo sanguíneo", "grupo sanguineo": "tipo sanguíneo",
    "numero de sapato": "calçado", "numero do sapato": "calçado",
}  # fmt: skip
"""Sides of the owner by other words."""
_FAVOURITE = re.compile(
    r"\s*\b(?:favorit[oa]s?|preferid[oa]s?|predilet[oa]s?|d[eo] coracao|"
    r"que (?:eu|tu|voce|vc) mais \w+)\b"
)
_HOME = re.compile(
    r" (?:d[ao]s (?:criancas|meninos|meninas|gemeos)|daqui(?: d[aeo] (?:casa|predio|rua|bairro|condominio))?|"
    r"aqui de casa|la de casa|da gente|aqui em casa|"
    r"(?:aqui|la) d[aeo] (?:bairro|predio|rua|condominio|vila|cidade|igreja|trabalho|servico|trampo))$| (?=de casa$)"
)
"""What makes a thing the owner's as "meu" does; "de casa" stays with its noun."""
_TITLED = re.compile(r"(?:seu|dona|dr|dra|doutora?) [A-ZÀ-Ý]")
_AGED = re.compile(r"^(?P<noun>.+?),? de (?P<age>\d{1,2} (?:anos?|meses)|\w+ anos)$")


def is_mine(word: str, voice: Voice) -> bool:
    """Whether a possessive is the owner's."""
    return word in _MINE[voice]


def verb_at(words: tuple[Word, ...], index: int, end: int) -> tuple[VerbForm, int] | None:
    """The verb that stands at a word, and the index behind it; the longest form counts."""
    forms = verb_forms()
    for count in range(min(_LONGEST_VERB, end - index), 0, -1):
        phrase = " ".join(word.folded for word in words[index : index + count])
        form = forms.get(phrase)
        if form is not None:
            return form, index + count
    return None


def verb_after(sentence: Sentence, index: int, end: int, copula: bool) -> int | None:
    """The index of the first verb (or of the adverbs before it) behind a noun phrase that begins at `index`; None when
    something stands between that no noun phrase has. `copula`: a bare "e" may be "é" typed without its accent."""
    words = sentence.words
    for at in range(index, min(end, index + _MOST_WORDS + 1)):
        word = words[at]
        if at > index and _is_verb(sentence, at, end, copula):
            return at
        if at > index and word.folded in _ADVERBS and _adverbs_then_verb(sentence, at, end, copula):
            return at
        if word.folded in _NEVER_INSIDE and not _relative(words, at, end) and not _with_whom(sentence, index, at):
            return None
        if word.folded == "e" and not copula:
            return None
    return None


def _with_whom(sentence: Sentence, index: int, at: int) -> bool:
    """Whether an event goes on with whom it is: "a consulta **com** a psicóloga"."""
    words = sentence.words
    if words[at].folded != "com" or at == index:
        return False
    before = sentence.folded[words[index].start : words[at].start]
    return words[index].folded in {"consulta", "sessao"} or bool(member("event", before))


def _is_verb(sentence: Sentence, at: int, end: int, copula: bool) -> bool:
    word = sentence.words[at]
    if word.folded == "e":
        return copula or sentence.text[word.start : word.end] in {"é", "É"}
    if sentence.words[at - 1].folded in BEFORE_NOUN:
        return False
    form = verb_at(sentence.words, at, end)
    return form is not None and form[0].person in {"3", "3p"}


def _adverbs_then_verb(sentence: Sentence, at: int, end: int, copula: bool) -> bool:
    while at < end and sentence.words[at].folded in _ADVERBS:
        at += 1
    return at < end and _is_verb(sentence, at, end, copula)


def _relative(words: tuple[Word, ...], at: int, end: int) -> bool:
    """Whether "que eu mais gosto" begins here, or is gone through."""
    around = " ".join(word.folded for word in words[max(0, at - 2) : min(end, at + 3)])
    return bool(re.search(r"\bque (?:eu|tu|voce|vc) mais\b", around)) and words[at].folded in {
        "que", "eu", "tu", "voce", "vc",
    }  # fmt: skip


def possessed(sentence: Sentence, begin: int, end: int) -> Subject | None:
    """The subject that the words after "meu", "minha" name; `begin` is the first of them."""
    words = sentence.words
    feminine = words[begin - 1].folded in _FEMININE
    if end - begin > 1 and (words[begin].folded.isdigit() or member("number", words[begin].folded)):
        begin += 1  # "meus dois filhos"
    start, stop = words[begin].start, words[end - 1].end
    folded = sentence.folded[start:stop]
    home = _HOME.search(folded)
    folded = folded[: home.start()] if home and home.group().strip() else folded
    subject = _owned(sentence, start, folded)
    return None if subject is None else replace(subject, feminine=feminine, start=words[begin - 1].start)


def _owned(sentence: Sentence, start: int, folded: str) -> Subject | None:
    original = sentence.text[start : start + len(folded)]
    favourite = _FAVOURITE.search(folded)
    if favourite:
        head = original[: favourite.start()] + original[favourite.end() :]
        return Subject("", frozenset({"favourite"}), head=head.strip())
    if member("secret", folded) or (member("abstract", folded) and not member("event", folded)):
        return None
    if folded in _HEADS:
        return Subject("", frozenset({_HEADS[folded]}), head=original)
    if folded in _OTHER_WORDS or folded in _OTHER_WORDS.values() or folded == "tipo sanguineo":
        head = _OTHER_WORDS.get(folded, original)
        return Subject("", frozenset({"blood" if "sangu" in head else "side"}), head=head)
    if folded in classes()["favourite_noun"]:
        return Subject("", frozenset({"favourite"}), head=original)
    if folded in classes()["owner_side"]:
        return Subject("", frozenset({"side"}), head=original)
    return _noun(original, folded)


def _noun(original: str, folded: str) -> Subject:
    """A person, a pet, a thing of the owner's, with the name or the age that stands in the phrase."""
    aged = _AGED.match(folded)
    age = ""
    if aged:
        age = original[aged.start("age") : aged.end("age")]
        original, folded = original[: aged.end("noun")], aged["noun"]
    kinds = kinds_of(folded)
    name = ""
    if kinds & {"person", "pet", "thing"}:
        known = member("person", folded) or member("pet", folded) or member("thing", folded)
        rest = original[len(known) :].strip()
        by_capital = re.match(r"(?:(?:dona|seu|dr|dra|tio|tia) )?[A-ZÀ-Ý]", rest)
        # Transcribed speech has no capitals: "minha filha conceição".
        by_list = kinds & {"person", "pet"} and " " not in rest and member("first_name", folded[len(known) :].strip())
        if rest and (by_capital or by_list) and not re.search(r"\d", rest):
            original, name = original[: len(known)], rest
    return Subject(original, kinds, name=name, age=age)


def kinds_of(folded: str) -> frozenset[str]:
    """What a noun phrase may be, by its first words; "other" where no class knows it."""
    kinds = {name for name in ("person", "pet", "thing", "event", "tool") if member(name, folded)}
    if folded in classes()["once"]:
        kinds = {"once"}
    return frozenset(kinds or {"other"})


def definite(sentence: Sentence, begin: int, end: int, voice: Voice, last: Subject | None) -> Subject | None:
    """The subject of "a cor do meu carro", "o Farol", "a daily", "o nome dela"; `begin` is the word after the
    article, or the first where there is none."""
    words = sentence.words
    if words[begin].folded in _OF:  # "o da minha irmã"
        return None
    of = _side_of(sentence, begin, end, voice, last)
    if of is not None:
        return of
    start, stop = words[begin].start, words[end - 1].end
    folded, original = sentence.folded[start:stop], sentence.text[start:stop]
    if member("secret", folded) or folded in _NOBODY:
        return None
    article = words[begin - 1].folded if begin else ""
    feminine = article in _FEMININE if article in _ARTICLE else None
    favourite = _FAVOURITE.search(folded)
    if favourite and " que " in favourite.group():
        return Subject("", frozenset({"favourite"}), head=original[: favourite.start()].strip(), start=start)
    mine = next((at for at in range(begin, end) if is_mine(words[at].folded, voice)), None)
    home = _HOME.search(folded)
    if mine is not None or home:
        cut = home.start() if home and home.group().strip() else len(folded)
        return replace(_noun(original[:cut], folded[:cut]), feminine=feminine, start=start)
    return Subject(original, _bare_kinds(folded, original), start=start, feminine=feminine)


def _bare_kinds(folded: str, original: str) -> frozenset[str]:
    kinds = {f"bare {kind}" for kind in kinds_of(folded) & {"pet", "thing", "person"}}
    if member("event", folded):
        kinds.add("once" if folded in classes()["once"] else "event")
    model = " " in original and any(letter.isdigit() for letter in original)  # "o Galaxy A54": what it is, not whose
    if (
        original[:1].isupper() or _TITLED.match(original) or any(letter.isdigit() for letter in original)
    ) and not model:
        kinds.add("named")
    return frozenset(kinds | {"bare"})


def _side_of(sentence: Sentence, begin: int, end: int, voice: Voice, last: Subject | None) -> Subject | None:
    """ "o nome do meu cachorro", "a cor da moto", "aniversário dela": the thing, with the side that is spoken of."""
    words = sentence.words
    joint = next((at for at in range(begin + 1, end) if words[at].folded in (*_OF, "dela", "dele")), None)
    if joint is None:
        return None
    start = words[begin].start
    head = sentence.text[start : words[joint - 1].end]
    folded_head = sentence.folded[start : words[joint - 1].end]
    favourite = _FAVOURITE.search(folded_head)
    kind = _HEADS.get(folded_head) or ("favourite" if favourite else "side" if member("side", folded_head) else "")
    if not kind:
        return None
    if favourite:
        head = head[: favourite.start()]
    thing = _thing(sentence, joint, end, voice, last)
    if thing is None:
        return None
    kind = "apelido de" if kind == "apelido" else kind
    return replace(thing, kinds=frozenset({kind}), head=head.strip(), start=start)


def _thing(sentence: Sentence, joint: int, end: int, voice: Voice, last: Subject | None) -> Subject | None:
    """What stands after "do", "da", "dela"."""
    words = sentence.words
    if words[joint].folded in {"dela", "dele"}:
        return referent(words[joint].folded, last) if joint + 1 == end else None
    begin = joint + 1
    if begin < end and words[begin].folded in _ARTICLE:
        begin += 1
    if begin >= end:
        return None
    if is_mine(words[begin].folded, voice) and begin + 1 < end:
        return possessed(sentence, begin + 1, end)
    start, stop = words[begin].start, words[end - 1].end
    original, folded = sentence.text[start:stop], sentence.folded[start:stop]
    home = _HOME.search(folded)
    if home:
        cut = home.start() if home.group().strip() else len(folded)
        return _noun(original[:cut], folded[:cut])
    return Subject(original, frozenset({"named"}), start=start) if original[:1].isupper() else None


def referent(pronoun: str, last: Subject | None) -> Subject | None:
    """Whom "ela", "dele" means: who was spoken of last, where the gender agrees."""
    if last is None or last.owner or last.feminine is None:
        return None
    feminine = pronoun.rstrip("s").endswith("a")
    return replace(last, head="", name="", age="") if last.feminine == feminine else None
