"""`aeon-ft models report|prune`, `compare`, `watch`, `judge`: what they say, show and keep."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.cli.context import Context
from aeon_plugin_ft.cli.watch import look, screen
from aeon_plugin_ft.evaluation.blind import TIE, Pair, Tally, choose, shuffled, tally
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.registry import Registry, Version
from aeon_plugin_ft.registry.canaries import begin_canary
from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.runs import UNJUDGED
from hooks import Message, Route
from tests.cli.commands import Cli, add_version, cli, one_sentence
from tests.evaluation.report.pages import a_report, read
from tests.evaluation.trials import Trial

__all__ = ["cli"]


@pytest.fixture
def judged(cli: Cli, tmp_path: Path) -> str:
    """A version with a whole verdict and report."""
    data = DataFolder(cli.data).create()
    store = Store(data.database)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"judged")
    made = Registry(data, store).create(
        run="r1", adapter=tmp_path / "adapter", dataset="d", base="b", base_digest="x",
        verdict=Trial(1).verdict(), report=a_report(),
    )  # fmt: skip
    store.close()
    return made.name


def test_the_report_in_the_terminal_as_json_and_as_a_page(cli: Cli, judged: str, tmp_path: Path) -> None:
    assert cli("models", "report", "v1") == 0
    said = " ".join(cli.out.split())
    for part in ("accepted", "held-out loss against base", "1234 examples", "20 steps", "volta o modelo anterior"):
        assert part in said, part
    found: Any = cli.json("models", "report", judged)
    assert found["accepted"] and found["report"]["data"]["train"] == 1234
    assert cli("models", "report", "1", "--html") == 0
    assert cli.out.strip() == str(cli.data / "versions" / judged / "report.html")
    target = tmp_path / "here.html"
    assert cli("models", "report", judged, "-o", str(target)) == 0
    assert "aprovada" in read(target.read_text(encoding="utf-8")).text


def test_how_faithfully_a_version_is_served_is_shown(cli: Cli, judged: str, tmp_path: Path) -> None:
    """The merge of a later deployment counts, also where the version was judged elsewhere."""
    assert cli("models", "report", judged) == 0 and "Merged" not in cli.out
    tensors = [{"after": 8, "share": 0.987}, {"after": 8, "share": 1.0}]
    kept = DataFolder(cli.data).create().serving / f"merge-{judged}.json"
    kept.write_text(json.dumps({"adapter": "a", "tensors": tensors, "check": {"kl": 0.0061, "limit": 0.02}}))
    assert cli("models", "report", judged) == 0
    said = " ".join(cli.out.split())
    assert "2 tensors, at least 98.7% of each update kept; 0.0061 nats per token" in said
    found: Any = cli.json("models", "report", judged)
    assert found["served"]["kl"] == 0.0061 and found["served"]["types"] == {"Q8_0": 2}
    target = tmp_path / "here.html"
    assert cli("models", "report", judged, "-o", str(target)) == 0
    assert "0,0061 nats por palavra" in read(target.read_text(encoding="utf-8")).text
    kept.write_text(json.dumps({"adapter": "a", "tensors": tensors, "check": {"skipped": "there is no memory"}}))
    assert cli("models", "report", judged) == 0
    assert "not compared with the adapter (there is no memory)" in " ".join(cli.out.split())


def test_the_report_of_a_version_that_is_not_there(cli: Cli, judged: str) -> None:
    assert cli("models", "report", "v9") == 1
    assert "no version v9" in cli.err and one_sentence(cli.err)


def test_models_alone_lists_them_and_says_why_one_was_rejected(cli: Cli, judged: str) -> None:
    store = Store(cli.data / "aeon-ft.sqlite3")
    Registry(DataFolder(cli.data), store).reject(judged, "it did worse with the owner: 60% faulty")
    store.close()
    assert cli("models") == 0 and "rejected" in cli.out
    found: Any = cli.json("models")
    assert found["versions"][0]["state"] == "rejected"
    assert cli("use", judged) == 1 and "worse with the owner" in cli.err


def test_a_changed_file_of_a_version_is_named_by_whoever_looks(cli: Cli, judged: str) -> None:
    file = cli.data / "versions" / judged / "adapter" / "adapter_model.safetensors"
    file.write_bytes(b"exchanged")
    fault = f"adapter/{file.name} is not what was there"
    assert cli("models") == 0 and "damaged" in cli.out
    assert cli("use", judged) == 1 and fault in " ".join(cli.err.split()) and one_sentence(cli.err)
    assert cli("doctor", "--json") == 1
    symptoms = {one["name"]: one for one in json.loads(cli.out)}
    assert not symptoms["versions"]["ok"] and f"{judged}: {fault}" in symptoms["versions"]["detail"]


def test_prune_says_what_would_go_and_then_deletes_it(cli: Cli, tmp_path: Path) -> None:
    for run in ("r1", "r2", "r3"):
        add_version(cli, tmp_path, run, accepted=run != "r1")
    cli("config", "set", "serve.keep_versions", "2")
    found: Any = cli.json("models", "prune", "--dry-run")
    assert [item["name"] for item in found["items"]] == ["v0001"] and found["dry_run"]
    assert (cli.data / "versions" / "v0001").exists()
    assert cli("models", "prune") == 0 and "v0001" in cli.out and "disk_cap_gb" in cli.out
    assert not (cli.data / "versions" / "v0001").exists()
    assert cli.json("models", "prune")["items"] == []  # type: ignore[index]


def test_the_disk_cap_is_that_of_the_settings(cli: Cli, tmp_path: Path) -> None:
    add_version(cli, tmp_path, "r1")
    folder = cli.data / "runs" / "old"
    folder.mkdir(parents=True)
    (folder / "big").write_bytes(b"x" * 3_000_000)
    store = Store(cli.data / "aeon-ft.sqlite3")
    store.execute("INSERT INTO runs (id,created,dataset,base,state,updated) VALUES ('old',1,'d','b','failed',1)")
    store.close()
    assert cli.json("models", "prune", "--dry-run")["items"] == []  # type: ignore[index]
    cli("config", "set", "plugin.disk_cap_gb", "0.001")
    found: Any = cli.json("models", "prune")
    assert [item["name"] for item in found["items"]] == ["old"] and not folder.exists()


def test_judging_when_every_run_has_a_verdict(cli: Cli) -> None:
    assert cli("judge") == 1
    assert "has a verdict" in cli.err and one_sentence(cli.err)


def test_judging_by_hand_ends_the_waiting_and_uses_what_is_better(
    cli: Cli, judged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the host judges: the schedule must not judge the same run again."""
    store = Store(cli.data / "aeon-ft.sqlite3")
    version = Registry(DataFolder(cli.data), store).get(judged)
    store.set_fact(UNJUDGED, version.run)
    monkeypatch.setattr(Pipeline, "judge", lambda self, run: version)
    assert cli("judge", version.run) == 0 and f"{judged} was chosen" in cli.out and "answers now" not in cli.out
    assert store.fact(UNJUDGED) is None
    store.close()


# -- compare -------------------------------------------------------------------------------------


class Serving(Deployer):
    """A deployer whose models answer with their own name."""

    name = "embedded"

    def __init__(self) -> None:
        self.served: list[str] = []

    def deploy(self, version: Version | None, base: BaseModel, *_: Any) -> Deployment:
        name = "base" if version is None else version.name
        return Deployment(name, self.name, name, "sha256:0", Route("embedded", name, base_url="http://x", version=name))

    def retire(self, deployment: Deployment, *_: Any) -> None:
        self.served.append(deployment.version)

    def check(self, deployment: Deployment) -> None: ...


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    made = Serving()

    def answer(route: Route, messages: list[Message], limit: int, **_: object) -> tuple[str, bool, float]:
        same = messages[-1].content == "igual?"
        return ("sim" if same else f"{route.version} diz oi"), True, 0.1

    base = BaseModel("b", "x", "llama", 1, Path(), None)
    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", lambda *_: base)
    monkeypatch.setattr("aeon_plugin_ft.serving.backends._embedded", lambda *_: made)
    monkeypatch.setattr("aeon_plugin_ft.judge.ask", answer)
    yield made


def test_compare_shows_what_was_measured_and_what_each_says(
    cli: Cli, judged: str, serving: Serving, tmp_path: Path
) -> None:
    questions = tmp_path / "q.txt"
    questions.write_text("\ufefftudo bem?\n\nigual?\n", encoding="utf-8")
    assert cli("compare", "v1", "base", "--prompts", str(questions)) == 0
    said = " ".join(cli.out.split())
    assert "16.0% better than base" in said and "better on 1 of 2" in said and "v0001 diz oi" in said
    found: Any = cli.json("compare", "v1", "--prompts", str(questions))
    assert found["replies"][0] == {"prompt": "tudo bem?", "v0001": "v0001 diz oi", "base": "base diz oi"}
    assert serving.served == ["v0001", "base"] * 2


def test_compare_says_what_was_never_measured_together(cli: Cli, tmp_path: Path, serving: Serving) -> None:
    add_version(cli, tmp_path, "r1")
    questions = tmp_path / "q.txt"
    questions.write_text("oi", encoding="utf-8")
    assert cli("compare", "v1", "--prompts", str(questions)) == 0
    assert "never measured on the same" in " ".join(cli.out.split())


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"])
def test_a_file_of_questions_that_cannot_be_used(cli: Cli, judged: str, tmp_path: Path, content: bytes | None) -> None:
    questions = tmp_path / "q.txt"
    if content is not None:
        questions.write_bytes(content)
    assert cli("compare", "v1", "--prompts", str(questions)) == 2
    assert "q.txt" in cli.err and one_sentence(cli.err)


def test_the_owner_chooses_blind_and_the_choice_is_kept(
    cli: Cli, judged: str, serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = tmp_path / "q.txt"
    questions.write_text("um?\ndois?\nigual?\ntrês?\nquatro?\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("7\n1\n0\n2\nq\n"))
    assert cli("compare", "v1", "--prompts", str(questions), "--blind") == 0
    assert "igual?" not in cli.out, "the same reply twice leaves nothing to choose"
    before_choice = cli.out.split("um?")[1].split("1 was")[0]
    assert before_choice.index("1  ") < before_choice.index("2  ")
    store = Store(cli.data / "aeon-ft.sqlite3")
    found = tally(store, "v0001", "base")
    rows = store.rows("SELECT * FROM choices")
    store.close()
    assert (found.first + found.second, found.ties, len(rows)) == (2, 1, 3)
    assert not any("um?" in str(tuple(row)) for row in rows), "questions are not kept"
    assert "Chosen so far" in cli.out


def test_sides_are_shuffled_and_choices_add_up(store: Store) -> None:
    import random

    questions = [str(n) for n in range(200)]
    replies = {"a": ["x"] * 200, "b": ["y"] * 200}
    pairs = list(shuffled(questions, "a", "b", replies, random.Random(1)))
    assert 70 < sum(pair.left[0] == "a" for pair in pairs) < 130
    for winner in ("a", "a", "b", TIE):
        choose(store, Pair("q", ("a", "x"), ("b", "y")), "a", "b", winner)
    assert tally(store, "a", "b") == Tally(2, 1, 1) and tally(store, "b", "a") == Tally(1, 2, 1)
    assert Tally(8, 0, 3).chance == pytest.approx(2 / 256) and Tally(0, 0, 0).chance == 1.0


# -- watch ---------------------------------------------------------------------------------------


def test_watch_shows_what_answers_what_is_learnt_and_what_happened(cli: Cli, judged: str) -> None:
    cli("use", judged)
    data = DataFolder(cli.data)
    store = Store(data.database)
    store.execute("INSERT INTO runs (id,created,dataset,base,state,updated) VALUES ('r2',1,'d','b','paused',1)")
    store.execute("INSERT INTO events (at, name, data) VALUES (1.7e9, 'rolled_back', '{\"reason\": \"[b]worse[/b]\"}')")
    store.execute("INSERT INTO signals VALUES ('t', 9e9, 's', ?, 'embedded', 0, 'empty', 1.0, 0, NULL)", judged)
    begin_canary(store, judged, "base", 0.2, 30)
    store.close()
    folder = data.runs / "r2"
    folder.mkdir()
    progress = {"event": "progress", "step": 7, "steps": 20, "loss": 2.5, "examples_per_second": 1.5, "saving": 4.0,
                "seconds": 60.0, "seconds_left": 90.0}  # fmt: skip
    (folder / "progress.jsonl").write_text(json.dumps(progress) + "\n", encoding="utf-8")
    assert cli("watch", "--once") == 0
    for said in ("Answering: v0001", "7/20", "loss 2.500", "rolled_back", "[b]worse[/b]", "1 faulty", "of 30 turns"):
        assert said in cli.out, said
    found: Any = cli.json("watch")
    assert found["doing"]["turns"] == 1 and found["trial"]["of"] == 30


def test_watch_of_an_empty_folder(tmp_path: Path) -> None:
    shared = Context(tmp_path / "data", None, False)
    assert screen(look(shared)) is not None and look(shared)["doing"] is None
    shared.close()
