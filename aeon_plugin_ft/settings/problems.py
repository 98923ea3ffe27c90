"""What is wrong with a plugin.toml, in sentences: file, line, key, reason, and the nearest key that exists."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.settings import slips
from aeon_plugin_ft.settings.reading import values_of
from aeon_plugin_ft.settings.sections import OLD_VALUES, all_keys, sections

_say = Speaker("errors/settings")
_EXPLAINED = {
    "greater_than_equal", "greater_than", "less_than_equal", "less_than", "int_parsing", "int_type", "int_from_float",
    "float_parsing", "float_type", "bool_parsing", "bool_type", "string_type", "string_pattern_mismatch",
    "literal_error", "tuple_type", "model_type", "finite_number",
}  # fmt: skip
"""Pydantic's kinds of errors that the catalogue has words for."""


def problem_sentence(problem: Mapping[str, Any], text: str, path: Path) -> str:
    """One of pydantic's errors (`ValidationError.errors()`) about the TOML `text` that was read from `path`."""
    key = ".".join(str(part) for part in problem["loc"] if not isinstance(part, int))
    line = line_of(text, key)
    if problem["type"] == "extra_forbidden":
        return unknown_key_sentence(path, line, key)
    value = json.dumps(problem["input"], ensure_ascii=False, default=str)
    why = slips.in_value(key, problem["input"]) if _wants_no_text(problem) else None
    return _say("value.bad", where=_where(path, line), key=key, value=value, why=why or _why(problem))


def _wants_no_text(problem: Mapping[str, Any]) -> bool:
    return str(problem["type"]).startswith(("bool_", "int_", "float_"))


def _why(problem: Mapping[str, Any]) -> str:
    """What pydantic says of a value."""
    given = dict(problem.get("ctx", {}))
    if problem["type"] == "value_error":  # ours, from sections.py
        return _say("value.own", message=given["error"])
    if problem["type"] not in _EXPLAINED:
        return str(problem["msg"]).lower()
    if "expected" in given:
        given["expected"] = str(given["expected"]).replace(" or ", _say("value.or"))
    return _say(f"why.{problem['type']}", **given)


def toml_sentences(text: str, path: Path, error: Exception) -> list[str]:
    """Why a text is no TOML, of which `error` is what its parser says."""
    lines, line = text.splitlines(), _line_of(error)
    again = slips.twice(text)
    # A section that is there twice is told by one parser in the line behind it.
    if again is not None and (line is None or again[0] <= line):
        return [_say("file.slip", where=_where(path, again[0]), slip=again[1])]
    if line is None or line > len(lines):  # the file ends in the middle of something
        line = max((number for number, written in enumerate(lines, 1) if written.strip()), default=1)
    written = lines[line - 1] if lines else ""
    slip = slips.in_line(written)
    if slip is not None:
        return [_say("file.slip", where=_where(path, line), slip=slip)]
    return [_say("file.no_toml", where=_where(path, line), written=written.strip())]


def _line_of(error: Exception) -> int | None:
    """Where a parser gave up, from 1: tomlkit keeps it, tomllib writes it."""
    found = re.search(r"at line (\d+)", str(error))
    return int(found.group(1)) if found else None


def text_sentences(raw: Mapping[str, Any], text: str, path: Path) -> list[str]:
    """Texts of a valid TOML `text` that say something else than what was meant."""
    lines, found = text.splitlines(), []
    for section, values in raw.items():
        for name, value in values.items() if isinstance(values, dict) else ():
            key = f"{section}.{name}"
            line = line_of(text, key)
            written = lines[line - 1] if line is not None else ""
            slip = slips.in_text(key, value, written) if isinstance(value, str) else None
            if slip is not None:
                found.append(_say("file.slip", where=_where(path, line), slip=slip))
    return found


def unknown_key_sentence(path: Path, line: int | None, key: str) -> str:
    """Names the key that does not exist and where it belongs, or the nearest that does."""
    where, (section, _, name) = _where(path, line), key.rpartition(".")
    owners = [one.partition(".")[0] for one in all_keys() if one.rpartition(".")[2] == name]
    if len(owners) == 1 and section in ("", *sections()):
        said = {"where": where, "key": name, "owner": owners[0]}
        return _say("key.elsewhere", section=section, **said) if section else _say("key.no_section", **said)
    if key in sections():
        return _say(
            "key.section", where=where, key=key, near=next(one for one in all_keys() if one.startswith(f"{key}."))
        )
    if "." in key:
        near = difflib.get_close_matches(key, all_keys(), n=1, cutoff=0.0)
        return _say("key.none", where=where, key=key, near=near[0])
    near = difflib.get_close_matches(key, sections(), n=1)
    if not near:
        return _say("key.unlike", where=where, key=key, names=", ".join(sections()))
    return _say("key.no_such_section", where=where, key=key, near=near[0])


def old_value_notes(text: str, path: Path) -> tuple[str, ...]:
    """One sentence for each value of an earlier release in a TOML `text` that is valid: what it counts as now."""
    raw, notes = values_of(text), []
    for key, renamed in OLD_VALUES.items():
        section, _, name = key.partition(".")
        value = raw.get(section, {}).get(name)
        if isinstance(value, str) and value in renamed:
            where = _where(path, line_of(text, key))
            notes.append(_say("value.renamed", where=where, key=key, value=value, now=renamed[value]))
    return tuple(notes)


def _where(path: Path, line: int | None) -> str:
    return _say("file.line", path=path, line=line) if line else str(path)


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
