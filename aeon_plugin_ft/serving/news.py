"""What is told of swaps: a success once, a failure once however often it is tried again."""

from __future__ import annotations

from collections.abc import Callable

from aeon_plugin_ft import events as happened
from aeon_plugin_ft.causes import Place
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.serving.plan import SwapPlan
from aeon_plugin_ft.wording import english


class SwapNews:
    """`place` says where a version stands against the host's own model."""

    def __init__(self, events: EventBus, place: Callable[[str], Place]) -> None:
        self._events, self._place = events, place
        self._failed_move: tuple[str, str, str] | None = None
        """(version, backend, reason) of a move that failed and was told: it is tried again and again."""

    def succeeded(self, plan: SwapPlan) -> None:
        """A version that moves to another backend does not come back: that is a swap, whatever brought it into use."""
        self._failed_move = None
        if plan.rolled_back and not plan.moves:
            event: happened.Event = happened.RolledBack(
                version=plan.name, previous=plan.previous, cause=plan.cause, reason=plan.reason or english(plan.cause)
            )
        else:
            event = happened.ModelSwapped(
                version=plan.name, previous=plan.previous, backend=plan.backend, place=self._place(plan.name)
            )
        self._events.publish(event)

    def failed(self, plan: SwapPlan, reason: str) -> None:
        """A swap came to nothing; the same move that failed for the same reason was told already."""
        failure = (plan.name, plan.backend, reason)
        if not plan.moves or failure != self._failed_move:
            self._events.publish(happened.SwapFailed(version=plan.name, reason=reason))
        self._failed_move = failure if plan.moves else None
