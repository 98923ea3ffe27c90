"""What this owner's assistant is held to: the words that are its own, and the tools that there are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from aeon_plugin_ft.dataset.frozen import read_messages
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.dataset.tool_calls import tool_call
from aeon_plugin_ft.evaluation.sense import Sense
from aeon_plugin_ft.privacy.folding import fold_accents

_WORD = re.compile(r"[^\W\d_]{3,}(?:-[^\W\d_]+)*")
_TOOL = re.compile(r"\b[A-Z]\w*\.[a-z]\w*\b")
"""How Aeon writes a tool where it lists them: "Lembretes.criar_lembrete"."""
FEWEST_MODULES = 3
"""Fewer of them are no list."""
EXAMPLE_TOOL = "Modulo.funcao"
"""What Aeon's prompt shows as the form of a call; there is no such tool."""


@dataclass(frozen=True, slots=True)
class Standard:
    """`modules` are those of the host's that have tools, as far as conversations have shown them ("Lembretes",
    "Sistema"); `tools` are its real tools, folded, where the host could be asked (`host_tools`)."""

    sense: Sense = field(default_factory=Sense)
    modules: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()

    def has_tool(self, name: str) -> bool:
        """Whether a call of this name may be one that can be carried out: by the host's own list, else by its module,
        since a conversation shows most modules of a host sooner or later, but never all of their functions. Where
        hardly any was shown, any will do."""
        if name == EXAMPLE_TOOL:
            return False
        if self.tools:
            return fold_accents(name) in self.tools
        return len(self.modules) < FEWEST_MODULES or name.partition(".")[0] in self.modules


def standard_of(dataset: Dataset, tools: frozenset[str] = frozenset()) -> Standard:
    """From the conversations that were learnt from and kept aside. Words and tools of replies that the base made up
    are in none of them: faulty turns do not train."""
    words: set[str] = set()
    shown: set[str] = set()
    for messages in (*read_messages(dataset.train_file), *read_messages(dataset.heldout_file)):
        for message in messages:
            words.update(_WORD.findall(message.content))
            shown |= _tools_in(message.role, message.content)
    modules = frozenset(tool.partition(".")[0] for tool in shown - {EXAMPLE_TOOL})
    return Standard(Sense(words), modules, tools)


def _tools_in(role: str, content: str) -> set[str]:
    if role == "system":
        return set(_TOOL.findall(content))
    call = tool_call(content) if role == "assistant" else None
    return set() if call is None else {str(json.loads(call)["tool"])}
