"""The words of a value: where they end, what belongs to them, and which ones are no value of anything."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aeon_plugin_ft.facts.grammar.lexicon import member

LONGEST_VALUE = 120

_CUT = re.compile(
    r"\s+(?:ha|desde|porque|pq|pois|que nem|quando|enquanto|mas|entao|so que|apesar|embora|ate porque|senao|caso|se|"
    r"faz (?:\d|tempo|um|uns|dois|tres|quatro|cinco|dez|muito|anos)|hoje em dia|atualmente|agora|"
    r"(?:n?[oa] )?(?:mes|ano|semana) passad[oa]|ha pouco|recentemente|por sinal|"
    r"na moral|na real|com certeza|desde crianca|ne|viu|ta|sabe|tambem|tbm|tb|mesmo|cara|mano|hein|sim|ja|"
    r"kk+|pra caramba|demais|de paixao|de coracao|pra caralho|pra cacete|mais que tudo|pfv|por favor|"
    r"ok|beleza|tipo|ate hoje|nao|como tu|como voce|uai|so)(?=$|\s)(?:.*)$"
)
_ARTICLE = re.compile(r"(?:o|a|os|as|um|uma|uns|umas)\s+(?=\S)")
_TITLE = re.compile(r"\s((?:O|A|Os|As)\s)$")
"""An article that is part of a title: "é O Auto da Compadecida"."""
_EDGE = " \t,.;:!?\"'“”«»()-–—"
_AND = re.compile(r",\s+(?:e\s+)?|\s+e\s+(?:tambem\s+)?")
_PREPOSITION = re.compile(r"(?:de|do|da|dos|das|a|ao|aos|as|com)\s+")


def trimmed(text: str, folded: str, start: int, end: int, keep: bool = False) -> tuple[int, int]:
    """Where the value in text[start:end] really stands: without article, without what is said beside it."""
    if not keep:
        cut = _CUT.search(folded, start, end)
        if cut and cut.start() > start:
            end = cut.start()
    while start < end and text[start] in _EDGE:
        start += 1
    while end > start and text[end - 1] in _EDGE:
        end -= 1
    article = _ARTICLE.match(text, start, end)
    if article:
        return article.end(), end
    title = _TITLE.search(text, max(0, start - 4), start)
    return (title.start(1) if title else start), end


def acceptable(value: str, folded: str) -> bool:
    """Whether these words may be a value at all."""
    return bool(value) and len(value) <= LONGEST_VALUE and folded not in {"e", "o"}


def parts(folded: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where each member of "samba, choro e forró" stands."""
    begin = start
    for joint in _AND.finditer(folded, start, end):
        yield begin, joint.start()
        begin = joint.end()
        again = _PREPOSITION.match(folded, begin, end)
        if again:
            begin = again.end()
    yield begin, end


def in_class(name: str, folded: str) -> bool:
    """Whether the value begins with a word of the class, articles aside."""
    return bool(member(name, _ARTICLE.sub("", folded, count=1) if _ARTICLE.match(folded) else folded))
