"""How a version's prompts are written: as training wrote them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aeon_plugin_ft.base.thinking import closed_template
from aeon_plugin_ft.serving.embedded.server import ServerConfig
from aeon_plugin_ft.weights.gguf_file import GgufFile


def without_thoughts(config: ServerConfig) -> ServerConfig:
    """The same server, whose replies come at once: training ends what a template begins of thoughts."""
    with GgufFile(Path(config.model)) as file:
        closed = closed_template(str(file.get("tokenizer.chat_template") or ""))
    return replace(config, at_once=True, template=closed or "")
