"""A few short questions to a model that is about to serve: does it answer, stop and keep to its format?

Not a judgement of quality (that is the gate's): it catches a lost chat template, a model that never stops,
reasoning that leaks into the reply, a reply in another language and tool calls that do not parse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aeon_plugin_ft.errors import BackendRefusedError, ServingError
from aeon_plugin_ft.evaluation.asking import Reply
from aeon_plugin_ft.evaluation.suites import BROKEN_CALL, TOOL_PROMPTS, faults
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.serving.ask import ask
from hooks import Message, Route
from hooks.text import THINK_TAG

_say = Speaker("errors/serving")

PROMPTS = (
    "Oi! Tudo bem com você?",
    "Em uma frase: o que você faz?",
    "Responda em português: qual é a capital do Brasil?",
)
TOOL_QUESTIONS = TOOL_PROMPTS[:2]
MAX_TOKENS = 192
"""Room for a short reply."""
TOOL_TOKENS = 64
"""Room for one tool call."""
THINKING_TOKENS = 1536
"""Room for the thoughts before it."""
LEAST_TOKENS = 48
"""A reply of one sentence."""
START_SECONDS = 60.0
"""For the prompt, and for whoever is served before us."""
SLOWEST = 2.0
"""Tokens a second: an 8B on an old processor. Slower ones serve nobody who waits."""
ALL_SECONDS = 240.0
"""After so long no further question is begun: one slow answer tells as much as five."""
LEAKS = re.compile(r"<\|[\w▁ ]+\|>|<｜[^｜\n]{1,40}｜>|<(?:start|end)_of_turn>|\[/?INST\]|</?s>")
"""Marks of chat templates that must never be read out, beside the tags around reasoning (hooks.text.THINK_TAG)."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PORTUGUESE = _words(
    "a o as os um uma de do da dos das em no na nos nas e é que não com para por se eu você ele ela sou está estou "
    "tudo bem como mais mas seu sua meu minha posso ajudar sim isso este esta ao à também muito"
)
_ENGLISH = _words(
    "the a an of in on and is are was be to for with you your i it this that not can how what my me we do does "
    "have has will would as at by from or if so there here am help"
)
_SHARED = _PORTUGUESE & _ENGLISH


def smoke_test(route: Route, *, thinks: bool = False, trained: bool = True, prompts: Sequence[str] = PROMPTS) -> None:
    """Raise ServingError with what was heard, unless the model behind `route` is fit to serve.

    `thinks`: it reasons before it answers and needs room for it. `trained`: it is a version of ours, so one that
    rambles, shows marks, answers every question in English, or begins tool calls and breaks every one of them, is
    refused. Of a base only a sign of life is wanted: whatever it says, it must be there to go back to.
    """
    asking = _Asking(route)
    if not trained:
        asking.reply(prompts[0], MAX_TOKENS)
        return
    limit = THINKING_TOKENS if thinks else MAX_TOKENS
    heard = [reply for prompt in prompts if (reply := asking.reply(prompt, limit)) is not None]
    texts = [reply.text.strip() for reply in heard]
    for text in texts:
        leak = THINK_TAG.search(text) or LEAKS.search(text)
        if leak:
            raise _unfit(_say("unfit.mark", model=route.model, mark=repr(leak[0]), heard=_quoted(text)))
    # One that was cut off in the middle of its thoughts has said nothing yet, and that is all right.
    if not all(text for text, reply in zip(texts, heard, strict=True) if reply.stopped or not thinks):
        raise _unfit(_say("unfit.silent", model=route.model))
    # All of them: one long answer is no fault, and even a good model may ramble once.
    first = next(filter(None, texts), "")
    if first and not any(reply.stopped for reply in heard):
        raise _unfit(_say("unfit.endless", model=route.model, tokens=asking.room(limit), heard=_quoted(first)))
    if first and all(is_english(text) for text in texts if text):
        raise _unfit(_say("unfit.english", model=route.model, heard=_quoted(first)))
    _require_tool_calls(asking, limit if thinks else TOOL_TOKENS)


@dataclass(slots=True)
class _Asking:
    """Asks within what the server has room for and what its speed allows, both learnt from its first answers."""

    route: Route
    most: int = THINKING_TOKENS
    """Tokens that its context leaves for a reply."""
    spent: float = 0.0
    """Seconds of all questions so far."""

    def reply(self, prompt: str, limit: int) -> Reply | None:
        """Its reply; None where the time for all questions is over, which the first one never is."""
        if self.spent > ALL_SECONDS:
            return None
        while True:
            tokens = self.room(limit)
            try:
                text, stopped, seconds = ask(self.route, [Message("user", prompt)], tokens, _seconds(tokens))
            except BackendRefusedError as error:
                # A server with a short context refuses a longer reply before it begins one; half of it, then. What is
                # refused for another reason is refused at any length.
                if error.status != 400 or tokens <= LEAST_TOKENS:
                    raise
                self.most = tokens // 2
                continue
            self.spent += seconds
            return Reply(text, stopped, seconds)

    def room(self, limit: int) -> int:
        """At most so many tokens of a reply."""
        return min(limit, self.most)


def _seconds(tokens: int) -> float:
    return START_SECONDS + tokens / SLOWEST


def _require_tool_calls(asking: _Asking, limit: int) -> None:
    """Whether it should have called a tool is the gate's to judge; a call that nobody can read is of no use."""
    replies = [reply for prompt in TOOL_QUESTIONS if (reply := asking.reply(prompt, limit)) is not None]
    if replies and all(reply.stopped and BROKEN_CALL in faults(reply) for reply in replies):
        raise _unfit(_say("unfit.tools", model=asking.route.model, heard=_quoted(replies[0].text)))


def is_english(text: str) -> bool:
    """Whether the small words of a text are clearly English ones."""
    words = [word for word in re.findall(r"[a-zà-ÿ]+", text.lower()) if word not in _SHARED]
    english = sum(word in _ENGLISH for word in words)
    portuguese = sum(word in _PORTUGUESE for word in words)
    return english >= 3 and english > 2 * portuguese


def _quoted(text: str) -> str:
    return repr(text[:80])


def _unfit(what: str) -> ServingError:
    return ServingError(what, _say("unfit.todo"))
