"""What the module in Aeon's folder calls: it opens the door and knows the triggers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hooks.door import Door, open_door


@dataclass(frozen=True, slots=True)
class ModuleEntry:
    """`triggers` go into Aeon's router; `heard` answers a sentence that matched one, or gives None."""

    door: Door
    triggers: list[str]

    def heard(self, text: str) -> str | None:
        """The answer to a sentence that matched a trigger; None where it is no command of ours."""
        return self.door.heard(text)


def enter(core_context: dict[str, Any]) -> ModuleEntry:
    """Open the door of this Aeon (the same one after a hot reload) with the installed plugins."""
    from aeon_plugin_ft.voice.triggers import triggers

    return ModuleEntry(open_door(core_context), triggers())
