"""`aeon-ft dataset review`: shows what is learnt and what is not, obeys single keys, remembers."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aeon_plugin_ft.cli.keys import ESCAPE, name_of, reading_keys
from aeon_plugin_ft.cli.review import go_through
from aeon_plugin_ft.dataset.feedback.opinions import Review, ReviewItem
from aeon_plugin_ft.store import Store
from tests.cli.commands import Cli, cli, one_sentence

__all__ = ["cli"]

LOG = """VOCÊ: qual o nome da minha gata?
AEON: Pixel, cara. Ela tava dormindo no teclado da última vez.
VOCÊ: que dia a gente paga o aluguel?
AEON: Dia dez, não esquece de novo.
VOCÊ: conta uma piada
AEON:
"""


@pytest.fixture
def talked(cli: Cli, tmp_path: Path) -> Cli:
    file = tmp_path / "conversation.log"
    file.write_text(LOG, encoding="utf-8")
    assert cli("dataset", "import", str(file)) == 0
    return cli


def items() -> list[ReviewItem]:
    return [
        ReviewItem("a" * 32, "oi?", "oi, cara", None, None, None),
        ReviewItem("b" * 32, "e aí?", "[red]erro[/red]", "error", "an error reply", None),
        ReviewItem("c" * 32, "tchau", "falou", None, None, None),
    ]


def pressed(keys: Iterable[str]) -> Callable[[], str]:
    given = iter(keys)
    return lambda: next(given, ESCAPE)


def run(store: Store, *keys: str) -> tuple[Counter[str], str]:
    screen = Console(file=io.StringIO(), width=80)
    changed = go_through(items(), Review(store), pressed(keys), screen)
    return changed, screen.file.getvalue()  # type: ignore[attr-defined]


def test_keys_overrule_and_move_on(store: Store) -> None:
    changed, shown = run(store, "d", "k", "q")
    assert changed == {"drop": 1, "keep": 1}
    assert Review(store).decided() == {"a" * 32: "drop", "b" * 32: "keep"}
    assert "3 of 3" in shown and "left out: error" in shown and "[red]erro[/red]" in shown


def test_undo_and_going_back(store: Store) -> None:
    changed, shown = run(store, "d", "left", "u", "right", "enter", "enter")
    assert changed == {"drop": 1, "undo": 1} and Review(store).decided() == {}
    assert "you said: drop" in shown


def test_an_unknown_key_changes_nothing(store: Store) -> None:
    changed, shown = run(store, "x", "b", "", "q")
    assert not changed and "2 of 3" not in shown


def test_what_was_decided_counts_in_the_next_build(talked: Cli) -> None:
    before: Any = talked.json("dataset", "review", "--dropped")
    assert [item["filter"] for item in before] == ["empty"]
    rent = next(item for item in talked.json("dataset", "review") if "aluguel" in item["user"])  # type: ignore[attr-defined]
    assert talked("dataset", "review", "--drop", rent["turn"][:12]) == 0
    after: Any = talked.json("dataset", "review", "--dropped", "--search", "ALUGUEL")
    assert [(item["filter"], item["decided"]) for item in after] == [("owner", "drop")]
    assert talked("dataset", "review", "--undo", rent["turn"]) == 0
    assert not talked.json("dataset", "review", "--dropped", "--search", "aluguel")
    assert len(talked.json("dataset", "review", "--filter", "empty")) == 1  # type: ignore[arg-type]
    assert all(item["filter"] is None for item in talked.json("dataset", "review", "--kept"))  # type: ignore[attr-defined]


def test_a_turn_that_is_not_there_changes_nothing(talked: Cli) -> None:
    rent: Any = talked.json("dataset", "review", "--search", "aluguel")
    assert talked("dataset", "review", "--drop", rent[0]["turn"], "--keep", "nope") == 1
    assert "nope" in talked.err and one_sentence(talked.err)
    assert talked.json("dataset", "review", "--search", "aluguel") == rent


def test_without_a_terminal_lines_are_read(talked: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\nd\nq\n"))
    assert talked("dataset", "review", "--kept") == 0
    assert "Remembered: 1 drop" in " ".join(talked.out.split())
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert talked("dataset", "review") == 0
    assert "Nothing was changed" in talked.out


def test_nothing_to_review_says_so(cli: Cli) -> None:
    assert cli("dataset", "review") == 0
    assert "dataset import" in cli.out


@pytest.mark.parametrize(
    ("raw", "name"),
    [("K", "k"), ("\r", "enter"), (" ", "right"), ("\x1b", ESCAPE), ("\x1b[D", "left"), ("\x1bOC", "right"),
     ("\xe0K", "left"), ("\x00M", "right"), ("\xe0;", ""), ("\x04", ESCAPE), ("", ESCAPE), ("Ç", "ç")],
)  # fmt: skip
def test_keys_have_one_name_on_every_system(raw: str, name: str) -> None:
    assert name_of(raw) == name


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are not on Windows")
def test_a_real_terminal_gives_single_keys_and_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import pty
    import termios

    theirs, ours = pty.openpty()
    with os.fdopen(ours, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        before = termios.tcgetattr(ours)
        with reading_keys() as read:
            found = []
            for sent in (b"k", "ç".encode(), b"\x1b[C", b"\x1b", b"\n"):
                os.write(theirs, sent)
                found.append(read())
        assert found == ["k", "ç", "right", ESCAPE, "enter"]
        assert termios.tcgetattr(ours) == before
    os.close(theirs)


CORRECTED = """VOCÊ: que horas é a reunião?
AEON: A reunião é às 10h, na sala azul.
VOCÊ: não, é às 11h
AEON: Tá, anotado.
"""


def test_a_correction_is_shown_before_it_is_learnt(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "conversation.log"
    file.write_text(CORRECTED, encoding="utf-8")
    assert cli("dataset", "import", str(file)) == 0
    assert cli("dataset", "review", "--corrected", "--json") == 0
    [item] = json.loads(cli.out)
    assert (item["was"], item["reply"]) == ("A reunião é às 10h, na sala azul.", "A reunião é às 11h, na sala azul.")


def test_the_screen_says_what_was_said_and_what_is_learnt_instead(store: Store) -> None:
    screen = Console(file=io.StringIO(), width=80)
    item = ReviewItem("a" * 32, "que horas?", "Às 11h.", None, None, None, "Às 10h.")
    go_through([item], Review(store), pressed([]), screen)
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "Às 10h." in shown and "Às 11h." in shown and "as you corrected it" in shown
