"""Who is meant by "I": the owner's own words turned to the owner ("tu", "você") or told of the owner ("o dono").

turned("faço deploy na sexta", Person.TU)               -> "faz deploy na sexta"
turned("a chave fica com a minha mãe", Person.VOCE)     -> "a chave fica com a sua mãe"
turned("a chave fica com a minha mãe", Person.DONO)     -> "a chave fica com a mãe do dono"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from aeon_plugin_ft.facts.wording.data import read_toml
from aeon_plugin_ft.facts.wording.nouns import Gender, Names, Noun, of_somebody
from aeon_plugin_ft.privacy.folding import fold_accents


class Person(str, Enum):
    """How the owner is spoken of."""

    EU = "eu"
    """By the owner: "minha gata"."""
    TU = "tu"
    """To the owner, with the verb's third person, as most of Brazil speaks: "tua gata", "tu mora"."""
    VOCE = "voce"
    """To the owner: "sua gata", "você mora"."""
    SENHOR = "senhor"
    SENHORA = "senhora"
    """To the owner with respect: "sua gata", "a senhora mora"."""
    DONO = "dono"
    """About the owner: "a gata do dono", "o dono mora"."""


_PRONOUNS = {
    Person.EU: "eu",
    Person.TU: "tu",
    Person.VOCE: "você",
    Person.SENHOR: "o senhor",
    Person.SENHORA: "a senhora",
}
_POSSESSIVES = {
    Person.EU: ("meu", "minha"),
    Person.TU: ("teu", "tua"),
    Person.VOCE: ("seu", "sua"),
    Person.SENHOR: ("seu", "sua"),
    Person.SENHORA: ("seu", "sua"),
}
_FIRST_PERSON = re.compile(
    r"\b(?:(?P<joined>(?:d|n|pel)?[oa]s? )?(?P<own>meu|minha|meus|minhas|noss[oa]s?)\b(?: (?P<noun>[^\W\d_]+))?"
    r"|(?P<we>a gente)|(?P<i>eu)|(?P<me>me|mim)\b(?:(?= (?P<deed>[^\W\d_]+)))?|(?P<with>comigo|conosco))\b",
    re.IGNORECASE,
)
_WITH_WHOM = re.compile(r" com (?=[oa]s? |[A-ZÀ-Ý])")
_AMBIGUOUS = frozenset(
    {"como", "uso", "jogo", "trabalho", "estudo", "acordo", "almoco", "comeco", "caminho", "saco", "passeio", "treino",
     "visto", "parto", "toco", "troco", "pago", "subo"}
)  # fmt: skip
"""First persons that are nouns or other words as well: verbs only at the start, or behind "eu"."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How a sentence speaks of the owner; `names` are the genders that the facts tell."""

    person: Person
    names: Names | None = None

    @property
    def owner(self) -> str:
        """The pronoun: eu, tu, você, o dono or a dona."""
        told = (self.names or {}).get("")
        about = "a dona" if told is Gender.FEMININE else "o dono"
        return about if self.person is Person.DONO else _PRONOUNS[self.person]

    @property
    def with_owner(self) -> str:
        """comigo, contigo, com você, com o dono."""
        close = {Person.EU: "comigo", Person.TU: "contigo"}
        return close.get(self.person) or f"com {self.owner}"

    @property
    def of_owner(self) -> str:
        """ " do dono" behind a noun, where the possessive is no word before it; else ""."""
        return f" d{self.owner}" if self.person is Person.DONO else ""

    def possessive(self, one: Noun) -> str:
        """The word before the owner's noun: minha, tua, sua; the article, where the owner is told of."""
        if self.person is Person.DONO:
            return one.article
        masculine, feminine = _POSSESSIVES[self.person]
        return one.pick(masculine, feminine)

    def thing(self, one: Noun, preposition: str = "", article: bool = True) -> str:
        """The owner's noun in a sentence: "(da) minha gata", "a gata do dono", "o Farol"."""
        if one.proper or of_somebody(one.text):
            return turned(one.after(preposition), self, verbs=False)
        if self.person is Person.DONO:
            # "a reunião do dono com a Kelly": behind "a Kelly" it would be the Kelly that is the owner's.
            phrase = one.after(preposition)
            whom = _WITH_WHOM.search(phrase)
            end = whom.start() if whom else len(phrase)
            return f"{phrase[:end]}{self.of_owner}{phrase[end:]}"
        own = Noun(f"{self.possessive(one)} {one.text}", one.gender, one.plural)
        return own.after(preposition) if article or preposition else own.text


def verb_forms(word: str) -> tuple[str, str] | None:
    """(third person, infinitive) of a verb in the first person singular; None for what is none."""
    folded = fold_accents(word)
    forms = str(read_toml("words.toml")["verbs"].get(folded, ""))
    if forms:
        third, _, infinitive = forms.partition("|")
        return third, infinitive
    if len(folded) > 3 and folded.endswith("o") and not folded.endswith(("ao", "inho", "mento", "ico", "ivo", "ado")):
        return word[:-1] + "a", word[:-1] + "ar"
    return None


_BEFORE_VERB = frozenset({"sempre", "so", "nunca", "nao", "ja", "quase", "me", "a", "gente"})


@dataclass(frozen=True, slots=True)
class Doing:
    """What the owner does, in the three forms that a sentence needs: "faço deploy", "faz deploy", "fazer deploy"."""

    first: str
    third: str
    infinitive: str


def doing(phrase: str, speech: Speech) -> Doing | None:
    """A phrase that begins with a verb in the first person ("pedalo de manhã"); None where it does not. The rest of
    `third` and `infinitive` is turned to whom `speech` speaks."""
    words = phrase.strip().removeprefix("eu ").split(" ")
    lead = []
    # "sempre tomo", "só tomo", "não como": the adverb stays before the verb.
    while len(words) > 1 and fold_accents(words[0]) in {
        "sempre",
        "so",
        "nunca",
        "nao",
        "ja",
        "quase",
        "me",
        "a",
        "gente",
    }:
        lead.append(words.pop(0))
    forms = verb_forms(words[0]) if words else None
    if forms is None:
        return None
    rest = " ".join(words[1:])
    before = [word for word in lead if fold_accents(word) not in {"me", "a", "gente"}]
    own = {Person.EU: "me", Person.TU: "te"}.get(speech.person, "se")
    reflexive = [own] if "me" in lead else []
    turned_rest = turned(rest, speech) if rest else ""
    return Doing(
        " ".join([*lead, *words]),
        " ".join(filter(None, [*before, *reflexive, forms[0], turned_rest])),
        " ".join(filter(None, [*before, *reflexive, forms[1], turned_rest])),
    )


def doing_infinitive(phrase: str, speech: Speech) -> Doing:
    """The same of a phrase that begins with an infinitive: "acordar", "jogar bola"."""
    verb, _, rest = phrase.partition(" ")
    forms = _by_infinitive().get(fold_accents(verb))
    first, third = forms or (verb[:-2] + "o", verb[:-2] + ("a" if verb.endswith("ar") else "e"))
    rest = f" {turned(rest, speech, verbs=False)}" if rest else ""
    return Doing(first + rest, third + rest, verb + rest)


_WITH_CEDILLA = {
    "faco": "faço", "peco": "peço", "ouco": "ouço", "almoco": "almoço", "comeco": "começo", "danco": "danço",
    "esqueco": "esqueço", "conheco": "conheço", "desco": "desço", "cresco": "cresço", "refaco": "refaço",
    "adoeco": "adoeço",
}  # fmt: skip


@lru_cache(maxsize=1)
def _by_infinitive() -> dict[str, tuple[str, str]]:
    """Folded infinitive to (first, third person). The first person is written without accents but for a few."""
    table: dict[str, tuple[str, str]] = {}
    for first, forms in read_toml("words.toml")["verbs"].items():
        third, _, infinitive = forms.partition("|")
        table.setdefault(fold_accents(infinitive), (_WITH_CEDILLA.get(first, first), third))
    return table


def turned(text: str, speech: Speech, verbs: bool = True) -> str:
    """The owner's words, spoken to or about the owner; verbs at the start and behind "eu" change with it. `verbs` is
    False for what is no sentence of the owner's ("casa da minha mãe")."""
    if speech.person is Person.EU:
        return text

    def replace(match: re.Match[str]) -> str:
        if match["i"] or match["we"]:
            return speech.owner
        if match["with"]:
            return speech.with_owner
        if match["me"]:
            return _pronoun(match["me"], match["deed"] or "", speech)
        return _own(match, speech)

    words = _FIRST_PERSON.sub(replace, text)
    return _verbs(words, speech) if verbs else words


_OTHERS_DEED = re.compile(r"(?:a|e|[aei]m|aram|eram|iram|ou|eu|iu)$")
"""Third persons, folded: liga, liguem, ligou. ("dou", "vou" are the owner's, and are listed.)"""


def _pronoun(me: str, deed: str, speech: Speech) -> str:
    """ "me" and "mim" of the owner: what they do to themselves ("me levanto" is "se levanta"), and what others do to
    them ("que me liguem" is "que lhe liguem")."""
    folded = fold_accents(deed)
    if me.lower() != "me":
        return "ti" if speech.person is Person.TU else speech.owner
    if speech.person is Person.TU:
        return "te"
    others = folded not in read_toml("words.toml")["verbs"] and _OTHERS_DEED.search(folded) is not None
    if not others:
        return "se"
    return "te" if speech.person is Person.VOCE else "lhe"


def _own(match: re.Match[str], speech: Speech) -> str:
    own, joined, name = match["own"].lower(), match["joined"] or "", match["noun"]
    feminine, many = own.rstrip("s").endswith("a"), own.endswith("s")
    if speech.person is Person.DONO:
        article = ("a" if feminine else "o") + ("s" if many else "")
        # "na minha mãe" keeps its contraction; "minha mãe" gets the article.
        return f"{joined or article + ' '}{name or ''}{speech.of_owner}".rstrip()
    masculine_form, feminine_form = _POSSESSIVES[speech.person]
    form = (feminine_form if feminine else masculine_form) + ("s" if many else "")
    return f"{joined}{form}{' ' + name if name else ''}"


def _is_object(words: list[str], at: int) -> bool:
    """Whether the pronoun at `at` stands behind a preposition: "com você", "com o dono"."""
    article = words[at] in {"dono", "dona", "senhor", "senhora"}
    before = words[max(0, at - 2 if article else at - 1)]
    return at > 0 and fold_accents(before) in {"com", "de", "do", "da", "pra", "para", "por", "em", "sem"}


def _verbs(text: str, speech: Speech) -> str:
    listed = read_toml("words.toml")["verbs"]
    words = text.split(" ")
    pronoun_end = speech.owner.split(" ")[-1]
    for at, word in enumerate(words):
        bare = word.rstrip(",.;!?")
        folded = fold_accents(bare)
        is_subject = at > 0 and words[at - 1] == pronoun_end and not _is_object(words, at - 1)
        behind_pronoun = at > 0 and words[at - 1] in {pronoun_end, "te", "se", "não", "sempre", "nunca"}
        if folded in listed and (at == 0 or behind_pronoun or folded not in _AMBIGUOUS):
            forms = verb_forms(bare)
            words[at] = (forms[0] if forms else bare) + word[len(bare) :]
        elif is_subject and (forms := verb_forms(bare)):
            words[at] = forms[0] + word[len(bare) :]
    return " ".join(words)
