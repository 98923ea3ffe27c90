"""Forgetting follows a turn through every stage, and leaves everything else as it was."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from aeon_plugin_ft.cli.main import main
from aeon_plugin_ft.dataset import build_draft, freeze
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.evaluation import Verdict
from aeon_plugin_ft.forget import Forgetter
from aeon_plugin_ft.privacy import grep
from aeon_plugin_ft.registry import Registry, VersionState
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnKind, TurnLog
from hooks import Attempt, Message, Turn

SECRET = "Anacleto Quaresma"


class Life:
    """A data folder with a log, a frozen dataset, a finished run and a version, all with a secret in them."""

    def __init__(self, data: DataFolder, store: Store) -> None:
        self.data, self.store = data, store
        log = TurnLog(
            data.log, redact=lambda text: text, rotate_bytes=10**8, fsync_seconds=0.05, on_failure=lambda _: None
        )
        for number in range(40):
            who = SECRET if number == 7 else f"o vizinho número {number}"
            log.append(turn(number, f"você conhece {who}?", f"Cara, conheço {who}, gente massa."), TurnKind.CHAT)
        log.close()
        self.index = TurnIndex(store, data.log)
        self.index.ingest()
        self.dataset = self.freeze()
        self.version = self.train("run1")

    def freeze(self) -> Dataset:
        return freeze(
            build_draft(
                self.index.turns(), DatasetSection(heldout_min=4, disabled_filters=("near_duplicate", "topic"))
            ),
            self.data,
            self.store,
        )

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


def turn(number: int, prompt: str, reply: str) -> Turn:
    return Turn(
        id=f"turn{number:04d}",
        session=f"s{number}",
        started_at=time.time() - 3600 + number,
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


def test_a_grep_over_everything_finds_nothing_afterwards(life: Life) -> None:
    assert grep(life.data.root, [SECRET])
    forgetter = Forgetter(life.data, life.store)
    found = forgetter.forget(forgetter.about("anacleto"))
    assert (found.turns, found.datasets, found.runs) == (("turn0007",), (life.dataset.hash,), ("run1",))
    assert not life.store.rows("SELECT 1 FROM signals")
    life.store.close()
    assert not grep(life.data.root, [SECRET])


def test_the_other_turns_stay_byte_for_byte(life: Life) -> None:
    before = [line for path in life.data.log.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    forgetter = Forgetter(life.data, life.store)
    forgetter.forget(forgetter.about(SECRET))
    after = [line for path in life.data.log.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    kept = {line for line in before if line.startswith(b'{"turn"') and SECRET.encode() not in line}
    assert {line for line in after if line.startswith(b'{"turn"')} == kept
    assert life.index.count(None) == 39


def test_versions_trained_on_it_are_tainted_and_say_why(life: Life) -> None:
    forgetter = Forgetter(life.data, life.store)
    assert forgetter.forget(["turn0007"]).versions == (life.version,)
    row = life.store.row("SELECT state, reason FROM versions WHERE name = ?", life.version)
    assert row is not None and row["state"] == VersionState.TAINTED.value and "forgotten" in row["reason"]


def test_a_new_dataset_is_made_without_it(life: Life) -> None:
    Forgetter(life.data, life.store).forget(["turn0007"])
    fresh = life.freeze()
    assert fresh.hash != life.dataset.hash
    assert fresh.train + fresh.heldout == life.dataset.train + life.dataset.heldout - 1


def test_a_plan_changes_nothing(life: Life) -> None:
    plan = Forgetter(life.data, life.store).plan(["turn0007"])
    assert plan.turns and plan.datasets and plan.runs and plan.versions
    assert grep(life.data.root, [SECRET]) and life.index.count(None) == 40


def test_forgetting_waits_for_a_run_that_trains_on_it(life: Life) -> None:
    life.store.execute("UPDATE runs SET state = 'running'")
    with pytest.raises(TrainingError, match="training on it right now"):
        Forgetter(life.data, life.store).forget(["turn0007"])
    assert life.index.count(None) == 40


def test_the_last_turn_and_the_last_minutes(life: Life) -> None:
    forgetter = Forgetter(life.data, life.store)
    assert forgetter.last() == ["turn0039"]
    assert len(forgetter.since(time.time() - 3600 + 30)) in {9, 10}
    assert forgetter.about("  ") == []


def test_nothing_to_forget_forgets_nothing(life: Life) -> None:
    assert Forgetter(life.data, life.store).forget([]).turns == ()
    assert life.index.count(None) == 40


def test_the_command_shows_the_plan_and_forgets(life: Life, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["--data", str(life.data.root), "forget", "--about", "anacleto"]
    assert main([*arguments, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["turns"], plan["done"]) == (["turn0007"], False)
    assert main([*arguments, "--yes"]) == 0
    assert not grep(life.data.log, [SECRET])
