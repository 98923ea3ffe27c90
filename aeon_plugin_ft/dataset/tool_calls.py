"""Replies that are one tool call, as they should have been written: without a code fence."""

from __future__ import annotations

import json
import re
from functools import lru_cache

_FENCE = re.compile(r"\A```(?:json)?\s*(\{.*\})\s*```\Z", re.DOTALL)


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
