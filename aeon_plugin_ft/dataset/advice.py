"""Whether there is enough to learn from, said honestly."""

from __future__ import annotations

from dataclasses import dataclass

from aeon_plugin_ft.dataset.model import Draft

ENOUGH = 100
"""Good examples below which a LoRA mostly memorises single sentences."""
COMFORTABLE = 500
"""Good examples from which style and facts are learnt steadily."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`helps` is False when training is not expected to help yet. `good` counts examples on both sides of the split;
    `reason` is one English sentence for reports, `todo` what helps more ("" when nothing is needed)."""

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
            f"{good} good examples are too few: below about {ENOUGH} a model learns single sentences by heart",
            "Talk to Aeon for some more days or import older chats;"
            " `aeon-ft dataset similar` measures what helps meanwhile",
        )  # fmt: skip
    if not draft.heldout:
        return Advice(False, good, "nothing could be held out, so a result could not be judged", "Import more talk")
    topics = len({example.user for example in draft.train})
    if topics < ENOUGH // 2:
        return Advice(False, good, f"only {topics} different questions among {good} examples", "Talk about more things")
    if good < COMFORTABLE:
        return Advice(True, good, f"{good} good examples: enough for style, few for facts")
    return Advice(True, good, f"{good} good examples")
