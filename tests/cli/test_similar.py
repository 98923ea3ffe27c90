"""`aeon-ft dataset similar`: asked both ways on the held-out conversations, and the truth about whether it helps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.cli.similar import Help, advice, compare
from aeon_plugin_ft.dataset.frozen import load_dataset, read_messages
from aeon_plugin_ft.errors import EvaluationError
from aeon_plugin_ft.evaluation.model import HeldoutLoss
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.store import DataFolder, Store
from tests.cli.commands import SAMPLE, Cli, add_version, cli, one_sentence

__all__ = ["cli"]


class Measured:
    """Stands in for the child that measures: remembers what it was given, answers `losses` per conversation."""

    def __init__(self, plain: float, shown: float) -> None:
        self.losses = {"plain": plain, "shown": shown}
        self.sets: dict[str, list[list[Any]]] = {}
        self.adapters: dict[str, Path | None] = {}

    def __call__(
        self, base: BaseModel, sets: Mapping[str, Path], adapters: Mapping[str, Path | None], work: Path
    ) -> dict[str, dict[str, HeldoutLoss]]:
        self.sets = {name: read_messages(file) for name, file in sets.items()}
        self.adapters = dict(adapters)
        pairs = {name: tuple((10 * self.losses[name], 10) for _ in rows) for name, rows in self.sets.items()}
        return {name: {model: HeldoutLoss(model, found) for model in adapters} for name, found in pairs.items()}


@pytest.fixture
def talked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    base = BaseModel("smollm2-135m-instruct", "sha256:0", "llama", 1, Path(), None)
    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", lambda *_: base)
    assert cli("dataset", "import", str(SAMPLE)) == 0
    return cli


def measured(monkeypatch: pytest.MonkeyPatch, plain: float, shown: float) -> Measured:
    made = Measured(plain, shown)
    monkeypatch.setattr("aeon_plugin_ft.evaluation.heldout.measure_losses", made)
    return made


def test_held_out_conversations_are_asked_with_similar_ones_of_the_training_side_only(
    talked: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = measured(monkeypatch, 4.0, 3.0)
    assert talked("dataset", "similar", "--turns", "2") == 0, talked.err
    assert "base.similar_turns 2" in " ".join(talked.out.split()) and "-25.0%" in talked.out
    (folder,) = (talked.data / "datasets").iterdir()
    frozen = load_dataset(folder)
    learnt = {(row[-2], row[-1]) for row in read_messages(frozen.train_file)}
    assert seen.sets["plain"] == read_messages(frozen.heldout_file)
    lengths = set()
    for plain, shown in zip(seen.sets["plain"], seen.sets["shown"], strict=True):
        head = 1 if plain[0].role == "system" else 0
        extra = shown[head : len(shown) - len(plain) + head]
        assert [*shown[:head], *shown[head + len(extra) :]] == plain
        assert {(extra[at], extra[at + 1]) for at in range(0, len(extra), 2)} <= learnt
        lengths.add(len(extra))
    assert max(lengths) == 4
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []


def test_the_version_in_use_is_measured_beside_the_base(
    talked: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = add_version(talked, tmp_path, "r1")
    store = Store(DataFolder(talked.data).database)
    Registry(DataFolder(talked.data), store).promote(name, PromotionCause.BETTER)
    store.close()
    seen = measured(monkeypatch, 2.0, 2.5)
    found: Any = talked.json("dataset", "similar")
    assert [(one["model"], one["gain"]) for one in found] == [("base", -0.25), (name, -0.25)]
    assert seen.adapters["base"] is None and str(seen.adapters[name]).startswith(str(talked.data / "versions" / name))
    assert json.loads(talked.out)[0]["chance"] == 1.0


def test_nothing_is_switched_on_by_measuring(talked: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, 4.0, 3.0)
    talked("dataset", "similar")
    talked("config", "get", "base.similar_turns")
    assert talked.out.strip() == "0"


@pytest.mark.parametrize(
    ("plain", "shown", "better", "says"),
    [
        (4.0, 3.0, 20, "It helps"),
        (4.0, 3.9, 14, "can be luck"),
        (4.0, 3.9, 12, "does not help"),
        (3.0, 4.0, 20, "does not help"),
    ],
)
def test_the_advice_follows_the_figures(plain: float, shown: float, better: int, says: str) -> None:
    found = advice(Help("base", plain, shown, better, 24), 3)
    assert says in found and ("config set" in found) == (says == "It helps")


def test_conversations_that_cannot_be_scored_are_left_out() -> None:
    plain = HeldoutLoss("base", ((4.0, 2), (9.0, 3), (5.0, 0)))
    found = compare("base", plain, HeldoutLoss("base", ((2.0, 2), (0.0, 0), (5.0, 5))))
    assert (found.plain, found.shown, found.better, found.examples) == (2.0, 1.0, 1, 1)
    with pytest.raises(EvaluationError, match="could be scored both ways"):
        compare("base", HeldoutLoss("base", ((0.0, 0),)), HeldoutLoss("base", ((1.0, 1),)))


def test_without_talk_there_is_nothing_to_measure(cli: Cli) -> None:
    cli.begin()
    assert cli("dataset", "similar") == 1
    assert "nothing to learn from" in cli.err and one_sentence(cli.err)


def test_below_a_hundred_good_turns_the_advice_is_to_measure_this(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "conversation.log"
    file.write_text("VOCÊ: qual o nome da gata?\nAEON: Pixel, cara, a dona do teclado.\n", encoding="utf-8")
    cli("dataset", "import", str(file))
    assert cli("dataset", "show") == 0
    said = " ".join(cli.out.split())
    assert "Training will not help much yet: 1 good examples are too few" in said
    assert "`aeon-ft dataset similar` measures what helps meanwhile" in said
