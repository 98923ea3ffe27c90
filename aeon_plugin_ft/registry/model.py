"""A version: an immutable folder with a manifest written last.

<data>/versions/v0001/adapter/         PEFT LoRA folder
                      report.json      data, training, losses and side-by-side answers (evaluation/report/)
                      report.html      the same to read, in one self-contained page
                      manifest.json    written last; a folder without it is not a version. Beside lineage and
                                       verdict: "served", what was measured of the model as it was served, and
                                       "files", the digest of each file of the adapter
                      withdrawn.json   only once it may not be used any more: state, reason, time
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import RegistryError
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.seal import broken

_say = Speaker("errors/registry")

WON_TODAY = "today.won"
"""The number in a verdict: 1.0 where it won the comparison with what answers today, 0.0 where it did not."""
LEARNT = "exam.fact."
"""Before the id of a fact, the number in a verdict: the share of the exam's questions about it that were answered
right."""


class VersionState(str, Enum):
    CANDIDATE = "candidate"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CURRENT = "current"
    RETIRED = "retired"
    TAINTED = "tainted"
    """Trained on something that was forgotten since."""


@dataclass(frozen=True, slots=True)
class Version:
    """`name` is "v0001". `base_digest` is the digest of the base it was trained on, `parent` the version it
    started from (None: from the base). `served`: backend, digest and the proof of the model that was judged
    (serving.model.Deployment), {} where none was served."""

    name: str
    folder: Path
    run: str
    dataset: str
    base: str
    base_digest: str
    parent: str | None
    created: float
    verdict: Verdict
    state: VersionState
    served: Mapping[str, Any] = field(default_factory=dict, compare=False)
    files: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Each file that was judged with its digest; empty for a version of before they were noted, and for a candidate
    that has no verdict yet."""

    @property
    def adapter(self) -> Path:
        """Its PEFT LoRA folder."""
        return self.folder / "adapter"

    def faults(self, *, read: bool = True) -> list[str]:
        """What is wrong with its files, a sentence each; reads the whole adapter (megabytes), or with `read` False
        only what has changed since it was looked at last."""
        return broken(self.folder, self.files, read=read)

    def require_whole(self) -> None:
        """Raise RegistryError unless its files are those that were judged. Before each deployment."""
        faults = self.faults()
        if faults:
            told = _say.error("version.damaged", version=self.name, faults="; ".join(faults), folder=self.folder)
            raise RegistryError(*told)

    @property
    def won_today(self) -> bool | None:
        """Whether it won the comparison with what answered the owner on that day; None where they were not compared."""
        won = self.verdict.numbers.get(WON_TODAY)
        return None if won is None else won >= 1.0

    @property
    def learnt(self) -> frozenset[str]:
        """The ids of the facts that it answered right in its exam, without being told them."""
        numbers = self.verdict.numbers
        return frozenset(
            key.removeprefix(LEARNT) for key, share in numbers.items() if key.startswith(LEARNT) and share >= 1.0
        )
