"""The plugin's own log: one JSON object a line, redacted, rotated, and none of the host's business."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.events import EventBus, RolledBack
from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.store import logfile
from aeon_plugin_ft.store.logfile import BYTES, OLDER, LogFile, wipe


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aeon-ft.log"


def test_warnings_errors_and_events_are_lines_and_personal_data_is_not(path: Path) -> None:
    log = LogFile(path, Redactor().redact).open()
    bus = EventBus()
    bus.subscribe(log.on_event)
    bus.publish(
        RolledBack(version="base", previous="v0001", cause=PromotionCause.WORSE, reason="disse 529.982.247-25", at=5.0)
    )
    logging.getLogger("aeon_ft.watch").warning("%s is left", "v0001")
    try:
        raise ValueError("CPF 529.982.247-25")
    except ValueError:
        logging.getLogger("aeon_ft").exception("it broke")
    log.close()
    logging.getLogger("aeon_ft").warning("after the end")
    log.on_event(RolledBack(version="base", previous="v0001", cause=PromotionCause.WORSE, reason="after the end"))
    assert log.stream is None, "and the file is not opened again"
    event, warning, error = lines(path)
    assert (event["event"], event["at"], event["previous"]) == ("rolled_back", 5.0, "v0001")
    assert (warning["level"], warning["logger"], warning["message"]) == ("WARNING", "aeon_ft.watch", "v0001 is left")
    assert "ValueError" in error["error"]
    assert "529.982" not in path.read_text(encoding="utf-8")


def test_the_hosts_own_logging_stays_as_it_is(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    level = logging.getLogger("aeon_ft").level
    log = LogFile(path, str).open()
    log.on_event(RolledBack(version="base", previous="v0001", cause=PromotionCause.WORSE, reason="x"))
    assert logging.getLogger("aeon_ft").level == level and not caplog.records
    log.close()
    assert log not in logging.getLogger("aeon_ft").handlers


def test_it_is_rotated_and_can_be_emptied_while_it_is_open(path: Path) -> None:
    log = LogFile(path, str).open()
    logger = logging.getLogger("aeon_ft.test")
    for _ in range(5 * BYTES // 100_000 + 5):
        logger.warning("x" * 100_000)
    files = sorted(path.parent.glob("aeon-ft.log*"))
    assert len(files) == OLDER + 1 and all(file.stat().st_size <= BYTES + 100_200 for file in files)
    wipe(path.parent, path.name)
    assert all(file.stat().st_size == 0 for file in files)
    logger.warning("after")
    log.close()
    assert [line["message"] for line in lines(path)] == ["after"]


KEEPER = """
import sys
with open(sys.argv[1], "a", encoding="utf-8") as held:
    print("open", flush=True)
    sys.stdin.read()
"""


def numbers(folder: Path) -> list[int]:
    """What the log and its older files hold, oldest first."""
    files = sorted(folder.glob("aeon-ft.log*"), key=lambda file: file.name, reverse=True)
    return [int(line["message"].split()[0]) for file in files for line in lines(file)]


def write(log: LogFile, first: int, last: int) -> None:
    for number in range(first, last):
        logging.getLogger("aeon_ft.test").warning("%d %s", number, "x" * 100)


@pytest.fixture
def small(path: Path) -> Iterator[LogFile]:
    """A log of which three files hold about eight lines each."""
    log = LogFile(path, str).open()
    log.maxBytes = 1500
    yield log
    log.close()


def test_while_another_program_keeps_the_file_no_line_is_lost(
    small: LogFile, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Windows renames a file for nobody who has not got it alone; there this test needs no fake."""
    write(small, 0, 1)
    with subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as keeper:
        assert keeper.stdout is not None and keeper.stdout.readline() == "open\n"
        write(small, 1, 30)
        keeper.communicate()
    assert numbers(path.parent) == list(range(30))
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_that_may_not_be_renamed_goes_on_and_is_rotated_later(
    small: LogFile, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(small, 0, 18)
    before = sorted(path.parent.glob("aeon-ft.log*"))
    tries: list[Path] = []
    replace = Path.replace

    def kept_open(self: Path, target: Path) -> Path:
        if self.name == path.name:
            tries.append(self)
            raise PermissionError(13, "The process cannot access the file")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", kept_open)
    monkeypatch.setattr(logfile, "PATIENCE_SECONDS", 0.0)
    write(small, 18, 40)
    assert len(tries) == 1, "it is not tried at every line"
    for last in (41, 42):
        monkeypatch.setattr(small, "_not_before", 0.0)
        write(small, last - 1, last)
    assert len(tries) == 3
    assert numbers(path.parent) == list(range(42)), "refused attempts move no older file out"
    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(small, "_not_before", 0.0)
    write(small, 42, 43)
    assert lines(path)[0]["message"].startswith("42 ") and numbers(path.parent) == list(range(43))
    assert len(before) == 3 and "Traceback" not in capsys.readouterr().err
