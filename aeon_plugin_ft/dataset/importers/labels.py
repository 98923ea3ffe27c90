"""Labels of other assistants in a log like Aeon's ("COPILOT: ..."): somebody else's words, learnt only on request."""

from __future__ import annotations

import re
from pathlib import Path

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.errors import InputFileError, WhoIsWhoError
from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/dataset")

AEON = "AEON"
_OTHERS = (
    "ai", "alexa", "assistant", "assistente", "bard", "bing", "bot", "chatgpt", "claude", "codex", "copilot", "cortana",
    "deepseek", "gemini", "google", "gpt", "gpt-3", "gpt-4", "gpt-4o", "gpt-5", "grok", "ia", "jarvis", "llama",
    "meta ai", "mistral", "ollama", "perplexity", "qwen", "siri",
)  # fmt: skip
_LABEL = re.compile(rf"({'|'.join(map(re.escape, sorted(_OTHERS, key=len, reverse=True)))}): ?", re.IGNORECASE)
_LONGEST = 12
"""Characters of the longest label with its colon."""


def label_of(line: str) -> tuple[str, str] | None:
    """(label in capitals, text behind it) of a line that another assistant said; None of any other."""
    if ":" not in line[:_LONGEST]:
        return None
    match = _LABEL.match(line)
    return (match[1].upper(), line[match.end() :]) if match else None


def whose(sample: str, reading: Reading, path: Path) -> str:
    """The label whose sentences are the replies, Aeon's own by default. Raises WhoIsWhoError where the log has others
    behind the owner's lines and nobody has said which to learn, InputFileError for one that it does not have."""
    labels = _answering(sample)
    given = reading.assistant
    if given is None:
        if labels:
            own = [AEON] if re.search(r"^AEON: ?", sample, re.MULTILINE) else []
            raise WhoIsWhoError(path, [*own, *labels])
        return AEON
    name = given.strip().rstrip(":").upper()
    # The sample may end before the first line of one that is known by its name.
    if name != AEON and label_of(f"{name}: ") is None:
        raise InputFileError(path, *_say.error("people.nobody", name=repr(given), names=", ".join([AEON, *labels])))
    return name


def _answering(sample: str) -> list[str]:
    """The labels of lines directly behind one of the owner's, in their order."""
    found: dict[str, None] = {}
    asked = False
    for line in sample.split("\n"):
        if asked and (label := label_of(line)) is not None:
            found[label[0]] = None
        if line.strip():
            asked = line.startswith("VOC")
    return list(found)
