"""What the plugin says to its owner in writing, in Portuguese and in English, from one catalogue.

catalogue.py   messages by key, in one language
speaker.py     those of the command line and of errors, in the language of the process
system.py      why the system refused something, in the language of the process
speech.py      the page's messages and formats, in one language
formats.py     numbers, spans of time and moments as that language writes them
data/          one TOML file an area (panel.toml: the page; errors/training.toml: what training may raise); each message
               with both of its languages side by side
"""

from aeon_plugin_ft.messages.catalogue import Language, Messages, entries
from aeon_plugin_ft.messages.speaker import Speaker, decimal, language, speak
from aeon_plugin_ft.messages.system import cause, refusal

__all__ = ["Language", "Messages", "Speaker", "cause", "decimal", "entries", "language", "refusal", "speak"]
