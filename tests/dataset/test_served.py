"""Train as you serve, also what was imported before any host had started."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.dataset.model import Draft, Example
from aeon_plugin_ft.dataset.served import (
    HostPrompt,
    keep_host_prompt,
    keep_served_prompt,
    prompt_source,
    refuse_mixed,
    served_prompt,
)
from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.settings import LogSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnLog
from aeon_plugin_ft.turns.log import Limits
from aeon_plugin_ft.turns.model import TurnKind
from hooks import Attempt, Message, Turn


def test_what_is_really_served_replaces_what_the_host_was_expected_to_serve(data: DataFolder, store: Store) -> None:
    index = TurnIndex(store, data.log)
    keep_served_prompt(store, index)
    assert (served_prompt(store), prompt_source(store)) == ("", "")
    keep_served_prompt(store, index, lambda: HostPrompt("Você é AEON. 02/03/2024", "/aeon"))
    assert (served_prompt(store), prompt_source(store)) == ("Você é AEON. 01/01/2026", "/aeon")
    served = Attempt("groq", "m", "base", True, 0.1)
    messages = (Message("system", "Você é o AEON da casa."), Message("user", "oi"))
    log = TurnLog(data.log, redact=str, limits=lambda: Limits.of(LogSection()), on_failure=pytest.fail)
    log.append(Turn("a" * 32, "s", 1.7e9, 0.1, "chat", "auto", "oi", messages, "Fala.", served), TurnKind.CHAT)
    log.close()
    index.ingest()
    keep_served_prompt(store, index)
    assert (served_prompt(store), prompt_source(store)) == ("Você é o AEON da casa.", "")
    keep_host_prompt(store, HostPrompt("outro", "/aeon"))
    assert served_prompt(store) == "Você é o AEON da casa."


def example(number: int, *system: str) -> Example:
    talk = (*(Message("system", text) for text in system), Message("user", "oi"), Message("assistant", "Fala."))
    return Example(str(number), talk, (str(number),))


def test_with_and_without_a_prompt_are_not_mixed() -> None:
    refuse_mixed(Draft((example(1, "S"), example(2, "T")), (example(3, "S"),)))
    refuse_mixed(Draft((example(1), example(2)), (example(3),)))
    with pytest.raises(DatasetError, match="1 examples have no system prompt"):
        refuse_mixed(Draft((example(1, "S"), example(2, "S")), (example(3),)))
