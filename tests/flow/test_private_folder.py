"""A whole turn of the loop in a host that closes nothing by itself: talk, training, judgement, swap, export.

Everything is real but the size of the model and the gate's verdict. The host's umask is 000, as careless as can be.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import aeon_plugin_ft.judge
from aeon_plugin_ft.dataset.export.exporting import export
from aeon_plugin_ft.evaluation import Verdict, secrets, suites
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.store import private
from core.console import Console
from tests.base.tiny import make_tiny
from tests.flow.small_life import SYSTEM, import_turns, start_console, train, write_settings

pytestmark = [
    pytest.mark.slow(seconds=30),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists: tests/store/test_acl.py"),
]
PATIENCE = 300.0


class Creations:
    """Looks at each file and folder that this process makes below a folder as soon as it is there.

    A hook of sys.addaudithook: it is told before a file is opened, so the look is taken at the next event.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.on = f"{folder}{os.sep}", True
        self.made, self.open = 0, set[str]()
        self._awaited = set[str]()
        sys.addaudithook(self._told)

    def _told(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.on or event not in {"open", "os.mkdir"}:
            return
        self.look()
        name = arguments[0]
        if isinstance(name, str | Path) and str(name).startswith(self.folder) and not os.path.lexists(name):
            self._awaited.add(str(name))

    def look(self) -> None:
        for name in tuple(self._awaited):
            try:
                mode = os.lstat(name).st_mode
            except FileNotFoundError:
                continue
            self._awaited.discard(name)
            self.made += 1
            if mode & 0o077:
                self.open.add(name)


@pytest.fixture
def careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def life(tmp_path: Path, careless: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Console, Runtime]]:
    monkeypatch.setattr(aeon_plugin_ft.judge, "gate", lambda *_, **__: Verdict(True, (), {}))
    for place in ("core.brain", "core.prompt"):
        monkeypatch.setattr(f"{place}.system_prompt", lambda *_: SYSTEM)
    monkeypatch.setattr(suites, "TOOL_PROMPTS", suites.TOOL_PROMPTS[:1])
    monkeypatch.setattr(suites, "CHAT_PROMPTS", suites.CHAT_PROMPTS[:1])
    monkeypatch.setattr(secrets, "PROBES", secrets.PROBES[:1])
    folder = tmp_path / "data"
    folder.mkdir()
    write_settings(folder, make_tiny(tmp_path, "llama", max_position_embeddings=4096).path, gate={"watch": False})
    console, runtime = start_console(folder)
    yield console, runtime
    console.stop()


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_after_a_turn_of_the_loop_nothing_is_open_to_others(life: tuple[Console, Runtime]) -> None:
    console, runtime = life
    seen = Creations(runtime.data.root)
    try:
        import_turns(runtime, 0, 40)
        (runtime.data.root / "conversation.log").unlink()
        pipeline = runtime.pipeline
        dataset = pipeline.freeze()
        pipeline.plan(dataset)
        version = pipeline.judge(train(runtime, dataset))
        pipeline.promote(version)
        runtime.follow_now()
        wait_for(lambda: runtime.answering == version.name)
        assert console.ask("e aí?").text
        for format in ("jsonl", "axolotl"):
            export(dataset, runtime.data.root / "out" / format, format)
        seen.look()
    finally:
        seen.on = False
    assert seen.open - {str(runtime.data.root / "conversation.log")} == set() and seen.made > 30
    every = list(private.everything_in(runtime.data.root))
    names = {path.name for path in every}
    assert {"train.jsonl", "manifest.json", "aeon-ft.sqlite3-wal", "worker.log", "report.html"} <= names, sorted(names)
    assert any(path.suffix == ".gguf" for path in every) and len(every) > 40
    assert [str(path) for path in every if private.is_open(path)] == []
    shutil.rmtree(runtime.data.root / "out")
