"""When to train, and the supervision of what trains."""

from __future__ import annotations

from aeon_plugin_ft.schedule.background import Background
from aeon_plugin_ft.schedule.conditions import Condition, Decision, Observed, decide, in_quiet_hours, turns_needed
from aeon_plugin_ft.schedule.scheduler import TrainingScheduler

__all__ = [
    "Background",
    "Condition",
    "Decision",
    "Observed",
    "TrainingScheduler",
    "decide",
    "in_quiet_hours",
    "turns_needed",
]
