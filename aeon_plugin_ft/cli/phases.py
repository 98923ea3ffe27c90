"""What goes on in a step that takes minutes: one line for each phase once it has ended, a running clock until then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from aeon_plugin_ft.causes import Doing, OnPhase
from aeon_plugin_ft.cli.context import out, span
from aeon_plugin_ft.wording import doing


@contextmanager
def phase_clock() -> Iterator[OnPhase]:
    """Gives what hears the phases. What was under way when an error came is shown like the others."""
    said = TextColumn("{task.description}", markup=False)
    clock = Progress(SpinnerColumn(), said, TimeElapsedColumn(), console=out, transient=True)
    under_way: list[tuple[str, float]] = []
    task = clock.add_task("", visible=False)

    def end() -> None:
        if under_way:
            text, began = under_way.pop()
            out.print(f"... {text} ({span(time.monotonic() - began)})", style="dim")

    def begin(phase: Doing) -> None:
        end()
        under_way.append((doing(phase), time.monotonic()))
        clock.reset(task, description=under_way[0][0], visible=True)

    with clock:
        try:
            yield begin
        finally:
            end()
