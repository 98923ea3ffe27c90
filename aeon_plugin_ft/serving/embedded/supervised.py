"""A child that is looked after: started again when it dies or hangs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from aeon_plugin_ft.errors import BackendDownError, ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.serving.embedded.child import START_SECONDS, Address, EmbeddedChild, new_token
from aeon_plugin_ft.serving.embedded.server import ServerConfig

log = logging.getLogger("aeon_ft.serving")

_say = Speaker("errors/serving")

LOOK_SECONDS = 2.0
"""Between two looks at whether it answers."""


class SupervisedChild:
    """A child that is started again when it dies, at the same address, so that its route stays good. One that hangs is
    ended first: those who ask it get an error, and the next model, instead of waiting for it.

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

    def require_awake(self) -> None:
        """Raise BackendDownError where it neither answers nor computes; two seconds; longer for a busy one."""
        health = self._child.health()
        if health is not None and health.is_silent():
            raise BackendDownError(*_say.error("embedded.silent"))

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
            self._stay_with(self._child)
            if self._leaving.is_set():
                return
            # One that served for a while has not failed to start: the waits begin anew.
            deaths = 1 if time.monotonic() - started > self.HEALTHY_SECONDS else deaths + 1
            if self._leaving.wait(self._rest(deaths)):
                return
            self._restart()

    def _stay_with(self, child: EmbeddedChild) -> None:
        """Until it has ended, or hangs and was ended, or is to leave."""
        health = child.health()
        while not child.wait(LOOK_SECONDS) and not self._leaving.is_set():
            if health is not None and health.hangs():
                log.warning("the embedded server of %s does not answer: it is started again", child.config.alias)
                child.kill()

    def _rest(self, deaths: int) -> float:
        """Seconds until the next try."""
        if deaths > self.MAX_RESTARTS:
            self.failure = _say("embedded.dies", times=deaths, reason=self._child.reason())
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
