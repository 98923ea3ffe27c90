"""The owner's page, opened from a running host ("abre o painel"): a child that ends with the host, or with the page."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import threading
from pathlib import Path

from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.processes.children import interpreter, start
from aeon_plugin_ft.training.supervise import search_path
from aeon_plugin_ft.voice.control import CommandResult, Reason

log = logging.getLogger("aeon_ft.host")

LEAVE_SECONDS = 20.0
"""A training that was begun on the page saves first."""
MODULE = "aeon_plugin_ft.panel"


class PanelWindow:
    """One child at a time; asked again while it lives, it shows the same page once more."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def open(self) -> CommandResult:
        """Show the page in the owner's browser."""
        with self._lock:
            if self._child is not None and self._child.poll() is None and self._ask(self._child):
                return CommandResult()
            self._drop()
            try:
                # Its words go nowhere: a link in a log would be a key in a file.
                self._child = start(
                    [str(interpreter()), "-m", MODULE, str(self._data)],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": search_path(), "PYTHONUTF8": "1"},
                )
            except (AeonFtError, OSError) as error:
                log.warning("the page cannot be opened: %s", error)
                return CommandResult(Reason.FAILED)
            return CommandResult() if self._ask(self._child) else CommandResult(Reason.FAILED)

    def close(self) -> None:
        """End it with the host."""
        with self._lock:
            self._drop()

    def _ask(self, child: subprocess.Popen[bytes]) -> bool:
        try:
            assert child.stdin is not None
            child.stdin.write(b"open\n")
            child.stdin.flush()
        except OSError:  # it has just ended
            return False
        return True

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            with contextlib.suppress(OSError):
                child.stdin.close()  # which it takes as the word to leave
        try:
            child.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
