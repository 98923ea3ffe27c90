"""One swap as it was decided: what shall answer, where, and in place of what."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.registry import BASE, Version
from aeon_plugin_ft.serving.journal import SwapRecord, SwapStep, process_name
from aeon_plugin_ft.settings import ServeSection

HOST = "host"
"""The backend of "nothing of ours": the brain chooses by itself, as before the first promotion."""


@dataclass(frozen=True, slots=True)
class SwapPlan:
    """`version` None and backend HOST: nobody of ours. `previous` is the name of what is replaced, `chosen` what the
    store says is in use: a swap is for that state only, and whoever changes it meanwhile wins. `settings` are those of
    the moment at which it was planned: one swap uses one [serve] from its beginning to its end."""

    version: Version | None
    base: BaseModel | None
    backend: str
    settings: ServeSection
    previous: str
    chosen: str
    cause: PromotionCause
    reason: str
    rolled_back: bool
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def name(self) -> str:
        """The version's name, "base" for the base itself and for nobody of ours."""
        return BASE if self.version is None else self.version.name

    @property
    def moves(self) -> bool:
        """Whether it is the same version on another backend, at another address or in another size."""
        return self.previous == self.name and self.backend != HOST

    def record(self, step: SwapStep, reason: str = "", deployed: dict[str, Any] | None = None) -> SwapRecord:
        """The line of the journal for one step of it."""
        return SwapRecord(
            swap=self.id,
            step=step,
            version=self.name,
            previous=self.previous,
            backend=self.backend,
            base="" if self.base is None else self.base.spec,
            process=process_name(),
            reason=reason,
            deployed=deployed,
        )
