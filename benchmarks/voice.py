"""How well spoken commands are told from ordinary talk.

    python benchmarks/voice.py            held sets: accuracy, false commands, time per sentence
    python benchmarks/voice.py --dev      development sets, every miss shown
    python benchmarks/voice.py --spoken   transcripts of the commands read aloud (tests/voice/spoken.py)

The held sets are for scoring only: nothing is tuned on them. A command counts as right when its intent and
all its slots are right. What only names its thing ("a daily") counts as understood where the owner of the sets has told
of it (known.txt), as in a host.
"""

from __future__ import annotations

import argparse
import atexit
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY))

from aeon_plugin_ft.control_facts import is_about  # noqa: E402 - the path comes first
from aeon_plugin_ft.facts.book import FactBook  # noqa: E402 - the path comes first
from aeon_plugin_ft.store import Store  # noqa: E402 - the path comes first
from aeon_plugin_ft.voice.intents import Intent, Name  # noqa: E402 - the path comes first, Name
from aeon_plugin_ft.voice.matcher import match  # noqa: E402 - the path comes first
from aeon_plugin_ft.voice.places import place_in  # noqa: E402 - the path comes first

DATA = REPOSITORY / "tests" / "voice" / "data"


@dataclass(frozen=True)
class Score:
    """`accuracy` counts intent and slots, `intent_accuracy` the intent alone; `false_commands` are ordinary sentences
    taken for a command, `mistaken` commands taken for another command (the rest was not understood). Times are
    milliseconds of CPU of matching."""

    commands: int
    accuracy: float
    intent_accuracy: float
    sentences: int
    false_commands: int
    mistaken: int
    median_ms: float
    p99_ms: float
    misses: tuple[str, ...]


def label(intent: Intent | None) -> str:
    """An intent as the data files write it: "use v0007", "forget_minutes 10", "none"."""
    if intent is None:
        return "none"
    parts: list[object] = [intent.name.value, *intent.versions]
    parts += [intent.minutes] if intent.minutes else []
    parts += [intent.text] if intent.text else []
    if intent.key:
        value = sorted(intent.value) if isinstance(intent.value, tuple) else intent.value
        parts += [intent.key, json.dumps(value) if isinstance(value, list) else value]
    return " ".join(str(part) for part in parts)


def read_commands(name: str) -> list[tuple[str, str]]:
    """(expected label, sentence) of a data file."""
    rows = [line.split("\t")[:2] for line in _lines(name)]
    return [(expected, heard) for expected, heard in rows]


def read_talk(name: str) -> list[str]:
    return _lines(name)


def _lines(name: str) -> list[str]:
    text = (DATA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


PLACES = ("PC da sala", "Máquina do escritório", "Notebook velho")
"""The names that the owner of the sets has given to other machines."""


@lru_cache(1)
def known() -> FactBook:
    """What the owner of the sets has told."""
    until_the_end = ExitStack()
    atexit.register(until_the_end.close)
    store = Store(Path(until_the_end.enter_context(tempfile.TemporaryDirectory())) / "store.sqlite3")
    until_the_end.callback(store.close)
    book = FactBook(store)
    for line in _lines("known.txt"):
        book.add(line)
    return book


def is_ours(intent: Intent | None) -> bool:
    """Whether the owner of the sets would be answered by the plugin."""
    if intent is not None and intent.name is Name.PLACE:
        return place_in(intent.text, PLACES) is not None
    return intent is not None and (not intent.named or is_about(intent, known()))


def measure(commands: Sequence[tuple[str, str]], talk: Sequence[str]) -> Score:
    right = intents = mistaken = 0
    times: list[float] = []
    misses: list[str] = []
    for expected, heard in [*commands, *(("none", sentence) for sentence in talk)]:
        begin = time.thread_time()
        found = match(heard)
        times.append((time.thread_time() - begin) * 1000)
        got = label(found if is_ours(found) else None)
        if expected != "none":
            right += got == expected
            intents += got.split()[0] == expected.split()[0]
            mistaken += got not in {expected, "none"}
        if got != expected:
            misses.append(f"{heard!r}: expected {expected}, got {got}")
    false = sum(": expected none," in miss for miss in misses)
    count = len(commands)
    return Score(
        commands=count,
        accuracy=right / count if count else 0.0,
        intent_accuracy=intents / count if count else 0.0,
        sentences=len(talk),
        false_commands=false,
        mistaken=mistaken,
        median_ms=statistics.median(times),
        p99_ms=sorted(times)[int(len(times) * 0.99)],
        misses=tuple(misses),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dev", action="store_true", help="the development sets")
    parser.add_argument("--spoken", action="store_true", help="the transcripts of spoken commands")
    parser.add_argument("--misses", action="store_true", help="show every miss")
    options = parser.parse_args()
    match("aeon, qualquer palavra desconhecida")  # load the grammar and the library first
    if options.spoken:
        score = measure(read_commands("spoken.tsv"), [])
    elif options.dev:
        score = measure(read_commands("commands_dev.tsv"), read_talk("talk_dev.txt"))
    else:
        score = measure(read_commands("commands_held.tsv"), read_talk("talk_held.txt"))
    if options.dev or options.misses:
        print("\n".join(score.misses))
    print(json.dumps({key: value for key, value in asdict(score).items() if key != "misses"}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
