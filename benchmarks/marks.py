"""How well replies to questions about facts are marked, on replies labelled by hand.

    python dev.py bench marks               both halves; --errors shows what the development half gets wrong

The halves are told apart by a hash of question and reply; the rules were written with the development half in view.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft.facts.marking import Asks, Mark, mark_reply

LABELLED = Path(__file__).parent / "data" / "marked_replies.jsonl"
SEED = "marks-1"
_ASKS = {"value": Asks.VALUE, "yes": Asks.YES, "no": Asks.NO, "never": Asks.NEVER_TOLD}


@dataclass(frozen=True)
class Labelled:
    """One reply with the mark that a person gave it."""

    asks: Asks
    question: str
    accepted: tuple[str, ...]
    asked: str
    reply: str
    mark: Mark

    @property
    def held_out(self) -> bool:
        """Whether it is of the half that no rule was made from."""
        digest = hashlib.sha256(f"{SEED}|{self.question}|{self.reply}|{self.asked}".encode()).digest()
        return digest[0] % 2 == 1

    def marked(self) -> Mark:
        """What the rules say."""
        return mark_reply(self.asks, self.question, self.accepted, self.reply, self.asked)


def labelled() -> list[Labelled]:
    """Every reply of the file."""
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    return [
        Labelled(_ASKS[row["asks"]], row["question"], tuple(row["accepted"]), row["asked"], row["reply"],
                 Mark(row["mark"]))
        for row in rows
    ]  # fmt: skip


def agreement(held_out: bool) -> tuple[int, int]:
    """(agreeing, all) of one half."""
    half = [one for one in labelled() if one.held_out is held_out]
    return sum(one.marked() is one.mark for one in half), len(half)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="list what the development half gets wrong")
    errors = parser.parse_args().errors
    for held_out, name in ((False, "development"), (True, "held-out")):
        agreeing, total = agreement(held_out)
        kinds = Counter(one.mark.value for one in labelled() if one.held_out is held_out)
        print(
            f"{name:12} {agreeing}/{total} = {agreeing / total:.3f}   "
            + ", ".join(f"{n} {k}" for k, n in kinds.items())
        )
    for one in labelled() if errors else ():
        if not one.held_out and one.marked() is not one.mark:
            print(f"{one.marked()} for {one.mark}: [{one.asks}] {one.question} {one.accepted} | {one.reply}")


if __name__ == "__main__":
    main()
