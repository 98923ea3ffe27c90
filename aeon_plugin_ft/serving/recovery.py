"""Swaps that a crash interrupted: once the store has the new version they go forwards, before that back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.serving.journal import Journal, SwapRecord, SwapStep, process_lives, process_name
from aeon_plugin_ft.serving.leaving import Leaving
from aeon_plugin_ft.serving.model import Deployment


def finish_or_undo(journal: Journal, registry: Registry, leaving: Leaving) -> None:
    """Give every swap without an end one, and take away what an undone one had made. Those of another process that
    still runs are left alone: it is in the middle of them."""
    for entries in journal.unfinished():
        owner = entries[-1].process
        # An entry of this process is one that the Swapper before this one, in the same process, did not get to end.
        if owner == process_name() or not process_lives(owner):
            _end(entries, journal, registry, leaving)


def _end(entries: Sequence[SwapRecord], journal: Journal, registry: Registry, leaving: Leaving) -> None:
    """A move (the same version on another backend) changes nothing in the store: there the journal says whether the
    route was to be flipped next."""
    last = entries[-1]
    promoted = any(entry.step is SwapStep.PROMOTED for entry in entries)
    if registry.current() == last.version and (promoted or last.previous != last.version):
        journal.write(replace(last, step=SwapStep.DONE, reason="finished after a crash", deployed=None))
        return
    made = next((entry.deployed for entry in entries if entry.deployed), None)
    deployment = None if made is None else Deployment.from_record(made)
    leaving.abandon(last.backend, last.version, deployment, None)
    journal.write(replace(last, step=SwapStep.UNDONE, reason="undone after a crash", deployed=None))
