"""Settings as they stand in a file: the commented default, and one value."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, get_args, get_origin

from aeon_plugin_ft.messages import Language, Messages
from aeon_plugin_ft.settings.sections import sections

_IN_A_FILE = {"Desligado:": "false:", "Ligado:": "true:", "Vazio:": '"":'}
"""Words for a switch and for an empty field on the page, and what stands for them in a file."""


def default_text(language: Language = Language.EN) -> str:
    """The commented default plugin.toml."""
    lines = [f"# {Messages('settings', language)('file.head')}", ""]
    for name, model in sections().items():
        lines += [f"# {_title(name, language)}", f"[{name}]"]
        for key, info in model.model_fields.items():
            lines += [f"# {meaning(name, key, language)}", f"{key} = {toml_value(info.get_default())}"]
        lines.append("")
    return "\n".join(lines)


def meaning(section: str, key: str, language: Language) -> str:
    """What a setting does, with the values that it may have."""
    info = sections()[section].model_fields[key]
    if language is Language.EN:
        return info.description or ""
    text = Messages("settings", language)(f"meaning.{section}_{key}")
    for word, written in _IN_A_FILE.items():
        text = re.sub(rf"\b{word}", written, text)
    return " ".join([text, *_values(info.annotation, f"{section}_{key}", language)])


def _title(section: str, language: Language) -> str:
    if language is Language.EN:
        return (sections()[section].__doc__ or "").strip()
    return f"{Messages('panel', language)(f'section.{section}')}."


def _values(annotation: Any, name: str, language: Language) -> list[str]:
    """'"drop": não guardar essas conversas.' for each value that the page has words for."""
    words = Messages("panel", language)
    inner = get_args(annotation)[0] if get_origin(annotation) is tuple else annotation
    values = get_args(inner) if get_origin(inner) is Literal else ()
    named = ((value, f"value.{name}_{value}") for value in values)
    return [f'"{value}": {_lower(words(key))}.' for value, key in named if words.has(key)]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def toml_value(value: Any) -> str:
    """A setting as it stands in the file."""
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)
