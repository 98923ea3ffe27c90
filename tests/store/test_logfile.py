"""The plugin's own log: one JSON object a line, redacted, rotated, and none of the host's business."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.events import EventBus, RolledBack
from aeon_plugin_ft.privacy import Redactor
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
