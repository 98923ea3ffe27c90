"""No importer raises on damaged input, and what it gives can be written and read back.

Some sixty mutations of each format here; AEON_FT_FUZZ=10000 runs as many of each as that.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.dataset.importers.importing import ImporterRegistry, Reading, import_file
from aeon_plugin_ft.dataset.importers.source import MOJIBAKE, Source
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.turns.model import LoggedTurn
from tests.dataset import shapes

EXAMPLES = int(os.environ.get("AEON_FT_FUZZ", "60"))
HOSTILE = [
    "AEON: ", "VOCÊ: ", "AEON_SPEAK: Estou pronto.", "VOC", "\n", "\r\n", "\x00", "\ufeff", "\\ud800", "null",
    "[", "]", "{", "}", '"', "\u2028", "\x85", "12/13/2024 25:61 - x: y", "[99/99/9999, 99:99:99] a: b", "<think>",
    "</think>", "<Mídia oculta>", '{"messages": [{"role": [], "content": {}}]}', "1e999", "-0", '"parts": {}',
    '{"mapping": {"a": {"parent": "a"}}, "current_node": "a"}', '"text": [[]]', '"author": 5', "[" * 2000, "Ã£",
]  # fmt: skip


def mutate(data: bytes, seed: int, strength: int) -> bytes:
    """`data` with up to `strength` damages: cuts, lost and doubled pieces, foreign bytes, hostile text, encodings."""
    dice = random.Random(seed)
    for _ in range(dice.randint(1, strength)):
        a, b = sorted(dice.randint(0, len(data)) for _ in range(2))
        kind = dice.randrange(8)
        if kind == 0:
            data = data[:b]
        elif kind == 1:
            data = data[:a] + data[min(b, a + 40) :]
        elif kind == 2:
            data = data[:b] + data[a:b] + data[b:]
        elif kind == 3:
            data = data[:a] + bytes(dice.randrange(256) for _ in range(dice.randint(1, 4))) + data[a + 1 :]
        elif kind == 4:
            data = data[:a] + dice.choice(HOSTILE).encode("utf-8", "surrogatepass") + data[a:]
        elif kind == 5:
            lines = data.split(b"\n")
            dice.shuffle(lines)
            data = b"\n".join(lines)
        elif kind == 6:
            data = data.decode("utf-8", "replace").encode(
                dice.choice(["cp1252", "utf-16", "cp850", "utf-8-sig"]), "replace"
            )
        else:
            data = data.replace(b"\n", dice.choice([b"\r\n", b"\r", b"\n\n"]))
        data = data[:100_000]
    return data


def read_all(path: Path, name: str) -> list[LoggedTurn]:
    who = shapes.FILES[name].who
    try:
        importer = ImporterRegistry().get(name, path)
        return list(importer.read(Source(path), Reading(who.get("owner"), who.get("assistant"))))
    except InputFileError:  # a question to a person: empty, binary, nobody of that name
        return []


def as_lines(turns: list[LoggedTurn]) -> str:
    rows = [[*((m.role, m.content) for m in turn.messages), ("assistant", turn.reply)] for turn in turns]
    return "".join(
        json.dumps({"messages": [{"role": role, "content": text} for role, text in row]}, ensure_ascii=False) + "\n"
        for row in rows
    )


@pytest.mark.parametrize("name", sorted(shapes.FILES))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(seed=st.integers(0, 2**32), strength=st.integers(1, 6))
def test_damage_never_raises_and_what_is_read_can_be_written_back(name: str, seed: int, strength: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        path.write_bytes(mutate(shapes.FILES[name].text.encode(), seed, strength))
        turns = read_all(path, name)
        assert all(isinstance(turn.user, str) and isinstance(turn.reply, str) for turn in turns)
        assert len({turn.id for turn in turns}) == len(turns) or name == "log"
        try:
            import_file(path, **shapes.FILES[name].who)  # type: ignore[arg-type]
        except InputFileError as error:
            assert error.todo
        # Text that looks as if it had been encoded twice is repaired by whoever reads it next, so it may change.
        written = [turn for turn in turns if name != "messages" and not MOJIBAKE.search(turn.user + turn.reply)]
        written = [turn for turn in written if turn.user.strip() and turn.reply.strip()]
        again = Path(folder) / "again.jsonl"
        again.write_text(as_lines(written), encoding="utf-8", errors="replace")
        found = read_all(again, "messages") if written else []
        assert [pair(turn) for turn in found] == [pair(turn) for turn in written]


def pair(turn: LoggedTurn) -> tuple[str, str]:
    clean = [text.encode("utf-8", "replace").decode() for text in (turn.user, turn.reply)]
    return clean[0], clean[1]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).map(str.strip).filter(bool)


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8))
def test_any_text_survives_writing_and_reading(talk: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        lines = [{"messages": [{"role": "user", "content": u}, {"role": "assistant", "content": r}]} for u, r in talk]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8", newline="\n")
        found = import_file(path, "messages")
        assert [(turn.user, turn.reply) for turn in found.turns] == talk
        assert found.skipped == ()
