"""Whether there is enough to learn from, said honestly."""

from __future__ import annotations

from dataclasses import dataclass

from aeon_plugin_ft.dataset.model import Draft
from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/dataset")

ENOUGH = 100
"""Good examples below which a LoRA mostly memorises single sentences."""
COMFORTABLE = 500
"""Good examples from which style and facts are learnt steadily."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`helps` is False when training is not expected to help yet. `good` counts examples on both sides of the split;
    `reason` is one sentence for people, `todo` what helps more ("" when nothing is needed)."""

    helps: bool
    good: int
    reason: str
    todo: str = ""


def advise(draft: Draft) -> Advice:
    """What to expect of training on this draft."""
    good = len(draft.train) + len(draft.heldout)
    if good < ENOUGH:
        return Advice(
            False, good,
            *_say.error("advice.too_few", good=good, enough=ENOUGH),
        )  # fmt: skip
    if not draft.heldout:
        return Advice(False, good, *_say.error("advice.no_heldout"))
    topics = len({example.user for example in draft.train})
    if topics < ENOUGH // 2:
        return Advice(False, good, *_say.error("advice.few_topics", topics=topics, good=good))
    if good < COMFORTABLE:
        return Advice(True, good, _say("advice.style", good=good))
    return Advice(True, good, _say("advice.good", good=good))
