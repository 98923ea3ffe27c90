"""Similar good turns for the prompt: what helps when there is too little to train on.

BM25 (Robertson and Zaragoza 2009, k1 = 1.2, b = 0.75) over the folded words of the questions, with words that are
nearly the same counted as the same (rapidfuzz), because speech recognition spells freely. No model, no index on disk:
a few thousand examples answer in about a millisecond.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from rapidfuzz import fuzz, process

from aeon_plugin_ft.dataset.model import Example
from aeon_plugin_ft.dataset.words import words
from hooks import Message, put_in

K1, B = 1.2, 0.75
SAME_WORD = 85.0
"""Similarity, in percent, from which an unknown word stands for a known one."""


class SimilarTurns:
    """An index over good examples; build it once, ask it often."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = list(examples)
        self._places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._lengths: list[int] = []
        for number, example in enumerate(self._examples):
            counts = Counter(words(example.user))
            self._lengths.append(sum(counts.values()))
            for word, count in counts.items():
                self._places[word].append((number, count))
        self._mean = sum(self._lengths) / len(self._lengths) if self._lengths else 1.0

    def find(self, question: str, limit: int = 3, at_least: float = 1.0) -> list[tuple[Example, float]]:
        """The examples whose questions are most like this one, best first, with their BM25 score.

        An example with the same question is found too; the held-out set must not be indexed when it is judged.
        """
        scores: dict[int, float] = defaultdict(float)
        for word, trust in self._known(words(question)):
            places = self._places[word]
            weight = math.log(1 + (len(self._examples) - len(places) + 0.5) / (len(places) + 0.5))
            for number, count in places:
                length = 1 - B + B * self._lengths[number] / self._mean
                scores[number] += trust * weight * count * (K1 + 1) / (count + K1 * length)
        best = sorted(scores.items(), key=lambda item: (-item[1], -item[0]))
        return [(self._examples[number], score) for number, score in best[:limit] if score >= at_least]

    def _known(self, asked: Sequence[str]) -> Iterable[tuple[str, float]]:
        for word in dict.fromkeys(asked):
            if word in self._places:
                yield word, 1.0
            elif len(word) > 3:
                near = process.extractOne(word, self._places.keys(), scorer=fuzz.ratio, score_cutoff=SAME_WORD)
                if near is not None:
                    yield near[0], near[1] / 100


def similar_examples(messages: Sequence[Message], index: SimilarTurns, limit: int = 3) -> list[Example]:
    """Up to `limit` examples like the newest question in `messages`, the most similar one last."""
    question = next((message.content for message in reversed(messages) if message.role == "user"), "")
    return [example for example, _ in reversed(index.find(question, limit))]


def as_messages(examples: Iterable[Example]) -> tuple[Message, ...]:
    """Each example's question and reply, as earlier conversation."""
    return tuple(message for example in examples for message in example.messages[-2:])


def with_similar(messages: Sequence[Message], index: SimilarTurns, limit: int = 3) -> tuple[Message, ...]:
    """The messages with similar turns between the system prompt and the talk; unchanged when nothing is similar."""
    return put_in(messages, as_messages(similar_examples(messages, index, limit)))
