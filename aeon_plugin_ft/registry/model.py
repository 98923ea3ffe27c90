"""A version: an immutable folder with a manifest written last.

<data>/versions/v0001/adapter/         PEFT LoRA folder
                      report.json      data, training, losses and side-by-side answers (evaluation/report.py)
                      report.html      the same to read, in one self-contained page
                      manifest.json    written last; a folder without it is not a version
                      withdrawn.json   only once it may not be used any more: state, reason, time
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from aeon_plugin_ft.evaluation.model import Verdict


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
    started from (None: from the base)."""

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

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter"
