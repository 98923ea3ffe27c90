"""DoRA, 4 bits, the choice of memory, several prompts: through a whole session on the tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Recipe, Run, RunOutcome
from aeon_plugin_ft.training.runs import RunConfig, create_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 and TRL 1.16 use transformers' old names
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


class NoStop:
    def check(self) -> None:
        """Nobody wants it to leave."""


@pytest.fixture
def train(
    data: DataFolder, store: Store, tiny_base: BaseModel, tiny_dataset: Dataset
) -> Callable[[Recipe], tuple[Run, RunOutcome]]:
    def made(recipe: Recipe) -> tuple[Run, RunOutcome]:
        from aeon_plugin_ft.training.worker.session import Session

        run = create_run(data, store, tiny_base, tiny_dataset, recipe)
        session = Session(run, RunConfig.read(run.folder), NoStop(), lambda _: None, lambda _: None)  # type: ignore[arg-type]
        return run, session.train()

    return made


Train = Callable[[Recipe], tuple[Run, RunOutcome]]


def test_dora_trains_on_the_engine_and_says_so_in_its_adapter(train: Train, tiny_recipe: Callable[..., Recipe]) -> None:
    from safetensors.torch import load_file

    run, outcome = train(tiny_recipe(dora=True))
    assert outcome.engine == "shared-prefix", outcome.engine_reason
    assert outcome.loss is not None and outcome.first_loss is not None and outcome.loss < outcome.first_loss
    assert json.loads((run.adapter / "adapter_config.json").read_text(encoding="utf-8"))["use_dora"] is True
    assert any("magnitude" in name for name in load_file(run.adapter / "adapter_model.safetensors"))


def test_a_dora_adapter_is_not_deployed_by_halves(train: Train, tiny_recipe: Callable[..., Recipe]) -> None:
    from aeon_plugin_ft.errors import AeonFtError
    from aeon_plugin_ft.weights.adapter import read_adapter

    run, _ = train(tiny_recipe(dora=True, steps=1))
    with pytest.raises(AeonFtError, match="DoRA"):
        read_adapter(run.adapter)


def test_four_bits_without_a_gpu_are_refused_with_the_way_out(train: Train, tiny_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(TrainingError, match=r"NVIDIA GPU.*quantize = \"none\""):
        train(tiny_recipe(quantize="4bit"))


def test_four_bits_without_bitsandbytes_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    import torch

    from aeon_plugin_ft.training.engine.loading import four_bits

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=r'pip install "bitsandbytes>='):
        four_bits("cuda", torch.bfloat16)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    config = four_bits("cuda", torch.bfloat16)["quantization_config"]
    assert (config.load_in_4bit, config.bnb_4bit_quant_type) == (True, "nf4")


def test_what_fits_the_memory_is_decided_once_a_run(
    train: Train, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aeon_plugin_ft.training.worker import session

    monkeypatch.setattr(session, "free_bytes", lambda device: 64 << 30)
    run, _ = train(tiny_recipe(micro_tokens=0, steps=1))
    assert json.loads((run.folder / "memory.json").read_text(encoding="utf-8")) == {"micro_tokens": 2048}
    again = session.Session(run, RunConfig.read(run.folder), NoStop(), lambda _: None, lambda _: None)  # type: ignore[arg-type]
    monkeypatch.setattr(session, "free_bytes", lambda device: 1 << 20)
    trainer, _, _ = again.prepare()
    assert trainer.engine is not None and trainer.engine.micro_tokens == 2048, (
        "a later attempt adds up in the same order"
    )


def test_batches_are_filled_from_one_prompt_where_the_data_has_two(
    train: Train, tiny_recipe: Callable[..., Recipe], tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same examples under two system prompts: grouping saves more than chance does."""
    from aeon_plugin_ft.training.worker import session

    lines = [json.loads(line) for line in tiny_dataset.train_file.read_text(encoding="utf-8").splitlines()]
    for number, line in enumerate(lines):
        if number % 2:
            line["messages"][0]["content"] = "Responda sempre em verso, sem explicar nada a ninguem, como o dono pede."
    tiny_dataset.train_file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    _, grouped = train(tiny_recipe())
    monkeypatch.setattr(session, "number_prompts", lambda prompts: ())
    _, mixed = train(tiny_recipe())
    assert grouped.saving > 1.15 * mixed.saving


def test_tool_calls_get_their_share_of_a_run(
    train: Train, tiny_recipe: Callable[..., Recipe], tiny_dataset: Dataset, tiny_base: BaseModel, tmp_path: Path
) -> None:
    from aeon_plugin_ft.training.worker.session import Session

    lines = tiny_dataset.train_file.read_text(encoding="utf-8").splitlines()
    for number in (3, 9):
        chat = json.loads(lines[number])
        chat["messages"][-1]["content"] = json.dumps({"tool": "Lembretes.criar_lembrete", "param": "agua"})
        lines[number] = json.dumps(chat)
    tiny_dataset.train_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = RunConfig("r", tiny_base, "d", tiny_dataset.folder, tiny_recipe(steps=7, tool_share=0.2), tmp_path)
    session = Session(Run("r", tmp_path), config, NoStop(), lambda _: None, lambda _: None)  # type: ignore[arg-type]
    session.encode()
    shown = [row for step in session.order for row in step]
    assert len(shown) == 28, "one pass: 22 others, and two tool calls three times each"
    assert sum(row in (3, 9) for row in shown) == 6


def test_what_was_really_said_is_shown_again_beside_lessons(
    tiny_recipe: Callable[..., Recipe], tiny_dataset: Dataset, tiny_base: BaseModel, tmp_path: Path
) -> None:
    from aeon_plugin_ft.training.worker.session import Session

    lines = len(tiny_dataset.train_file.read_text(encoding="utf-8").splitlines())
    recipe = tiny_recipe(steps=lines, talk_share=0.5)
    config = RunConfig("r", tiny_base, "d", tiny_dataset.folder, recipe, tmp_path, lessons=lines - 3)
    session = Session(Run("r", tmp_path), config, NoStop(), lambda _: None, lambda _: None)  # type: ignore[arg-type]
    session.encode()
    epoch = [row for step in session.order for row in step][: lines + 3]
    again = {row for row in epoch if epoch.count(row) == 2}
    assert again == {0, 1, 2}, "the lines before the lessons"
    assert set(epoch) == set(range(lines))
