"""Nothing that a chat, a file name or a model's reply holds reaches the terminal as an order."""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from pathlib import Path

import pytest
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from aeon_plugin_ft.cli.main import main
from aeon_plugin_ft.cli.review import page
from aeon_plugin_ft.dataset.feedback.opinions import ReviewItem
from core.terminal import _read
from hooks.screen import Screen
from hooks.text import harmless, harmless_json
from tests.conftest import REPOSITORY

LINK = "\x1b]8;;http://evil.example\x07clique\x1b]8;;\x07"
CLIPBOARD = "\x1b]52;c;cm0gLXJm\x07"
C1 = "\x9b31m\x9d8;;x\x9c"
BIDI = "\u202egnp.exe\u2066x\u2069\u200f"
HOSTILE = f"oi {LINK} {CLIPBOARD} {C1} {BIDI} [bold]x[/bold] [link=http://evil]y[/link] :smile: a\rb"
ORDERS = set("\x1b\x07\x9b\x9c\x9d\u202e\u2066\u2069\u200f\r")


def is_harmless(shown: str) -> bool:
    """rich's own colours aside: they are CSI sequences that end in m."""
    return not ORDERS & set(re.sub(r"\x1b\[[0-9;]*m", "", shown)) and "\x1b]" not in shown


def drawn(*objects: object, terminal: bool) -> str:
    shown = io.StringIO()
    Screen(file=shown, force_terminal=terminal, width=300).print(*objects)
    return shown.getvalue()


def a_table() -> Table:
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    return table


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("thing", [HOSTILE, Text(HOSTILE), Panel(Text(HOSTILE)), a_table(), ["list", HOSTILE]])
def test_whatever_is_drawn_is_text_only(thing: object, terminal: bool) -> None:
    assert is_harmless(drawn(thing, terminal=terminal))


def test_nothing_is_read_as_markup_and_our_own_colours_stay() -> None:
    assert "[bold]x[/bold] [link=http://evil]y[/link] :smile:" in drawn(HOSTILE, terminal=True)
    assert "\x1b[32mok" in drawn(Text("ok", "green"), terminal=True)


def test_a_turn_in_the_review_is_text_only() -> None:
    shown = drawn(page(ReviewItem("[red]id\x1b]", HOSTILE, HOSTILE, "echo", HOSTILE, None), 1, 2), terminal=True)
    assert is_harmless(shown) and "[red]id" in shown


def test_letters_tabs_and_line_ends_stay() -> None:
    text = "ação: 日本語\tcoluna\n😀 fim"
    assert harmless(text) == text == json.loads(harmless_json(json.dumps(text, ensure_ascii=False)))


def test_json_means_the_same_and_orders_nothing() -> None:
    written = harmless_json(json.dumps({"reply": HOSTILE}, ensure_ascii=False))
    assert is_harmless(written) and json.loads(written) == {"reply": HOSTILE}


@pytest.mark.skipif(sys.platform == "win32", reason="no such name can be given to a file there")
def test_a_file_s_name_is_text_only_in_a_command_and_in_its_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    chat = tmp_path / f"[red]{LINK.replace('/', '')}{BIDI}.log"
    chat.write_text("VOCÊ: oi\nAEON: Oi, cara.\nVOCÊ: e aí\nAEON: Tudo.\n", encoding="utf-8")
    assert main(["--data", str(folder), "dataset", "import", str(chat)]) == 0
    shown = capsys.readouterr().out
    assert is_harmless(shown) and "[red]" in shown
    assert main(["--data", str(folder), "dataset", "import", f"{chat}.gone"]) != 0
    assert is_harmless(capsys.readouterr().err)


def test_forgetting_shows_what_was_said_as_text_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    chat = tmp_path / "chat.jsonl"
    pairs = [{"user": f"zuleica {HOSTILE}", "assistant": HOSTILE}, {"user": "oi", "assistant": "Oi."}]
    chat.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    assert main(["--data", str(folder), "dataset", "import", str(chat)]) == 0
    assert main(["--data", str(folder), "forget", "--about", "zuleica", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "zuleica" in shown and is_harmless(shown)
    assert main(["--data", str(folder), "dataset", "review", "--json"]) == 0
    shown = capsys.readouterr().out
    assert "zuleica" in shown and is_harmless(shown)


class Answering:
    """A console whose brain replies what a hostile model would."""

    def ask(self, text: str) -> object:
        from core.console import Answer

        return Answer(HOSTILE)


def test_a_model_s_reply_is_text_only_on_a_pipe_too() -> None:
    shown = io.StringIO()
    _read(Answering(), io.StringIO("oi\n"), shown)  # type: ignore[arg-type]
    assert is_harmless(shown.getvalue()) and "clique" in shown.getvalue()


OUTSIDE = {
    "aeon_plugin_ft/install/bootstrap.py",
    "aeon_plugin_ft/install/template.py",
    "aeon_plugin_ft/training/worker/rates.py",
}
"""They run before anything is installed, or inside Aeon, or tell a parent process numbers, and show nothing that a
stranger wrote."""


@pytest.mark.parametrize("folder", ["aeon_plugin_ft", "core", "hooks"])
def test_there_is_one_way_to_the_terminal(folder: str) -> None:
    """No `print`, no `typer.echo` and no console of rich's beside `Screen`, `say_plainly` and `show_json`."""
    strays = []
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        name = path.relative_to(REPOSITORY).as_posix()
        if name in OUTSIDE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_stray(ast.unparse(node.func), ast.unparse(node), name):
                strays.append(f"{name}:{node.lineno}: {ast.unparse(node)[:80]}")
    assert strays == []


def _is_stray(called: str, whole: str, name: str) -> bool:
    if called in {"print", "typer.echo", "typer.secho", "rich.print", "click.echo"} or called.endswith("stdout.write"):
        return "harmless" not in whole
    return called == "Console" and not name.startswith(("aeon_plugin_ft/cli/demo_talk", "core/terminal"))
