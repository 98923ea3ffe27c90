"""The routing rules: focus, then the longest substring trigger, then shared words."""

import importlib
import inspect
import re
import sys
import unicodedata
from pathlib import Path

from modules.base_module import AeonModule


class ModuleManager:
    def __init__(self, core_context):
        self.core_context = core_context
        core_context["module_manager"] = self
        self.modules = []
        self.trigger_map = {}
        self.trigger_orig_map = {}
        self.module_map = {}
        self.focused_module = None

    def _normalize(self, text):
        bare = (c for c in unicodedata.normalize("NFD", text or "") if not unicodedata.combining(c))
        return " ".join(re.sub(r"[^a-z0-9\s]", " ", "".join(bare).lower()).split())

    def load_modules(self):
        for file in sorted((Path(__file__).resolve().parent.parent / "modules").glob("*/*_mod.py")):
            self._load(f"modules.{file.parent.name}.{file.stem}")

    def scan_new_modules(self):
        self.trigger_map = {}
        self.modules = []
        self.load_modules()

    def _load(self, name):
        try:
            known = sys.modules.get(name)
            module = importlib.reload(known) if known else importlib.import_module(name)
            for _, kind in inspect.getmembers(module, inspect.isclass):
                if issubclass(kind, AeonModule) and kind is not AeonModule:
                    self._register(kind(self.core_context))
                    break
        except Exception as error:
            print("Erro importando", name, ascii(str(error)))

    def _register(self, instance):
        if not (instance.check_dependencies() and instance.on_load()):
            return
        self.modules.append(instance)
        self.module_map[instance.name.lower()] = instance
        for trigger in instance.triggers:
            self.trigger_map[self._normalize(trigger)] = instance

    def get_loaded_modules(self):
        return self.modules

    def lock_focus(self, module, timeout=None):
        self.focused_module = module

    def release_focus(self):
        self.focused_module = None

    def route_command(self, command):
        if self.focused_module is not None:
            return self.focused_module.process(command)
        said = self._normalize(command)
        for trigger in sorted(self.trigger_map, key=len, reverse=True):
            if trigger in said:
                reply = self.trigger_map[trigger].process(command)
                if reply is not None:
                    return reply
        words = set(said.split())
        ratios = [(len(words & set(t.split())) / len(t.split()), t) for t in self.trigger_map if t.split()]
        best = max(ratios, key=lambda pair: pair[0], default=(0, ""))
        if words and best[0] >= 0.70:
            return self.trigger_map[best[1]].process(command)
        return None

    def executar_ferramenta(self, tool, params=None):
        return f"ferramenta {tool} {params}"
