"""Marks that other assistants leave in their texts for their own screens: citations, artifacts, places of pictures."""

from __future__ import annotations

import json
import re
from typing import Any

# Blanks and attributes are bounded: a long text of nothing else would take the square of its length.
# ChatGPT sets marks between characters of the private use area: start, kind, separator, content, end.
_MARK = re.compile("([ \\t]{0,8})\ue200([^\ue200-\ue206]*)\ue202?([^\ue200\ue201]*)\ue201")
_STRAY = re.compile("[\ue200-\ue206]")
_SOURCE = re.compile(r"[ \t]{0,8}(?:【[^【】\n]{0,200}】|(?::contentReference)?\[oaicite:\d+\](?:\{index=\d+\})?)")
# What Claude's app shows in the place of an artifact, in "text" but not in "content".
_UNSUPPORTED = re.compile(
    r"(?:^|\n)```\n(?:This block is not supported on your current device yet\.|Viewing artifacts created via the "
    r"Analysis Tool web feature preview isn[’']t yet supported on mobile\.)\n```(?=\n|$)"
)
_ARTIFACT = re.compile(r"<ant(Artifact|Thinking)\b[^>]{0,500}>.*?(?:</ant\1>|\Z)", re.DOTALL)
_SAYS = {"entity": 1, "url": 0, "link_title": 0}
"""Kinds of marks that stand for words: which part of their content these are."""


def without_citations(text: str) -> str:
    """A text of ChatGPT without its citation marks; what a mark shows as words stays as words."""
    if _STRAY.search(text):
        text = _STRAY.sub("", _MARK.sub(_shown, text))
    if "【" in text or "oaicite" in text:
        text = _SOURCE.sub("", text)
    return text.strip()


def _shown(mark: re.Match[str]) -> str:
    place = _SAYS.get(mark.group(2).strip())
    if place is None:
        return ""
    parts = _parts(mark.group(3))
    shown = parts[place] if place < len(parts) else ""
    return mark.group(1) + shown if isinstance(shown, str) and shown else ""


def _parts(content: str) -> list[Any]:
    """A JSON list, or texts between separators."""
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        return content.split("\ue202")
    return read if isinstance(read, list) else [read]


def without_artifacts(text: str) -> str:
    """A text of Claude without artifacts, and without what stands in their place."""
    if "```" in text:
        text = _UNSUPPORTED.sub("", text)
    if "<ant" in text:
        text = _ARTIFACT.sub("", text)
    return text.strip()
