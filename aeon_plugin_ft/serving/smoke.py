"""A few short questions to a model that is about to serve: does it answer, stop and keep to its format?

Not a judgement of quality (that is the gate's): it catches a lost chat template, a model that never stops,
reasoning that leaks into the reply, a reply in another language and tool calls that do not parse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.evaluation.suites import BROKEN_CALL, TOOL_PROMPTS, Reply, faults
from aeon_plugin_ft.serving.ask import ask
from hooks import Message, Route
from hooks.text import THINK_TAG

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
    answers every question in English, or that begins tool calls and breaks every one of them, is refused.
    """
    limit = THINKING_TOKENS if thinks else MAX_TOKENS
    heard = [ask(route, [Message("user", prompt)], limit) for prompt in prompts]
    texts = [text.strip() for text, _, _ in heard]
    for text in texts:
        leak = THINK_TAG.search(text) or LEAKS.search(text)
        if leak:
            raise _unfit(route, f"it says {leak[0]!r}, a mark of its chat template", text)
    if not all(texts):
        raise _unfit(route, "it answers nothing", "")
    # All of them: one long answer is no fault, and even a good model may ramble once.
    if not any(stopped for _, stopped, _ in heard):
        raise _unfit(route, f"it does not stop within {limit} tokens", texts[0])
    if trained and all(is_english(text) for text in texts):
        raise _unfit(route, "it answers in English", texts[0])
    if trained:
        _require_tool_calls(route, limit if thinks else TOOL_TOKENS)


def _require_tool_calls(route: Route, limit: int) -> None:
    """Whether it should have called a tool is the gate's to judge; a call that nobody can read is of no use."""
    replies = [Reply(*ask(route, [Message("user", prompt)], limit)) for prompt in TOOL_QUESTIONS]
    if all(reply.stopped and BROKEN_CALL in faults(reply) for reply in replies):
        raise _unfit(route, "its tool calls are no valid JSON", replies[0].text)


def is_english(text: str) -> bool:
    """Whether the small words of a text are clearly English ones."""
    words = [word for word in re.findall(r"[a-zà-ÿ]+", text.lower()) if word not in _SHARED]
    english = sum(word in _ENGLISH for word in words)
    portuguese = sum(word in _PORTUGUESE for word in words)
    return english >= 3 and english > 2 * portuguese


def _unfit(route: Route, reason: str, text: str) -> ServingError:
    quoted = f" ({text[:80]!r})" if text else ""
    return ServingError(
        f"{route.model} is not fit to serve: {reason}{quoted}",
        "The model in use stays; train again, or see `aeon-ft models`",
    )
