"""What the spoken commands need from the rest of the plugin: one protocol and its small answers.

The voice knows nothing of runs, versions or files: it asks a `Control` and speaks what it gets. Every
method returns the true state at the moment of the call and never raises for an expected refusal: that
is a `Reason`, for which the sentence catalogue has words. Slow work (a swap, a comparison) may take
its time; `Commands` answers in time by itself and tells the result later.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.voice.intents import Intent
from aeon_plugin_ft.voice.places import PlaceWish

BASE = "base"
"""The base model, as a version name."""
TRAINED = "trained"
"""The newest version that the brain may use, whatever its number."""


class Reason(str, Enum):
    """Why something was not done; each has a sentence in the catalogue (`[reason]`)."""

    ALREADY_TRAINING = "already_training"
    NOT_TRAINING = "not_training"
    ALREADY_PAUSED = "already_paused"
    NOT_PAUSED = "not_paused"
    NO_DATA = "no_data"
    NO_TRAINER = "no_trainer"
    NO_DATABASE = "no_database"
    NO_DISK = "no_disk"
    REFUSED = "refused"
    NO_VERSIONS = "no_versions"
    NO_SUCH_VERSION = "no_such_version"
    VERSION_REJECTED = "version_rejected"
    VERSION_TAINTED = "version_tainted"
    ALREADY_IN_USE = "already_in_use"
    NOTHING_TO_UNDO = "nothing_to_undo"
    NOTHING_TO_LEARN = "nothing_to_learn"
    NOTHING_TO_FORGET = "nothing_to_forget"
    NOT_MEASURED = "not_measured"
    ALREADY_SO = "already_so"
    BAD_VALUE = "bad_value"
    BASE_MISSING = "base_missing"
    BACKEND_DOWN = "backend_down"
    SECRET = "secret"
    NO_FACT = "no_fact"
    IN_PRIVATE = "in_private"
    CALLED_OFF = "called_off"
    """The owner has asked for something else meanwhile."""
    HOST_PRIVATE = "host_private"
    LAST_WAS_PRIVATE = "last_was_private"
    LAST_WAS_UNKEPT = "last_was_unkept"
    LAST_WAS_MODULE = "last_was_module"
    LAST_WAS_COMMAND = "last_was_command"
    LAST_WAS_NO_REPLY = "last_was_no_reply"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation, as the owner knows it: what they said in it, and when (seconds since the epoch)."""

    said: str
    at: float


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Done, or why not. `version` names the model that was chosen, where the command was about that, and `first` says
    whether it answers before the host's own choice. `talk` is the conversation that it was about, where the owner
    cannot know. `whole`: False where the host's own part could not be done."""

    reason: Reason | None = None
    version: str | None = None
    first: bool = True
    talk: Talk | None = None
    whole: bool = True

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.reason is None


class Phase(str, Enum):
    """What the learning loop does now."""

    IDLE = "idle"
    TRAINING = "training"
    PAUSED = "paused"
    JUDGING = "judging"


@dataclass(frozen=True, slots=True)
class Status:
    """`done` is the share of the run from 0 to 1, `seconds_left` an estimate. When idle, `turns` of
    `turns_needed` new conversations are there for the next run. `failed`: the last run ended badly.
    `logging` and `private` are read now."""

    phase: Phase
    done: float | None = None
    seconds_left: float | None = None
    turns: int = 0
    turns_needed: int = 0
    failed: bool = False
    logging: bool = True
    private: bool = False


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """`version` is "base" or "v0007"; `since` and `trained_at` are seconds since the epoch, None when unknown.
    `own` is False when the host's own choice answers (nothing of the plugin's is routed). `tainted`: it has learnt
    something that was forgotten since."""

    version: str
    since: float | None = None
    trained_at: float | None = None
    own: bool = True
    tainted: bool = False


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """`gain` is the share by which the held-out loss fell against the base (0.12 = 12 % lower), None when
    it was not measured. `usable`: neither rejected nor tainted."""

    name: str
    at: float
    usable: bool
    current: bool = False
    gain: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same held-out conversations: `first` lowers the loss of `second` by the share `gain`
    (negative: it is worse). `examples` held-out replies; on `better` of them `first` was better."""

    first: str
    second: str
    gain: float | None = None
    examples: int = 0
    better: int | None = None
    reason: Reason | None = None


class ChangeCause(str, Enum):
    """Why another model answers."""

    NEVER = "never"
    """Nothing has changed so far."""
    BETTER = "better"
    """A new version passed the gate."""
    OWNER = "owner"
    """The owner asked for it."""
    ROLLED_BACK = "rolled_back"
    """The version before did badly with the owner."""
    BACKEND = "backend"
    """The trained model could not be reached."""


CAUSE_OF = {
    PromotionCause.BETTER: ChangeCause.BETTER,
    PromotionCause.OWNER: ChangeCause.OWNER,
    PromotionCause.UNDONE: ChangeCause.OWNER,
    PromotionCause.WORSE: ChangeCause.ROLLED_BACK,
    PromotionCause.BACKEND_FAILED: ChangeCause.BACKEND,
    PromotionCause.UNSERVED: ChangeCause.BACKEND,
    PromotionCause.UNKNOWN: ChangeCause.ROLLED_BACK,
}
"""As the owner hears it; that nobody noted why is told as what it mostly was."""


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of the answering model, to `version` at `at` (seconds since the epoch)."""

    cause: ChangeCause
    version: str = BASE
    previous: str = BASE
    at: float | None = None
    gain: float | None = None


class Waiting(str, Enum):
    """What the next training waits for."""

    TURNS = "turns"
    IDLE = "idle"
    POWER = "power"
    COOLDOWN = "cooldown"
    BUSY = "busy"
    """Other programs use the machine."""
    PLACE = "place"
    """The other machine that trains is in use or off."""
    ROOM = "room"
    """Disk or memory."""
    HELD = "held"
    """The owner stopped it, or it failed."""
    RUNNING = "running"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class NextTraining:
    """`turns_left` more conversations are needed (TURNS); `at` is the earliest time (COOLDOWN), seconds
    since the epoch."""

    waiting: Waiting
    turns_left: int = 0
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """`turns` conversations are (or would be) forgotten and `versions` were trained on some of them. `facts` are those
    that nothing else tells, said to the owner ("sua gata se chama Fork"). `talks` are the newest of the conversations.
    `host` records of Aeon's own files go too, or are left where they could not be taken out; `in_use`: a version that
    learnt it goes on answering. `asked` is what a plan is carried out by (`Control.forget`): exactly what the owner was
    asked about."""

    turns: int
    versions: tuple[str, ...] = ()
    reason: Reason | None = None
    facts: tuple[str, ...] = ()
    talks: tuple[Talk, ...] = ()
    asked: object = None
    host: int = 0
    in_use: bool = False

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to forget, or it cannot be done."""
        return self.reason is not None or not (self.turns or self.facts or self.host)


A_HANDFUL = 5
"""Facts that are said at once; nobody listens to forty."""


@dataclass(frozen=True, slots=True)
class SaidFacts:
    """The first of `total` facts, said to the owner: "sua gata se chama Fork"."""

    said: tuple[str, ...] = ()
    total: int = 0
    reason: Reason | None = None


class Control(Protocol):
    """The learning loop as the owner sees it. Called from a worker thread of the voice, one call at a time."""

    def status(self) -> Status:
        """What the learning loop does now."""

    def train_now(self) -> CommandResult:
        """Start a run now, whatever the schedule says; refusals (no data, no disk, ...) are reasons."""

    def pause(self) -> CommandResult:
        """Pause the run under way; it can go on later."""

    def resume(self) -> CommandResult:
        """Let a paused run go on."""

    def cancel(self) -> CommandResult:
        """End the run for good. The model in use stays."""

    def model_in_use(self) -> ModelInUse:
        """What answers now, and since when."""

    def use(self, version: str) -> CommandResult:
        """Let "base", "trained" (the newest usable version) or a named version ("v0007") answer."""

    def undo(self) -> CommandResult:
        """Go back to what answered before; `version` of the outcome says what that is."""

    def versions(self) -> tuple[VersionInfo, ...]:
        """Every version there is, oldest first."""

    def compare(self, first: str | None = None, second: str | None = None) -> Comparison:
        """Two models ("base" or a version's name) side by side, from what was measured; by default the one in use
        (or, when that is the base, the newest version) against the base."""

    def why_changed(self) -> Change:
        """The last change of what answers, and its cause."""

    def learn_last(self) -> CommandResult:
        """Mark the last reply of a model as good."""

    def mark_last_wrong(self) -> CommandResult:
        """Mark the last reply of a model as bad."""

    def correct_last(self, text: str) -> CommandResult:
        """The last reply was wrong and `text` is what it should have been."""

    def forget_last(self) -> Forgotten:
        """What would go if what was said last were forgotten, everywhere. Nothing is done yet."""

    def forget_minutes(self, minutes: int) -> Forgotten:
        """What would go with everything of the last `minutes`."""

    def forget_about(self, text: str) -> Forgotten:
        """What would go with every turn in which this was spoken about."""

    def forget(self, planned: Forgotten) -> Forgotten:
        """Forget what was planned, and nothing else."""

    def understands(self, intent: Intent) -> bool:
        """Whether a sentence that could mean something else is about facts: it asks about, takes back or states some;
        where it is `named`, of a thing that is known. True also for what is to be refused: a secret. Fast, and without
        side effects."""

    def facts(self, about: str = "") -> SaidFacts:
        """What is known about a thing of the owner's; "" for everything, what is about themselves first."""

    def forget_fact(self, text: str) -> Forgotten:
        """What would go with the facts that a sentence states: these, and the turns that tell them."""

    def correct_fact(self, text: str) -> SaidFacts:
        """Keep what a sentence states over what was known; the facts that it makes."""

    def private(self, on: bool) -> CommandResult:
        """Private mode: nothing of what is said is kept, by the host neither."""

    def secret(self) -> Forgotten:
        """What was said last is forgotten at once, and private mode begins. A reason says why there was nothing."""

    def next_training(self) -> NextTraining:
        """What the next training waits for."""

    def place(self, text: str) -> PlaceWish | None:
        """The place of the owner's that a sentence names, and what it says of it; None where there is none."""

    def train_at(self, wish: PlaceWish) -> CommandResult:
        """Let trainings go to that place from now on; BAD_VALUE when the settings refuse it."""

    def open_panel(self) -> CommandResult:
        """Open the owner's page in their browser."""

    def change_setting(self, key: str, value: object) -> CommandResult:
        """Write "section.key" of plugin.toml; BAD_VALUE when the settings refuse it."""
