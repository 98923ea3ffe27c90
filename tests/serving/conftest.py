"""A host on backends of files."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.store import DataFolder, Store
from tests.serving.world import World


@pytest.fixture
def world(data: DataFolder, store: Store) -> World:
    return World(data, store)
