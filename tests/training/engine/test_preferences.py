"""DPO and KTO on the engine: TRL's own losses and gradients, and the wanted replies become likelier."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PauseCause, RunPhase
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Recipe, Run, RunOutcome
from aeon_plugin_ft.training.runs import RunConfig, create_run
from aeon_plugin_ft.training.worker.stopping import StopRequested
from tests.training.tiny import SYSTEM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 and TRL 1.16 use transformers' old names
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

STOPS = int(os.environ.get("AEON_FT_STOPS", "3"))


def opinions_into(dataset: Dataset, pairs: int = 12, rated: int = 16) -> Dataset:
    """Corrections of a pet phrase, and praise and complaints about two ways to answer."""
    words = random.Random(2)

    def prompt() -> list[dict[str, str]]:
        question = " ".join(words.choices(["abre", "liga", "hora", "luz", "som"], k=3))
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]

    with (dataset.folder / "preferences.jsonl").open("w", encoding="utf-8") as file:
        for number in range(pairs):
            turn = f"p{number}"
            row = {"id": turn, "prompt": prompt(), "chosen": "feito, cara", "rejected": "Como posso ajudar?"}
            file.write(json.dumps({**row, "turns": [turn]}) + "\n")
    with (dataset.folder / "ratings.jsonl").open("w", encoding="utf-8") as file:
        for number in range(rated):
            turn, good = f"r{number}", number % 2 == 0
            row = {"id": turn, "prompt": prompt(), "reply": "massa, show" if good else "nao sei fazer isso"}
            file.write(json.dumps({**row, "good": good, "turns": [turn]}) + "\n")
        corrected = {"id": "p0", "prompt": prompt(), "reply": "Como posso ajudar?", "good": False, "turns": ["p0"]}
        file.write(json.dumps(corrected) + "\n")
    return dataset


class Watch:
    """Raises at the `at`-th look."""

    def __init__(self, at: int = -1) -> None:
        self.at, self.looks = at, 0

    def check(self) -> None:
        self.looks += 1
        if self.looks == self.at:
            raise StopRequested(PauseCause.OWNER_BACK)


@pytest.fixture
def train(data: DataFolder, store: Store, tiny_base: BaseModel, tiny_dataset: Dataset) -> Callable[..., Any]:
    """train(recipe) makes a run and trains it; train(run, watch) goes on with one."""
    opinions_into(tiny_dataset)
    phases: list[tuple[object, ...]] = []

    def made(what: Recipe | Run, watch: Watch | None = None) -> tuple[Run, RunOutcome]:
        from aeon_plugin_ft.training.worker.session import Session

        run = create_run(data, store, tiny_base, tiny_dataset, what) if isinstance(what, Recipe) else what
        config = RunConfig.read(run.folder)
        session = Session(run, config, watch or Watch(), lambda *phase: phases.append(phase), lambda _: None)  # type: ignore[arg-type]
        return run, session.train()

    made.phases = phases  # type: ignore[attr-defined]
    return made


def preferring(tiny_recipe: Callable[..., Recipe], **changes: object) -> Recipe:
    values: dict[str, object] = {"preference_min": 8, "preference_rate": 2e-2, "micro_tokens": 400, "steps": 4}
    return tiny_recipe(**{**values, **changes})


def weights(run: Run) -> bytes:
    return (run.adapter / "adapter_model.safetensors").read_bytes()


def test_wanted_replies_become_likelier_than_unwanted_ones(
    train: Callable[..., Any], tiny_recipe: Callable[..., Recipe]
) -> None:
    run, outcome = train(preferring(tiny_recipe))
    assert set(outcome.preferences) == {"dpo", "kto"}
    for found in outcome.preferences.values():
        assert found["margin_after"] > found["margin_before"] + 1.0
    assert outcome.preferences["dpo"]["examples"] == 12
    assert outcome.preferences["kto"]["examples"] == 16, "a corrected reply is a pair, and no rating as well"
    assert (RunPhase.CORRECTIONS, 3, 3) in train.phases  # type: ignore[attr-defined]
    assert (RunPhase.OPINIONS, 4, 4) in train.phases  # type: ignore[attr-defined]
    left = {path.name for path in run.folder.iterdir()}
    assert "stages" not in left and not any(name.startswith("checkpoints") for name in left)
    assert not (run.adapter / "ref").exists(), "the reference is no part of the result"


@pytest.mark.parametrize("least, expected", [(0, set()), (13, {"kto"}), (17, set())])
def test_too_few_opinions_are_left_alone(
    train: Callable[..., Any], tiny_recipe: Callable[..., Recipe], least: int, expected: set[str]
) -> None:
    _, outcome = train(preferring(tiny_recipe, preference_min=least, steps=1))
    assert set(outcome.preferences) == expected


def test_interrupted_anywhere_the_result_is_the_same_bit_for_bit(
    train: Callable[..., Any], tiny_recipe: Callable[..., Recipe]
) -> None:
    recipe = preferring(tiny_recipe, checkpoint_steps=2, micro_tokens=150)
    counting = Watch()
    whole, outcome = train(recipe, counting)
    pick = random.Random(4)
    for at in pick.sample(range(30, counting.looks), STOPS):
        with pytest.raises(StopRequested):
            train(recipe, Watch(at))
        run = _newest(whole)
        _, resumed = train(run)
        assert weights(run) == weights(whole), at
        assert resumed.preferences == outcome.preferences
        assert (resumed.first_loss, resumed.loss) == (outcome.first_loss, outcome.loss)


def _newest(whole: Run) -> Run:
    folder = max(whole.folder.parent.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return Run(folder.name, folder)


@pytest.mark.parametrize("kind", ["dpo", "kto"])
def test_loss_and_gradient_are_trls_own(
    kind: Any, tiny_base: BaseModel, tiny_dataset: Dataset, tiny_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    from contextlib import nullcontext

    import torch

    from aeon_plugin_ft.training.engine.encode import Encoder
    from aeon_plugin_ft.training.engine.loading import add_adapter, load_base
    from aeon_plugin_ft.training.engine.logprobs import through_engine
    from aeon_plugin_ft.training.engine.parity import difference
    from aeon_plugin_ft.training.engine.preferences import Stage, read_opinions
    from tests.training.architectures import gradients

    encoder = Encoder(tiny_base.training_copy)
    opinions = read_opinions(opinions_into(tiny_dataset).folder, encoder, 512)
    model = add_adapter(load_base(tiny_base.training_copy, "cpu"), preferring(tiny_recipe))
    stage = Stage(kind, opinions, preferring(tiny_recipe), model, shared=True, micro_tokens=300, folder=tmp_path)
    trainer = stage.trainer(encoder.tokenizer, "cpu")
    for name, parameter in model.named_parameters():  # away from the reference, which is a copy of the start
        if "lora_B.default" in name:
            torch.nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(len(name)))
    batch = next(iter(trainer.get_train_dataloader()))
    found = []
    for context in (nullcontext(), through_engine(stage.engine)):
        with context:
            loss = trainer.compute_loss(model, batch)
            loss.backward()
        found.append((loss.item(), gradients(model)))
    (wanted_loss, wanted), (loss_found, gradient) = found
    assert loss_found == pytest.approx(wanted_loss, abs=1e-6)
    assert difference(gradient, wanted) < 1e-4
    assert wanted and all("default" in name for name in gradient)


def test_a_bad_answer_is_never_made_likelier(
    tiny_base: BaseModel, tiny_dataset: Dataset, tiny_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    """Whatever the loss, the engine is told to make rejected replies less likely, and only them."""
    from aeon_plugin_ft.training.engine.encode import Encoder
    from aeon_plugin_ft.training.engine.loading import add_adapter, load_base
    from aeon_plugin_ft.training.engine.preferences import Stage, read_opinions

    encoder = Encoder(tiny_base.training_copy)
    opinions = read_opinions(opinions_into(tiny_dataset).folder, encoder, 512)
    bad = {row.ids for _, row in opinions.pairs} | {row.ids for row, good in opinions.rated if not good}
    for kind in ("dpo", "kto"):
        model = add_adapter(load_base(tiny_base.training_copy, "cpu"), preferring(tiny_recipe))
        stage = Stage(
            kind, opinions, preferring(tiny_recipe), model, shared=True, micro_tokens=300, folder=tmp_path / kind
        )  # type: ignore[arg-type]
        told: list[tuple[Any, float]] = []
        real = stage.engine.accumulate

        def accumulate(rows: Any, weights: Any, real: Any = real, told: Any = told) -> None:
            told += zip(rows, weights, strict=True)
            real(rows, weights)

        stage.engine.accumulate = accumulate  # type: ignore[method-assign]
        stage.run(encoder.tokenizer, "cpu")
        assert len(told) >= 24
        assert all((weight <= 0) == (row.ids in bad) for row, weight in told), "minus: away from it"


def test_stock_trl_takes_over_where_sharing_is_not_proven(
    train: Callable[..., Any], tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aeon_plugin_ft.training.engine.parity import Parity
    from aeon_plugin_ft.training.worker import session

    monkeypatch.setattr(session, "check", lambda *_: Parity(False, "for this test"))
    _, outcome = train(preferring(tiny_recipe, steps=2))
    assert outcome.engine == "stock"
    assert all(found["margin_after"] > found["margin_before"] for found in outcome.preferences.values())


def test_equal_and_empty_sides_teach_nothing(tiny_base: BaseModel, tiny_dataset: Dataset) -> None:
    from aeon_plugin_ft.training.engine.encode import Encoder
    from aeon_plugin_ft.training.engine.preferences import read_opinions

    opinions_into(tiny_dataset, pairs=1, rated=0)
    file = tiny_dataset.folder / "preferences.jsonl"
    row = json.loads(file.read_text(encoding="utf-8"))
    rows = [{**row, "rejected": " feito, cara "}, {**row, "rejected": " "}, {**row, "chosen": ""}, row]
    file.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    found = read_opinions(tiny_dataset.folder, Encoder(tiny_base.training_copy), 512)
    assert len(found.pairs) == 1
    assert not read_opinions(tiny_dataset.folder, Encoder(tiny_base.training_copy), 64).pairs, "too long"
