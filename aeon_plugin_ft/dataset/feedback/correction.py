"""Corrections: "não, o certo é 9h30", "é Joinville, não Florianópolis", "eu disse dez minutos, não vinte".

A sentence corrects a reply only where it is about that reply: it names a part of it as wrong, or it puts a value in the
place of one of the same sort (a time for a time, a name for a name) and says nothing that the reply does not speak of.
A form of words alone corrects nothing: "não tem problema", "opa tem jogo hoje", "é quinta, não esquece".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aeon_plugin_ft.dataset.feedback.placing import corrected_part, named_part, replaced, same_word
from aeon_plugin_ft.dataset.feedback.sentence import CALL, IS, Said, folded_words, read_sentence
from aeon_plugin_ft.dataset.feedback.values import Sort, Value, values
from aeon_plugin_ft.privacy.folding import fold_in_place
from aeon_plugin_ft.privacy.text import vocabulary

_SAID = r"eu\s+(?:disse|falei|pedi|quis dizer|tinha (?:dito|falado|pedido))\s+(?:que\s+)?"
_SPELT = r"se\s+(?:escreve|fala|diz|pronuncia|chama)\s+"
_WRONG = r"(?P<wrong>[^,.;!?\n]{1,60})"
_RIGHT = r"(?P<right>[^\n]{1,120}?)"
_NAMED = (
    re.compile(rf"^nao\s+{IS}\s+{_WRONG}[,;.]?\s+(?:[e&]\s+sim|mas\s+sim|mas|{IS})\s+{_RIGHT}$"),
    re.compile(rf"^{_RIGHT}\s*[,;.]?\s+(?:(?:[e&]\s+)?nao|em vez d[aeo]|ao inves d[aeo])\s+(?:{IS}\s+)?{_WRONG}$"),
    re.compile(rf"^{_WRONG}\s+nao\s*,\s*{_RIGHT}$"),
)
"""The owner names what was wrong: "é X, não Y", "não é Y, é X", "Y não, X"."""
_THING = (
    r"(?:resposta|nome|jeito|forma|comando|valor|data|hora|horario|numero|palavra|ano|dia|lugar|resultado|grafia|modo"
    r"|maneira|frase|informacao|traducao|preco|autor|autora|cidade|pais|capital|endereco)"
)
_CERTAIN = re.compile(
    rf"^(?:[oa]\s+(?:{_THING}\s+)?(?:mais\s+)?(?:cert[oa]|corret[oa])(?:\s+(?:aqui|nesse caso|mesmo|del[ea]|disso))?"
    rf"\s+{IS}[:,]?\s+|se\s+(?:escreve|fala|diz|pronuncia|chama)\s+"
    r"|(?:(?:tu|voce|vc|isso)\s+)?(?:era\s+(?:pra|para)|devia|deveria|tinha\s+que|tinha\s+de)\s+"
    r"(?:(?:ser|dizer|responder)|ter\s+(?:sido|dito|respondido))[:,]?\s+)(?P<right>[^\n]{1,200}?)$"
)
"""The owner says which answer would have been right, whatever it is."""
_NO_ANSWER = re.compile(
    r"^(?:que\s+(?:eu|tu|voce|vc|a gente|ele|ela)|se|porque|como|isso|assim|nada|o que|nao\s+\w+r|\w{2,}(?:ar|er|ir))\b"
)
"""What follows "o certo é" in talk about life: "o certo é dormir cedo"."""
_COPULA = vocabulary("e eh sao era eram foi foram seria fica ficou ta tao esta deu")
_FILLER = (
    vocabulary(
        "aeon cara mano velho po poxa putz ah oh olha ne viu o os as a um uma de da do das dos em no na nos nas por"
        " pelo pela pra pro para com ao isso esse essa ele ela eu tu voce vc meu minha seu sua teu tua dele dela se sim"
        " que quem mesmo la pelas so mas aquele aquela"
    )
    | _COPULA
)
_PLAIN_NOUNS = vocabulary(
    "resposta valor data hora horario ano resultado traducao preco autor autora capital porta portao"
)
"""What a reply is about without saying so; in front of the value, also without a refusal."""
_FACT_NOUNS = vocabulary(
    "resposta nome valor data hora horario numero palavra ano dia lugar resultado traducao preco autor autora cidade"
    " pais capital endereco porta portao diretor diretora presidente cantor cantora escritor escritora escreveu disse"
    " inventor pintor pintou compositor chefe sobrenome bairro estado mes"
)
_UNSURE = re.compile(r"\b(?:ou|sera|acho|talvez|se|quando|porque)\b|^& ")
_CALLS_OUT = re.compile(r".*\b(?:ei|calma|pera|perai|epa)\b")
"""Somebody is called or stopped: "ei, é a Bia" says who is at the door."""
_DENIED = re.compile(rf"^nao\s+(?={IS}\s+(?:as|em|n[ao]|o|a)\s)")
_BROAD = 8
"""More words are no part of a reply but another sentence."""


def corrected_reply(text: str, previous_reply: str) -> str | None:
    """What the reply should have been, as the owner's sentence says; None when it corrects nothing in it.

    The whole reply with its wrong part put right, where that part is certain, else the owner's words alone. After a
    reply that was a question only a sentence counts that names the wrong part or the right answer.
    """
    said = read_sentence(text)
    if said is None:
        return None
    named = _by_named_part(said, previous_reply)
    if named is not None:
        return named
    certain = _CERTAIN.match(said.folded)
    if certain:
        right = said.part(*certain.span("right"))
        if _NO_ANSWER.match(fold_in_place(right)):
            return None
        return _answered(right, previous_reply, spoken=_SPOKEN.search(certain.group()[: certain.start("right")]))
    if previous_reply.rstrip().endswith("?"):
        return None
    return _by_value(said, previous_reply)


def corrected_words(text: str) -> str | None:
    """What a sentence says is right where nothing is known of the reply before it; None when it corrects nothing."""
    said = read_sentence(text)
    if said is None:
        return None
    certain = _CERTAIN.match(said.folded)
    if certain and not _NO_ANSWER.match(certain["right"]):
        return said.part(*certain.span("right"))
    for form in _NAMED[:2]:
        match = form.match(said.folded)
        spoken = re.match(rf"(?:{_SAID}|{IS}\s+)", match["right"]) if match else None
        if match and (spoken or said.refused or match.re is _NAMED[0]) and len(match["wrong"].split()) <= 4:
            start = match.start("right") + (spoken.end() if spoken else 0)
            return said.part(start, match.end("right"))
    if said.refused:
        value = re.match(rf"^(?:{IS})\s+(?:as?\s+|o\s+|em\s+)?(?P<value>\S+(?:\s\S+){{0,2}})$", said.folded)
        if value and values(said.text):
            return said.part(*value.span("value"))
    return None


def denies(text: str, previous_reply: str | None) -> bool:
    """Whether a sentence says of a value of the reply that it is wrong, and of none that it is right: "não era 15
    minutos"."""
    said = re.match(rf"^{CALL}nao\s+{IS}\s+", folded_words(text))
    if said is None or previous_reply is None or text.rstrip().endswith("?"):
        return False
    rest = values(text[said.end() :], whole=False)
    return len(rest) == 1 and any(_equal(rest[0], other) for other in values(previous_reply))


def _by_named_part(said: Said, reply: str) -> str | None:
    for form in _NAMED:
        match = form.match(said.folded)
        if match is None:
            continue
        place = named_part(match["wrong"], reply)
        if place is None:
            continue
        right = said.part(*match.span("right"))
        if spoken := re.match(rf"(?:{_SAID}|{IS}\s+|nao\s+|{_SPELT})", fold_in_place(right)):
            right = right[spoken.end() :]
        right = _TOLD_BY.sub("", _RELATIVE.sub("", right))
        part = corrected_part(right, match["wrong"], place, reply)
        if part is not None:
            return part
    return None


_RELATIVE = re.compile(r"(?<=\w)\s+que\s+\w+(?:\s+\w+){0,2}$", re.IGNORECASE)
""" "foi o Palmeiras que ganhou": what follows the value says of it what the reply says already."""
_TOLD_BY = re.compile(r"^(?:\w+\s+){0,3}(?:disse|falou|avisou|escreveu)\s+(?:que\s+)?(?:é\s+|eh\s+)?", re.IGNORECASE)
"""Who says so is no part of the value: "o professor disse dia 28"."""
_SPOKEN = re.compile(r"\b(?:dizer|dito|responder|respondido)\b")


def _answered(right: str, reply: str, spoken: object) -> str | None:
    """The right answer in its place in the reply. Alone where it has none, but only when the owner says what should
    have been `spoken`, or it is a value of a sort that the reply has several of: "o certo é dormir cedo" is about
    life."""
    said = Said(right, folded_words(right), True)
    placed = _by_value(said, reply) or _by_neighbour(said, reply)
    if placed is not None:
        return placed
    if placed is None and not spoken:
        [*told] = (value for value in said.values() if value.start <= 3 and value.end == len(right))
        spoken = any(value.sort is other.sort for value in told for other in values(reply))
    return right if spoken and len(right.split()) <= _BROAD else None


def _by_value(said: Said, reply: str) -> str | None:
    """A value of the sentence in the place of the reply's value of its sort."""
    if _UNSURE.search(said.folded):
        return None
    if _CALLS_OUT.match(said.before) and not said.refused:
        return None
    denied = _DENIED.match(said.folded)
    if denied and any(
        value.sort is not Sort.NAME for value in said.values()
    ):  # "não é às 15h" of a reply that says another hour
        said = Said(said.text[denied.end() :], said.folded[denied.end() :], True)
    there = values(reply)
    spoken = [value for value in said.values() if value.sort is not Sort.QUOTED]
    new = [value for value in spoken if all(not _equal(value, other) for other in there)]
    if not new or not _about(said, spoken, new, reply):
        return _by_neighbour(said, reply) if said.refused and not new else None
    if len(new) > 1 and (any(one.sort is Sort.NAME for one in new) or len({one.sort for one in new}) < len(new)):
        return None
    corrected = reply
    for value in sorted(new, key=lambda one: one.sort.value):
        place = _place_of(value, said, corrected)
        if place is None:
            return None
        corrected = replaced(corrected, *_with_article(value, said, place, corrected))
    return corrected


def _equal(one: Value, other: Value) -> bool:
    return one.canon == other.canon and one.sort is other.sort


def _about(said: Said, spoken: Sequence[Value], new: Sequence[Value], reply: str) -> bool:
    """Whether a sentence says nothing but its values and what the reply speaks of. With a refusal in front it may name
    one thing more, right before the verb: "errou, o autor é ..."."""
    inside = [(value.start, value.end) for value in spoken]
    words = [
        match
        for match in re.finditer(r"[a-z0-9]+", said.folded)
        if not any(start <= match.start() < end for start, end in inside)
    ]
    told = re.findall(r"[a-z0-9]+", fold_in_place(reply))
    foreign = [
        match.group()
        for match in words
        if match.group() not in _FILLER and not any(same_word(match.group(), word) for word in told)
    ]
    restated = [match for match in words if match.group() not in _FILLER and match.group() not in foreign]
    copula = any(match.group() in _COPULA for match in words)
    if said.refused:
        return all(word in _FACT_NOUNS for word in foreign)
    first = min(value.start for value in spoken)
    strange = {match.group() for match in words if match.group() in foreign and match.start() > first}
    if strange or any(word not in _PLAIN_NOUNS for word in foreign):
        return False
    named_before = len(spoken) > 1 or any(match.start() < first for match in restated)
    return copula or named_before


def _place_of(value: Value, said: Said, reply: str) -> tuple[int, int] | None:
    """Where in the reply the value belongs: at the only one of its sort, at that which follows the same word, or at
    what the reply says of what it speaks of."""
    folded, spoken = folded_words(reply), {other.canon for other in said.values()}
    places = [one for one in values(reply) if one.sort in _STANDS_FOR.get(value.sort, (value.sort,))]
    places = [one for one in places if one.canon not in spoken]
    before = [word for word in re.findall(r"[a-z0-9]+", said.folded[: value.start]) if word not in _FILLER]
    places = [one for one in places if _stands_alike(value, said, one, folded)]

    def follows(one: Value) -> bool:
        return bool(before) and _follows(folded, one.start, before[-1])

    def tells(one: Value) -> bool:
        return _TELLS.search(folded[: one.start]) is not None

    stated = _STATES.search(said.folded[: value.start]) is not None
    for better in (
        lambda one: value.sort is not Sort.NUMBER or not value.unit or same_word(one.unit, value.unit),
        lambda one: value.sort is not Sort.NUMBER or (len(one.canon) == 4) == (len(value.canon) == 4),
        *((tells, follows) if stated else (follows, tells)),
    ):
        if len(places) > 1:
            places = list(filter(better, places)) or places
    if len(places) != 1 or _OR.match(folded, places[0].end):
        return None
    day = re.match(r"\w+", reply[places[0].start :]) if value.sort is Sort.DAY and places[0].sort is Sort.DATE else None
    return places[0].start, places[0].start + day.end() if day else places[0].end


def _stands_alike(value: Value, said: Said, place: Value, folded: str) -> bool:
    """Whether what stands in front of both lets one stand for the other: "foi com a Maria" is no answer to who painted
    it, and "são 11h" says what time it is and not when the meeting is."""
    ours, theirs = said.folded[: value.start], folded[: place.start]
    if value.sort is Sort.TIME:
        return said.refused or not _CLOCK_IS.search(ours) or not _AT.search(theirs)
    if value.sort is not Sort.NAME:
        return True
    if _IN.search(ours) and not _IN.search(theirs):
        return False
    with_both = bool(_WITH.search(ours)), bool(_WITH.search(theirs))
    return with_both[0] == with_both[1] or (said.refused and not with_both[0])


_CLOCK_IS = re.compile(r"\bsao\s+$")
_AT = re.compile(r"\b[aà]s\s+$")
_WITH = re.compile(r"\bcom\s+(?:[oa]s?\s+)?$")


def _with_article(value: Value, said: Said, place: tuple[int, int], reply: str) -> tuple[tuple[int, int], str]:
    """The place and the value; with the owner's article, where the reply has one before a name: "a Tarsila", "o Pedro".
    An article that the owner left out is left out."""
    right = said.text[value.start : value.end]
    there = _ARTICLE.search(reply[: place[0]]) if value.sort is Sort.NAME else None
    if there is None:
        return place, right
    ours = re.search(r"(?<!\w)(?:[dn]|pel)?([oa]s?)\s+$", said.folded[: value.start])
    if ours is None and there["joint"]:
        return place, right
    start = there.start("article") if ours else there.start()
    return (start, place[1]), f"{ours[1]} {right}" if ours else right


_ARTICLE = re.compile(r"(?<!\w)(?P<joint>[dn]|pel)?(?P<article>[oa]s?)\s+$", re.IGNORECASE)
_STANDS_FOR = {Sort.NAME: (Sort.NAME, Sort.QUOTED), Sort.DAY: (Sort.DAY, Sort.DATE)}
_OR = re.compile(r"[\s,]+ou\b")
"""One of two that the reply leaves open: which one was meant?"""
_IN = re.compile(r"(?<!\w)(?:em|n[oa]s?)\s+$")
_STATES = re.compile(rf"\b{IS}\s+(?:[oa]s?\s+|d[aeo]\s+)?$")
_TELLS = re.compile(
    r"\b(?:e|era|foi|sao|por|chama|chamava|fica|mora|custa|vale|eh|tem|com)\s+(?:[oa]s?\s+|em\s+|n[oa]\s+|r\$\s*)?$"
)
"""What stands in front of what a reply says, and not of what it speaks of."""


def _follows(folded: str, start: int, word: str) -> bool:
    behind = re.findall(r"[a-z0-9]+", folded[:start])[-3:]
    return any(same_word(word, other) for other in behind)


def _by_neighbour(said: Said, reply: str) -> str | None:
    """ "errado, é switch marrom": the last word in the place of the one that follows "switch" in the reply."""
    words = re.sub(rf"^(?:.*\s)?{IS}\s+", "", said.folded).split()
    if len(words) != 2 or words[0] in _FILLER or words[1] in _FILLER:
        return None
    after = re.compile(rf"(?<!\w){re.escape(words[0])}\s+(?P<next>[\w-]+)(?=[\s.,!]*$|[.,!])")
    places = [match.span("next") for match in after.finditer(fold_in_place(reply))]
    return replaced(reply, places[0], said.text[-len(words[1]) :]) if len(places) == 1 else None
