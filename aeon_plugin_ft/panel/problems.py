"""What only the owner can mend, with the button that does it where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aeon_plugin_ft.causes import HoldCause, Trouble
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.events import AttentionNeeded, LoggingFailed, LoggingRecovered
from aeon_plugin_ft.extras import missing_for_training, pip_command
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.registry import BASE, VersionState
from aeon_plugin_ft.schedule.conditions import ConditionName, Observed

RECENT_SECONDS = 3 * 86_400.0
"""What was told so long ago is shown no more; where it is still so, it is told again."""
LOOKED_AT = 200
_SHOWN_TROUBLES = {Trouble.BASE, Trouble.BACKEND, Trouble.MEMORY}
"""Those of events that nothing else here looks at."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`key` names its words in the catalogue (`[problem]`) and, with "mend_" before it, those of its button. `action`
    is where the button sends `fields`; "" where the owner mends it elsewhere. `detail` is for who looks closer."""

    key: str
    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    detail: str = ""
    command: str = ""
    """What to type in a terminal."""


def problems(desk: Desk, seen: Observed, missing: set[ConditionName]) -> list[Problem]:
    """Everything there is, the gravest first. `seen` and `missing` are what the schedule says."""
    return [*_of_settings(desk), *_of_files(desk), *_of_training(desk, seen, missing), *_of_events(desk)]


def _of_settings(desk: Desk) -> Iterator[Problem]:
    settings, error = desk.settings, desk.settings_file.error
    if error is not None:
        yield Problem("settings", detail=str(error))
    for key in ("plugin.enabled", "log.enabled"):
        section, name = key.split(".")
        if not getattr(getattr(settings, section), name):
            yield Problem(key.replace(".", "_"), "/ajustes/mudar", {"ajuste": key, "valor": "true"})


def _of_files(desk: Desk) -> Iterator[Problem]:
    if desk.data.closing.open:
        yield Problem("open", "/consertar/fechar")
    current = desk.registry.current()
    if current == BASE:
        return
    try:
        version = desk.registry.get(current)
        damaged = bool(version.faults(read=False))
        if version.state is VersionState.TAINTED:
            yield Problem("tainted", "/treino/comecar")
    except AeonFtError:  # its manifest cannot be read
        damaged = True
    if damaged:
        yield Problem("damaged", "/versoes/desfazer")


def _of_training(desk: Desk, seen: Observed, missing: set[ConditionName]) -> Iterator[Problem]:
    if missing_for_training():
        yield Problem("trainer", command=pip_command("train"))
    if seen.hold is HoldCause.GIVEN_UP:
        yield Problem("given_up", "/treino/comecar", detail=seen.held)
    if ConditionName.DISK in missing:
        yield Problem("disk", "/consertar/espaco")


def _of_events(desk: Desk) -> Iterator[Problem]:
    recent = [one for one in desk.store.newest_events(LOOKED_AT) if desk.store.clock() - one["at"] < RECENT_SECONDS]
    logging = [one for one in recent if one["name"] in {LoggingFailed.name, LoggingRecovered.name}]
    if logging and logging[-1]["name"] == LoggingFailed.name:
        yield Problem("log", detail=str(logging[-1]["data"].get("reason", "")))
    told: dict[str, dict[str, Any]] = {
        one["data"].get("trouble", ""): one["data"] for one in recent if one["name"] == AttentionNeeded.name
    }
    for trouble in sorted(_SHOWN_TROUBLES):
        if trouble.value in told:
            yield Problem(trouble.value, detail=str(told[trouble.value].get("what", "")))
