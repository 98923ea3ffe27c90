"""How well word salad is told from talk: by one reply, and by a model's replies together.

    python benchmarks/nonsense.py [--set heldout|development] [--show]
    python benchmarks/nonsense.py --make-words      (with wordfreq 3.1.1 installed)

A row of `data/nonsense_*.jsonl` is a reply ("text"), how it came about ("made") and whether it is talk ("good": written
by hand in the voices of many assistants and regions) or "salad": said by SmolLM2-135M after 12 to 60 steps of training,
by an untrained Gemma 3 270M at temperatures of 0.8 to 1.4, by Markov chains over sound replies, or a sound reply with
its words shuffled. What a Markov chain or a model said that a speaker would take for talk was left out by hand. The
rules were written against the development set; the held-out salad comes from other models, trained on other replies,
and its good replies were written later. Neither knows any word of an owner's, which a real verdict does.

"model" is the share of 1000 samples of a dozen replies (of one maker, or of good ones) that the gate would take for
nonsense. Ends with 1 when a sample of good replies is, or when fewer than 95 in 100 samples of a small model's are.
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from aeon_plugin_ft.evaluation.asking import Reply
from aeon_plugin_ft.evaluation.sense import NONSENSE_ABOVE, TALK_ABOVE, Sense
from aeon_plugin_ft.evaluation.suites import faults, talk

DATA = Path(__file__).parent / "data"
WORDS = Path(__file__).parent.parent / "aeon_plugin_ft" / "evaluation" / "sense" / "data" / "words.txt.xz"
COMMON = 1.3
"""Zipf frequency, log10 of occurrences in a billion words, from which on a word is listed."""
DOZEN, SAMPLES = 12, 1000
GOAL = 0.95


def main() -> int:
    """Print the table; the exit code says whether the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=("development", "heldout"), default="heldout")
    parser.add_argument("--show", action="store_true", help="the replies on the wrong side")
    parser.add_argument("--make-words", action="store_true", help="make the list of words again")
    arguments = parser.parse_args()
    return make_words() if arguments.make_words else measure(arguments.set, arguments.show)


def measure(name: str, show: bool) -> int:
    """Read every reply of a set, and samples of a dozen."""
    lines = (DATA / f"nonsense_{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    sense, began = Sense(), time.perf_counter()
    scores = [sense.read(row["text"]).score for row in rows]
    milliseconds = (time.perf_counter() - began) * 1000 / len(rows)
    good = [score for row, score in zip(rows, scores, strict=True) if row["label"] == "good"]
    salad = [score for row, score in zip(rows, scores, strict=True) if row["label"] == "salad"]
    broken = [row["label"] == "salad" and bool(faults(Reply(row["text"], True, 0.0))) for row in rows]
    told = sum(
        bad or (row["label"] == "salad" and score > NONSENSE_ABOVE)
        for row, score, bad in zip(rows, scores, broken, strict=True)
    )
    print(f"{name}: {len(good)} good replies, {len(salad)} of salad, {milliseconds:.2f} ms each")
    print(f"one reply: AUC {auc(good, salad):.3f}; above {NONSENSE_ABOVE}: {_share(good)} good, {_share(salad)} salad")
    print(f"with the other faults (loops, language, ...): {told / len(salad):.1%} of the salad")
    if show:
        for row, score in sorted(zip(rows, scores, strict=True), key=lambda pair: pair[1]):
            if (row["label"] == "salad") != (score > NONSENSE_ABOVE):
                print(f"  {row['label']:5} {score:.2f}  {row['text'][:110]!r}")
    return _by_model(rows, sense)


def _by_model(rows: Sequence[dict[str, str]], sense: Sense) -> int:
    """A dozen replies at a time, as the gate reads them."""
    by_maker = defaultdict(list)
    for row in rows:
        maker = re.sub(r" t\d.*", "", row["made"])
        by_maker["good" if row["label"] == "good" else maker].append(row["text"])
    met = True
    for maker, texts in by_maker.items():
        rng, size = random.Random(1), min(DOZEN, len(texts))
        densities = sorted(sense.nonsense(talk(rng.sample(texts, size))) for _ in range(SAMPLES))
        caught = sum(density > TALK_ABOVE for density in densities) / SAMPLES
        print(f"model: {caught:7.1%} above {TALK_ABOVE}, median {densities[SAMPLES // 2]:.3f}, {maker}")
        model = "smollm2" in maker or "gemma" in maker
        met = met and (caught == 0 if maker == "good" else caught >= GOAL or not model)
    return 0 if met else 1


def auc(good: Sequence[float], salad: Sequence[float]) -> float:
    """Likelihood that a reply of salad scores above a good one, ties counted half."""
    above = sum((one < other) + 0.5 * (one == other) for one in good for other in salad)
    return above / (len(good) * len(salad))


def _share(scores: Sequence[float]) -> str:
    return f"{sum(score > NONSENSE_ABOVE for score in scores) / len(scores):.1%}"


def make_words() -> int:
    """Write the list of words from wordfreq's large Portuguese one."""
    from wordfreq import get_frequency_dict  # type: ignore[import-not-found]  # only where the list is made

    word = re.compile(r"[a-zà-öø-ÿ]+(?:-[a-zà-öø-ÿ]+)*")
    frequencies = get_frequency_dict("pt", "large").items()
    words = sorted(w for w, f in frequencies if f and math.log10(f) + 9 >= COMMON and word.fullmatch(w))
    text = "".join(f"{one}\n" for one in words).encode()
    WORDS.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(words)} words, {WORDS.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
