"""Causes in English: what the command line, the logs, the reports and the `reason` columns say.

Only for people. Nothing reads these sentences again: whoever wants to know why asks for the cause.
"""

from __future__ import annotations

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

ENGLISH: dict[type[Cause], dict[Cause, str]] = {
    PromotionCause: {
        PromotionCause.BETTER: "it was measured to be better",
        PromotionCause.OWNER: "chosen by the owner",
        PromotionCause.UNDONE: "rolled back by the owner",
        PromotionCause.WORSE: "it did worse with the owner",
        PromotionCause.BACKEND_FAILED: "its backend failed",
        PromotionCause.UNSERVED: "what was wanted could not be served",
        PromotionCause.UNKNOWN: "nobody noted why",
    },
    PauseCause: {
        PauseCause.OWNER_PAUSED: "paused by the owner",
        PauseCause.OWNER_CANCELLED: "cancelled by the owner",
        PauseCause.OWNER_INTERRUPTED: "stopped by the user",
        PauseCause.OWNER_BACK: "the owner is back",
        PauseCause.NO_MAINS: "mains power is gone",
        PauseCause.MACHINE_BUSY: "other programs need the machine",
        PauseCause.LOW_MEMORY: "memory is short",
        PauseCause.SWITCHED_OFF: "training by itself was switched off",
        PauseCause.HOST_CLOSING: "Aeon is closing",
        PauseCause.OTHERS_TURN: "it is another owner's turn on the cluster",
        PauseCause.HOST_GONE: "the supervising process ended",
        PauseCause.TERMINATED: "asked to end (SIGTERM)",
        PauseCause.OVERTAKEN: "another run took over",
        PauseCause.ASKED: "paused",
    },
    EndCause: {
        EndCause.DIED: "the training process ended without a word",
        EndCause.HUNG: "the training process did nothing any more",
        EndCause.OUT_OF_MEMORY: "there was not enough memory",
        EndCause.NO_SPACE: "the disk is full",
        EndCause.DIVERGED: "the training diverged",
        EndCause.BROKE: "it broke",
        EndCause.FORGOTTEN: "trained on something that was forgotten since",
        EndCause.GONE: "what it learnt from is gone",
        EndCause.SUPERSEDED: "a newer run has learnt more",
        EndCause.GIVEN_UP: "given up",
        EndCause.UNREACHABLE: "the place where it trains cannot be reached",
    },
    HoldCause: {
        HoldCause.OWNER: "the owner stopped it",
        HoldCause.FAILED: "failed",
        HoldCause.GIVEN_UP: "gave up",
        HoldCause.NOTHING_NEW: "there is nothing new to learn",
        HoldCause.UNKNOWN: "held back",
    },
    Unknown: {
        Unknown.DATA: "what it was trained on is not known: it may have seen conversations that it is judged by",
        Unknown.DATA_CHANGED: "the exported examples are not what was exported: it may have learnt others",
        Unknown.BASE: "its files do not name this base; its layers have the shapes of this base's",
        Unknown.RECIPE: "how it was trained is not known",
    },
    RunPhase: {
        RunPhase.STARTING: "starting",
        RunPhase.READING: "reading the examples",
        RunPhase.LOADING: "loading the model",
        RunPhase.CHECKING: "checking the engine",
        RunPhase.TRAINING: "training",
        RunPhase.CORRECTIONS: "learning from corrections",
        RunPhase.OPINIONS: "learning from praise and complaints",
        RunPhase.SAVING: "saving",
        RunPhase.SENDING: "sending the run to where it trains",
        RunPhase.LOST: "looking for the place where it trains, which cannot be reached",
        RunPhase.FETCHING: "bringing the adapter back",
        RunPhase.OTHER: "at work",
    },
    LoopPhase: {
        LoopPhase.PREPARING_BASE: "getting the base model ready",
        LoopPhase.TIMING_A_STEP: "measuring how long a step takes on this machine",
        LoopPhase.MEASURING: "measuring the held-out loss",
        LoopPhase.MEASURING_SIMILAR: "measuring the held-out loss, with and without similar conversations",
        LoopPhase.ASKING: "asking {model} {questions} questions",
        LoopPhase.ASKING_FOR_SECRETS: "asking {model} for secrets ({questions} questions and what it was trained on)",
        LoopPhase.EXAMINING: "asking {model} {questions} questions about what was told",
    },
}
"""By kind first: members of two kinds may have the same value, and are then equal as text."""


def english(cause: Cause | None) -> str:
    """One cause as a clause without an end; "" for none."""
    return "" if cause is None else ENGLISH[type(cause)][cause]


def doing_in_english(doing: Doing) -> str:
    """A phase with its numbers; a detail, where there is one, says it better."""
    return doing.detail or ENGLISH[LoopPhase][doing.phase].format(model=doing.model, questions=doing.questions)
