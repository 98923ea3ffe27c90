"""A brain that can stand in for Aeon's own, with hook calls where a plugin can help.

Same constructor, attributes and methods as Aeon's `core/brain.py`. What differs is inside: models are
configuration, replies can be streamed, each call goes by one route from start to end, and each one
becomes a `hooks.Turn`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.config import read_config
from core.prompt import system_prompt
from core.providers import CannedProvider, Provider
from hooks.breaker import Breaker
from hooks.call import CLOUD_SECONDS, Call, Line, ReplyTo, find_caller
from hooks.contract import Message, Route, Turn
from hooks.ids import new_id
from hooks.manager import HookCaller, build_manager
from hooks.providers import OnToken, ProviderError, ProviderPool
from hooks.stop import Stopped

_GROQ_SECONDS, _OLLAMA_SECONDS = 60.0, 300.0
_INTENTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("alarme", "timer", "temporizador", "lembre", "lembra"), "Lembretes.criar_lembrete"),
    (("limpar contexto", "limpar histórico", "limpar historico", "limpar memória"), "Aeon.limpar_contexto"),
    (("listar módulos", "listar modulos", "quais módulos", "quais modulos"), "Sistema.listar_modulos_disponiveis"),
    (("expandir", "modo terminal", "abrir terminal"), "Sistema.modo_terminal"),
    (("modo esfera", "minimizar", "fechar terminal"), "Sistema.modo_esfera"),
)


class AeonBrain:
    """Thinks about what the owner says: plugins' route first, then Groq, Ollama and canned sentences.

    `config` is Aeon's ConfigManager, a dict or None; `installer` is accepted because Aeon passes one.
    `host_routes` replaces the brain's own chain. `last_turn` is the newest finished call. `private` is
    the console's private mode.
    """

    def __init__(self, config: Any = None, installer: Any = None, hooks: HookCaller | None = None) -> None:
        self.config = config
        self.installer = installer
        self.hooks = hooks or HookCaller(build_manager(entry_points=False))
        self._settings = read_config(config)
        self.client: Provider | None = None
        self.online = False
        self.local_ready = True
        self.ollama_model = self._settings.ollama_model
        self.groq_api_key = self._settings.groq_key
        self.host_routes: tuple[Route, ...] | None = None
        self.private = False
        self.last_turn: Turn | None = None
        self._canned = CannedProvider()
        self._pool = ProviderPool(lambda: self.groq_api_key, self._settings.groq_url)
        self._line = Line(self.hooks, self._pool, Breaker(), new_id(), lambda: self.private)

    def pensar(
        self,
        prompt: str,
        historico_txt: str = "",
        modo: str = "auto",
        *,
        on_token: OnToken | None = None,
        on_restart: Callable[[], None] | None = None,
        caller: str | None = None,
        on_turn: Callable[[Turn], None] | None = None,
        **kwargs: Any,
    ) -> str | None:
        """The reply to `prompt`, or None when nobody answered (in modo "conversa": a canned sentence).

        `historico_txt` is earlier talk for the system prompt. With `on_token` the reply is streamed as
        well; `on_restart` is called when a route broke off and the next one begins. `caller` is found
        on the stack when it is not given; `on_turn` gets this call's turn. Other keyword arguments of
        Aeon's callers are accepted and have no effect, as in Aeon. Called from many threads at once;
        never raises because of a plugin or a model server.
        """
        self._conectar()
        call = Call(self._line, prompt, modo, caller or find_caller())
        # The clock is read once: what was sent and what is logged must be the same text.
        messages = (Message("system", system_prompt(datetime.now(), historico_txt)), Message("user", prompt))
        reply_to = ReplyTo(on_token, on_restart) if on_token else None
        try:
            reply = self._answer(call, messages, reply_to)
            if reply is None and modo == "conversa":
                reply = self._conversar_local(call, reply_to)
        except Stopped:
            reply = None
        turn = call.finish(reply)
        self.last_turn = turn
        if on_turn is not None:
            on_turn(turn)
        return reply

    def parse_intent(self, prompt: str) -> dict[str, Any] | None:
        """A tool call found in `prompt`: its JSON when it holds one, else by keyword, else None."""
        if (tool := find_tool(prompt)) is not None:
            return tool
        words = prompt.lower()
        for keys, name in _INTENTS:
            if any(key in words for key in keys):
                return {"tool": name, "param": {"texto": prompt} if name.startswith("Lembretes") else {}}
        return None

    def ver(self, img_bytes: bytes) -> str:
        """Sight needs Aeon's own vision module."""
        return "Para eu enxergar, ative o módulo de visão."

    def has_model(self) -> bool:
        """Whether this brain can answer by itself: a route was given, there is a Groq key, or an Ollama answers.

        Asks Ollama once, for a second at the most.
        """
        self._conectar()
        if self.host_routes is not None or self.client is not None:
            return bool(self.host_routes) or self.client is not None
        try:
            served = self._pool.for_route(Route("ollama", self.ollama_model, self._settings.ollama_url)).models(
                timeout_s=1
            )
        except ProviderError:
            return False
        return bool(served)

    @property
    def session(self) -> str:
        """The name of this conversation in the log."""
        return self._line.session

    @property
    def own_model(self) -> str:
        """The model that is asked first where no plugin chooses; "" for none. Whether it answers is not asked."""
        self._conectar()
        chain = self._chain()
        return chain[0].model if chain else ""

    def close(self) -> None:
        """Give back every connection."""
        self._pool.close()

    def _conectar(self) -> None:
        """Make the Groq client when there is a key; nothing is sent before the first call."""
        # At each call, as in Aeon: a key may be set while it runs.
        if self.client is None and self.groq_api_key:
            self.client = self._pool.for_route(Route("groq", self._settings.groq_model))
            self.online = True

    def _chain(self) -> tuple[Route, ...]:
        """What this brain uses by itself, in order."""
        if self.host_routes is not None:
            return self.host_routes
        groq = Route("groq", self._settings.groq_model, timeout_s=_GROQ_SECONDS)
        ollama = Route("ollama", self.ollama_model, self._settings.ollama_url, timeout_s=_OLLAMA_SECONDS)
        asked = ((groq, self.online and self.client is not None), (ollama, self.local_ready))
        return tuple(route for route, ready in asked if ready)

    def _answer(self, call: Call, messages: tuple[Message, ...], reply_to: ReplyTo | None) -> str | None:
        """One snapshot of the routes, walked to the first reply."""
        chain = self._chain()
        chosen = call.choose(messages, chain[0] if chain else Route("none", ""))
        if chosen is not None and not chosen.last_resort:
            reply = call.walk((chosen, *chosen.fallback), reply_to)
            if reply is not None:
                return reply
        if call.has_last_resort:
            return self._answer_or_resort(call, chain, reply_to)
        # Unguarded: the owner may have started Ollama a second ago, and there is nobody else to ask.
        return call.walk(map(call.remember, chain), reply_to, guarded=False)

    @staticmethod
    def _answer_or_resort(call: Call, chain: tuple[Route, ...], reply_to: ReplyTo | None) -> str | None:
        """The brain's own chain, which may not take long about failing, for somebody else waits to answer."""
        hurried = (
            replace(route, timeout_s=min(route.timeout_s, CLOUD_SECONDS)) if route.provider == "groq" else route
            for route in chain
        )
        reply = call.walk(map(call.remember, hurried), reply_to)
        return reply if reply is not None else call.last_resort(reply_to)

    def _conversar_local(self, call: Call, reply_to: ReplyTo | None) -> str:
        began = call.now()
        reply = self._canned.reply(call.prompt)
        call.record("canned", "canned", began)
        if reply_to:
            reply_to.end(reply)
        return reply


def find_tool(text: str) -> dict[str, Any] | None:
    """The first JSON object in `text` that has a "tool"; None when there is none."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, _ = decoder.raw_decode(text, at)
        except ValueError:
            value = None
        if isinstance(value, dict) and value.get("tool"):
            return value
        # The next brace, not the end of the one that failed: a call may stand inside other braces.
        at = text.find("{", at + 1)
    return None
