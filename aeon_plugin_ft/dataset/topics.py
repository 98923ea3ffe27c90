"""What a question is about, so that five hundred timers do not drown the rest.

The topic of a tool call is the tool. Of anything else it is the most frequent content word of the question over
the whole collection: crude, but a person can see why, and it finds what is asked over and over.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from aeon_plugin_ft.dataset.words import words
from aeon_plugin_ft.privacy.text import vocabulary

MOST_WORDS = 4
"""Content words of one question that are looked at."""
VOCABULARY = 200_000
NO_TOPIC = -1

_EMPTY = vocabulary(
    "para pra com sem por pelo pela que qual quais quem como quando onde porque uma uns umas dos das nos nas isso "
    "esse essa este esta aquele aquela meu minha seu sua voce voces ele ela eles elas nao sim mais menos muito pouco "
    "aeon aion cara tipo favor agora hoje ainda tambem entao vai vou pode posso quero queria fazer faz ter tem ser "
    "era foi estou esta estao aqui ali sobre coisa algo alguma algum nada tudo todo toda the and you oi ola bom boa "
    "dia tarde noite sabe acha fala diz conta ver deixa"
)


class Topics:
    """Collects the content words of questions; `decide` names each one's topic."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._words = array("i")
        self._counts = array("q")
        """Of each word number."""

    def add(self, question: str, tool: str | None) -> None:
        """One more question; `tool` is the name of the tool that the reply calls."""
        stems = [f"tool:{tool}"] if tool else [_stem(w) for w in words(question) if len(w) > 2 and w not in _EMPTY]
        numbers: list[int] = []
        for word in stems[:MOST_WORDS]:
            number = self._numbers.get(word)
            # A rare word beyond it would never be the most frequent one.
            if number is None and len(self._numbers) < VOCABULARY:
                number = self._numbers[word] = len(self._numbers)
                self._counts.append(0)
            if number is not None and number not in numbers:
                numbers.append(number)
                self._counts[number] += 1
        self._words.extend((numbers + [NO_TOPIC] * MOST_WORDS)[:MOST_WORDS])

    def decide(self) -> NDArray[np.int32]:
        """(questions,) the topic number of each in order; NO_TOPIC for one without content words."""
        counts = np.array([*self._counts, 0], np.int64)  # the last one stands for NO_TOPIC
        words = np.frombuffer(self._words, np.int32).reshape(-1, MOST_WORDS)
        topics = np.empty(len(words), np.int32)
        for at in range(0, len(words), 1 << 18):
            part = words[at : at + (1 << 18)]
            # One number for both criteria: frequency first, then the smaller (earlier) word number.
            best = np.argmax(counts[part] * len(counts) - part, axis=1)
            topics[at : at + len(part)] = part[np.arange(len(part)), best]
        return topics

    def names(self) -> list[str]:
        """The name of each topic number."""
        return [word.removeprefix("tool:") for word in self._numbers]


def _stem(word: str) -> str:
    """Enough for Portuguese plurals and digits: "timers" and "timer", every number alike."""
    if word.isdigit():
        return "0"
    return word[:-1] if word.endswith("s") and len(word) > 4 else word
