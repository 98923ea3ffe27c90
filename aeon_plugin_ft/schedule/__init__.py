"""When to train, when to yield, and the supervision of what trains.

policy.py       the one decision: a pure function of what was observed
conditions.py   the conditions that it decides by
observer.py     what is observed: the store and the machine (machine.py, probes.py, idle.py)
failures.py     failures in a row and the owner's word, which hold training back
controller.py   one step: look, decide, act, remember (decisions.py)
scheduler.py    when to take a step
background.py   the thread that supervises one training
"""

from __future__ import annotations

from aeon_plugin_ft.schedule.background import Background
from aeon_plugin_ft.schedule.conditions import Condition, Decision, Observed, decide, in_quiet_hours, turns_needed
from aeon_plugin_ft.schedule.controller import TrainingController
from aeon_plugin_ft.schedule.decisions import Decisions
from aeon_plugin_ft.schedule.failures import FailurePolicy
from aeon_plugin_ft.schedule.policy import Act, ScheduleStep, next_step
from aeon_plugin_ft.schedule.scheduler import TrainingScheduler

__all__ = [
    "Act",
    "Background",
    "Condition",
    "Decision",
    "Decisions",
    "FailurePolicy",
    "Observed",
    "ScheduleStep",
    "TrainingController",
    "TrainingScheduler",
    "decide",
    "in_quiet_hours",
    "next_step",
    "turns_needed",
]
