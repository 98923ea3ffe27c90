"""The whole loop once, in small and for real, where many owners' folders lie: in one with a space and an accent.

The estimate, the training, the gate's measurements and the server are children of this process, each started as in a
host. Only the gate's verdict is replaced: no model of two layers could pass.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import aeon_plugin_ft.judge
from aeon_plugin_ft.evaluation import Verdict, secrets, suites
from aeon_plugin_ft.evaluation.model import HeldoutLoss
from aeon_plugin_ft.registry import BASE
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.table import get_run
from tests.flow.small_life import SYSTEM, import_turns, make_folder, start_console

pytestmark = pytest.mark.slow(seconds=30)

TURNS = 30
PATIENCE = 300.0


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> dict[str, HeldoutLoss]:
    """What the gate was given, once it was asked; it accepts, and the judge asks little of the model."""
    measured: dict[str, HeldoutLoss] = {}

    def accept(given: Mapping[str, HeldoutLoss], *_: Any, **__: Any) -> Verdict:
        measured.update(given)
        return Verdict(True, (), {"gain.base": 0.1})

    monkeypatch.setattr(aeon_plugin_ft.judge, "gate", accept)
    for place in ("core.brain", "core.prompt"):
        monkeypatch.setattr(f"{place}.system_prompt", lambda *_: SYSTEM)
    for module, name in ((suites, "TOOL_PROMPTS"), (suites, "CHAT_PROMPTS"), (secrets, "PROBES")):
        monkeypatch.setattr(module, name, getattr(module, name)[:1])
    for module in (suites, secrets):
        monkeypatch.setattr(module, "MAX_REPLY_TOKENS", 16)
    return measured


def test_a_model_is_trained_judged_and_answers_in_a_folder_with_a_space_and_an_accent(
    tmp_path: Path, losses: dict[str, HeldoutLoss]
) -> None:
    home = tmp_path / "Usuários" / "Zé Ninguém"
    home.mkdir(parents=True)
    make_folder(home / "dados")
    console, runtime = start_console(home / "dados")
    try:
        assert import_turns(runtime, 0, TURNS) == TURNS
        pipeline = runtime.pipeline
        run = pipeline.train(pipeline.freeze())
        row = get_run(runtime.store, run.id)
        assert row is not None and row.state is RunState.FINISHED, row
        assert RunConfig.read(run.folder).recipe.steps > 0
        version = pipeline.judge(run)
        assert losses[version.name].mean < losses[BASE].mean, "it learnt nothing of what was held out"
        pipeline.promote(version)
        runtime.follow_now()
        deadline = time.monotonic() + PATIENCE
        while runtime.answering != version.name:
            assert time.monotonic() < deadline, f"{runtime.answering} still answers"
            time.sleep(0.05)
        answer = console.ask("e aí?")
        assert answer.turn is not None and answer.turn.served_by is not None and answer.text
        assert (answer.turn.served_by.provider, answer.turn.served_by.version) == ("embedded", version.name)
    finally:
        console.stop()
