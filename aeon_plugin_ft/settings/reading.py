"""TOML as values. tomlkit, which keeps comments, takes ten times as long: it is for whoever writes."""

from __future__ import annotations

import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def values_of(text: str) -> dict[str, Any]:
    """What a TOML text says. Raises ValueError for one that is none, with tomlkit's words for where it goes wrong."""
    try:
        read: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        try:
            read = tomlkit.parse(text).unwrap()
        except TOMLKitError as error:
            raise ValueError(str(error)) from error
    return read
