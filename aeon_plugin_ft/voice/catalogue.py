"""The sentences that the owner hears, from data/sentences.toml."""

from __future__ import annotations

import threading

from aeon_plugin_ft.voice.grammar import read_toml


class Catalogue:
    """Sentences by "section.entry"; variants take turns, so that the same seed gives the same talk.

    `seed` is where the turns begin.
    """

    def __init__(self, seed: int = 0) -> None:
        self._entries = variants()
        self._turns: dict[str, int] = {}
        self._seed = seed
        self._lock = threading.Lock()

    def say(self, key: str, **slots: str) -> str:
        """The next variant of `key` with its slots filled and its first letter in upper case.

        Raises KeyError for an unknown key or a slot that is missing.
        """
        return _capital(self.phrase(key, **slots))

    def phrase(self, key: str, **slots: str) -> str:
        """The same inside another sentence: first letter as written."""
        choices = self._entries[key]
        with self._lock:
            # In turns and not at random: the owner never hears the same variant twice running, and a test knows what
            # comes.
            turn = self._turns.get(key, self._seed)
            self._turns[key] = turn + 1
        return choices[turn % len(choices)].format(**slots)


def variants() -> dict[str, tuple[str, ...]]:
    """Every entry of the catalogue as "section.entry" with its variants."""
    raw = read_toml("sentences.toml")
    return {f"{section}.{name}": tuple(texts) for section, entries in raw.items() for name, texts in entries.items()}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
