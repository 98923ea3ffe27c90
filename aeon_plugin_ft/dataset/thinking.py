"""Replies as they should have been written: no private reasoning, tool calls without a code fence."""

from __future__ import annotations

import json
import re
from functools import lru_cache

_BLOCK = re.compile(r"<(think|thinking|reasoning)>.*?</\1>\s*", re.DOTALL | re.IGNORECASE)
# Templates that open the block themselves leave only its end in the reply.
_HEAD = re.compile(r"\A.*?</(?:think|thinking|reasoning)>\s*", re.DOTALL | re.IGNORECASE)
# A reply that was cut inside its reasoning has no end.
_TAIL = re.compile(r"<(?:think|thinking|reasoning)>.*\Z", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"\A```(?:json)?\s*(\{.*\})\s*```\Z", re.DOTALL)


def without_thinking(reply: str) -> str:
    """The reply without `<think>` blocks, closed or not."""
    if "<" not in reply:
        return reply.strip()
    return _TAIL.sub("", _HEAD.sub("", _BLOCK.sub("", reply))).strip()


@lru_cache(64)
def tool_call(reply: str) -> str | None:
    """The bare JSON of a reply that is one tool call, fenced or not; None when it is something else.

    Aeon's prompt asks for exactly `{"tool": ..., "param": ...}`, so that is what is taught.
    """
    if '"tool"' not in reply:
        return None
    text = reply.strip()
    fenced = _FENCE.match(text)
    text = fenced.group(1) if fenced else text
    if not text.startswith("{"):
        return None
    try:
        call = json.loads(text)
    except ValueError:
        return None
    return text if isinstance(call, dict) and isinstance(call.get("tool"), str) else None
