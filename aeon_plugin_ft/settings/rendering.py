"""Settings as they stand in a file: the commented default, and one value."""

from __future__ import annotations

import json
from typing import Any

from aeon_plugin_ft.settings.sections import sections


def default_text() -> str:
    """The commented default plugin.toml."""
    lines = ["# aeon-plugin-ft: what it may do and how. Saved changes take effect at once.", ""]
    for name, model in sections().items():
        lines += [f"# {(model.__doc__ or '').strip()}", f"[{name}]"]
        for key, info in model.model_fields.items():
            lines += [f"# {info.description}", f"{key} = {toml_value(info.get_default())}"]
        lines.append("")
    return "\n".join(lines)


def toml_value(value: Any) -> str:
    """A setting as it stands in the file."""
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)
