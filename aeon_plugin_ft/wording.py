"""Causes in words: what the command line and errors say, in the language of the process, and what logs and the
`reason` columns keep, in English.

Only for people. Nothing reads these sentences again: whoever wants to know why asks for the cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from aeon_plugin_ft.causes import (
    Cause,
    Doing,
    EndCause,
    HoldCause,
    LoopPhase,
    PauseCause,
    PromotionCause,
    RunPhase,
    Unknown,
)
from aeon_plugin_ft.messages import Language, entries, language

AREA = "causes"
SECTIONS: dict[type[Cause], str] = {
    PromotionCause: "promotion",
    PauseCause: "pause",
    EndCause: "end",
    HoldCause: "hold",
    Unknown: "not_known",
    RunPhase: "run_phase",
    LoopPhase: "loop_phase",
}
"""Where each kind stands in messages/data/causes.toml."""


@lru_cache(maxsize=len(Language))
def words(spoken: Language) -> Mapping[type[Cause], Mapping[Cause, str]]:
    """Every cause in one language. By kind first: members of two kinds may have the same value, and are then equal as
    text."""
    texts = entries(AREA)
    return {
        kind: {one: texts[f"{section}.{one.value}"][spoken][0] for one in kind} for kind, section in SECTIONS.items()
    }


def worded(cause: Cause | None) -> str:
    """One cause as a clause without an end, in the language of the process; "" for none."""
    return "" if cause is None else words(language())[type(cause)][cause]


def english(cause: Cause | None) -> str:
    """The same in English, for what is stored or logged."""
    return "" if cause is None else words(Language.EN)[type(cause)][cause]


def doing(phase: Doing) -> str:
    """A phase with its numbers, in the language of the process; a detail, where there is one, says it better."""
    return phase.detail or worded(phase.phase).format(model=phase.model, questions=phase.questions)
