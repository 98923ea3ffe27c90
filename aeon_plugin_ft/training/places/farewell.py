"""`python -m aeon_plugin_ft.training.places.farewell WHERE RUN CAUSE`: tells a place that its run is to leave.

In a process of its own, which outlives the courier: that is gone within seconds of being asked to leave, and a place
may take longer to hear of it (a cluster that is busy, a connection that has just been lost).
"""

from __future__ import annotations

import logging
import sys
import time

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import LostError
from aeon_plugin_ft.processes.children import interpreter, leave_running
from aeon_plugin_ft.training.places.door import Door, open_door
from aeon_plugin_ft.training.places.where import Where, parse_where

PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = 5.0


def send_farewell(where: Where, run: str, cause: PauseCause) -> None:
    """Let a process of its own tell the place. Raises OSError, and InstallError where there is no interpreter."""
    command = [str(interpreter()), "-m", "aeon_plugin_ft.training.places.farewell", where.setting, run, cause.value]
    leave_running(command)


def tell(door: Door, run: str, cause: str) -> bool:
    """Again and again while the connection is lost; whether it was told."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            door.call("leave", {"run": run, "cause": cause})
        except LostError as error:
            logging.info("%s", error)
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE_SECONDS)
        else:
            return True


def main(arguments: list[str]) -> int:
    """One farewell; the exit code is for nobody."""
    where = parse_where(arguments[0])
    return 0 if where is not None and tell(open_door(where), arguments[1], arguments[2]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
