"""What the system refuses is told in the language of the process."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from aeon_plugin_ft.messages import cause, entries, refusal
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE


def test_a_refusal_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert refusal(full) == "No space left on device"
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert refusal(full) == "o disco está cheio"
    assert refusal(FileNotFoundError(errno.ENOENT, "No such file or directory")) == "o arquivo ou a pasta não existe"


def test_what_no_words_are_known_for_keeps_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert refusal(OSError(errno.ELOOP, "Too many levels of symbolic links")) == "Too many levels of symbolic links"
    assert refusal(OSError("cut off")) == "cut off"


def test_a_cause_names_the_file_and_keeps_other_errors_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", str(Path("models", "config.json")))
    assert cause(missing) == "config.json: o arquivo ou a pasta não existe"
    assert cause(PermissionError(errno.EACCES, "Permission denied")) == refusal(PermissionError(errno.EACCES, ""))
    assert cause(ValueError("no header")) == refusal(ValueError("no header")) == "no header"


def test_every_name_is_one_of_the_systems() -> None:
    names = [key.partition(".")[2] for key in entries("errors/system")]
    assert names and not [name for name in names if not os.strerror(getattr(errno, name))]
