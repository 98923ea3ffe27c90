"""What cannot stand side by side in Portuguese, told from the small words alone.

A fluent writer, slang or not, never ends a clause on "do" or says "o tu" or "um tem"; a model that strings words
together does it in every other sentence. Only closed classes are listed, so nothing here knows what a reply is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

END = "."
"""The token that stands for the end of a clause: a full stop, a comma, a colon, the end of the reply."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ARTICLES = _words("o a os as um uma uns umas")
_FUSED = _words("do da dos das pelo pela pelos pelas ao aos à às dum duma num numa pro pros")
"""Preposition and article in one, and nothing else: "no" is also "nó" typed in haste, "na" and "nos" are pronouns."""
_PREPOSITIONS = _words("de em com por pra sem")
"""Without "para", which is a verb as well: "para com isso", "o carro para"."""
_MUST_FUSE = _words("de em por")
"""With a definite article behind them these are written as one word."""
_SUBJECTS = _words("eu tu ele ela você cê eles elas vocês nós")
_COPULAS = _words("é são está estão tá tão foi sou tô era eram tem têm vai vão")
_FIRST_PERSON = _words("sou tô estou tenho vou fui sei fiz posso quero")
_POSSESSIVES = _words("meu minha teu tua seu sua nosso nossa meus minhas teus tuas seus suas")
_FINE_ALONE = _words("o a os as de no na um uma do da é era são foi e ou ao à mais tão que nem dos das com pro pra")
"""Before a possessive that has no noun: "o teu é melhor", "é tua"."""

_AFTER_ARTICLE = _COPULAS | _SUBJECTS | _words("e ou mas porque me te lhe já") | _ARTICLES | _FUSED
_AFTER_FUSED = _AFTER_ARTICLE | _words("não quem")
_AFTER_PREPOSITION = (_COPULAS - _words("foi tem vai vão tão")) | _words("e ou mas porque")
_AFTER_SUBJECT = _SUBJECTS | _FUSED | _words("de em um uma uns umas os as")
_AFTER_POSSESSIVE = _COPULAS | _POSSESSIVES | _PREPOSITIONS | _SUBJECTS | _words("não e ou mas que se já")
_FINE = frozenset(
    pair
    for before, after in (
        # As pronouns: "a da esquerda", "o do meio"; "um ou outro"; "a" as preposition: "a ela", "a um metro".
        ("o a os as", "do da dos das"),
        ("um uma", "e ou já"),
        ("a", "você vocês ele ela eles elas nós um uma uns umas e ou"),
        ("o um", "eu"),
        ("o", "um ao"),
        ("às", "e"),
        ("eu ele ela você vocês nós eles elas", "de"),
        ("ele ela você eles elas", "do da dos das os as ao à em"),
        ("ele ela você tu eu", "um uma"),
    )
    for pair in ((one, two) for one in before.split() for two in after.split())
)
_DOUBLED = _words("muito muita já sim tá bem quase ha kk blá tchau oi nada logo anda calma nos se tic toc")
"""Words that people do say twice in a row."""
_NOT_A_VERB = _words(
    "mesmo não só tudo todo muito como quando então próprio pouco certo isso são vão tão tanto logo cedo"
)


def oddities(tokens: Sequence[str]) -> int:
    """How many neighbours in a reply cannot be neighbours. `tokens` are words in lower case and END."""
    before = (END, *tokens)
    return sum(_is_odd(*three) for three in zip(before, tokens, tokens[1:], strict=False))


def repeats(tokens: Sequence[str]) -> int:
    """How many pairs of neighbouring words stood in the same reply before; names left out as ""."""
    pairs = [pair for pair in pairwise(tokens) if END not in pair and "" not in pair]
    return len(pairs) - len(set(pairs))


def _is_odd(before: str, one: str, two: str) -> bool:
    if (one, two) in _FINE:
        return False
    if one == two and one not in {END, ""}:
        return one not in _DOUBLED
    if two == END:
        return one in _FUSED or one in _PREPOSITIONS or one in {"o", "os", "e", "ou"}
    if one in _FUSED or one in _ARTICLES:
        return two in (_AFTER_FUSED if one in _FUSED or one in {"o", "os"} else _AFTER_ARTICLE)
    if one in _PREPOSITIONS:
        return (
            two in _AFTER_PREPOSITION or two in _PREPOSITIONS or (one in _MUST_FUSE and two in {"o", "a", "os", "as"})
        )
    if one in _SUBJECTS:
        return two in _AFTER_SUBJECT or _is_wrong_person(one, two)
    if one in _POSSESSIVES:
        return two in _AFTER_POSSESSIVE and before not in _FINE_ALONE
    return one in _COPULAS and two in _COPULAS and two not in {"é", "tão", "foi"}


def _is_wrong_person(subject: str, verb: str) -> bool:
    """ "tu trabalho", "ela sou"; "eu tem"."""
    if subject == "eu":
        return verb in {"é", "são", "tá", "está", "tem", "vai"}
    if verb in _FIRST_PERSON:
        return True
    return subject in {"tu", "você", "cê"} and len(verb) > 3 and verb.endswith("o") and verb not in _NOT_A_VERB
