"""The figures of benchmarks/style.py are counted as it says."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY

SOURCE = '''"""A module.

Of three lines.
"""

LIMIT = 5  # of something
"""What it limits,
and why."""

# Two lines of comment
# about the class.
class Public:
    """Documented."""

    def shown(self, a: int, *rest, key: str = "") -> int:  # noqa: ANN
        """Documented."""
        # Because of a hazard.
        return a

    def bare(self, b):
        def inside(c: int) -> int:
            return c

        return inside(b)

    def _hidden(self) -> None: ...
'''


@pytest.fixture
def style() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_style", REPOSITORY / "benchmarks" / "style.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_everything_is_counted_once(style: ModuleType) -> None:
    counted = style.measure({"a.py": SOURCE})
    assert list(counted.functions.values()) == [4, 5, 2, 1]
    assert (counted.arguments, counted.typed) == (5, 3)
    assert counted.public == 2 and [name.split()[1] for name in counted.undocumented] == ["Public.bare"]
    assert (counted.comments, counted.notes, counted.code) == (3, 3, 9)
    assert counted.files == {"a.py": 26}
    assert all(value for _, value in counted.rows())


def test_what_is_over_a_limit_is_named_longest_first(style: ModuleType) -> None:
    longest = "def f() -> None:\n" + "    f()\n" * style.FILE_LINES
    counted = style.measure({"long.py": longest, "short.py": "x = 1\n", "longer.py": longest + "f()\n"})
    assert [line.split()[1] for line in counted.over()] == ["longer.py", "long.py", "long.py:1", "longer.py:1"]


def test_the_whole_product_can_be_measured(style: ModuleType) -> None:
    counted = style.measure(style.of_folder(REPOSITORY, style.FOLDERS))
    assert len(counted.files) > 100 and counted.typed / counted.arguments > 0.99
