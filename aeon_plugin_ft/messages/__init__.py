"""What the plugin says to its owner in writing, in Portuguese and in English, from one catalogue.

catalogue.py   messages by key, in one language
formats.py     numbers, spans of time and moments as that language writes them
data/          one TOML file an area (panel.toml: the page); each message with both of its languages side by side
"""

from aeon_plugin_ft.messages.catalogue import Language, Messages, entries
from aeon_plugin_ft.messages.formats import Formats

__all__ = ["Formats", "Language", "Messages", "entries"]
