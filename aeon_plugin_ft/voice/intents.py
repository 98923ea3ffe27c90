"""What the owner may want: the intents, and one recognised sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Name(str, Enum):
    """One spoken command."""

    TRAIN_NOW = "train_now"
    STATUS = "status"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    WHICH_MODEL = "which_model"
    USE = "use"
    UNDO = "undo"
    VERSIONS = "versions"
    COMPARE = "compare"
    WHY_CHANGED = "why_changed"
    LEARN_LAST = "learn_last"
    MARK_WRONG = "mark_wrong"
    CORRECT = "correct"
    FORGET_LAST = "forget_last"
    FORGET_MINUTES = "forget_minutes"
    FORGET_ABOUT = "forget_about"
    PRIVATE_ON = "private_on"
    PRIVATE_OFF = "private_off"
    SECRET = "secret"
    NEXT_TRAINING = "next_training"
    FACTS = "facts"
    FORGET_FACT = "forget_fact"
    CORRECT_FACT = "correct_fact"
    SETTING = "setting"
    PLACE = "place"
    PANEL = "panel"


ABOUT_THE_LAST = frozenset(
    (
        Name.LEARN_LAST, Name.MARK_WRONG, Name.CORRECT, Name.FORGET_LAST, Name.FORGET_MINUTES, Name.FORGET_ABOUT,
        Name.FORGET_FACT, Name.PRIVATE_ON, Name.PRIVATE_OFF, Name.SECRET,
    )
)  # fmt: skip
"""Commands that are about what was said before them, which stays what was said last."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A sentence that was recognised, with a score from 0 to 1.

    `versions` are the models that were named ("base", "trained", "v0007"), in order. `minutes` belongs to
    FORGET_MINUTES, `text` (the owner's own words) to CORRECT, FORGET_ABOUT, PLACE and the three about facts ("" for
    FACTS: those about the owner), `key` and `value` to SETTING. `named`: the sentence only names what it is about, "a
    daily", and does not say that it is the owner's; then `text` keeps the article.
    """

    name: Name
    score: float = 1.0
    versions: tuple[str, ...] = ()
    minutes: int = 0
    text: str = ""
    key: str = ""
    value: object = None
    named: bool = False
