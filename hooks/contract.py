"""What an Aeon and its plugins say to each other: frozen values, no behaviour.

Both sides (`core/`, or the attachment to an unmodified Aeon, and every plugin) import these and
nothing of one another. Fields may be added with a default; none is renamed or removed. (`Host`
is made by hosts only; what a host must not forget has no default there.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path  # 20 ms, and this module is on the host's start-up path

    from hooks.manager import HookCaller

Provider = Literal["groq", "ollama", "embedded", "openai", "canned", "none"]
"""Who can answer: Groq's cloud, a local Ollama, our embedded server, any other OpenAI-compatible
server, Aeon's canned sentences, or nobody."""


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message exactly as it was sent to a model."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


def as_dicts(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as every chat API and every training file takes them: [{"role": ..., "content": ...}, ...]."""
    return [{"role": message.role, "content": message.content} for message in messages]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers one call: a provider, a model and what to try if it fails.

    A route is never changed: swapping models means replacing the whole object, so a request that
    took its snapshot keeps it to the end.

    `model` is the name that the provider knows. `base_url` is needed by "embedded" and "openai"
    ("http://127.0.0.1:51234"); `token` is its bearer token; neither shows in a repr, for
    an address may have a password in it. `version` is
    the plugin's own name of what is served ("v0007", or "base"), for the log. `timeout_s` bounds
    the whole call, in seconds. `fallback` is tried in order, each once, before the host's own chain.
    `examples` are shown to the model as earlier conversation, between the system prompt and the talk (see
    `put_in`); `memories` are told to it in the place that the system prompt keeps for them, a sentence each (see
    `hooks.memories`). Neither is part of what the turn is logged with. `last_resort`: asked when the host's own choice
    has given no reply, in place of before it. `adapters` are those of a llama-server, (id, scale) each, that this call
    is answered with: it applies what it was started with to every call that does not say otherwise.
    """

    provider: Provider
    model: str
    base_url: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    version: str = "base"
    timeout_s: float = 60.0
    fallback: tuple[Route, ...] = ()
    examples: tuple[Message, ...] = ()
    memories: tuple[str, ...] = ()
    last_resort: bool = False
    adapters: tuple[tuple[int, float], ...] = ()

    @property
    def at_once(self) -> bool:
        """Whether it is a trained version: it has learnt to reply at once, without thoughts before the reply."""
        return self.version != "base"


def adapter_fields(route_adapters: Sequence[tuple[int, float]]) -> dict[str, object]:
    """What a request to a llama-server says of its adapters; {} for a server without.

    Nothing of an earlier prompt is used again where none is to have an effect: its cache in memory does not know with
    which adapter it was computed (https://github.com/ggml-org/llama.cpp/issues/26207).
    """
    if not route_adapters:
        return {}
    without = not any(scale for _, scale in route_adapters)
    fields: dict[str, object] = {"lora": [{"id": id, "scale": scale} for id, scale in route_adapters]}
    return {**fields, "cache_prompt": False} if without else fields


def put_in(messages: Sequence[Message], examples: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with examples as earlier conversation: after the system prompt, before the talk."""
    head = 1 if messages and messages[0].role == "system" else 0
    return (*messages[:head], *examples, *messages[head:])


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A call that is about to be made; the answer to `aeon_choose_model` routes it."""

    call_id: str
    prompt: str
    messages: tuple[Message, ...]
    caller: str
    session: str
    host_route: Route
    """What the host would use by itself."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one provider. `seconds` is wall time; `error` is one line, None when it worked."""

    provider: Provider
    model: str
    version: str
    ok: bool
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One request to the brain and its reply: the unit that is logged.

    `id` is unique for ever (a UUID4 hex). `started_at` is seconds since the epoch (UTC), `seconds`
    the wall time to the reply. `caller` names who asked: "chat" for the owner's own words, otherwise
    the module that wrote the prompt ("modules.mistica.tarologo_mod"). `mode` is the host's `modo`
    argument. `reply` is exactly what the owner was shown, None when nothing was. `served_by` is the
    attempt that produced the reply; None means that nobody did. `private` is read at the END of the
    call: a private turn must leave no trace. `stopped`: the owner ended the reply before its end; `reply` is None
    then, whatever of it was shown, and nobody has failed.
    """

    id: str
    session: str
    started_at: float
    seconds: float
    caller: str
    mode: str
    prompt: str
    messages: tuple[Message, ...]
    reply: str | None
    served_by: Attempt | None
    attempts: tuple[Attempt, ...] = ()
    private: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Serving:
    """The model of a plugin's that answers the owner's next sentence before the host's own choice. `version` is the
    plugin's own name of it ("v0007", or "base"). `ready`: False while it is still being loaded, and the host's own
    choice answers whoever does not wait for it."""

    version: str
    ready: bool = True


@dataclass(frozen=True, slots=True)
class Host:
    """The Aeon that a plugin lives in, as much of it as a plugin may use.

    `root` is Aeon's folder (None when the host has none). `data_folder` is where plugins keep their
    data. `brain` is the live brain object. `say` speaks or prints one sentence to the owner and must
    be called from any thread; `is_private` reads the private mode now; `is_busy` says whether the
    host is in the middle of a turn or speaking.
    """

    name: str
    data_folder: Path
    brain: Any
    say: Callable[[str], None]
    is_private: Callable[[], bool]
    is_busy: Callable[[], bool]
    hooks: HookCaller
    """How a plugin calls the `ft_*` hooks of the others. Required: a host that forgot it would have no vetoes."""
    root: Path | None = None
    needs_model: bool = False
    """True when the host has no model of its own, so that a plugin should serve the base."""
    set_private: Callable[[bool], bool] | None = None
    """Switches the host's own private mode; whether it is so then. None where it has none that can be switched."""
