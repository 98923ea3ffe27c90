"""Makes samples/driver.log of samples/driver.toml: 600 turns of a truck driver and his assistant, the same each time.

python samples/driver.py
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
LOG = HERE / "driver.log"
TURNS, SESSIONS, SEED = 600, 38, 7
BOOT = "AEON_SPEAK: Estou pronto."
SHARES = {"talk": 0.47, "knows": 0.1, "tools": 0.28, "odd": 0.15}
"""Of the turns that tell and ask for no fact."""

Turn = tuple[str, str]


def main() -> None:
    LOG.write_text(log(), encoding="utf-8")


def log() -> str:
    """The whole log, in Aeon's format."""
    script = tomllib.loads((HERE / "driver.toml").read_text(encoding="utf-8"))
    ends = [round(TURNS * number / SESSIONS) for number in range(SESSIONS)]
    lines: list[str] = []
    said = 0
    for turns in _items(script, random.Random(SEED)):
        # A start of Aeon stands between two turns that do not belong together.
        while ends and ends[0] <= said:
            lines.append(BOOT)
            ends.pop(0)
        for user, reply in turns:
            lines += [f"VOCÊ: {user}", f"AEON: {reply}"]
            if reply and not reply.startswith("{"):
                lines.append(f"AEON_SPEAK: {reply}")
        said += len(turns)
    return "\n".join(lines) + "\n"


def _items(script: dict[str, Any], chance: random.Random) -> list[list[Turn]]:
    """What is about facts at its place in time, the rest in between; a correction stays with what it corrects."""
    placed = [turns for _, turns in sorted(_placed(script, chance), key=lambda one: one[0])]
    fill = _fill(script, chance, TURNS - sum(map(len, placed)))
    items = len(placed) + TURNS - sum(map(len, placed))
    where = set(chance.sample(range(1, items), len(placed)))
    facts = iter(placed)
    return [next(facts) if at in where else [next(fill)] for at in range(items)]


def _placed(script: dict[str, Any], chance: random.Random) -> Iterator[tuple[float, list[Turn]]]:
    """Turns about facts with when they are said, 0 to TURNS: told first, asked about later, told again in between."""
    for fact in script["fact"]:
        since, until = fact.get("since", 0), fact.get("until", TURNS)
        first = since + chance.random() * min(120, (until - since) / 4)
        span = until - first
        for number, text in enumerate(fact["tell"]):
            at = first + number * span * (0.3 + 0.2 * chance.random())
            yield at, [(text, chance.choice(fact["heard"]))]
        for number in range(fact["asked"]):
            at = first + 1 + span * (number + chance.random()) / fact["asked"]
            yield at, [(_turn_about(fact["ask"], number), _turn_about(fact["answer"], number))]
    for number, corrected in enumerate(script["corrected"]):
        at = TURNS * (0.3 + 0.2 * number) + chance.random()
        yield at, [(user, reply) for user, reply in corrected["turns"]]
    for part in ("secret", "unknown"):
        for user, reply in script[part][0]["pairs"]:
            yield TURNS * chance.random(), [(user, reply)]


def _turn_about(texts: list[str], number: int) -> str:
    return texts[number % len(texts)]


def _fill(script: dict[str, Any], chance: random.Random, count: int) -> Iterator[Turn]:
    """`count` turns of talk, knowledge, tool calls and oddities; no pair of one sort again before all were said."""
    sorts = [sort for sort, share in SHARES.items() for _ in range(round(share * count) + 1)]
    chance.shuffle(sorts)
    bags: dict[str, list[Turn]] = {sort: [] for sort in SHARES}
    for sort in sorts:
        if not bags[sort]:
            bags[sort] = [(user, reply) for user, reply in script[sort][0]["pairs"]]
            chance.shuffle(bags[sort])
        user, reply = bags[sort].pop()
        words = {name: chance.choice(choices) for name, choices in script["words"].items()}
        yield _filled(user, words), _filled(reply, words)


def _filled(text: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        text = text.replace("{" + name + "}", word)
    return text


if __name__ == "__main__":
    main()
