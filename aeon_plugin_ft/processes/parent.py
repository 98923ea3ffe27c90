"""A child's side: the pipe from the process that started it, and the way out.

The parent holds the other end of the child's stdin and writes orders into it. It is closed by the operating system
when the parent dies, however it dies, so that no child outlives its parent.

The pipe is looked at and never waited for in a read. On Windows only one call at a time gets through to a pipe:
while a thread waits in `read(0)`, everything that merely asks what kind of file stdin is waits with it, for ever, such
as the OpenBLAS of numpy while it is loaded (https://github.com/numpy/numpy/issues/24290,
https://github.com/python/cpython/issues/78961).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_CHUNK = 65536
LOOK_SECONDS = 0.05
"""Between two looks on Windows, where a pipe cannot be waited for; elsewhere select() waits without waking up."""
PARENT_GONE = 1
"""Exit code; there is nobody to read it."""


class ParentPipe:
    """What the parent writes, line by line, and whether it is still there. For one thread at a time."""

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._read = b""
        self._ended = False

    def gone(self, within: float = 0.0) -> bool:
        """Whether the parent has closed the pipe or died; waits for that for `within` seconds at most. What it wrote
        is kept for `line`."""
        deadline = time.monotonic() + within
        while not self._ended:
            left = deadline - time.monotonic()
            self._look(max(0.0, left))
            if left <= 0:
                break
        return self._ended

    def line(self) -> str | None:
        """The next line, without its end; waits for it. None when the parent is gone."""
        while b"\n" not in self._read and not self._ended:
            self._look(None)
        line, end, rest = self._read.partition(b"\n")
        if not end:
            return None
        self._read = rest
        return line.decode("utf-8").rstrip("\r")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """For a block that cannot look itself: this process ends at once when the parent does. To be entered in the
        main thread."""
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                if self.gone(within=LOOK_SECONDS):
                    leave_now(PARENT_GONE)

        looking = threading.Thread(target=watch, name="aeon-ft-parent", daemon=True)
        with _ended_by_the_system(self._descriptor):
            if self.gone():  # before the system knew that it is to tell
                leave_now(PARENT_GONE)
            looking.start()
            try:
                yield
            finally:
                over.set()
                looking.join()

    def _look(self, seconds: float | None) -> None:
        """Take what comes within so many seconds (None: wait for something)."""
        piece = _piece(self._descriptor, seconds)
        if piece is None:
            return
        self._read += piece
        self._ended = not piece


if sys.platform == "win32":
    from aeon_plugin_ft.processes.windows import terminate_this_process, waiting_bytes

    def _piece(descriptor: int, seconds: float | None) -> bytes | None:
        """The bytes that come within so many seconds, empty at the end of the pipe; None when nothing comes."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            count = waiting_bytes(descriptor)
            if count is None:
                return b""
            if count:
                return os.read(descriptor, min(count, _CHUNK))
            if deadline is not None and time.monotonic() >= deadline:
                return None
            time.sleep(LOOK_SECONDS if deadline is None else max(0.0, min(LOOK_SECONDS, deadline - time.monotonic())))

    def leave_now(code: int) -> None:
        """End this process at once, whatever its other threads are doing."""
        terminate_this_process(code)

else:
    import select

    def _piece(descriptor: int, seconds: float | None) -> bytes | None:
        """The bytes that come within so many seconds, empty at the end of the pipe; None when nothing comes."""
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return os.read(descriptor, _CHUNK) if ready else None

    def leave_now(code: int) -> None:
        """End this process at once, whatever its other threads are doing."""
        os._exit(code)


if sys.platform == "linux":
    import fcntl
    import signal

    @contextmanager
    def _ended_by_the_system(descriptor: int) -> Iterator[None]:
        """Linux itself ends this process, with SIGIO, at the end of the pipe (or with what is written to it).

        A thread does not do for native code that keeps the GIL, as llama.cpp's binding does while it loads a model. On
        Windows the job object does it (children.py); macOS has nothing of the kind.
        """
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | fcntl.FASYNC)
        try:
            yield
        finally:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)

else:

    @contextmanager
    def _ended_by_the_system(descriptor: int) -> Iterator[None]:
        yield
