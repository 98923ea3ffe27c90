"""No key of plugin.toml is decoration: each is read by code that does something with it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from aeon_plugin_ft.settings import sections

ROOT = Path(__file__).resolve().parent.parent
SHARED_NAMES = ("enabled", "mode", "model", "threads")
"""Keys whose name other objects have too: the section must be named beside them."""


def _chains() -> set[str]:
    """Every attribute access in the product as written: "settings.train.rank", "recipe.rank"."""
    found = set()
    for folder in ("aeon_plugin_ft", "hooks", "core"):
        for file in (ROOT / folder).rglob("*.py"):
            if file.parent != ROOT / "aeon_plugin_ft" / "settings":
                tree = ast.parse(file.read_text(encoding="utf-8"))
                found |= {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return found


CHAINS = _chains()


@pytest.mark.parametrize(
    ("section", "key"), [(name, key) for name, model in sections().items() for key in model.model_fields]
)
def test_every_key_is_read_somewhere(section: str, key: str) -> None:
    ends: tuple[str, ...] = (f"settings.{key}", f"{section}.{key}", f"wanted.{key}", f"limits.{key}")
    if key not in SHARED_NAMES:
        ends += (f".{key}",)
    assert any(chain.endswith(ends) for chain in CHAINS), f"nothing reads [{section}] {key}"
