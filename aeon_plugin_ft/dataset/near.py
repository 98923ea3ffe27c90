"""Near-duplicates among millions of short texts: MinHash signatures and banded LSH, in numpy.

The usual construction (Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of Massive Datasets,
ch. 3), laid out for bulk: the character 5-grams of a whole batch of texts are hashed at once, a signature is 64
bytes (the low byte of each of 64 minima), and a band of four of them is one 32-bit number, so that finding
candidates is sorting 16 columns. (The libraries for it take about 0.1 ms a text and keep a Python dict entry for each
band, which a gigabyte of log has no room for.) A test holds the estimates against the exact similarity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5
"""Characters (bytes of the normal form) in a shingle."""
PERMUTATIONS = 64
ROWS = 4
"""Signature bytes in a band: 16 bands of 4 find a pair of similarity 0.8 with probability 0.9998."""
BATCH = 2048
PAIRS = 1 << 16
"""Pairs compared at a time: 8 MB."""

_random = np.random.default_rng(20260206)
_FACTORS = _random.integers(1, 2**32, PERMUTATIONS, dtype=np.uint32) | np.uint32(1)
_OFFSETS = _random.integers(0, 2**32, PERMUTATIONS, dtype=np.uint32)


class Signatures:
    """Collects texts (normal forms) and holds one signature for each."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._done = bytearray()

    def add(self, text: str) -> None:
        """One more text, in its normal form."""
        # Filled up with spaces: a text shorter than a shingle has one all the same.
        self._waiting.append(text.encode("utf-8", "replace").ljust(SHINGLE))
        if len(self._waiting) == BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._done += sign(self._waiting).tobytes()
            self._waiting = []

    def matrix(self) -> NDArray[np.uint8]:
        """(number of texts, 64), without a copy; nothing can be added while it is held."""
        self._flush()
        return np.frombuffer(self._done, np.uint8).reshape(-1, PERMUTATIONS)


def sign(texts: list[bytes]) -> NDArray[np.uint8]:
    """(n, 64) signatures of n texts of at least SHINGLE bytes each."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(lengths)
    starts = ends - lengths
    hashes = _shingle_hashes(np.frombuffer(b"".join(texts), np.uint8))
    # A shingle that reaches into the next text counts as the text's first one again.
    tail = (ends[:, None] - np.arange(1, SHINGLE)).ravel()
    hashes[tail] = np.repeat(hashes[starts], SHINGLE - 1)
    signatures = np.empty((len(texts), PERMUTATIONS), np.uint8)
    scratch = np.empty_like(hashes)
    for row in range(PERMUTATIONS):
        # Modulo 2^32 by overflow; an odd factor makes it a permutation.
        np.multiply(hashes, _FACTORS[row], out=scratch)
        np.add(scratch, _OFFSETS[row], out=scratch)
        # uint8 takes the low eight bits of the minimum, whose high ones are nearly always zero.
        signatures[:, row] = np.minimum.reduceat(scratch, starts)  # the low byte
    return signatures


def _shingle_hashes(data: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """One 32-bit hash for each position; the last SHINGLE - 1 are of shorter ends."""
    padded = np.concatenate([data, np.zeros(SHINGLE - 1, np.uint8)]).astype(np.uint32)
    hashes = np.zeros(len(data), np.uint32)
    for place in range(SHINGLE):
        hashes *= np.uint32(0x01000193)
        hashes ^= padded[place : place + len(data)]
    # Finalizer of MurmurHash3: without it, neighbouring texts have neighbouring hashes.
    hashes ^= hashes >> np.uint32(16)
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    hashes *= np.uint32(0xC2B2AE35)
    hashes ^= hashes >> np.uint32(16)
    return hashes


def leaders(
    signatures: NDArray[np.uint8], threshold: float, among: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """For each text, in the order of `among` (default: all), the place there of the earliest one that it is like;
    its own place when there is none.

    Two texts are alike when at least `threshold` of their signatures agree, which estimates the Jaccard
    similarity of their shingles with a standard error of 0.05.
    """
    among = np.arange(len(signatures)) if among is None else among
    label = np.arange(len(among))
    bands = signatures.view(np.uint32)
    for band in range(bands.shape[1] if len(among) else 0):
        # Equal numbers side by side: each group of them is a bucket, and its earliest text the head.
        keys = bands[among, band]
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        follows = np.flatnonzero(~first)
        heads = np.flatnonzero(first)[np.cumsum(first)[follows] - 1]
        for at in range(0, len(follows), PAIRS):
            member, head = order[follows[at : at + PAIRS]], order[heads[at : at + PAIRS]]
            # Only against the head: a bucket of a thousand would have half a million pairs.
            alike = (signatures[among[member]] == signatures[among[head]]).mean(axis=1) >= threshold
            np.minimum.at(label, member[alike], head[alike])
    # The leader of a leader is the leader, until nothing changes.
    while True:
        jumped = label[label]
        if np.array_equal(jumped, label):
            return label
        label = jumped
