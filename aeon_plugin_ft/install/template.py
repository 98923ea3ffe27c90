"""The one file that is written into an Aeon. Everything else stays in the package.

Aeon loads the first AeonModule of each `modules/*/*_mod.py`, reloads the file on every hot reload, and
drops it silently unless on_load() returns True. It prints to a console that may be cp1252: ASCII only.
"""

from __future__ import annotations

FOLDER = "modules/finetuning"
MODULE = f"{FOLDER}/finetuning_mod.py"
MANIFEST = f"{FOLDER}/install.json"

MODULE_TEXT = '''\
"""Door to aeon-plugin-ft, written by `aeon-ft install`; `aeon-ft uninstall` takes it away again.

Nothing of the plugin is in here: Aeon reloads its modules, the package keeps its state.
"""

import os
import sys

from modules.base_module import AeonModule


class FinetuningModule(AeonModule):
    """Opens the door when Aeon loads it, and hands spoken commands through it."""

    opens_plugin_door = True

    def __init__(self, core_context):
        super().__init__(core_context)
        self.name = "Finetuning"
        self.triggers = []
        self.dependencies = []
        self._entry = None

    @property
    def metadata(self):
        return {
            "version": "1",
            "author": "aeon-plugin-ft",
            "description": "Aprende com as conversas e treina o modelo do dono.",
        }

    def on_load(self):
        try:
            from aeon_plugin_ft.install.entry import enter

            self._entry = enter(self.core_context)
            self.triggers = self._entry.triggers
        except Exception as error:
            print("[FINETUNING] desligado: " + self._reason(error))
        return True

    def _reason(self, error):
        if getattr(error, "name", None) != "aeon_plugin_ft":
            return ascii(str(error))
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        text = 'o Python que abre este Aeon nao tem o plugin; rode: aeon-ft install "%s" --python "%s"'
        console = getattr(sys.stdout, "encoding", None) or "ascii"
        return (text % (root, sys.executable)).encode(console, "replace").decode(console)

    def process(self, command):
        if self._entry is None:
            return None
        try:
            return self._entry.heard(command)
        except Exception as error:
            print("[FINETUNING] erro: " + ascii(str(error)))
            return None
'''
