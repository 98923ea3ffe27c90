"""The parent's side of one embedded server: start it, know whether it lives, drain it, end it.

Works the same on Windows and Unix: orders go through the child's stdin, and its end ends the child, so no
signal and no fork is used and no child outlives this process, however it ends.
"""

from __future__ import annotations

import json
import os
import queue
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from aeon_plugin_ft.errors import BackendDownError, ServingError
from aeon_plugin_ft.processes.children import interpreter, start
from aeon_plugin_ft.serving.embedded.server import ServerConfig
from aeon_plugin_ft.store import private
from aeon_plugin_ft.training.supervise import search_path

START_SECONDS = 300.0
"""A large model on a slow disk takes minutes to load."""
GOODBYE_SECONDS = 5.0
"""A child that was told to leave and is still there after this is killed."""
CALM_THREADS = {"OMP_WAIT_POLICY": "passive"}
"""llama.cpp's threads wait for one another after every layer. By default they spin, and one that has lost its core
to another program holds up all: beside other busy programs answers were seen to come many times slower than
with waiting asleep. A value of the user's own is kept."""
MODULE = "aeon_plugin_ft.serving.embedded.server"
_LOG_LINE = re.compile(r"^[\d.]+ E\s+(?:(?:srv|cmn|slot|que)\s+)?\w+: (?P<text>.+)$")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a child answers."""

    url: str
    port: int


class EmbeddedChild:
    """One running child. `log` gets its stderr."""

    def __init__(self, config: ServerConfig, log: Path) -> None:
        self.config = config
        self.log = log
        self.address: Address | None = None
        self._process: subprocess.Popen[str] | None = None

    def start(self, timeout: float = START_SECONDS) -> Address:
        """Load the model and answer. Raises ServingError with llama.cpp's reason when it cannot."""
        private.make_folder(self.log.parent)
        with open(self.log, "wb", opener=private.opener) as errors:
            self._process = start(
                [str(interpreter()), "-m", MODULE],
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env={**CALM_THREADS, **os.environ, "PYTHONPATH": search_path()},
            )
        try:
            # Over stdin, as all orders: a command line, with the token in it, can be read by every user of the machine.
            self._order(self.config.line())
            port = self._ready(timeout)
        # KeyboardInterrupt too: a half-started child would hold the memory of a model.
        except BaseException:
            self.kill()
            raise
        self.address = Address(f"http://127.0.0.1:{port}", port)
        return self.address

    @property
    def pid(self) -> int | None:
        """Its process id; None before it is started."""
        return None if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs, not whether it answers."""
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout: float | None = None) -> bool:
        """True when it has ended."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def drain(self, seconds: float) -> None:
        """Let it finish the requests that it has, at most `seconds`, then end it."""
        if self.alive:
            self._order(f"drain {seconds}\n")
            if not self.wait(seconds + GOODBYE_SECONDS):
                self.kill()
        self.stop()

    def stop(self) -> None:
        """End it now; a request in flight is cut off."""
        self._close_pipes()
        if not self.wait(GOODBYE_SECONDS):
            self.kill()

    def kill(self) -> None:
        """End it without asking, and wait until it is gone."""
        if self._process is None:
            return
        if self.alive:
            self._process.kill()
        self._process.wait()
        self._close_pipes()

    # -- inside --------------------------------------------------------------------------------

    def _order(self, line: str) -> None:
        """A child that has just died is found out by whoever waits for it."""
        stdin = self._process.stdin if self._process is not None else None
        if stdin is None or stdin.closed:
            return
        try:
            stdin.write(line)
            stdin.flush()
        except OSError:
            self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout) if self._process is not None else ():
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except OSError:  # the child died with an unread order in the pipe: it is closed all the same
                    continue

    def _ready(self, timeout: float) -> int:
        process = self._process
        assert process is not None and process.stdout is not None
        # A pipe cannot be read with a time limit on Windows; a thread can be waited for. It ends with the child's
        # stdout.
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True)  # type: ignore[union-attr]
        reader.start()
        try:
            line = lines.get(timeout=timeout)
        except queue.Empty:
            raise BackendDownError(
                f"The embedded server was not ready after {timeout:.0f} s", "Try again when the machine is less busy"
            ) from None
        try:
            return int(json.loads(line)["port"])
        except (ValueError, KeyError):
            # It has said that it failed, or its stdout has ended: its exit code is part of the reason.
            process.wait()
            raise self._failure() from None

    def _failure(self) -> ServingError:
        name = Path(self.config.model).name
        what = f" with {Path(self.config.adapter).name}" if self.config.adapter else ""
        return ServingError(
            f"The embedded server cannot serve {name}{what}: {self.reason()}",
            "`aeon-ft doctor` checks the files and the memory",
        )

    def reason(self) -> str:
        """Why it failed, in llama.cpp's words: its first error, or how the process ended."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            error = _LOG_LINE.match(line)
            if error:
                return error["text"].strip().rstrip(".")
        code = self._process.returncode if self._process is not None else None
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"its process ended with code {code}" + (f" ({last[:200]})" if last else "")


def new_token() -> str:
    """A random secret of 24 bytes, safe in a header."""
    return secrets.token_urlsafe(24)


def new_config(
    model: Path,
    adapter: Path | None,
    alias: str,
    context: int,
    threads: int,
    warm_prompt: str = "",
    reply_tokens: int = -1,
) -> ServerConfig:
    """A configuration with a fresh random token."""
    return ServerConfig(
        model=str(model),
        adapter=None if adapter is None else str(adapter),
        alias=alias,
        token=new_token(),
        context=context,
        threads=threads,
        warm_prompt=warm_prompt,
        reply_tokens=reply_tokens,
    )


class SupervisedChild:
    """A child that is started again when it dies, at the same address, so that its route stays good.

    It waits longer before each try; after MAX_RESTARTS deaths in a row `failure` says why, and it is tried once every
    REST_SECONDS only: memory that was short for a while is free again some time.
    Where it cannot start at its address (another program may have taken the port), the next try is at a new one
    with a new token, and `on_moved` hears of both.
    """

    FIRST_WAIT = 0.25
    MAX_WAIT = 30.0
    MAX_RESTARTS = 6
    REST_SECONDS = 60.0
    HEALTHY_SECONDS = 60.0

    def __init__(
        self, config: ServerConfig, log: Path, on_moved: Callable[[Address, ServerConfig], None] = lambda *_: None
    ) -> None:
        self.on_moved = on_moved
        self.restarts = 0
        self.failure: str | None = None
        self._config, self._log = config, log
        self._child = EmbeddedChild(config, log)
        self._leaving = threading.Event()
        self._guard = threading.Lock()
        self._watcher: threading.Thread | None = None

    def start(self, timeout: float = START_SECONDS) -> Address:
        """Raises ServingError."""
        address = self._child.start(timeout)
        self._config = replace(self._config, port=address.port)
        self._watcher = threading.Thread(target=self._watch, name=f"embedded-{address.port}", daemon=True)
        self._watcher.start()
        return address

    @property
    def config(self) -> ServerConfig:
        """As the child runs now, with the port that it was given."""
        return self._config

    @property
    def alive(self) -> bool:
        """Whether a child runs at this moment; between two tries none does."""
        return self._child.alive

    @property
    def pid(self) -> int | None:
        """Of the child at this moment, which a restart replaces."""
        return self._child.pid

    def drain(self, seconds: float) -> None:
        """Let it finish the requests that it has, then end it."""
        # Looked up when it is run: `_restart` may put another child in place meanwhile.
        self._leave(lambda: self._child.drain(seconds))

    def stop(self) -> None:
        """End it now."""
        self._leave(lambda: self._child.stop())

    def _leave(self, end: Callable[[], None]) -> None:
        self._leaving.set()
        if not self._guard.acquire(timeout=0.1):  # it is being started again, which a kill ends
            # Without the guard, which the start holds: it ends at once with an error, and `_restart` lets go.
            self._child.kill()
            self._guard.acquire()
        try:
            end()
        finally:
            self._guard.release()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self) -> None:
        deaths = 0
        while not self._leaving.is_set():
            started = time.monotonic()
            self._child.wait()
            if self._leaving.is_set():
                return
            # One that served for a while has not failed to start: the waits begin anew.
            deaths = 1 if time.monotonic() - started > self.HEALTHY_SECONDS else deaths + 1
            if self._leaving.wait(self._rest(deaths)):
                return
            self._restart()

    def _rest(self, deaths: int) -> float:
        """Seconds until the next try."""
        if deaths > self.MAX_RESTARTS:
            self.failure = f"it died {deaths} times in a row: {self._child.reason()}"
            return self.REST_SECONDS
        return min(self.MAX_WAIT, self.FIRST_WAIT * 2.0 ** (deaths - 1))

    def _restart(self) -> None:
        """A failed start counts as a death: the loop sees a child that is not alive."""
        with self._guard:
            if self._leaving.is_set():
                return
            self._child.stop()
            # The last start failed, perhaps because its port is another program's now. A new address needs a new token:
            # the old one may have been sent to whoever answers at the old address.
            moving = self.failure is not None
            config = replace(self._config, port=0, token=new_token()) if moving else self._config
            self._child = EmbeddedChild(config, self._log)
            try:
                address = self._child.start()
            except ServingError as error:
                self.failure = error.what
                return
            self._config = replace(config, port=address.port)
            self.failure = None
            self.restarts += 1
        if moving:
            # Outside the guard: the listener may itself end this child.
            self.on_moved(address, self._config)
