"""What a server says of why it refuses, out of whichever form of error body it uses."""

from __future__ import annotations

import json
from typing import Any


def reason_of(answer: Any) -> str:
    """The sentence inside an error body, in any of the forms that these servers use; "" when there is none."""
    if isinstance(answer, list):
        # FastAPI's list of what is wrong with a request.
        return _shortened("; ".join(filter(None, map(reason_of, answer))))
    if isinstance(answer, dict):
        found = (reason_of(answer[key]) for key in _REASONS if answer.get(key))
        return next(filter(None, found), "")
    if not isinstance(answer, str):
        return ""
    # Some wrap one error body in another, as text.
    inner = json_or_text(answer) if answer.lstrip()[:1] in "{[" else answer
    return reason_of(inner) if isinstance(inner, (dict, list)) else _shortened(answer)


_REASONS = ("error", "message", "error_message", "detail", "msg")
_LONGEST = 300


def _shortened(text: str) -> str:
    """One line, cut between two words."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST].rsplit(" ", 1)[0] + " ..."


def json_or_text(text: str) -> Any:
    """vLLM answers some calls in JSON and others in a bare sentence."""
    try:
        return json.loads(text)
    except ValueError:
        return text
