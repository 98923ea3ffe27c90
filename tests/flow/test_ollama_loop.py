"""The whole loop on a model of Ollama's: the command line trains on the tag's own file, and a host answers with what
became of it. The Ollama is a real HTTP server of ours; the gate's decision is given, what it rests on is measured."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aeon_plugin_ft.evaluation import Verdict, suites
from aeon_plugin_ft.plugin import FineTuning
from core.brain import AeonBrain
from core.console import Console
from hooks import HookCaller, build_manager
from tests.base.tiny import make_tiny
from tests.cli.commands import SAMPLE, Cli, cli
from tests.flow.small_life import SYSTEM
from tests.servers.ollama import FakeOllama

__all__ = ["cli"]

pytestmark = pytest.mark.slow(seconds=35)
TURNS = 40
PATIENCE = 60.0


@pytest.fixture
def ollama(tmp_path: Path) -> Iterator[FakeOllama]:
    gguf = make_tiny(tmp_path, "llama", "Q4_1", max_position_embeddings=4096).path
    with FakeOllama() as server:
        server.add_model("tiny:1b", gguf, template="{{ .Prompt }} {{ .Response }}", system="Você é AEON.")
        yield server


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "TOOL_PROMPTS", suites.TOOL_PROMPTS[:2])
    monkeypatch.setattr(suites, "CHAT_PROMPTS", suites.CHAT_PROMPTS[:4])
    monkeypatch.setattr("aeon_plugin_ft.judge.gate", lambda *_, **__: Verdict(True, (), {"gain.base": 0.1}))


def answer_of(console: Console, plugin: FineTuning, version: str) -> str:
    """What the console hears once that version answers."""
    deadline = time.monotonic() + PATIENCE
    while plugin.runtime is None or plugin.runtime.answering != version:
        assert time.monotonic() < deadline, f"{version} never answered"
        time.sleep(0.05)
    return str(console.ask("e aí, tudo certo?").text)


def test_a_model_of_ollamas_is_trained_deployed_used_and_rolled_back(
    cli: Cli, ollama: FakeOllama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Under the prompt of the repository's core no example is as short as the tiny model's.
    monkeypatch.setattr("core.prompt.system_prompt", lambda *_: SYSTEM)
    some = tmp_path / "conversation.log"
    some.write_text("VOCÊ:".join(SAMPLE.read_text(encoding="utf-8").split("VOCÊ:")[: TURNS + 1]), encoding="utf-8")
    for key, value in {
        "base.model": "ollama:tiny:1b", "serve.backend": "ollama", "serve.ollama_url": ollama.url,
        "train.epochs": "0.5", "train.threads": "1", "train.max_length": "256", "dataset.heldout_min": "4",
        "train.learning_rate": "1e-3", "memory.wordings": "2", "gate.exam_questions": "6",
    }.items():  # fmt: skip
        assert cli("config", "set", key, value) == 0, cli.err
    assert cli("dataset", "import", str(some)) == 0, cli.err
    assert cli("train") == 0, cli.err
    assert "v0001 was chosen" in cli.out

    (tag,) = set(ollama.tags) - {"tiny:1b"}
    manifest = json.loads((cli.data / "versions" / "v0001" / "manifest.json").read_text(encoding="utf-8"))
    # Trained from the blob itself: nothing of its weights was copied, and the version names it.
    assert not list((cli.data / "cache").rglob("*.safetensors"))
    assert manifest["base_digest"] == ollama.tags["tiny:1b"].model_blob
    served = manifest["served"]
    assert (served["backend"], served["digest"]) == ("ollama", f"sha256:{ollama.tags[tag].digest}")
    assert served["tensors"] > 0 and served["kl"] <= served["limit"] == 0.02
    assert cli("models", "report", "v0001") == 0
    assert "nats per token from the adapter itself" in " ".join(cli.out.split())

    plugin = FineTuning()
    brain = AeonBrain(None, hooks=HookCaller(build_manager(plugin, entry_points=False)))
    brain.host_routes = ()
    console = Console(brain, cli.data)
    console.start()
    try:
        assert tag in answer_of(console, plugin, "v0001")
        assert cli("rollback") == 0, cli.err
        assert plugin.runtime is not None
        deadline = time.monotonic() + PATIENCE
        while plugin.runtime.answering == "v0001":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert cli("use", "v1") == 0, cli.err
        assert tag in answer_of(console, plugin, "v0001")
    finally:
        console.stop()
    assert ollama.orphans() == set()
