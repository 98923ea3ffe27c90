"""The demo from its first step to its last, in small: stopped in the middle, gone on with, to the same end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aeon_plugin_ft.judge
from aeon_plugin_ft.base import fallback
from aeon_plugin_ft.base.fallback import DemoBase
from aeon_plugin_ft.cli import demo as demo_module
from aeon_plugin_ft.cli.demo import Demo
from aeon_plugin_ft.cli.demo_state import MARKER, open_folder
from aeon_plugin_ft.cli.demo_talk import QUESTIONS, TOLD_AFTER
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.evaluation import secrets, suites
from aeon_plugin_ft.evaluation.gate import gate
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.messages import Language, entries
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.settings import SettingsFile
from aeon_plugin_ft.training.table import list_runs
from tests.base.tiny import make_tiny
from tests.flow.small_life import SAMPLE, SYSTEM

pytestmark = pytest.mark.slow(seconds=60)

SMALL = {
    "train.epochs": 0.1, "train.batch_size": 4, "train.threads": 1, "dataset.heldout_min": 6, "schedule.enabled": False,
    "serve.max_reply_tokens": 16, "serve.context_tokens": 512, "serve.threads": 1, "gate.exam_questions": 6,
    "memory.wordings": 2,
}  # fmt: skip
TURNS = 40


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A part of the sample conversation, and a base and a judge that take seconds."""
    made = make_tiny(tmp_path, "llama", max_position_embeddings=4096)
    monkeypatch.setattr(fallback, "demo_base", lambda *_: DemoBase(str(made.path)))
    monkeypatch.setattr(demo_module, "SETTINGS", SMALL)
    for place in ("core.brain", "core.prompt"):
        monkeypatch.setattr(f"{place}.system_prompt", lambda *_: SYSTEM)
    for module, name in ((suites, "TOOL_PROMPTS"), (suites, "CHAT_PROMPTS"), (secrets, "PROBES")):
        monkeypatch.setattr(module, name, getattr(module, name)[:1])
    for module in (suites, secrets):
        monkeypatch.setattr(module, "MAX_REPLY_TOKENS", 16)
    part = tmp_path / "part.log"
    part.write_text("VOCÊ:".join(SAMPLE.read_text(encoding="utf-8").split("VOCÊ:")[: TURNS + 1]), encoding="utf-8")
    yield part


def passing(*arguments: Any, **named: Any) -> Verdict:
    """The gate's own numbers; a model of two layers could never pass."""
    return Verdict(True, (), gate(*arguments, **named).numbers)


def test_a_demo_that_was_stopped_is_gone_on_with_to_its_end(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(Demo, "_judged", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Demo(folder, sample).run()
    before = capsys.readouterr().out
    assert "Training a LoRA" in before and all(question.text in before for question in QUESTIONS)
    assert "With the question the model is told: O violão do dono se chama Baião." in before

    monkeypatch.setattr(aeon_plugin_ft.judge, "gate", passing)
    again = Demo(folder, sample)
    assert set(again.state.before) == {question.text for question in QUESTIONS} and again.state.told
    again.run()
    after = capsys.readouterr().out
    assert "Going on with the demo" in after and "Training a LoRA" not in after
    assert "before it has learnt anything" not in after
    assert len(list_runs(again.shared.store)) == 1
    assert "The swap, while somebody keeps talking" in after and " 0 failed." in after
    assert "base knew" in after and "v0001 knows" in after
    assert TOLD_AFTER.question.accepted[0] in after.split("With the question the model is told")[-1]
    assert SettingsFile.open(folder / "plugin.toml").current.memory.in_prompt, "only off while the weights are asked"
    assert not open_folder(folder, sample).begun, "a finished demo starts anew"


def own_words(area: str, language: Language) -> set[str]:
    """Of each sentence of an area the longest part that no slot fills, where it is long enough to be known by."""
    texts = [form for texts in entries(area).values() for form in texts[language]]
    parts = {max(re.split(r"\{\w+\}", text), key=len).strip() for text in texts}
    return {part for part in parts if len(part) > 12}


def test_a_refused_model_is_shown_aside_and_never_answers_all_of_it_in_portuguese(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    Demo(tmp_path / "demo", sample).run()
    printed = capsys.readouterr().out
    assert "Veredito sobre v0001: recusada" in printed and "nunca responde a você" in printed
    assert f" de {len(QUESTIONS) + 1} certas." in printed
    assert "A troca" not in printed and "rollback" not in printed
    assert (tmp_path / "demo" / MARKER).exists()
    areas = ("cli/demo", "cli/learn", "causes", "evaluation")
    english = {part for area in areas for part in own_words(area, Language.EN) - own_words(area, Language.PT)}
    assert len(english) > 80 and not {part for part in english if part in printed}


def test_a_demo_that_cannot_begin_ends_in_one_error(sample: Path, tmp_path: Path) -> None:
    with pytest.raises(AeonFtError, match="There is no"):
        Demo(tmp_path / "demo", sample.with_name("nothing.log")).run()
