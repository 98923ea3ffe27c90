"""The voice lives in the host's process: importing it must cost next to nothing."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("rapidfuzz", "num2words", "numpy", "torch", "pydantic", "httpx")


def test_importing_the_voice_loads_nothing_heavy() -> None:
    code = (
        "import sys, aeon_plugin_ft.voice.commands, aeon_plugin_ft.voice.announce, aeon_plugin_ft.voice.triggers;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_package_gives_its_public_names() -> None:
    from aeon_plugin_ft import voice

    assert {name: getattr(voice, name).__name__ for name in voice.__all__} == {name: name for name in voice.__all__}
