"""Behaviour 1: whatever kills the process, a turn whose reply was returned is in the log exactly once."""

from __future__ import annotations

import collections
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, read_turns
from aeon_plugin_ft.turns.files import log_files

WRITER = Path(__file__).with_name("writer_child.py")
INGESTER = """
import sys
from pathlib import Path
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex, index
index.CHUNK = 2000
made = TurnIndex(Store(Path(sys.argv[1])), Path(sys.argv[2]))
print("ready", flush=True)
while True:
    made.ingest()
"""

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("AEON_FT_LOG_KILLS", "3"))


def start_writer(
    folder: Path,
    *,
    threads: int = 8,
    turns: int = 250,
    rotate_bytes: int = 1 << 20,
    name: str = "a",
    meeting: tuple[Path, int] | None = None,
) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(WRITER), str(folder), str(threads), str(turns), str(rotate_bytes), name]
    command += [] if meeting is None else [str(meeting[0]), str(meeting[1])]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def acknowledged(writer: subprocess.Popen[bytes], kill_after: int | None) -> list[str]:
    """The turns whose append returned; the writer is killed once it has named `kill_after` of them."""
    assert writer.stdout is not None
    named = []
    for line in writer.stdout:
        if line.endswith(b"\n"):
            named.append(line.decode().strip())
        if kill_after is not None and len(named) == kill_after:
            writer.kill()
    writer.stdout.close()
    writer.wait()
    return named


def check(folder: Path, named: list[str]) -> None:
    """Each named turn once, no turn twice, and every whole line parses."""
    found = collections.Counter(turn.id for turn in read_turns(folder))
    assert set(named) <= set(found)
    raw: collections.Counter[str] = collections.Counter()
    for path in log_files(folder):
        *whole, _torn = path.read_bytes().split(b"\n")
        raw.update(json.loads(line).get("turn", "") for line in whole)
    del raw[""]
    assert max(raw.values()) == 1
    assert set(raw) == set(found)


@pytest.mark.parametrize("seed", range(KILLS))
def test_8_threads_of_250_turns_with_a_kill_in_the_middle(data: DataFolder, seed: int) -> None:
    kill_after = random.Random(seed).randint(200, 1800)
    named = acknowledged(start_writer(data.log), kill_after)
    assert kill_after <= len(named) < 2000
    check(data.log, named)
    named += acknowledged(start_writer(data.log, name="b"), None)
    assert len(named) >= kill_after + 2000
    check(data.log, named)


def test_1000_turns_with_kills_at_random_moments(data: DataFolder) -> None:
    """Small files, so that kills fall into rotations and first writes as well."""
    moments, named = random.Random(17), []
    while len(named) < 1000:
        writer = start_writer(data.log, threads=4, turns=250, rotate_bytes=20_000, name="k")
        new = acknowledged(writer, moments.randint(1, 250))
        assert new, "the writer logs nothing"
        named += new
    check(data.log, named)


def test_two_processes_write_at_once_and_one_is_killed(data: DataFolder, tmp_path: Path) -> None:
    meeting = (tmp_path / "meeting", 2)
    one, other = [start_writer(data.log, threads=2, turns=300, name=name, meeting=meeting) for name in "ab"]
    named = acknowledged(one, 200) + acknowledged(other, None)
    assert len(named) >= 800
    check(data.log, named)
    assert {path.name[:2] for path in log_files(data.log)} == {"00", "01"}


def test_a_reader_that_is_killed_again_and_again_skips_and_repeats_nothing(data: DataFolder) -> None:
    writer = start_writer(data.log, threads=2, turns=300, rotate_bytes=30_000)
    moments = random.Random(5)
    for _ in range(4):
        command = [sys.executable, "-c", INGESTER, str(data.database), str(data.log)]
        reader = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert reader.stdout is not None
        reader.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.2))
        reader.kill()
        reader.stdout.close()
        reader.wait()
    named = acknowledged(writer, None)
    store = Store(data.database)
    index = TurnIndex(store, data.log)
    index.ingest()
    assert sorted(turn.id for turn in index.turns()) == sorted(named)
    assert index.count() == 600
    store.close()
