"""The server's threads, too, wait asleep beside other busy programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aeon_plugin_ft.serving.embedded.server import ServerConfig

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP is llama.cpp's on Linux only")

SERVED = """
import sys
from pathlib import Path
from aeon_plugin_ft.processes import calm
from aeon_plugin_ft.serving.embedded import server

def noted(threads):
    copies = len(calm.gnu_openmp())
    Path(sys.argv[1]).write_text(f"{threads} threads, libgomp {'found' if copies else 'missing'}")

server.keep_calm = noted
server.main()
"""


def test_a_child_watches_what_others_take(tmp_path: Path) -> None:
    config = ServerConfig(str(tmp_path / "none.gguf"), None, "none", "t", 512, threads=3)
    note = tmp_path / "note.txt"
    command = [sys.executable, "-c", SERVED, str(note)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(config.line())
        child.stdin.flush()
        # Its input stays open until it has said that there is no such model: the end of it means that nobody listens.
        assert "error" in child.stdout.readline()
    assert note.read_text() == "3 threads, libgomp found"
