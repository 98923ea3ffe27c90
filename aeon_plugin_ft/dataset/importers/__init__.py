"""Readers of chat formats, one module a family."""

from __future__ import annotations

from aeon_plugin_ft.dataset.importers.aeon_log import AeonLog
from aeon_plugin_ft.dataset.importers.assistants import ChatGpt, Claude
from aeon_plugin_ft.dataset.importers.importing import Importer, import_file, open_import
from aeon_plugin_ft.dataset.importers.jsonl import MessagesLines, Pairs, ShareGpt
from aeon_plugin_ft.dataset.importers.messengers import Discord, Telegram
from aeon_plugin_ft.dataset.importers.own_log import OwnLog
from aeon_plugin_ft.dataset.importers.whatsapp import WhatsApp

__all__ = ["built_in", "import_file", "open_import"]


def built_in() -> list[Importer]:
    """One of each format that the plugin knows."""
    return [
        AeonLog(), OwnLog(), MessagesLines(), ShareGpt(), Pairs(),
        ChatGpt(), Claude(), WhatsApp(), Telegram(), Discord(),
    ]  # fmt: skip
