"""The exams that were written by hand for the sample conversations: questions that no template has made.

samples/NAME.exam.jsonl holds one question a line: "question", "asks" (value, no or never_told), "accepted" (values of
which one has to be said) and "told" (in how many turns of samples/NAME.log such a value is stated; "about" is the
pattern that a turn has to match where the value alone could be anybody's).

    python dev.py bench exams        how many questions each has, and how often what they ask was told
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft.facts.marking import Asks, Mark, mark_reply

SAMPLES = Path(__file__).parent.parent / "samples"
NAMES = ("conversation", "teacher", "driver")


@dataclass(frozen=True)
class HandWritten:
    """A question with the values of which one has to be said, and in how many turns one of them is stated."""

    text: str
    asks: Asks
    accepted: tuple[str, ...]
    told: int

    def mark(self, reply: str) -> Mark:
        """What the reply is worth."""
        return mark_reply(self.asks, self.text, self.accepted, reply)


def exam_of(name: str) -> list[HandWritten]:
    """The exam of one sample, in the order of its file."""
    rows = map(json.loads, (SAMPLES / f"{name}.exam.jsonl").read_text(encoding="utf-8").splitlines())
    return [HandWritten(row["question"], Asks(row["asks"]), tuple(row["accepted"]), row["told"]) for row in rows]


def main() -> None:
    for name in NAMES:
        questions = exam_of(name)
        told = Counter(min(one.told, 5) for one in questions if one.asks is not Asks.NEVER_TOLD)
        often = ", ".join(f"{told[times]} told {times}{'+' if times == 5 else ''}x" for times in sorted(told))
        print(f"{name:13} {len(questions):3} questions, {sum(told.values())} about facts ({often})")


if __name__ == "__main__":
    main()
