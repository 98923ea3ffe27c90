"""What a measurement may take of the memory, and what it takes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def cgroup_of(gguf: Path, size: int) -> Iterator[Callable[[], None] | None]:
    """What a child calls to be in a memory cgroup of its own of so many bytes, with the pages of files that it reads;
    None for 0. The pages of `gguf` are dropped first: those that somebody else has read count as theirs."""
    if not size:
        yield None
        return
    root = Path("/sys/fs/cgroup/memory")
    limit = "memory.limit_in_bytes"
    if not root.is_dir():
        root, limit = Path("/sys/fs/cgroup"), "memory.max"
    group = root / f"aeon-ft-{os.getpid()}"
    group.mkdir()

    def enter() -> None:
        (group / "cgroup.procs").write_text("0", encoding="ascii")

    try:
        (group / limit).write_text(str(size), encoding="ascii")
        with gguf.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        yield enter
    finally:
        group.rmdir()


class Peak:
    """The most that `now` has given, asked `every` so many seconds: by default this process's anonymous memory
    (Linux)."""

    def __init__(self, now: Callable[[], int] | None = None, every: float = 0.05) -> None:
        self.most = 0
        self._now, self._every = now or anonymous_bytes, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="peak", daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self._every):
            self.most = max(self.most, self._now())


def anonymous_bytes(pid: int | str = "self") -> int:
    """Resident memory of a process that is no file's: what a machine must have beside its page cache. 0 where the
    process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def limit_memory(size: int) -> None:
    """Let the kernel refuse more: RLIMIT_DATA counts private writable memory, and not the file's mapping."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
