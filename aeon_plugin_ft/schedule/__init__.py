"""When to train, when to yield, and the supervision of what trains.

policy.py       the one decision: a pure function of what was observed
conditions.py   the conditions that it decides by
observing.py    what is observed: the store and the machine (machine.py, probes.py, idle.py)
setbacks.py     failures in a row and the owner's word, which hold training back
caretaker.py    one step: look, decide, act, remember (decisions.py)
scheduler.py    when to take a step
background.py   the thread that supervises one training
watch.py        the model in use, and going back from it
"""

from __future__ import annotations

from aeon_plugin_ft.schedule.background import Background
from aeon_plugin_ft.schedule.conditions import Condition, Decision, Observed, decide, in_quiet_hours, turns_needed
from aeon_plugin_ft.schedule.controller import Caretaker
from aeon_plugin_ft.schedule.decisions import Decisions
from aeon_plugin_ft.schedule.failures import Setbacks
from aeon_plugin_ft.schedule.policy import Act, Step, next_step
from aeon_plugin_ft.schedule.scheduler import TrainingScheduler

__all__ = [
    "Act",
    "Background",
    "Caretaker",
    "Condition",
    "Decision",
    "Decisions",
    "Observed",
    "Setbacks",
    "Step",
    "TrainingScheduler",
    "decide",
    "in_quiet_hours",
    "next_step",
    "turns_needed",
]
