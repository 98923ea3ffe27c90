"""The prompt that is trained under is the one that is served, whoever reads the log first."""

from __future__ import annotations

from dataclasses import replace

from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnKind, TurnLog
from aeon_plugin_ft.turns.log import Limits
from hooks import Message, Turn
from tests.flow.life import turn

PROMPT = "Você é o Aeon. Responda em português."
TURNS = 60


def asked_under(prompt: str, number: int) -> Turn:
    question = f"quem mora na casa {number}?"
    asked = turn(number, question, f"Cara, na casa {number} mora o vizinho número {number}.")
    return replace(asked, messages=(Message("system", prompt), Message("user", question)))


def test_a_dataset_that_is_built_before_the_watcher_came_knows_the_served_prompt(
    data: DataFolder, store: Store
) -> None:
    """What `draft` reads into the index the watcher does not see again: nobody else would keep the prompt of it."""
    log = TurnLog(data.log, redact=str, limits=lambda: Limits(10**8, 0.05), on_failure=lambda _: None)
    for number in range(TURNS):
        log.append(asked_under(PROMPT, number), TurnKind.CHAT)
    log.close()
    pipeline = Pipeline(data, Settings, store, EventBus(), dict)
    draft = pipeline.draft()
    assert pipeline.system_prompt() == PROMPT
    assert draft.train and all(example.messages[0] == Message("system", PROMPT) for example in draft.train)
