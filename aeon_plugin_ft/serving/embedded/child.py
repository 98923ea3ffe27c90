"""The parent's side of one embedded server: start it, know whether it lives, drain it, end it.

Works the same on Windows and Unix: orders go through the child's stdin, and its end ends the child, so no
signal and no fork is used and no child outlives this process, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import secrets
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft.errors import BackendDownError, ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.children import interpreter, start
from aeon_plugin_ft.processes.stillness import Stillness
from aeon_plugin_ft.serving.embedded.health import Health
from aeon_plugin_ft.serving.embedded.server import ServerConfig
from aeon_plugin_ft.store import private
from aeon_plugin_ft.training.supervise import search_path

_say = Speaker("errors/serving")

START_SECONDS = 300.0
"""A large model on a slow disk takes minutes to load."""
STILL_SECONDS, LOADING_SECONDS = 60.0, 0.05
"""One that takes less than so much processor time in so long does not load anything."""
LOOK_SECONDS = 1.0
GOODBYE_SECONDS = 5.0
"""A child that was told to leave and is still there after this is killed."""
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
                env={**os.environ, "PYTHONPATH": search_path()},
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
            health, deadline = self.health(), time.monotonic() + seconds + GOODBYE_SECONDS
            while not self.wait(LOOK_SECONDS):
                # Nothing under way comes to an end in one that hangs.
                if time.monotonic() > deadline or (health is not None and health.hangs()):
                    self.kill()
        self.stop()

    def health(self) -> Health | None:
        """What tells whether it answers; None before it is ready, and when it has ended."""
        if self.address is None or self.pid is None:
            return None
        return Health(self.address.url, self.config.token, self.pid)

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
        line = self._first_line(lines, timeout, process.pid)
        try:
            return int(json.loads(line)["port"])
        except (ValueError, KeyError):
            # It has said that it failed, or its stdout has ended: its exit code is part of the reason.
            process.wait()
            raise self._failure() from None

    def _first_line(self, lines: queue.Queue[str], timeout: float, pid: int) -> str:
        deadline, still = time.monotonic() + timeout, Stillness(pid, STILL_SECONDS, LOADING_SECONDS)
        while (left := deadline - time.monotonic()) > 0 and not still.lasts():
            with contextlib.suppress(queue.Empty):
                return lines.get(timeout=min(left, LOOK_SECONDS))
        if left > 0:
            raise BackendDownError(*_say.error("embedded.still"))
        raise BackendDownError(*_say.error("embedded.not_ready", seconds=f"{timeout:.0f}"))

    def _failure(self) -> ServingError:
        model, reason = Path(self.config.model).name, self.reason()
        if not self.config.adapter:
            return ServingError(*_say.error("embedded.cannot_serve", model=model, reason=reason))
        adapter = Path(self.config.adapter).name
        return ServingError(*_say.error("embedded.cannot_serve_with", model=model, adapter=adapter, reason=reason))

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
        if last:
            return _say("embedded.ended_saying", code=code, last=last[:200])
        return _say("embedded.ended", code=code)


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
