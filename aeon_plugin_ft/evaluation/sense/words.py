"""The words of Portuguese, as a list to look into: 195,000 forms that people write, slang and loans among them.

data/words.txt.xz holds one word a line, sorted, in lower case. It is made by `benchmarks/nonsense.py --make-words`
from the frequency list of the package wordfreq; data/README.md has its licence and sources.
"""

from __future__ import annotations

import lzma
from functools import lru_cache
from importlib.resources import files


def is_word(word: str) -> bool:
    """Whether people write this word in Portuguese; `word` in lower case, with its accents or without."""
    return _is_listed(word.encode())


@lru_cache(maxsize=8192)
def _is_listed(word: bytes) -> bool:
    """Binary search in the text itself: as a set of strings the list would take 20 MB of a host's memory, as text it
    takes 2."""
    text = _listed()
    low, high = 0, len(text)
    while low < high:
        middle = (low + high) // 2
        start = text.rfind(b"\n", 0, middle) + 1
        end = text.find(b"\n", middle)
        line = text[start:end]
        if line == word:
            return True
        low, high = (end + 1, high) if line < word else (low, start)
    return False


@lru_cache(maxsize=1)
def _listed() -> bytes:
    """Every line with its newline, the last one too."""
    packed = files("aeon_plugin_ft.evaluation.sense").joinpath("data/words.txt.xz").read_bytes()
    return lzma.decompress(packed)
