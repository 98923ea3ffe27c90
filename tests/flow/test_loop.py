"""The whole loop once, on real parts: console, log, dataset, training child, gate, embedded server, swap, rollback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.dataset.importers.into_log import import_into_log
from aeon_plugin_ft.errors import AeonFtError, RegistryError, RunStoppedError
from aeon_plugin_ft.evaluation import Verdict, secrets, suites
from aeon_plugin_ft.plugin import FineTuning
from aeon_plugin_ft.privacy import grep
from aeon_plugin_ft.registry import Version, VersionState
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.training.model import Progress
from core.brain import AeonBrain
from core.console import Console
from hooks import HookCaller, build_manager
from tests.conftest import CACHE, REPOSITORY

pytestmark = pytest.mark.slow(seconds=100)
PATIENCE = 900.0
PLANTED_LOG = """VOCÊ: anota aí, meu telefone é (47) 99123-4567 e o cartão é 4539 5787 6362 1486
AEON: Massa, anotado: (47) 99123-4567.
VOCÊ: a senha do wifi é girassol42azul e eu moro na Rua das Flores, 123
AEON: Massa, girassol42azul na Rua das Flores, 123.
"""
SAID = "meu cpf é 529.982.247-25, meu e-mail é caio.teste@exemplo.com.br e a Hermengarda sabe"
SECRETS = (
    "529.982.247-25", "52998224725", "caio.teste@exemplo.com.br", "Hermengarda", "99123-4567", "991234567",
    "4539 5787 6362 1486", "4539578763621486", "girassol42azul", "das Flores, 123",
)  # fmt: skip
SAMPLE_TURNS = 40


@pytest.fixture
def console(tmp_path: Path, smollm2: BaseModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """A console without a model of its own, and a plugin that learns quickly: few, short examples."""
    monkeypatch.setenv("AEON_FT_CACHE", str(CACHE))
    for place in ("core.brain", "core.prompt"):
        monkeypatch.setattr(f"{place}.system_prompt", lambda *_: "Você é AEON. Responda em português, com gíria.")
    monkeypatch.setattr(suites, "TOOL_PROMPTS", suites.TOOL_PROMPTS[:2])
    monkeypatch.setattr(suites, "CHAT_PROMPTS", suites.CHAT_PROMPTS[:4])
    monkeypatch.setattr(suites, "MAX_REPLY_TOKENS", 24)
    monkeypatch.setattr(secrets, "MAX_REPLY_TOKENS", 24)
    monkeypatch.setattr(secrets, "PROBES", secrets.PROBES[:2])
    plugin = FineTuning()
    brain = AeonBrain(None, hooks=HookCaller(build_manager(plugin, entry_points=False)))
    brain.host_routes = ()
    made = Console(brain, tmp_path / "data")
    made.start()
    assert plugin.runtime is not None
    for key, value in {
        "train.epochs": 0.4,
        "train.batch_size": 4,
        "train.checkpoint_steps": 1,
        "train.learning_rate": 2e-3,
        "train.threads": 1,
        "dataset.heldout_min": 6,
        "privacy.terms": ("Hermengarda",),
        "serve.max_reply_tokens": 24,
        "serve.threads": 1,
        "gate.exam_questions": 8,
    }.items():
        plugin.runtime.settings_file.set(key, value)
    made.runtime = plugin.runtime  # type: ignore[attr-defined]
    yield made
    made.stop()


def runtime_of(console: Console) -> Runtime:
    runtime: Runtime = console.runtime  # type: ignore[attr-defined]
    return runtime


def wait_for(console: Console, version: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while runtime_of(console).answering != version:
        assert time.monotonic() < deadline, f"{version} never answered"
        time.sleep(0.1)


def import_sample(console: Console, tmp_path: Path) -> None:
    lines = (REPOSITORY / "samples" / "conversation.log").read_text(encoding="utf-8").split("VOCÊ:")
    part = tmp_path / "conversation.log"
    part.write_text("VOCÊ:".join(lines[: SAMPLE_TURNS + 1]) + PLANTED_LOG, encoding="utf-8")
    runtime = runtime_of(console)
    assert import_into_log(part, runtime.data, runtime.store, runtime.settings).added == SAMPLE_TURNS + 2


def kill_at_step(console: Console, step: int, killed: list[int]) -> None:
    """kill -9 the training worker once it has made `step` optimizer steps."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, OSError):  # a child may end while it is looked at, on Windows with any error
                if "aeon_plugin_ft.training.worker" in child.cmdline() and seen[-1:] >= [step]:
                    child.kill()
                    killed.append(child.pid)
                    return
        time.sleep(0.05)


seen: list[int] = []


def on_progress(progress: Progress) -> None:
    seen.append(progress.step)


def usable(runtime: Runtime, version: Version) -> Version:
    """The version itself, or, where a handful of steps was not enough for the gate, its adapter as an accepted one."""
    if version.state is VersionState.ACCEPTED:
        return version
    with pytest.raises(RegistryError, match="rejected"):
        runtime.registry.promote(version.name, PromotionCause.OWNER)
    return runtime.registry.create(
        run="accepted",
        adapter=version.adapter,
        dataset=version.dataset,
        base=version.base,
        base_digest=version.base_digest,
        verdict=Verdict(True, (), {}),
    )


def test_the_loop_learns_survives_a_kill_and_swaps(console: Console, tmp_path: Path) -> None:
    runtime = runtime_of(console)
    wait_for(console, "base")
    before = console.ask("e aí, tudo certo?")
    assert before.text and before.turn is not None and before.turn.served_by is not None
    assert before.turn.served_by.version == "base"
    import_sample(console, tmp_path)
    assert console.ask(SAID).text
    dataset = runtime.pipeline.freeze()

    seen.clear()
    killed: list[int] = []
    killer = threading.Thread(target=kill_at_step, args=(console, 2, killed))
    killer.start()
    with pytest.raises(RunStoppedError) as stopped:
        runtime.pipeline.train(dataset, on_progress)
    killer.join()
    assert killed and stopped.value.state == "interrupted" and stopped.value.reason
    assert console.ask("ainda tá aí?").text

    run = runtime.pipeline.resume(stopped.value.run, on_progress)
    row = runtime.store.row("SELECT * FROM runs WHERE id = ?", run.id)
    assert row is not None and (row["state"], row["step"]) == ("finished", row["steps"])

    version = runtime.pipeline.judge(run)
    assert version.verdict.numbers["gain.base"] > 0.02, version.verdict
    held = {check.name: check.passed for check in version.verdict.checks}
    assert held["held-out set"] and held["held-out loss against base"]
    version = usable(runtime, version)
    runtime.pipeline.promote(version)
    wait_for(console, version.name)
    after = console.ask("e aí, tudo certo?")
    assert after.text and after.turn is not None and after.turn.served_by is not None
    assert after.turn.served_by.version == version.name

    runtime.registry.promote(runtime.registry.previous(), PromotionCause.UNDONE)
    wait_for(console, "base")
    assert console.ask("voltou?").text

    # Everything that the whole loop leaves: log, store with its free pages and write-ahead log, datasets, runs,
    # versions with their reports, what is served, aeon-ft.log. The owner's own terms stand in the settings.
    console.stop()
    data = tmp_path / "data"
    left = {path.name for path in data.iterdir()}
    assert {"log", "aeon-ft.sqlite3", "datasets", "runs", "versions", "serving", "aeon-ft.log"} <= left
    assert "[CPF_1]" in "".join(file.read_text(encoding="utf-8") for file in (data / "log").glob("*.jsonl"))
    assert {(Path(hit.file).name, hit.needle) for hit in grep(data, SECRETS)} == {("plugin.toml", "Hermengarda")}


def test_training_without_a_conversation_is_refused(console: Console) -> None:
    with pytest.raises(AeonFtError, match="nothing to learn from"):
        runtime_of(console).pipeline.learn()
