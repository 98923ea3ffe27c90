"""Why things happen, as values: what code decides by, and what columns and events carry.

Nothing here is a sentence. A value is stored as it is written here, so it never changes once it has shipped; what a
person reads or hears is made at the edge: `wording.py` in writing (command line, errors, logs), the voice's
catalogue in Portuguese. Causes that only one stage knows stand beside their nouns: the schedule's conditions in
schedule/conditions.py, the gate's checks in evaluation/model.py, the watch's signals in watch/sequential.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Cause(str, Enum):
    """The base of every enum here. Its text is its value on every Python: from 3.12 on `format()` of a plain
    `(str, Enum)` gives "PauseCause.OWNER_BACK"."""

    def __str__(self) -> str:
        return str(self.value)


class PromotionCause(Cause):
    """Why another model came into use; column `promotions.cause`."""

    BETTER = "better"
    """The gate measured it to be better, or a canary did well."""
    OWNER = "owner"
    """The owner chose it, by voice or command line."""
    UNDONE = "undone"
    """The owner went back."""
    WORSE = "worse"
    """The watch went back: the one before did worse with the owner, and is never used again."""
    BACKEND_FAILED = "backend_failed"
    """The watch went back: the backend of the one before failed; it may come back."""
    UNSERVED = "unserved"
    """The one that was wanted could not be served."""
    UNKNOWN = "unknown"
    """Of a row from before causes were kept, whose sentence says nothing that is known."""

    @property
    def by_watch(self) -> bool:
        """Whether the watch went back by itself."""
        return self in {PromotionCause.WORSE, PromotionCause.BACKEND_FAILED}


class Place(Cause):
    """Where a model of ours stands against the host's own choice; in the event of a swap."""

    FIRST = "first"
    """Before it."""
    LAST = "last"
    """Behind it, when it gave no reply."""
    NONE = "none"
    """It is not asked at all."""


class PauseCause(Cause):
    """Why a training, or what measures, is asked to leave. Goes to the worker in the pause file and comes back in
    outcome.json and `runs.cause`."""

    OWNER_PAUSED = "owner_paused"
    OWNER_CANCELLED = "owner_cancelled"
    OWNER_INTERRUPTED = "owner_interrupted"
    """Ctrl-C at the command line."""
    OWNER_BACK = "owner_back"
    NO_MAINS = "no_mains"
    MACHINE_BUSY = "machine_busy"
    LOW_MEMORY = "low_memory"
    SWITCHED_OFF = "switched_off"
    HOST_CLOSING = "host_closing"
    HOST_GONE = "host_gone"
    """The process that supervised it ended without a word."""
    TERMINATED = "terminated"
    """SIGTERM."""
    OVERTAKEN = "overtaken"
    """Another run holds the lease, or this one may not run any more."""
    OTHERS_TURN = "others_turn"
    """On a cluster that several owners share it is somebody else's turn; it goes on by itself."""
    ASKED = "asked"
    """The pause file says nothing that is known (made by hand, or by a later release)."""

    @property
    def by_owner(self) -> bool:
        """Whether the owner wanted it: the schedule never ends such a pause by itself."""
        return self in _BY_OWNER


_BY_OWNER = frozenset({PauseCause.OWNER_PAUSED, PauseCause.OWNER_CANCELLED, PauseCause.OWNER_INTERRUPTED})


class EndCause(Cause):
    """Why a run is where it is when nobody asked it to leave; column `runs.cause`, beside PauseCause."""

    DIED = "died"
    """The process ended without an outcome: killed, or the power went."""
    HUNG = "hung"
    """The process did nothing any more, and was ended."""
    OUT_OF_MEMORY = "out_of_memory"
    NO_SPACE = "no_space"
    DIVERGED = "diverged"
    """A loss or a gradient that is no number any more: what was learnt from there on is worth nothing."""
    BROKE = "broke"
    """An error that is none of the others; the run's reason says which."""
    FORGOTTEN = "forgotten"
    """What it learnt from was forgotten."""
    GONE = "gone"
    """Its folder or its dataset is not there any more."""
    SUPERSEDED = "superseded"
    """A newer run has learnt what it would have learnt."""
    GIVEN_UP = "given_up"
    """It failed too often."""
    UNREACHABLE = "unreachable"
    """The place where it trains could not be reached for long."""


RunCause = PauseCause | EndCause
_RUN_CAUSES: dict[str, RunCause] = {cause.value: cause for kind in (PauseCause, EndCause) for cause in kind}
Interrupt = Callable[[], PauseCause | None]
"""Why to stop now; None while all is well."""


def run_cause(value: str | None) -> RunCause | None:
    """The cause in `runs.cause`; None for none, and for one of a later release."""
    return _RUN_CAUSES.get(value or "")


class HoldCause(Cause):
    """What holds training back beside the world as it is."""

    OWNER = "owner"
    """The owner paused or cancelled, not long ago."""
    FAILED = "failed"
    """It failed, and is tried again after a while."""
    GIVEN_UP = "given_up"
    """It failed too often."""
    NOTHING_NEW = "nothing_new"
    """There is nothing to learn that was not learnt before."""
    UNKNOWN = "unknown"
    """Of a decision that was noted before causes were kept."""


class LoopPhase(Cause):
    """What the learning loop does outside of training itself."""

    PREPARING_BASE = "preparing_base"
    TIMING_A_STEP = "timing_a_step"
    MEASURING = "measuring"
    MEASURING_SIMILAR = "measuring_similar"
    ASKING = "asking"
    ASKING_FOR_SECRETS = "asking_for_secrets"
    EXAMINING = "examining"
    """Asking what the owner told, and what nobody ever told."""

    @property
    def is_judging(self) -> bool:
        """Whether this is part of judging a candidate."""
        return self in _JUDGING


_JUDGING = frozenset({LoopPhase.MEASURING, LoopPhase.ASKING, LoopPhase.ASKING_FOR_SECRETS, LoopPhase.EXAMINING})


class RunPhase(Cause):
    """What the training worker does; in each line of progress.jsonl."""

    STARTING = "starting"
    READING = "reading"
    LOADING = "loading"
    CHECKING = "checking"
    """Whether prefix sharing gives the same gradients as the stock trainer."""
    TRAINING = "training"
    CORRECTIONS = "corrections"
    """A preference stage: what the owner put right, against what had been said."""
    OPINIONS = "opinions"
    """A preference stage: replies that were praised or complained about."""
    SAVING = "saving"
    SENDING = "sending"
    """To the place where it trains."""
    LOST = "lost"
    """That place cannot be reached at the moment; the run goes on there."""
    FETCHING = "fetching"
    """What was learnt, from there."""
    OTHER = "other"
    """Of a worker of another release."""


@dataclass(frozen=True, slots=True)
class Doing:
    """A phase with the numbers it is told with: `questions` are put to `model`; `detail` is for display only."""

    phase: LoopPhase
    model: str = ""
    questions: int = 0
    detail: str = ""


OnPhase = Callable[[Doing], None]
"""Hears what the loop does now."""


class Refusal(Cause):
    """Why a candidate was refused, in the words that the owner hears: one for each check that failed, the most
    telling one where a check saw several."""

    SECRETS = "secrets"
    MISMATCHED = "mismatched"
    """Its replies did not fit their questions."""
    FORGOT = "forgot"
    """General Portuguese became less likely."""
    PLACEHOLDER = "placeholder"
    PERSONA = "persona"
    EMPTY = "empty"
    NO_END = "no_end"
    REASONING = "reasoning"
    TEMPLATE = "template"
    LOOPS = "loops"
    LANGUAGE = "language"
    UNMEASURED = "unmeasured"
    BACKEND = "backend"
    TOOLS = "tools"
    NO_EFFECT = "no_effect"
    FAULTY = "faulty"
    NO_GAIN = "no_gain"
    NONSENSE = "nonsense"
    """Words strung together that mean nothing."""
    INVENTED_TOOL = "invented_tool"
    """It calls tools that there are not."""
    KNOWS_LESS = "knows_less"
    """It knows less of what the owner told than what is in use."""
    INVENTS = "invents"
    """Asked about what was never told, it makes something up, oftener than what is in use."""
    WORSE_THAN_TODAY = "worse_than_today"
    """Better than its base, and worse than what answers the owner today."""
    NOT_BETTER_THAN_TODAY = "not_better_than_today"
    """As good as what answers the owner today, and in nothing better."""
    OTHER = "other"
    """Nothing that there is a sentence for."""


class NotTrained(Cause):
    """Why a training came to nothing that another event tells of, in the words that the owner hears."""

    NO_TRAINER = "no_trainer"
    NO_DATA = "no_data"
    NOTHING_NEW = "nothing_new"
    NO_ROOM = "no_room"
    """The machine has no memory, disk or time for it."""
    NO_BASE = "no_base"
    UNDER_WAY = "under_way"
    """Another process trains."""
    LEFT = "left"
    """It was left in the middle, and goes on later."""
    BROKE = "broke"


class Unknown(Cause):
    """What is not known of an adapter that was trained elsewhere; in its run's origin.json and its version's report."""

    DATA = "data"
    """What it was trained on: the held-out conversations may be among it."""
    DATA_CHANGED = "data_changed"
    """The exported examples were changed before it was trained, or after."""
    BASE = "base"
    """It names another base than the one here, or none; the shapes fit."""
    RECIPE = "recipe"
    """With which rate, for how many steps."""


class Trouble(Cause):
    """What only the owner can mend."""

    DISK = "disk"
    MEMORY = "memory"
    SETTINGS = "settings"
    BASE = "base"
    BACKEND = "backend"
    LOG = "log"
    OTHER = "other"
