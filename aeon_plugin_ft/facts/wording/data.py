"""The data files of the wordings, each read once."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA = Path(__file__).parent / "data"


@lru_cache(maxsize=8)
def read_toml(name: str) -> dict[str, Any]:
    """A file of this package's data, not to be changed by its readers."""
    return cast(dict[str, Any], tomllib.loads((DATA / name).read_text(encoding="utf-8")))


@lru_cache(maxsize=64)
def listed(section: str, key: str) -> frozenset[str]:
    """A list of words.toml: parted by "|" where an entry has several words, else by blanks and line ends."""
    text = str(read_toml("words.toml")[section][key])
    parts = text.replace("\n", "|").split("|") if "|" in text else text.split()
    return frozenset(part.strip() for part in parts if part.strip())
