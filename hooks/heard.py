"""Aeon's router, listened to: a plugin's spoken command is recognised before any foreign trigger.

Aeon matches triggers as substrings, so "parar o treino" would open its exit question and "qual modelo"
an empty reply. One name is replaced on the live ModuleManager: `route_command`. A module that holds
the focus (a question of its own is open) and a trigger of Aeon's said word for word go first, and what
no plugin knows is routed as ever.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from typing import Any

from hooks.manager import HookCaller

log = logging.getLogger("aeon.attach")
_asked = threading.local()
_FAILED = object()
"""In place of the reply of a module that raised."""


def already_asked(text: str, *, last: bool = False) -> bool:
    """Whether the router has offered this sentence to the plugins in this thread.

    `last`: nobody asks again for this sentence; the same words said anew are offered anew.
    """
    asked = getattr(_asked, "text", None)
    if last:
        _asked.text = None
    return asked is not None and asked == text


def note_asked(text: str) -> None:
    """This thread has offered the sentence to the plugins: the brain need not."""
    _asked.text = text


class RouterEar:
    """Listens to one ModuleManager."""

    def __init__(self, manager: Any, hooks: HookCaller) -> None:
        self.manager = manager
        self.active = True
        self._hooks = hooks
        self._before = manager.__dict__.get("route_command")
        self._original: Callable[..., Any] = manager.route_command
        self.wrapper = self._wrap()
        manager.route_command = self.wrapper

    def detach(self) -> None:
        """Leave the manager as it was found; under a later wrapper, only stop listening."""
        self.active = False
        if self.manager.__dict__.get("route_command") is not self.wrapper:
            return
        if self._before is None:
            del self.manager.route_command
        else:
            self.manager.route_command = self._before

    def _wrap(self) -> Callable[..., Any]:
        @functools.wraps(self._original)
        def route_command(command: str, *args: Any, **kwargs: Any) -> Any:
            if not self.active:
                return self._original(command, *args, **kwargs)
            answer = self._answer(command)
            if answer is not None:
                return answer
            # A module that fails has answered too: the owner is shown its error.
            reply: Any = _FAILED
            try:
                reply = self._original(command, *args, **kwargs)
            finally:
                if reply is not None:
                    self._hooks.all("aeon_answered_elsewhere", text=command)
            return reply

        return route_command

    def _answer(self, command: str) -> str | None:
        try:
            if self.manager.focused_module is not None or self._is_hosts(command):
                return None
            answer = self._hooks.first("aeon_heard", text=command)
            # Noted also when nobody knew it: the brain would ask the plugins a second time.
            note_asked(command)
            return None if answer is None else str(answer)
        except Exception:  # the owner's sentence is routed as ever
            log.exception("a sentence could not be offered to the plugins")
            return None

    def _is_hosts(self, command: str) -> bool:
        """Whether the sentence is, word for word, a trigger of one of Aeon's own modules."""
        owner = self.manager.trigger_map.get(self.manager._normalize(command))
        return owner is not None and not getattr(owner, "opens_plugin_door", False)
