"""A tiny base for the embedded server."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.base import BaseModel, resolve_base
from tests.base.tiny import make_tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    folder = tmp_path_factory.mktemp("tiny")
    return resolve_base(str(make_tiny(folder, "llama", max_position_embeddings=20_000).path), folder / "cache")
