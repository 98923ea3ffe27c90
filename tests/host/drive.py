"""Boots an Aeon folder without a screen, and does what it is told on standard input: one JSON object a line.

Runs with the Aeon's own Python, in the Aeon's folder, as `python drive.py ROOT [--probe] [--guest] [--qt]`; it imports
nothing of this repository but the installed plugin. Aeon's own ConfigManager, ContextManager, AeonBrain,
ModuleManager and MainLogic run unmodified; window and sound are stubs that keep what they are given; whatever could
touch the machine (processes, programs, the network beyond loopback) is guarded. Desktop libraries that are not there
are replaced by stubs, named on standard error.

With --qt the windows are Aeon's own, offscreen (QT_QPA_PLATFORM=offscreen). With --probe a plugin of this file takes
the place of the installed ones: it keeps each turn, answers what the plugin's own matcher takes for a command
with "comando: <intent>", and chooses the route it is given. With --guest the real plugin
runs, and guest.py's beside it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
import types
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

ANSWER_SECONDS = 60
ALWAYS_STUBBED = ("pyautogui", "pygetwindow", "pynput", "cv2", "mediapipe", "speech_recognition", "pyperclip",
                  "pygame", "pyttsx3", "edge_tts", "soundfile", "keyboard", "chromadb", "googlesearch")  # fmt: skip


class Anything:
    """Accepts everything, does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def __call__(self, *_: Any, **__: Any) -> Anything:
        return Anything()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


class StubModule(types.ModuleType):
    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything


def stub_desktop() -> list[str]:
    """Put stubs where Aeon imports what a machine without a screen does not have."""
    names = [*ALWAYS_STUBBED, "pynput.keyboard", "chromadb.utils"]
    for name in names:
        sys.modules[name] = StubModule(name)
    for name in ("feedparser", "dateparser", "bs4", "requests"):
        if importlib.util.find_spec(name) is None:
            sys.modules[name] = StubModule(name)
            names.append(name)
    return names


def guard(ends: list[int]) -> None:
    """No program is started or ended, no address beyond loopback reached, and "sair" only noted."""
    import psutil

    connect = socket.socket.connect

    def loopback(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"guarded: {address[0]}")
        connect(self, address)

    socket.socket.connect = loopback  # type: ignore[assignment,method-assign]
    os.system = lambda command: 0  # type: ignore[assignment]
    os._exit = ends.append  # type: ignore[assignment]
    if hasattr(os, "startfile"):
        os.startfile = lambda *a, **k: None
    psutil.process_iter = lambda *a, **k: iter(())
    import webbrowser

    webbrowser.open = lambda *a, **k: True  # type: ignore[assignment]
    start = subprocess.Popen.__init__

    def popen(self: Any, *args: Any, **kwargs: Any) -> None:
        frame: Any = sys._getframe(1)
        while frame is not None:
            if frame.f_globals.get("__name__", "").startswith("modules."):
                raise OSError("guarded: an Aeon module wants to start a program")
            frame = frame.f_back
        start(self, *args, **kwargs)

    subprocess.Popen.__init__ = popen  # type: ignore[method-assign]


class Window:
    """What MainLogic and the modules see of the sphere: like the real one, without set_online_status."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []
        self.ready = threading.Event()

    def add_message(self, text: Any, sender: str = "SISTEMA") -> None:
        self.shown.append((sender, text))

    def set_status(self, text: str) -> None:
        if text == "ONLINE":
            self.ready.set()

    def set_module_list(self, modules: Any) -> None: ...
    def set_mic_level(self, level: float) -> None: ...
    def toggle_visibility(self) -> None: ...
    def hide_sphere(self) -> None: ...
    def show_sphere(self) -> None: ...


class AeonsWindow:
    """Aeon's own sphere and terminal, offscreen: `qt` pumps their events while somebody waits."""

    def __init__(self) -> None:
        from core.gui_sphere import SphereUI
        from PyQt5.QtWidgets import QApplication

        self.qt = QApplication([])
        self.sphere = SphereUI()
        self.shown: list[tuple[str, str]] = []
        self.ready = threading.Event()
        self.sphere.update_signal.connect(lambda text, sender: self.shown.append((sender, text)))
        self.sphere.status_signal.connect(lambda text: self.ready.set() if text == "ONLINE" else None)

    def wait(self, done: Any) -> bool:
        end = time.monotonic() + ANSWER_SECONDS
        while not done() and time.monotonic() < end:
            self.qt.processEvents()
            time.sleep(0.005)
        return bool(done())

    def type(self, text: str) -> str:
        """What the terminal shows after `text` was typed into it and answered."""
        self.sphere.open_terminal()
        terminal = self.sphere.terminal_window
        terminal.chat_display.clear()
        terminal.input_box.setText(text)
        terminal.on_submit()
        self.wait(lambda: any(f"{who}:" in terminal.chat_display.toPlainText() for who in ("AEON", "ERRO")))
        return str(terminal.chat_display.toPlainText())


class Sound:
    """Keeps what was to be spoken; muted in the private mode or not, as Aeon's does."""

    def __init__(self, context_manager: Any) -> None:
        self.context_manager = context_manager
        self.muted = False
        self.spoken: list[str] = []

    def falar(self, texto: Any) -> None:
        if texto and not self.muted:
            self.spoken.append(texto)

    def calar_boca(self) -> None: ...
    def play_feedback_sound(self, tipo: Any) -> None: ...
    def cleanup_temp_files(self) -> None: ...


def probe_plugin() -> Any:
    """The plugin of --probe; made here because `hooks` may be imported only after sys.path is Aeon's."""
    from hooks import Route, hookimpl

    class Probe:
        def __init__(self) -> None:
            self.turns: list[Any] = []
            self.route: Any = None
            self.memories: dict[str, list[str]] = {}

        @hookimpl
        def aeon_choose_model(self, request: Any) -> Any:
            return self.route

        @hookimpl
        def aeon_remember(self, request: Any) -> Any:
            return self.memories.get(request.host_route.provider)

        @hookimpl
        def aeon_turn_finished(self, turn: Any) -> None:
            self.turns.append(turn)

        @hookimpl
        def aeon_heard(self, text: str) -> str | None:
            from aeon_plugin_ft.voice.matcher import match

            intent = match(text)
            return None if intent is None else f"comando: {intent.name.value}"

        def choose(self, route: dict[str, Any] | None) -> None:
            if route is None:
                self.route = None
                return
            fallback = tuple(Route(**r) for r in route.pop("fallback", ()))
            self.route = Route(**route, fallback=fallback)

    return Probe()


def load_guest() -> Any:
    """guest.py beside this file: `tests` is no package of the driven Aeon."""
    spec = importlib.util.spec_from_file_location("guest", Path(__file__).with_name("guest.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Driver:
    """One booted Aeon."""

    def __init__(self, probe: Any, qt: bool = False) -> None:
        self.own = AeonsWindow() if qt else None
        from core.config_manager import ConfigManager
        from core.context_manager import ContextManager
        from core.main_gui_logic import MainLogic
        from core.module_manager import ModuleManager

        from core.brain import AeonBrain

        self.probe = probe
        self.window: Any = self.own or Window()
        gui = self.own.sphere if self.own else self.window
        self.logic = MainLogic(gui)
        if self.own:
            gui.set_logic_callback(self.logic.process_user_input)
        self.context = ContextManager()
        self.context.load_snapshot()
        config = ConfigManager()
        self.sound = Sound(self.context)
        self.brain = AeonBrain(config)
        self.core = {
            "config_manager": config,
            "io_handler": self.sound,
            "brain": self.brain,
            "gui": gui,
            "context": self.context,
        }
        self.before = self._names()
        self.mods = ModuleManager(self.core)
        self.mods.load_modules()
        self.logic.register_modules(self.mods, self.sound)

    def say(self, text: str) -> dict[str, Any]:
        """One spoken sentence, to its reply."""
        self.window.ready.clear()
        shown, spoken = len(self.window.shown), len(self.sound.spoken)
        turns = len(self.probe.turns) if self.probe else 0
        self.logic.process_user_input(text)
        ready = self.window.ready
        answered = self.own.wait(ready.is_set) if self.own else ready.wait(ANSWER_SECONDS)
        return {
            "answered": answered,
            "shown": [m for m in self.window.shown[shown:] if m[0] != "VOCÊ"],
            "spoken": self.sound.spoken[spoken:],
            "turns": [asdict(t) for t in self.probe.turns[turns:]] if self.probe else [],
            "focus": getattr(self.mods.focused_module, "name", None),
        }

    def state(self) -> dict[str, Any]:
        from hooks.door import find_door

        door = find_door()
        return {
            "modules": [m.name for m in self.mods.modules],
            "repairs": [r.name for r in door.repairs] if door else [],
            "seen": door.attachment.seen if door else None,
            "attached": "pensar" in self.brain.__dict__,
            "listening": "route_command" in self.mods.__dict__,
            "private": bool(self.context.get("stealth_mode")),
            "data": str(door.host.data_folder) if door else None,
            "busy": door.host.is_busy() if door else None,
            "threads": sorted(t.name for t in threading.enumerate()),
            "client": f"{type(self.brain.client).__module__}.{type(self.brain.client).__name__}",
        }

    def close_door(self) -> dict[str, Any]:
        """Close the door, and say what it left changed."""
        from hooks.door import find_door

        door = find_door()
        if door is not None:
            door.close()
        return {"left": {k: v for k, v in self._names().items() if v != self.before.get(k) and k != "core"}}

    def _names(self) -> dict[str, list[str]]:
        manager = getattr(self, "mods", None)
        return {
            "brain": sorted(self.brain.__dict__),
            "window": [] if self.own else sorted(vars(self.window)),
            "core": sorted(self.core),
            "manager": [n for n in ("route_command",) if manager is not None and n in manager.__dict__],
        }

    def obey(self, order: dict[str, Any]) -> Any:
        does = order.pop("do")
        if does == "reload":
            return self.mods.scan_new_modules()
        if does == "account":
            return self.probe.account()
        if does == "stealth":
            return self.context.set("stealth_mode", order["on"])
        if does == "online":
            self.brain.online = order["on"]
            return None
        if does == "route":
            return self.probe.choose(order["route"])
        if does == "memories":
            self.probe.memories = order["by_provider"]
            return None
        if does == "type":
            return self.own.type(order["text"]) if self.own else None
        if does == "announce":
            from hooks.door import find_door

            door = find_door()
            if door is not None:
                door.host.say(order["text"])
            return {"shown": self.window.shown[-1], "spoken": self.sound.spoken[-1]}
        return getattr(self, does)(**order)


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    out = sys.stdout
    sys.stdout = sys.stderr  # Aeon prints a lot
    sys.path[0] = str(root)
    os.chdir(root)
    stubbed = stub_desktop()
    print("[drive] stubbed:", ", ".join(stubbed), file=sys.stderr)
    ends: list[int] = []
    guard(ends)
    probe = None
    if "--probe" in sys.argv[2:]:
        import hooks.door
        from hooks.manager import build_manager

        probe = probe_plugin()
        hooks.door.build_manager = lambda: build_manager(probe, entry_points=False)  # type: ignore[assignment]
    if "--guest" in sys.argv[2:]:
        import hooks.door
        from hooks.manager import build_manager

        probe = load_guest().Pair()
        hooks.door.build_manager = lambda: build_manager(  # type: ignore[assignment]
            probe.real, probe.guest, entry_points=False
        )
    driver = Driver(probe, qt="--qt" in sys.argv[2:])
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        try:
            answer = {"ok": driver.obey(json.loads(line))}
        except Exception as error:  # the test reads what went wrong
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({**answer, "ends": ends}, default=str), file=out, flush=True)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.exit(code)
