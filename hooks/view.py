"""A brain seen by one call: Aeon's own code runs on it, and its model clients report to the call.

The view is an instance of a subclass of the brain's class that shares the brain's attribute
dictionary, so Aeon's code reads and writes the real attributes. Only `client` is intercepted on the
way (a descriptor wins over the dictionary), and the module-level name `ollama`, by giving `pensar` a
copy of its globals for this one call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FunctionType, SimpleNamespace
from typing import Any, cast

from hooks.call import CLOUD_SECONDS, RESTING, Call
from hooks.contract import Message, Provider, Route, as_dicts
from hooks.memories import put_memories
from hooks.providers import ProviderError
from hooks.stop import Stopped

log = logging.getLogger("aeon.attach")

Think = Callable[..., Any]


def make_view(kind: type, function: FunctionType) -> Callable[[Any, Call], Think]:
    """A maker of one-call views for brains of class `kind` whose `pensar` is `function`."""
    seen = _view_class(kind)

    def view(brain: Any, call: Call) -> Think:
        # Without __init__, which would load a second brain.
        one = seen.__new__(seen)
        one.__dict__ = brain.__dict__
        one._aeon_call = call
        names = function.__globals__
        if "ollama" in names:
            names = {**names, "ollama": _OllamaModule(names["ollama"], call)}
        # The same code over other globals, where they are copied: the module's own `ollama` is not touched, nor seen
        # replaced by another thread.
        code = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
        code.__kwdefaults__ = function.__kwdefaults__
        return cast(Think, code.__get__(one, seen))

    return view


def _view_class(kind: type) -> Any:
    def client(view: Any) -> Any:
        real = view.__dict__.get("client")
        return None if real is None else _GroqClient(real, view._aeon_call)

    def set_client(view: Any, real: Any) -> None:
        view.__dict__["client"] = real

    # A slot, since everything in the dictionary belongs to the real brain.
    members: dict[str, Any] = {"__slots__": ("_aeon_call",), "client": property(client, set_client)}
    if hasattr(kind, "_conversar_local"):
        members["_conversar_local"] = _canned(kind)
    return type(kind.__name__, (kind,), members)


def _canned(kind: Any) -> Callable[..., Any]:
    def _conversar_local(view: Any, *args: Any, **kwargs: Any) -> Any:
        call: Call = view._aeon_call
        # The last moment at which a model can still answer in place of a canned sentence.
        resort = call.last_resort()
        if resort is not None:
            return resort
        began = Call.now()
        reply = kind._conversar_local(view, *args, **kwargs)
        call.record("canned", "canned", began)
        return reply

    return _conversar_local


class _Delegate:
    """Everything that is not intercepted goes to the real object."""

    def __init__(self, real: Any, call: Call) -> None:
        self._real = real
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _GroqClient(_Delegate):
    """Groq's SDK client, of which `chat.completions.create` is seen."""

    @property
    def chat(self) -> Any:
        return _GroqChat(self._real.chat, self._call)


class _GroqChat(_Delegate):
    @property
    def completions(self) -> Any:
        return _GroqCompletions(self._real.completions, self._call)


class _GroqCompletions(_Delegate):
    def create(self, *args: Any, **kwargs: Any) -> Any:
        return _ask(
            self._call,
            "groq",
            Request(args, kwargs),
            self._real.create,
            read=lambda answer: answer.choices[0].message.content,
            shape=lambda text, model: _Answer(
                id="aeon",
                object="chat.completion",
                model=model,
                usage=None,
                choices=[
                    SimpleNamespace(
                        index=0,
                        finish_reason="stop",
                        message=SimpleNamespace(role="assistant", content=text, tool_calls=None),
                    )
                ],
            ),
        )


class _OllamaModule(_Delegate):
    """The `ollama` package, of which `chat` is seen."""

    def chat(self, *args: Any, **kwargs: Any) -> Any:
        return _ask(
            self._call,
            "ollama",
            Request(args, kwargs),
            self._real.chat,
            read=lambda answer: answer["message"]["content"],
            shape=lambda text, model: _Answer(
                model=model, done=True, message=_Answer(role="assistant", content=text, tool_calls=None)
            ),
        )


class _Answer(dict[str, Any]):
    """Answers like the SDKs' objects do: by key and by attribute."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of one of Aeon's requests, given by position or by name."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def named(self) -> dict[str, Any]:
        """By name; of those by position, the two that both clients begin with."""
        return {**dict(zip(("model", "messages"), self.args, strict=False)), **self.kwargs}

    def saying(self, messages: list[dict[str, Any]]) -> Request:
        """The same with other messages."""
        if len(self.args) > 1:
            return replace(self, args=(self.args[0], messages, *self.args[2:]))
        return replace(self, kwargs={**self.kwargs, "messages": messages})

    def within(self, seconds: float) -> Request:
        """The same with a time limit, where Aeon gave none."""
        return replace(self, kwargs={"timeout": seconds, **self.kwargs})


def _ask(
    call: Call,
    provider: Provider,
    request: Request,
    real: Callable[..., Any],
    *,
    read: Callable[[Any], Any],
    shape: Callable[[str, str], Any],
) -> Any:
    """The answer to one of Aeon's requests: of the chosen route, else the real one, noted either way."""
    call.leave_if_stopped()  # Aeon takes it for an error, and comes back with its next model
    asked = request.named
    model = str(asked.get("model", ""))
    host = Route(provider, model)
    if not asked.get("stream"):
        reply = _routed(call, host, asked.get("messages"))
        if reply is not None:
            return shape(reply, model)
    _let_rest(call, host)
    request = _prepared(call, host, request)
    began = Call.now()
    try:
        answer = real(*request.args, **request.kwargs)
    except Exception as error:
        if call.has_last_resort:
            call.line.breaker.failed(host)
        call.record(provider, model, began, error=error)
        raise
    if call.has_last_resort:
        call.line.breaker.worked(host)
    call.record(provider, model, began, error=None if asked.get("stream") or _text(answer, read) else "empty reply")
    return answer


def _routed(call: Call, host: Route, messages: Any) -> str | None:
    """The reply of the plugins' route, once per call; None: Aeon's own request is to go out."""
    try:
        # Aeon's second request in a call is its fallback: the route was tried before the first.
        first = not call.messages
        chosen = call.choose(_exact(messages), host)
        if chosen is None or chosen.last_resort or not first:
            return None
        return call.walk((chosen, *chosen.fallback))
    except Stopped:
        raise
    except Exception:
        log.exception("a route could not be followed; Aeon asks its own")
        return None


def _let_rest(call: Call, host: Route) -> None:
    """Raise, so that Aeon goes on to its next model, where this one keeps failing and another waits to answer: without
    one Aeon's request goes out each time, for the owner may have come online this second."""
    if call.has_last_resort and not call.line.breaker.allows(host):
        call.record(host.provider, host.model, Call.now(), error=RESTING)
        raise ProviderError(RESTING)


def _prepared(call: Call, host: Route, request: Request) -> Request:
    """Aeon's request with what plugins want its model to be told; unchanged where that fails."""
    if call.has_last_resort and host.provider == "groq":
        request = request.within(CLOUD_SECONDS)
    try:
        sent = request.named["messages"]
        exact = _exact(sent)
        memories = call.remember(host).memories
        told = put_memories(exact, memories)
    except Exception:
        log.exception("a request could not be added to; it goes out as Aeon wrote it")
        return request
    if not memories:
        return request
    added = len(told) - len(exact)
    # Whatever else Aeon wrote into a message stays in it.
    kept = [{**old, "content": new.content} for old, new in zip(sent, told[added:], strict=True)]
    return request.saying([*as_dicts(told[:added]), *kept])


def _exact(messages: Any) -> tuple[Message, ...]:
    return tuple(Message(m["role"], m["content"]) for m in messages)


def _text(answer: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(answer)
    except Exception:  # an answer in a shape that only Aeon understands counts as an answer
        log.debug("an answer could not be read", exc_info=True)
        return True
