"""`[base] model` as it is before the owner has said anything: what the brain uses, and nothing small in its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft import pipeline
from aeon_plugin_ft.base.builtin import BUILTINS
from aeon_plugin_ft.cli.context import Context
from aeon_plugin_ft.cli.demo import Demo
from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.training.automatic import AUTO, automatic_base


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """A data folder that was just made, and what "auto" really stands for."""
    monkeypatch.setattr(pipeline, "automatic_base", automatic_base)
    made = Context(tmp_path / "data", None, False)
    yield made
    made.close()


def test_the_file_that_is_written_first_names_no_built_in_model(owner: Context) -> None:
    settings = owner.settings_file
    assert settings.current.base.model == AUTO
    lines = settings.path.read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if line.startswith("model") and any(name in line for name in BUILTINS)]


def test_without_a_brains_model_nothing_is_fetched_and_the_owner_hears_what_to_do(
    owner: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[str] = []
    monkeypatch.setattr(pipeline, "resolve_base", lambda spec, *_: resolved.append(spec))
    with pytest.raises(BaseModelError, match="none has answered yet") as caught:
        owner.pipeline().base()
    assert resolved == []
    assert "models advise" in caught.value.todo
    # A version's own base does not ask what the brain uses now.
    owner.pipeline().base("gemma3-270m")
    assert resolved == ["gemma3-270m"]


def test_the_demo_names_its_base(owner: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.base import fallback

    monkeypatch.setattr(fallback, "demo_base", lambda *_: fallback.DemoBase("gemma3-270m", None))
    made: Any = type("Base", (), {"spec": "gemma3-270m", "parameters": 1, "digest": "sha256:0"})
    monkeypatch.setattr(pipeline, "resolve_base", lambda spec, *_: made)
    demo = Demo.__new__(Demo)
    monkeypatch.setattr(demo, "shared", owner, raising=False)
    monkeypatch.setattr(demo, "_pipeline", owner.pipeline, raising=False)
    monkeypatch.setattr(demo, "_step", lambda _: None, raising=False)
    demo._make_base()
    assert owner.settings_file.current.base.model == "gemma3-270m"
