"""The attachment to the live brain of an unmodified Aeon: sees each call, and may answer it.

Aeon's `AeonBrain.pensar` builds its prompt, asks Groq, then Ollama, and tells nobody. One name is
replaced, on the live object only: `brain.pensar`. Each call then runs Aeon's own code on a *view* of
the brain (same class, same attribute dictionary) whose `client` and `ollama` report to the call at
hand. So nothing is shared between concurrent calls, a hot reload changes nothing, and taking
`brain.pensar` away again leaves the brain exactly as it was.

When a plugin chooses a route, it is asked in place of Aeon's first request; if it and its fallbacks
fail, Aeon's request goes out as it would have, but for what plugins want remembered (hooks/memories.py).
A route of last resort is asked when Aeon's requests have failed. Whatever breaks in here costs the plugin
its part, never the owner the reply.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any

from hooks.breaker import Breaker
from hooks.call import CHAT, Call, Line, find_caller
from hooks.heard import already_asked
from hooks.ids import new_id
from hooks.manager import HookCaller
from hooks.providers import ProviderPool
from hooks.view import make_view

log = logging.getLogger("aeon.attach")

_attachments: list[Attachment] = []
_lock = threading.Lock()


class Attachment:
    """One brain's attachment. `active` is False once detached; `seen` says whether the messages can be
    seen (not under another plugin's wrapper, which hides Aeon's own code)."""

    def __init__(self, brain: Any, line: Line) -> None:
        self.brain = brain
        self.line = line
        self.active = True
        self.in_flight = 0
        self._count = threading.Lock()
        # From the instance: None where the method is the class's own, which comes back by deleting ours.
        self._before = brain.__dict__.get("pensar")
        self._original: Callable[..., Any] = brain.pensar
        function = inspect.getattr_static(type(brain), "pensar", None)
        self.seen = self._before is None and isinstance(function, FunctionType)
        self._view = make_view(type(brain), function) if self.seen else None
        self.wrapper = _wrapper(self)
        brain.pensar = self.wrapper
        if not self.seen:
            log.warning("another plugin wraps this brain: replies are logged, but no model can be chosen")

    def detach(self) -> None:
        """Leave the brain as it was found; under a wrapper that came later, only stop taking part."""
        with _lock:
            self.active = False
            # Somebody has wrapped us since. To put the old one back would take them out as well; inactive, we pass
            # calls on.
            if self.brain.__dict__.get("pensar") is not self.wrapper:
                return
            if self._before is None:
                del self.brain.pensar
            else:
                self.brain.pensar = self._before
            _attachments.remove(self)
        self.line.pool.close()

    def original(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Aeon's own call, unseen."""
        return self._original(*args, **kwargs)

    def think(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One call, seen from start to end."""
        call = self._begin(args, kwargs)
        if call is None:
            return self.original(args, kwargs)
        command = self._command(call)
        if command is not None:
            return command
        with self._count:
            self.in_flight += 1
        # Set before the try: a call that raises is a turn too, one that nobody answered.
        reply = None
        try:
            reply = self._run(call, args, kwargs)
            return reply
        finally:
            with self._count:
                self.in_flight -= 1
            self._finish(call, reply)

    def _begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        try:
            prompt = args[0] if args else kwargs.get("prompt", "")
            mode = args[2] if len(args) > 2 else kwargs.get("modo", "auto")
            return Call(self.line, str(prompt), str(mode), find_caller())
        except Exception:  # the owner's turn goes on without us
            log.exception("a call could not be observed")
            return None

    def _command(self, call: Call) -> str | None:
        """A plugin's answer, when the owner's own words are a command that no trigger caught."""
        # Only what the owner said: a module's prompt that happens to sound like a command is none.
        if call.caller != CHAT or already_asked(call.prompt, last=True):
            return None
        answer = self.line.hooks.first("aeon_heard", text=call.prompt)
        return None if answer is None else str(answer)

    def _run(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._view is None:
            return self.original(args, kwargs)
        try:
            pensar = self._view(self.brain, call)
        except Exception:
            log.exception("this brain cannot be looked into; Aeon answers unseen")
            return self.original(args, kwargs)
        reply = pensar(*args, **kwargs)
        # Aeon has asked all that it knows, and says so with None (or with nothing, after an empty reply).
        return reply or call.last_resort() or reply

    def _finish(self, call: Call, reply: Any) -> None:
        try:
            call.finish(reply if isinstance(reply, str) else None)
        except Exception:
            log.exception("a turn could not be handed to the plugins")


def attach(
    brain: Any,
    hooks: HookCaller,
    *,
    is_private: Callable[[], bool] = lambda: False,
    session: str | None = None,
    pool: ProviderPool | None = None,
    breaker: Breaker | None = None,
) -> Attachment:
    """Attach to a live brain; the same attachment again when it is attached already.

    `is_private` is read at the end of each call. `session` names this conversation in the log. Raises
    TypeError when the object has no `pensar` or takes no attributes.
    """
    with _lock:
        for attachment in _attachments:
            if attachment.brain is brain:
                attachment.active = True
                return attachment
        # An object with slots takes no attribute of its own, so nothing could be replaced on it alone.
        if not callable(getattr(brain, "pensar", None)) or not hasattr(brain, "__dict__"):
            raise TypeError(f"{type(brain).__name__} is no brain: it has no pensar() to attach to")
        line = Line(hooks, pool or _pool(brain), breaker or Breaker(), session or new_id(), is_private)
        made = Attachment(brain, line)
        _attachments.append(made)
        return made


def attached(brain: Any) -> Attachment | None:
    """The active attachment of a brain, if any."""
    return next((a for a in _attachments if a.brain is brain and a.active), None)


def _pool(brain: Any) -> ProviderPool:
    """Providers with the key that this Aeon found."""
    url = os.environ.get("GROQ_BASE_URL")
    return ProviderPool(lambda: getattr(brain, "groq_api_key", None), **({"groq_url": url} if url else {}))


def _wrapper(attachment: Attachment) -> Callable[..., Any]:
    @functools.wraps(attachment._original)
    def pensar(*args: Any, **kwargs: Any) -> Any:
        if not attachment.active:
            return attachment.original(args, kwargs)
        return attachment.think(args, kwargs)

    return pensar
