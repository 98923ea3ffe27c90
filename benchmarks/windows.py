"""Four things that Windows does otherwise: a pipe that is asked about, a log that two have open, a file that is read.

    python benchmarks/windows.py
    python -m tools.windows_under_wine run benchmarks/windows.py

Each is done as the product does it, and what went wrong is counted; all counts are 0 where nothing is lost:

    child     a child that watches its parent and imports numpy meanwhile: seconds, and whether it ended by itself
    log       lines lost, and errors shown, of 40 that are written while another process has the same log open
    files     calls of write_json that raised, while a reader has the file open for 30 of every 60 ms
    server    the embedded server in a folder with a space and an accent: seconds and exit code of a stop and a drain

The load of the machine is not measured: the seconds mean something on a quiet one only.
"""

from __future__ import annotations

import json
import logging
import platform
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aeon_plugin_ft.base import resolve_base
from aeon_plugin_ft.serving.embedded.child import EmbeddedChild, new_config
from aeon_plugin_ft.store import logfile
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.store.logfile import LogFile
from aeon_plugin_ft.training.supervise import spawn

PATIENCE = 180.0
"""Seconds after which a child hangs."""
LINES = 40
READING_SECONDS, WRITING_SECONDS = 0.03, 5.0
DRAIN_SECONDS = 5.0

CHILD = """
import sys, time
from pathlib import Path
from aeon_plugin_ft.training.worker.stopping import StopWatch
watch = StopWatch(Path(sys.argv[1]), supervised=True).start()
time.sleep(0.3)
began = time.monotonic()
import numpy
print(f"numpy in {time.monotonic() - began:.1f} s", flush=True)
watch.end()
"""
OTHER = """
import logging, sys
from pathlib import Path
from aeon_plugin_ft.store.logfile import LogFile
log = LogFile(Path(sys.argv[1]), str).open()
logging.getLogger("aeon_ft").warning("the other one")
print("open", flush=True)
sys.stdin.read()
"""


def child(folder: Path) -> str:
    with (folder / "child.log").open("wb") as log:
        process = spawn(["-c", CHILD, str(folder)], 1, log)
    assert process.stdin is not None
    began = time.monotonic()
    try:
        how = f"ended by itself with code {process.wait(PATIENCE)} after {time.monotonic() - began:.1f} s"
    except subprocess.TimeoutExpired:
        how = f"HANGS for {PATIENCE:.0f} s"
        process.kill()
        process.wait()
    process.stdin.close()
    return f"{how}, {(folder / 'child.log').read_text(encoding='utf-8').strip()}"


def log(folder: Path) -> str:
    path = folder / "aeon-ft.log"
    errors: list[logging.LogRecord] = []
    logfile.BYTES = 2500  # a new file every dozen lines
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        other.stdout.readline()
        ours = LogFile(path, str).open()
        ours.handleError = errors.append  # type: ignore[method-assign]
        for number in range(LINES):
            logging.getLogger("aeon_ft").warning("line %d %s", number, "x" * 100)
        ours.close()
        other.stdin.close()
    files = sorted(folder.glob("aeon-ft.log*"))
    words = [json.loads(line)["message"].split() for file in files for line in file.open(encoding="utf-8")]
    kept = {word[1] for word in words if word[0] == "line"}
    return f"{LINES - len(kept)} of {LINES} lines lost, {len(errors)} errors shown, {len(files)} files"


def files(folder: Path) -> str:
    path = folder / "progress.json"
    write_json(path, {"step": 0})
    ended = threading.Event()

    def read() -> None:
        while not ended.wait(READING_SECONDS):
            # Windows lets nobody open a file while it is being replaced, which is the reader's part to bear.
            with suppress(PermissionError), path.open("rb") as file:
                file.read()
                ended.wait(READING_SECONDS)

    reader = threading.Thread(target=read)
    reader.start()
    calls = raised = 0
    began = time.monotonic()
    while time.monotonic() - began < WRITING_SECONDS:
        calls += 1
        try:
            write_json(path, {"step": calls})
        except OSError:
            raised += 1
        time.sleep(0.005)
    ended.set()
    reader.join()
    return f"{raised} of {calls} calls raised"


def server(folder: Path) -> str:
    from tests.base.tiny import make_tiny

    home = folder / "Usuários" / "Zé Ninguém"
    home.mkdir(parents=True)
    base = resolve_base(str(make_tiny(folder, "llama", max_position_embeddings=2048).path), folder / "cache")
    assert base.gguf is not None
    model = home / "modelo é.gguf"
    model.write_bytes(base.gguf.read_bytes())
    parts = []
    for way in ("stop", "drain"):
        running = EmbeddedChild(new_config(model, None, "base", 512, 1), home / "server.log")
        running.start()
        began = time.monotonic()
        running.stop() if way == "stop" else running.drain(DRAIN_SECONDS)
        seconds = time.monotonic() - began
        assert running._process is not None
        parts.append(f"{way} in {seconds:.1f} s, code {running._process.returncode}")
    return "; ".join(parts)


def main() -> None:
    print(f"Python {platform.python_version()} on {platform.platform()}")
    for measure in (child, log, files, server):
        with tempfile.TemporaryDirectory() as name:
            print(f"{measure.__name__:8} {measure(Path(name))}", flush=True)


if __name__ == "__main__":
    main()
