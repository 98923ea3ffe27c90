"""The terms of a base model: shown once, before its first download, and noted with the time.

<cache>/terms.json   {"gemma3-270m": {"name": ..., "address": ..., "shown": "2026-03-01T20:15:00+00:00"}}
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import write_json

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

log = logging.getLogger("aeon_ft.base")

CATALOGUE = Path(__file__).parent / "data" / "terms.toml"


@dataclass(frozen=True, slots=True)
class Terms:
    """`address` is the page with the terms. `english` and `portuguese` are whole sentences that name it."""

    name: str
    address: str
    english: str
    portuguese: str


def read_terms(key: str, model: str) -> Terms:
    """The entry `key` of the catalogue, filled in for the base model `model`. Raises KeyError."""
    entry: Mapping[str, str] = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))[key]
    places = {"model": model, "address": entry["address"], "policy": entry["policy"]}
    english, portuguese = (f"{entry[language].format(**places)}." for language in ("english", "portuguese"))
    return Terms(entry["name"], entry["address"], english, portuguese)


def show_terms(key: str, model: str, cache: Path, progress: Callable[[str], None] | None) -> None:
    """Show them unless they were shown before, and note it. Where nobody listens to `progress` they go to the log.

    Raises OSError where the note cannot be written.
    """
    shown = shown_terms(cache)
    if model in shown:
        return
    terms = read_terms(key, model)
    for sentence in (terms.portuguese, terms.english):
        if progress is None:
            log.warning("%s", sentence)
        else:
            progress(sentence)
    note = {"name": terms.name, "address": terms.address, "shown": datetime.now(timezone.utc).isoformat("T", "seconds")}
    private.make_folder(cache)
    write_json(cache / "terms.json", {**shown, model: note})


def shown_terms(cache: Path) -> dict[str, dict[str, str]]:
    """By base model, what was shown and when; empty before the first."""
    try:
        notes = json.loads((cache / "terms.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # damaged, they are shown once more
        return {}
    return notes if isinstance(notes, dict) else {}
