"""A data folder in which a secret has gone through every stage."""

from __future__ import annotations

import time

import pytest

from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.feedback.opinions import load_feedback
from aeon_plugin_ft.dataset.frozen import freeze
from aeon_plugin_ft.dataset.model import Dataset, Draft
from aeon_plugin_ft.evaluation import Verdict
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnKind, TurnLog
from aeon_plugin_ft.turns.log import Limits
from hooks import Attempt, Message, Turn

SECRET = "Anacleto Quaresma"


class Life:
    """A data folder with a log, a frozen dataset, a finished run and a version, all with a secret in them."""

    def __init__(self, data: DataFolder, store: Store) -> None:
        self.data, self.store = data, store
        self.began = time.time() - 3600
        log = TurnLog(data.log, redact=lambda text: text, limits=lambda: Limits(10**8, 0.05), on_failure=lambda _: None)
        for number in range(40):
            who = SECRET if number == 7 else f"o vizinho número {number}"
            log.append(
                turn(number, f"você conhece {who}?", f"Cara, conheço {who}, gente massa.", self.began), TurnKind.CHAT
            )
        log.close()
        self.index = TurnIndex(store, data.log)
        self.index.ingest()
        self.dataset = self.freeze()
        self.version = self.train("run1")

    def draft(self) -> Draft:
        settings = DatasetSection(heldout_min=4, disabled_filters=("near_duplicate", "topic"))
        return build_draft(self.index.turns(), settings, feedback=load_feedback(self.store))

    def freeze(self) -> Dataset:
        return freeze(self.draft(), self.data, self.store)

    def train(self, run: str, state: str = "finished") -> str:
        folder = self.data.runs / run / "adapter"
        folder.mkdir(parents=True)
        (folder / "note.txt").write_text(f"made from {SECRET}", encoding="utf-8")
        self.store.execute(
            "INSERT INTO runs (id, created, dataset, base, state, updated) VALUES (?, 1, ?, 'b', ?, 1)",
            run, self.dataset.hash, state,
        )  # fmt: skip
        answer = {"prompt": SECRET, "reply": SECRET, "faults": []}
        self.data.own_log.write_text(f"{SECRET}\n", encoding="utf-8")
        self.store.execute("INSERT OR IGNORE INTO signals VALUES ('turn0007', 1, 's', 'b', 'groq', 0, '', 1, 1, NULL)")
        bare = self.data.root / "bare"
        bare.mkdir(exist_ok=True)
        made = Registry(self.data, self.store).create(
            run=run, adapter=bare, dataset=self.dataset.hash, base="b", base_digest="x",
            verdict=Verdict(True, (), {}), report={"suites": {"v0001": {"answers": [answer]}}},
        )  # fmt: skip
        return made.name


def turn(number: int, prompt: str, reply: str, began: float | None = None) -> Turn:
    """The turn so many seconds after `began` (since the epoch), an hour ago where that is not given."""
    return Turn(
        id=f"turn{number:04d}",
        session=f"s{number}",
        started_at=(time.time() - 3600 if began is None else began) + number,
        seconds=0.1,
        caller="chat",
        mode="conversa",
        prompt=prompt,
        messages=(Message("user", prompt),),
        reply=reply,
        served_by=Attempt("groq", "m", "base", True, 0.1),
    )


@pytest.fixture
def life(data: DataFolder, store: Store) -> Life:
    return Life(data, store)


def log(life: Life, *turns: Turn) -> None:
    """More turns of the owner, logged and indexed."""
    made = TurnLog(
        life.data.log, redact=lambda text: text, limits=lambda: Limits(10**8, 0.05), on_failure=lambda _: None
    )
    for one in turns:
        made.append(one, TurnKind.CHAT)
    made.close()
    life.index.ingest()
