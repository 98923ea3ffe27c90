"""What is wrong with a plugin.toml, in sentences: file, line, key, reason, and the nearest key that exists."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aeon_plugin_ft.settings.reading import values_of
from aeon_plugin_ft.settings.sections import OLD_VALUES, all_keys, sections


def problem_sentence(problem: Mapping[str, Any], text: str, path: Path) -> str:
    """One of pydantic's errors (`ValidationError.errors()`) about the TOML `text` that was read from `path`."""
    key = ".".join(str(part) for part in problem["loc"] if not isinstance(part, int))
    line = line_of(text, key)
    if problem["type"] == "extra_forbidden":
        return unknown_key_sentence(path, line, key)
    value = json.dumps(problem["input"], ensure_ascii=False, default=str)
    return f"{_where(path, line)}: {key} = {value} will not do: {problem['msg'].lower()}"


def unknown_key_sentence(path: Path, line: int | None, key: str) -> str:
    """Names the key that does not exist and the nearest that does."""
    names = all_keys() if "." in key else list(sections())
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.0)
    kind = "key" if "." in key else "section"
    return f"{_where(path, line)}: there is no {kind} {key}; the nearest is {near[0]}"


def old_value_notes(text: str, path: Path) -> tuple[str, ...]:
    """One sentence for each value of an earlier release in a TOML `text` that is valid: what it counts as now."""
    raw, notes = values_of(text), []
    for key, renamed in OLD_VALUES.items():
        section, _, name = key.partition(".")
        value = raw.get(section, {}).get(name)
        if isinstance(value, str) and value in renamed:
            notes.append(f'{_where(path, line_of(text, key))}: {key} = "{value}" is called "{renamed[value]}" now')
    return tuple(notes)


def _where(path: Path, line: int | None) -> str:
    return f"{path}, line {line}" if line else str(path)


def line_of(text: str, key: str) -> int | None:
    """1-based line where "section" or "section.key" stands in a TOML text; None when it is not found."""
    section, _, name = key.partition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        # By lines: pydantic names keys and no places, and the text is valid TOML by now.
        header = re.match(r"\s*\[\s*([\w.-]+)\s*\]", line)
        if header:
            current = header.group(1)
            if not name and current == section:
                return number
        elif (current == section and name and re.match(rf"\s*{re.escape(name)}\s*=", line)) or (
            not current and not name and re.match(rf"\s*{re.escape(section)}\s*=", line)
        ):
            return number
    return None
