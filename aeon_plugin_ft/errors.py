"""Every error that a person may see, as one tree.

    AeonFtError                  what happened + what to do next; `retryable` says whether trying again makes sense
    ├── SettingsError            plugin.toml: file, line, key, reason, nearest valid key
    ├── InputFileError           a file given by the user cannot be used: file, line, what, what to do
    │   └── WhoIsWhoError        a chat between people does not say whose sentences are the replies
    ├── StoreError               the database or the data folder
    │   ├── NoSpaceError         the disk is full, or would be
    │   └── DamagedStoreError    the database is damaged; a host makes it anew from the log
    ├── LogError                 the turn log
    ├── FactError                a fact that cannot be read, found or kept
    │   └── SecretFactError      it is a secret or a personal document, which are never kept as facts
    ├── DatasetError             nothing to learn from, or a dataset that is damaged
    ├── BaseModelError           the base model is not there or cannot be used
    ├── TrainingError            a run failed
    │   ├── RefusedError         the machine or the data does not allow a run now, with every reason
    │   │   └── PlaceBusyError   the place where runs are trained is in use, or off
    │   ├── NoTrainerError       the libraries that train are not installed
    │   ├── NoConsentError       the owner has not said that runs may leave this machine for that place
    │   ├── LostError            a place cannot be reached (retryable)
    │   ├── LeaseHeldError       another run is under way
    │   ├── RunStoppedError      a run left early and can go on
    │   ├── PreemptedError       something other than a run left early, because the machine was wanted
    │   └── AlreadyLearntError   a run on this data would learn nothing new
    ├── EvaluationError          something could not be measured
    ├── RegistryError            no such version, or a step that its state does not allow
    ├── ServingError             a model server or backend
    │   ├── BackendDownError     nobody answers there (retryable)
    │   ├── BackendRefusedError  it answered, and said no
    │   └── OvertakenError       a swap that somebody's newer choice made needless (retryable)
    └── InstallError             an Aeon folder that cannot take the plugin, or does not have it

A sentence is built from values, so a message always names the thing and the next step; it comes from the catalogue
(messages/data/errors/), in the language of the process. `exit_code`
is what the command line ends with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aeon_plugin_ft.causes import EndCause, PauseCause, RunCause, Trouble
from aeon_plugin_ft.messages.catalogue import Language
from aeon_plugin_ft.messages.speaker import Speaker, decimal, language
from aeon_plugin_ft.wording import worded

_say = Speaker("errors/tree")
_TROUBLE_OF_END: dict[RunCause, Trouble] = {EndCause.OUT_OF_MEMORY: Trouble.MEMORY, EndCause.NO_SPACE: Trouble.DISK}
_LEASES = ("training", "learning", "orders")
"""Those that the catalogue has a word for."""


class AeonFtError(Exception):
    """What happened (`what`), the next step (`todo`), and whether a retry makes sense. `trouble` is what the owner
    is told when only he can mend it."""

    exit_code = 1
    retryable = False
    trouble: Trouble = Trouble.OTHER

    def __init__(self, what: str, todo: str = "") -> None:
        self.what = what.rstrip(".")
        self.todo = todo.rstrip(".")
        super().__init__(what, todo)

    def __str__(self) -> str:
        return f"{self.what}. {self.todo}." if self.todo else f"{self.what}."


class SettingsError(AeonFtError):
    """plugin.toml cannot be used; `problems` lists every one, each a full sentence."""

    exit_code = 2
    trouble = Trouble.SETTINGS

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__("; ".join(p.rstrip(".") for p in problems), _say("settings.kept"))


class InputFileError(AeonFtError):
    """A file given by the user cannot be used. `line` is 1-based, None when it is about the whole file."""

    exit_code = 2

    def __init__(self, path: Path | str, what: str, todo: str, line: int | None = None) -> None:
        self.path = Path(path)
        self.line = line
        where = _say("file.line", path=path, line=line) if line else f"{path}"
        super().__init__(f"{where}: {what}", todo)


class WhoIsWhoError(InputFileError):
    """A chat between people does not say whose sentences are the replies to learn; `people` are who is in it, the
    most talkative first."""

    def __init__(self, path: Path, people: Sequence[str]) -> None:
        self.people = tuple(people)
        named = ", ".join(people[:8])
        if len(people) > 8:
            named = _say("file.more_people", named=named, count=len(people) - 8)
        super().__init__(path, *_say.error("file.who_is_who", named=named))


class StoreError(AeonFtError):
    """The database or the data folder cannot be used."""


class NoSpaceError(StoreError):
    """`needed` and `free` are bytes."""

    trouble = Trouble.DISK

    def __init__(self, where: Path, needed: int, free: int) -> None:
        self.needed, self.free = needed, free
        sizes = {"free": decimal(free / 1e9, 1), "needed": decimal(needed / 1e9, 1)}
        super().__init__(*_say.error("store.no_space", where=where, **sizes))


class DamagedStoreError(StoreError):
    """The database is damaged, or is none; `reason` is SQLite's."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(*_say.error("store.damaged", path=path, reason=reason))


class LogError(AeonFtError):
    """The turn log cannot be written or read."""

    trouble = Trouble.LOG


class FactError(AeonFtError):
    """A fact cannot be read in a sentence, is not there, or cannot be kept."""

    exit_code = 2


class SecretFactError(FactError):
    """A secret or a personal document, which never becomes a fact. The message does not repeat it."""

    def __init__(self) -> None:
        super().__init__(*_say.error("fact.secret"))


class DatasetError(AeonFtError):
    """There is nothing to learn from, or a dataset is damaged."""


class BaseModelError(AeonFtError):
    """The base model is not there or cannot be used."""

    trouble = Trouble.BASE


class TrainingError(AeonFtError):
    """A training run failed; `cause` is what the run's row says, None where no run was made."""

    def __init__(self, what: str, todo: str = "", *, cause: RunCause | None = None) -> None:
        self.cause = cause
        self.trouble = _TROUBLE_OF_END.get(cause, self.trouble) if cause is not None else self.trouble
        super().__init__(what, todo)


class RefusedError(TrainingError):
    """A run is refused; `reasons` lists every one. `lacks_memory`: it might do with what a served model takes."""

    exit_code = 3

    def __init__(self, reasons: Sequence[str], *, lacks_memory: bool = False) -> None:
        self.reasons, self.lacks_memory = tuple(reasons), lacks_memory
        self.trouble = Trouble.MEMORY if lacks_memory else Trouble.OTHER
        super().__init__(*_say.error("training.refused", reasons="; ".join(reasons)))


class PlaceBusyError(RefusedError):
    """The place where runs are trained is in use, or off; the schedule asks it again after a while."""

    def __init__(self, why: str) -> None:
        super().__init__([why])
        self.todo = _say("training.place_busy_todo")


class NoTrainerError(TrainingError):
    """The libraries that train are not installed; `command` installs them."""

    exit_code = 3

    def __init__(self, missing: Sequence[str], command: str) -> None:
        self.missing, self.command = tuple(missing), command
        super().__init__(*_say.error("training.no_trainer", missing=", ".join(missing), command=command))


class NoConsentError(TrainingError):
    """A run would leave this machine for a place that the owner has not allowed."""

    exit_code = 3

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(*_say.error("training.no_consent", address=address))


class LostError(TrainingError):
    """A place where runs are trained cannot be reached now."""

    retryable = True


class LeaseHeldError(TrainingError):
    """Another run is under way. `lease` is the name of what it holds, `owner` who has it."""

    exit_code = 3
    retryable = True

    def __init__(self, lease: str, owner: str) -> None:
        named = _say(f"lease.{lease}") if lease in _LEASES else lease
        super().__init__(*_say.error("training.under_way", what=named, owner=owner))


class RunStoppedError(TrainingError):
    """A run was paused or interrupted; `state` says which. Resuming ends in the same adapter."""

    retryable = True

    def __init__(self, run: str, state: str, step: int, cause: RunCause | None, reason: str = "") -> None:
        self.run, self.state, self.step = run, state, step
        # A reason that was noted is English; another language says the cause.
        self.reason = reason if reason and (cause is None or language() is Language.EN) else worded(cause)
        told = _say.error(f"stopped.{state}", run=run, step=step, reason=self.reason)
        super().__init__(*told, cause=cause)


class PreemptedError(TrainingError):
    """Measuring or judging was left because the machine was wanted; it begins again later."""

    retryable = True

    def __init__(self, doing: str, cause: PauseCause) -> None:
        super().__init__(*_say.error("training.preempted", doing=doing, cause=worded(cause)), cause=cause)


class AlreadyLearntError(TrainingError):
    """The same data, base and recipe were trained before."""

    exit_code = 3

    def __init__(self, dataset: str, run: str) -> None:
        self.dataset, self.run = dataset, run
        super().__init__(*_say.error("training.learnt_already", run=run, dataset=dataset))


class EvaluationError(AeonFtError):
    """Something could not be measured; the gate then refuses."""


class RegistryError(AeonFtError):
    """There is no such version, or its state does not allow the step."""


class ServingError(AeonFtError):
    """A model server or backend failed."""

    trouble = Trouble.BACKEND


class BackendDownError(ServingError):
    """Nobody answers at the backend's address."""

    retryable = True


class BackendRefusedError(ServingError):
    """The backend answered with an error. `status` is the HTTP status, None when it came in a stream. `retry_after` is
    how many seconds it asked to wait."""

    def __init__(
        self, what: str, todo: str = "", status: int | None = None, *, retry_after: float | None = None
    ) -> None:
        self.status, self.retry_after = status, retry_after
        self.retryable = status in {408, 429} or (status is not None and status >= 500)
        super().__init__(what, todo)


class OvertakenError(ServingError):
    """While `version` was being deployed something else was chosen: `chosen`."""

    retryable = True

    def __init__(self, version: str, chosen: str) -> None:
        self.version, self.chosen = version, chosen
        super().__init__(_say("serving.overtaken", version=version, chosen=chosen))


class InstallError(AeonFtError):
    """An Aeon folder cannot take the plugin, or does not have it."""
