"""Turns in which the grammar found nothing, read by a model: one turn at a time, each wholly or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from aeon_plugin_ft.facts.book import FactBook
from aeon_plugin_ft.facts.grammar.schema import JsonChat, read_with_model
from aeon_plugin_ft.facts.grammar.text import sentences
from aeon_plugin_ft.facts.reading import Turns, is_owners


def read_turns(book: FactBook, turns: Turns, chat: JsonChat, most: int) -> int:
    """Read at most so many turns, and keep what was read in each; how many were read. What `chat` raises goes through,
    and the turn that it was asked about is read another time."""
    read = 0
    for id in book.left_for_model(most):
        turn = turns.get(id)
        if turn is None:
            continue
        said = owner_sentences(turn.user) if is_owners(turn) else ()
        claims = [claim for _, found in read_with_model(chat, said) for claim in found]
        book.take_in_of_model(turn, claims)
        read += 1
    return read


def owner_sentences(text: str) -> Iterator[str]:
    """The sentences of a text, as they were written."""
    for sentence in sentences(text):
        yield sentence.text[sentence.start : sentence.end].strip() + ("?" if sentence.asks else "")
