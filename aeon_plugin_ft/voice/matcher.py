"""Which command a sentence is, if it is one.

Every word is looked up by spelling, then by sound, then by edit distance (rapidfuzz), and stands for
concepts; a pattern of the grammar fits when each of its parts is found. What keeps ordinary talk out is
the other direction: a word that neither the pattern nor its intent explains means that the sentence is
about something else ("como está o treino do time" is not about ours).
"""

from __future__ import annotations

import unicodedata

from aeon_plugin_ft.voice.adjust import change
from aeon_plugin_ft.voice.control import BASE, TRAINED
from aeon_plugin_ft.voice.grammar import LIGHT, WANT, Grammar, Pattern, grammar
from aeon_plugin_ft.voice.intents import Intent, Name
from aeon_plugin_ft.voice.normal import words
from aeon_plugin_ft.voice.numbers import ORDINALS
from aeon_plugin_ft.voice.tokens import Token, tail_of, tokens_of, without_polite

ACCEPT = 0.8
"""Mean likeness of the words that a pattern needs, below which it does not fit."""
LONGEST = 18
"""Words. Nobody gives a command in more, slots apart."""
MOST_CHARS = 4_000
"""What is longer is a pasted text and no sentence: it is not looked at, for the owner waits for this."""
HEAD_WORDS = 48
"""So many words are looked at of a longer sentence, whose rest can only belong to a slot."""
_FORGIVEN_LETTERS = 3
_WANTING = ("quer", "gostaria", "precis")
"""Beginnings of the words in a polite opening that want something."""


def match(text: str) -> Intent | None:
    """The command that `text` is, or None: not for us. Free of side effects; well under 5 ms, however long the text."""
    if len(text) > MOST_CHARS:
        return None
    # Accents as part of their letters, as `words` reads them, so that a slot is cut where its words are.
    text = unicodedata.normalize("NFC", text)
    heard = words(text, HEAD_WORDS)
    table = grammar()
    rest = without_polite(heard, table)
    tokens = tokens_of(rest, table)
    if not tokens:
        return None
    more = tail_of(text, heard[-1].end, table) if len(heard) >= HEAD_WORDS else []
    wants = any(word.plain.startswith(_WANTING) for word in heard[: len(heard) - len(rest)])
    whole = None if more else _whole(tokens, table, wants=wants)
    tokens += more
    # Before the length: what is to be forgotten or corrected may be a long sentence.
    return _slotted(tokens, table, text) or whole or _slotted(tokens, table, text, named=True)


def _whole(tokens: list[Token], table: Grammar, *, wants: bool) -> Intent | None:
    """The command that explains every word."""
    if len(tokens) > LONGEST:
        return None
    wanted = [*tokens, Token("", {WANT: 1.0}, True, 0, 0)] if wants else tokens
    best = max(_fitting(wanted, table), key=lambda fit: fit[0], default=None)
    return _with_slots(best[1], wanted, best[2]) if best else None


Fit = tuple[tuple[float, float], Pattern, float]


def _fitting(tokens: list[Token], table: Grammar) -> list[Fit]:
    """Every pattern that explains the whole sentence, with (weight, score) to choose by."""
    present = {concept for token in tokens for concept in token.senses}
    fits: list[Fit] = []
    for pattern in table.patterns:
        if pattern.ordered or not present.issuperset(pattern.parts):
            continue
        placed = _place(pattern, tokens)
        if placed is None:
            continue
        likely = sum(weight * likeness for weight, (_, likeness) in zip(pattern.weights, placed, strict=True))
        score = likely / pattern.weight
        taken = {index for index, _ in placed}
        if score >= ACCEPT and _explained(pattern, tokens, taken):
            fits.append(((pattern.weight + _company(pattern, tokens, taken), score), pattern, score))
    return fits


def _place(pattern: Pattern, tokens: list[Token]) -> list[tuple[int, float]] | None:
    """A word for each part, the most alike first; None when a part finds no word of its own."""
    taken: set[int] = set()
    placed: dict[int, tuple[int, float]] = {}
    candidates = [
        sorted(
            ((token.senses[part], index) for index, token in enumerate(tokens) if part in token.senses), reverse=True
        )
        for part in pattern.parts
    ]
    # Parts with few candidates first: a word that two parts could take goes to the one that has no other.
    for number in sorted(range(len(candidates)), key=lambda number: len(candidates[number])):
        place = next(((index, likeness) for likeness, index in candidates[number] if index not in taken), None)
        if place is None:
            return None
        taken.add(place[0])
        placed[number] = place
    return [placed[number] for number in range(len(pattern.parts))]


def _explained(pattern: Pattern, tokens: list[Token], taken: set[int]) -> bool:
    """Whether every other word is free or allowed; one short sound that is no word at all is forgiven."""
    strange = 0
    for index, token in enumerate(tokens):
        if index in taken or token.free or _mumbled(token) or _allowed(token, pattern):
            continue
        if token.senses or token.value is not None or len(token.text) > _FORGIVEN_LETTERS:
            return False
        strange += 1
    return strange <= (1 if pattern.weight >= 1.5 else 0)


def _mumbled(token: Token) -> bool:
    return len(token.text) == 1 and token.value is None


def _allowed(token: Token, pattern: Pattern) -> bool:
    """Whether the intent knows the word, or the pattern does and it may well be said twice ("qual é o que")."""
    expected = pattern.may | (LIGHT & set(pattern.parts))
    return any(likeness >= ACCEPT for part, likeness in token.senses.items() if part in expected)


def _company(pattern: Pattern, tokens: list[Token], taken: set[int]) -> float:
    """How much of the rest the intent explains: breaks the tie between intents with equal patterns."""
    others = [token for index, token in enumerate(tokens) if index not in taken]
    return 0.1 * sum(any(part in pattern.may for part in token.senses) for token in others)


def _slotted(tokens: list[Token], table: Grammar, raw: str, *, named: bool = False) -> Intent | None:
    """The longest ordered pattern that the sentence starts with, and what follows it; of those that are `named`, or of
    the others."""
    best: tuple[float, int, Pattern] | None = None
    for pattern in table.patterns:
        if not pattern.ordered or pattern.named is not named:
            continue
        end = _head(pattern, tokens)
        if end is not None and (best is None or (pattern.weight, end) > best[:2]):
            best = (pattern.weight, end, pattern)
    if best is None:
        return None
    bare = not named and best[2].intent in {Name.FORGET_ABOUT, Name.FACTS}
    begin = _past_fillers(tokens, best[1]) if named else best[1]
    text = _slot(raw, tokens[begin:], articles=bare)
    return Intent(best[2].intent, 1.0, text=text, named=named) if text else None


def _head(pattern: Pattern, tokens: list[Token]) -> int | None:
    """Where the slot begins when the sentence starts with the pattern, free words between allowed; None where it does
    not, or where the slot is not one of the pattern's."""
    index, score, start = 0, 0.0, 0
    for number, (part, weight) in enumerate(zip(pattern.parts, pattern.weights, strict=True)):
        while index < len(tokens) and tokens[index].senses.get(part, 0.0) < ACCEPT and tokens[index].free:
            index += 1
        if index >= len(tokens) or part not in tokens[index].senses:
            return None
        score += tokens[index].senses[part] * weight
        start = index if number == len(pattern.parts) - pattern.kept else start
        index += 1
    if score / pattern.weight < ACCEPT:
        return None
    begin = start if pattern.kept else index
    return begin if _is_slot(tokens, begin, index, pattern) else None


def _is_slot(tokens: list[Token], begin: int, rest: int, pattern: Pattern) -> bool:
    """Whether the words from `begin` on may be a pattern's slot; those from `rest` on stand behind its parts."""
    if rest >= len(tokens) or any(pattern.never & token.senses.keys() for token in _first(tokens[rest:])):
        return False
    return not pattern.needs or any(pattern.needs & token.senses.keys() for token in tokens[begin:])


def _first(tokens: list[Token]) -> list[Token]:
    """The word that a slot begins with: a free one and what it belongs to, "a redação", or that alone."""
    end = next((index for index, token in enumerate(tokens) if not token.free), len(tokens) - 1)
    return [tokens[0], tokens[end]]


def _past_fillers(tokens: list[Token], begin: int) -> int:
    """Where a slot begins behind words that change nothing, "aí, a daily", whose article belongs to it."""
    rest = range(begin, len(tokens))
    return next((index for index in rest if not tokens[index].free or tokens[index].text in _ARTICLES), begin)


_ARTICLES = frozenset(
    ("o", "a", "os", "as", "do", "da", "de", "dos", "das", "meu", "minha", "meus", "minhas",
     "nosso", "nossa", "um", "uma", "ao")
)  # fmt: skip
_CLOSING = ("por favor", "ta bom", "viu", "ta", "ok", "hein", "obrigado", "obrigada")
_CLOSINGS = tuple(tuple(closing.split()) for closing in _CLOSING)


def _slot(raw: str, tokens: list[Token], *, articles: bool) -> str:
    """The owner's own words of the slot, without closing politeness (and without a leading article)."""
    texts = [token.text for token in tokens]
    while articles and texts and texts[0] in _ARTICLES:
        tokens, texts = tokens[1:], texts[1:]
    for closing in _CLOSINGS:
        if len(texts) > len(closing) and tuple(texts[-len(closing) :]) == closing:
            tokens, texts = tokens[: -len(closing)], texts[: -len(closing)]
    return raw[tokens[0].start : tokens[-1].end].strip() if tokens else ""


def _with_slots(pattern: Pattern, tokens: list[Token], score: float) -> Intent | None:
    name = pattern.intent
    if name is Name.FORGET_MINUTES:
        return Intent(name, score, minutes=_minutes(tokens))
    if name is Name.SETTING:
        numbers = [token.value for token in tokens if token.value is not None]
        changed = change(pattern.topic, [token.text for token in tokens], numbers)
        return Intent(name, score, key=changed[0], value=changed[1]) if changed else None
    if name in {Name.USE, Name.COMPARE}:
        return Intent(name, score, versions=_versions(pattern, tokens))
    return Intent(name, score)


def _minutes(tokens: list[Token]) -> int:
    number = next((token.value for token in tokens if token.value is not None), None)
    hours = any("HOURS" in token.senses for token in tokens)
    texts = [token.text for token in tokens]
    half = "meia" in texts
    alone = half and texts[texts.index("meia") - 1] != "e"  # "meia hora", not "hora e meia"
    minutes = (number if number is not None else 0 if alone else 1) * (60 if hours else 1)
    return minutes + (30 if half else 0)


def _versions(pattern: Pattern, tokens: list[Token]) -> tuple[str, ...]:
    """The models that the sentence names, in order, without repeats."""
    names: list[str] = []
    for index, token in enumerate(tokens):
        if token.value is not None and token.value > 0:
            if _counts(tokens, index):
                continue
            names.append(f"v{token.value:04d}")
        elif token.senses.get("BASE", 0.0) >= ACCEPT:
            names.append(BASE)
        elif any(token.senses.get(part, 0.0) >= ACCEPT for part in ("TRAINED", "LAST", "NEWEST")):
            names.append(TRAINED)
    if not names and pattern.intent is Name.USE:
        names = [BASE] if "BEFORE" in pattern.parts else [TRAINED]
    return tuple(dict.fromkeys(names))


def _counts(tokens: list[Token], index: int) -> bool:
    """Whether a number says how many ("as duas versões") and not which one ("a segunda versão")."""
    after = tokens[index + 1].senses if index + 1 < len(tokens) else {}
    return tokens[index].text not in ORDINALS and bool(after.keys() & {"VERSION", "MODEL"})
