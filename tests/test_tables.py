"""Every table has one owner: SQL that names it stands in one module, and in the migrations."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from aeon_plugin_ft.store import Store
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "aeon_plugin_ft"
OWNERS = {
    "runs": "training/table.py",
    "promotions": "registry/promotions.py",
    "versions": "registry/registry.py",
    "trials": "registry/canaries.py",
    "feedback": "dataset/feedback/opinions.py",
    "datasets": "dataset/frozen.py",
    "dataset_turns": "dataset/frozen.py",
    "signals": "watch/signals.py",
    "choices": "evaluation/blind.py",
    "decisions": "schedule/decisions.py",
    "orders": "schedule/orders.py",
    "turns": "turns/index.py",
    "log_files": "turns/index.py",
    "log_systems": "turns/index.py",
    "events": "store/database.py",
    "facts": "store/database.py",
    "leases": "store/database.py",
    "claims": "facts/table.py",
    "claims_read": "facts/table.py",
    "claims_due": "facts/table.py",
    "claims_forgotten": "facts/table.py",
    "forgotten_turns": "dataset/importers/forgotten.py",
    "migrations": "store/database.py",
}
SERVING = {"deployments"}
"""Owned by one module of serving/, whichever it is."""
NO_SQL = ("control.py", "pipeline.py", "runtime.py", "learning.py", "judge.py", "forget.py", "plugin.py", "cli")
"""What puts the stages together asks their owners."""
_STATEMENT = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN|EXISTS) (\w+)")
_SQL = re.compile(r"\b(?:SELECT .* FROM|INSERT (?:OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM) ", re.DOTALL)


def texts(source: str) -> list[str]:
    """Every string of a module that is no docstring; of one with braces, its fixed parts."""
    tree = ast.parse(source)
    documented = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
    ]


def tables_in(source: str) -> set[str]:
    return {name for text in texts(source) for name in _STATEMENT.findall(text)}


def users() -> dict[str, set[str]]:
    """Table by table, the modules whose SQL names it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for table in tables_in(path.read_text(encoding="utf-8")) if name != "store/migrations.py" else ():
            found[table].add(name)
    return found


def test_a_statement_is_found_wherever_it_stands() -> None:
    source = '"""SELECT 1 FROM docs"""\nrow(f"SELECT * FROM {x} JOIN b " "WHERE 1")\ndo("INSERT OR IGNORE INTO c")\n'
    assert tables_in(source) == {"b", "c"}


def test_each_table_is_named_by_its_owner_only() -> None:
    found = users()
    for table, owner in OWNERS.items():
        assert found[table] == {owner}, table
    for table in SERVING:
        assert len(found[table]) == 1 and next(iter(found[table])).startswith("serving/"), table


def test_every_table_has_an_owner(store: Store) -> None:
    rows = store.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    assert {row["name"] for row in rows} == set(OWNERS) | SERVING


@pytest.mark.parametrize("place", NO_SQL)
def test_what_puts_the_stages_together_has_no_sql(place: str) -> None:
    path = PACKAGE / place
    for module in [path] if path.is_file() else sorted(Path(path).glob("*.py")):
        assert not any(map(_SQL.search, texts(module.read_text(encoding="utf-8")))), module
