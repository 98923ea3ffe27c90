"""The demonstration's base: the better one where it can be had, and one sentence where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_plugin_ft.base import fallback
from aeon_plugin_ft.base.fallback import DemoBase, demo_base
from aeon_plugin_ft.errors import BaseModelError, NoSpaceError


def test_it_is_gemma_where_gemma_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(fallback, "builtin_gguf", lambda model, cache, progress: cache / model.file)
    assert demo_base(tmp_path, heard.append) == DemoBase("gemma3-270m")
    assert heard == []


@pytest.mark.parametrize(
    "error",
    [
        BaseModelError("gemma3-270m cannot be downloaded (no network)", "Connect to the internet once"),
        NoSpaceError(Path("/cache"), 500_000_000, 1),
    ],
)
def test_it_is_smollm2_where_gemma_cannot_be_had(
    error: BaseModelError | NoSpaceError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Path:
        raise error

    heard: list[str] = []
    monkeypatch.setattr(fallback, "builtin_gguf", refuse)
    assert demo_base(tmp_path, heard.append) == DemoBase("smollm2-135m-instruct", error)
    assert len(heard) == 1, "one sentence"
    assert error.what in heard[0] and "smollm2-135m-instruct runs in its place" in heard[0]
    assert demo_base(tmp_path).missing is error
