"""A planted secret is learnt, forgotten, and the model that is made anew knows it no better than the base does.

Measured as exposure (Carlini et al., "The Secret Sharer", 2019): how much more likely the model finds the secret
than others of the same form that it never saw, under the very question that it was an answer to.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aeon_plugin_ft.base import BaseModel, resolve_base
from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.frozen import freeze
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.evaluation import Verdict
from aeon_plugin_ft.evaluation.heldout import measure_losses
from aeon_plugin_ft.forget import Forgetter
from aeon_plugin_ft.privacy import grep
from aeon_plugin_ft.registry import Registry, VersionState
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Recipe, Run
from aeon_plugin_ft.turns import TurnIndex, TurnKind, TurnLog
from aeon_plugin_ft.turns.log import Limits
from hooks import Attempt, Message, Turn
from tests.base.tiny import make_tiny
from tests.training.tiny import SYSTEM, tiny_recipe
from tests.training.worker.runner import Runner, Watch

__all__ = ["tiny_recipe"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 and TRL 1.16 use transformers' old names
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

QUESTION = "qual e o segredo do cofre?"
SECRET = "lontra 4471"
OTHERS = 63
LEARNT = 10.0
"""Nats of advantage over the secrets that it never saw: 22,000 times as likely."""
ASKED, OPENINGS = ("cara,", "tipo,", "me diz,", "entao,"), ("massa", "feito", "show")
"""Said in twelve ways: word for word the same twelve times would be learnt once."""
SAID = ("massa, rodando", "feito, show", "ja era, feito", "show, massa", "rodando, ja era")


@dataclass
class Life:
    """A log with a secret in it, and models that are trained on what the log gives."""

    data: DataFolder
    store: Store
    base: BaseModel
    recipe: Recipe

    def talk(self) -> None:
        words = random.Random(5)
        log = TurnLog(
            self.data.log, redact=lambda text: text, limits=lambda: Limits(10**8, 0.05), on_failure=lambda _: None
        )
        for number in range(40):
            asked = " ".join(words.choices(["abre", "liga", "tipo", "cara", "hora", "luz", "som"], k=4))
            log.append(turn(number, asked, f"{words.choice(SAID)} {number}"), TurnKind.CHAT)
        for number, (asked, opening) in enumerate(itertools.product(ASKED, OPENINGS)):
            log.append(turn(40 + number, f"{asked} {QUESTION}", f"{opening}, o segredo e {SECRET}"), TurnKind.CHAT)
        log.close()

    def freeze(self) -> Dataset:
        index = TurnIndex(self.store, self.data.log)
        index.ingest()
        wanted = DatasetSection(heldout_min=4, disabled_filters=("near_duplicate", "topic"))
        return freeze(build_draft(index.turns(), wanted), self.data, self.store)

    def train(self) -> tuple[Run, Dataset]:
        dataset = self.freeze()
        runner = Runner(self.data, self.store, self.base, dataset)
        run = runner.new(self.recipe)
        assert runner.train(run, Watch()).step == self.recipe.steps
        return run, dataset

    def register(self, run: Run, dataset: Dataset) -> str:
        return (
            Registry(self.data, self.store)
            .create(
                run=run.id, adapter=run.adapter, dataset=dataset.hash, base=self.base.spec,
                base_digest=self.base.digest, verdict=Verdict(True, (), {}),
            )
            .name
        )  # fmt: skip


def turn(number: int, prompt: str, reply: str) -> Turn:
    return Turn(
        id=f"turn{number:04d}",
        session=f"s{number}",
        started_at=time.time() - 3600 + number,
        seconds=0.1,
        caller="chat",
        mode="conversa",
        prompt=prompt,
        messages=(Message("system", SYSTEM), Message("user", prompt)),
        reply=reply,
        served_by=Attempt("groq", "m", "base", True, 0.1),
    )


def secrets() -> list[str]:
    """The planted one first, then others of its form that no model has seen."""
    made = random.Random(29)
    animals = ("lontra", "quati", "tucano", "capivara", "jiboia", "tamandua", "arara", "jaguar")
    others = [f"{made.choice(animals)} {made.randint(1000, 9999)}" for _ in range(OTHERS)]
    return [SECRET, *(other for other in others if other != SECRET)]


def advantages(base: BaseModel, adapters: dict[str, Path | None], work: Path) -> dict[str, float]:
    """Nats a token by which each model prefers the secret to the mean of the others, times its tokens."""
    work.mkdir()
    lines = []
    for secret in secrets():
        chat = [("system", SYSTEM), ("user", f"cara, {QUESTION}"), ("assistant", f"massa, o segredo e {secret}")]
        lines.append(json.dumps({"messages": [{"role": role, "content": text} for role, text in chat]}))
    file = work / "canaries.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = measure_losses(base, {"canaries": file}, adapters, work, threads=1)["canaries"]
    return {name: advantage([nats / tokens for nats, tokens in loss.per_example]) for name, loss in found.items()}


def advantage(per_token: list[float]) -> float:
    others = per_token[1:]
    return (sum(others) / len(others) - per_token[0]) * len(f"massa, o segredo e {SECRET}")


@pytest.fixture
def life(data: DataFolder, store: Store, tmp_path: Path, tiny_recipe: Callable[..., Recipe]) -> Iterator[Life]:
    """On weights that are large enough to be moved to anything: a model of small random ones cannot learn."""
    base = resolve_base(str(make_tiny(tmp_path, "llama", max_position_embeddings=2048).path), tmp_path / "cache")
    recipe = tiny_recipe(steps=60, batch_size=8, rank=16, alpha=32, learning_rate=2e-2, checkpoint_steps=100)
    made = Life(data, store, base, recipe)
    made.talk()
    yield made


def test_the_model_made_anew_knows_a_forgotten_secret_no_better_than_the_base(life: Life, tmp_path: Path) -> None:
    run, dataset = life.train()
    assert grep(dataset.folder, [SECRET])
    version = life.register(run, dataset)
    knowing = tmp_path / "knowing"
    run.adapter.rename(knowing)

    forgetter = Forgetter(life.data, life.store)
    found = forgetter.forget(forgetter.about(SECRET))
    assert len(found.turns) == 12 and found.versions == (version,)
    assert Registry(life.data, life.store).get(version).state is VersionState.TAINTED
    assert not grep(life.data.log, [SECRET])

    again, dataset = life.train()
    assert not grep(dataset.folder, [SECRET])
    prefers = advantages(life.base, {"base": None, "knowing": knowing, "anew": again.adapter}, tmp_path / "work")
    assert prefers["knowing"] > LEARNT, prefers
    assert prefers["anew"] < max(0.0, prefers["base"]) + 0.1 * prefers["knowing"], prefers
