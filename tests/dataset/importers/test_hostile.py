"""Inputs that were made to hurt: time grows in proportion to their length, and memory stays bounded."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.importers.importing import LONGEST_TURN, import_file, open_import
from aeon_plugin_ft.dataset.importers.marks import without_artifacts, without_citations
from aeon_plugin_ft.dataset.importers.source import LONGEST_LINE, Source
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.privacy import Redactor
from tests.conftest import REPOSITORY

SAID = {
    "digits": "1", "spaced digits": "1 ", "half a cpf": "529.982.247-2", "addresses": "a@", "at signs": "@",
    "dotted": "a.", "mail without end": "a.b-c_", "passwords": "a senha e ", "password colons": "senha: ",
    "quotes": '"', "plus signs": "+55 ", "phones": "(11) 9", "hyphens": "-", "slashes": "/", "urls": "http://a",
    "hex": "deadbeef", "uuids": "123e4567-", "keys": "sk-", "key blocks": "-----BEGIN RSA PRIVATE KEY-----\n",
    "number words": "um dois tres ", "streets": "rua das flores numero ", "spoken mail": " arroba ponto ",
    "ibans": "BR15 0000", "ips": "1.1.", "cards": "4111 1111 ", "placeholders": "[CPF_1] ", "backslashes": "\\",
    "accents": "e\u0301",
}  # fmt: skip
"""Repeated in one text, for the redactor."""

FILES: dict[str, tuple[str, str, str]] = {
    "aeon: prefixes": ("aeon", "", "VOCÊ: AEON: "),
    "aeon: turns": ("aeon", "", "VOCÊ: a\nAEON: b\n"),
    "aeon: boots in one line": ("aeon", "VOCÊ: a\nAEON: ", "AEON_SPEAK Estou pronto "),
    "aeon: continuation lines": ("aeon", "VOCÊ: a\nAEON: b\n", "x\n"),
    "aeon: blank lines": ("aeon", "VOCÊ: a\nAEON: b\n", "\n"),
    "aeon: carriage returns": ("aeon", "VOCÊ: a\nAEON: b\n", "\r"),
    "aeon: encoded twice": ("aeon", "VOCÊ: a\nAEON: b\n", "Ã£"),
    "aeon: zeros": ("aeon", "VOCÊ: a\nAEON: b\n" + "linha\n" * 20_000, "x\x00"),
    "whatsapp: angle brackets": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:05 - Bia: ", "<"),
    "whatsapp: file names": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:05 - Bia: ", "a.b"),
    "whatsapp: media words": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:05 - Bia: <", "midia"),
    "whatsapp: edited": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:05 - Bia: x", " "),
    "whatsapp: stamps": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n", "12/03/2024 14:05 - Bia: a\n"),
    "whatsapp: half stamps": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n", "12/03/2024 14:05 "),
    "whatsapp: invisible": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:05 - Bia: a", "\u200e"),
    "whatsapp: an ending": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:05 - Bia: x>", " >"),
    "whatsapp: marks": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:05 - Bia: ", "\u200e<a b>"),
    "whatsapp: forms": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:05 - Bia: ", "POLL: x\n"),
    "whatsapp: colons": ("whatsapp", "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:05 - ", "a: "),
    "jsonl: brackets": ("pairs", '{"user": "a", "aeon": "b"}\n', "[" * 40 + "\n"),
    "jsonl: torn lines": ("pairs", '{"user": "a", "aeon": "b"}\n', '{"user": "a", "aeon": "\n'),
    "json list: a string without an end": ("pairs", '[{"user": "a", "aeon": "', "x"),
}
"""Format, how the file begins, and what is repeated in it."""


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this thread, the least of two tries."""
    tries = []
    for _ in range(2):
        gc.collect()
        began = time.thread_time()
        work()
        tries.append(time.thread_time() - began)
    return min(tries)


def is_linear(work: Callable[[str], object], piece: str, chars: int) -> bool:
    """Four times the input takes at most ten times as long (a square would take sixteen), or hardly anything."""
    short, long = (lambda n=n: work((piece * (n // len(piece) + 1))[:n]) for n in (chars, 4 * chars))
    small, large = seconds(short), seconds(long)
    return large < 0.03 or large < 10 * small


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    made = Redactor("redact", ("Zuleica Prado",))
    made.warm()
    return made


@pytest.mark.parametrize("piece", SAID.values(), ids=SAID)
def test_the_redactor_takes_time_in_proportion(redactor: Redactor, piece: str) -> None:
    def redact(text: str) -> None:
        redactor.redact(text)
        redactor.of_turn([text, "e a senha?"])(text)

    assert is_linear(redact, piece, 8_000)


def read(path: Path, format: str) -> int:
    """How many turns there are; one that asks who is who has been read."""
    try:
        return len(import_file(path, format, owner="Ana" if format == "whatsapp" else None).turns)
    except InputFileError:
        return 0


@pytest.mark.parametrize(
    "piece", [" ", "\ue200", " \ue200cite\ue202", "【", "<antArtifact ", "<antThinking>", "[oaicite:", "`"]
)
def test_marks_are_taken_out_in_proportion(piece: str) -> None:
    assert is_linear(
        lambda text: (without_citations(text + "\ue203【"), without_artifacts(f"{text}<ant```")), piece, 20_000
    )


@pytest.mark.parametrize("name", FILES)
def test_an_importer_takes_time_in_proportion(tmp_path: Path, name: str) -> None:
    format, head, piece = FILES[name]

    def work(body: str) -> None:
        path = tmp_path / "chat.txt"
        path.write_bytes(f"{head}{body}\n".encode())
        read(path, format)

    assert is_linear(work, piece, 50_000)


def test_there_are_at_least_forty_four_hostile_inputs() -> None:
    assert len(SAID) + len(FILES) >= 44


def test_a_line_that_is_too_long_is_left_out_and_named_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "conversation.log"
    long = "AEON: " + "ção " * (LONGEST_LINE // 5)
    path.write_text(f"VOCÊ: oi\nAEON: Oi.\nVOCÊ: e aí\n{long * 2}\nVOCÊ: tchau\nAEON: Tchau.", encoding="utf-8")
    source = Source(path)
    lines = list(source.lines())
    assert lines == list(enumerate(["VOCÊ: oi", "AEON: Oi.", "VOCÊ: e aí", "", "VOCÊ: tchau", "AEON: Tchau."], 1))
    assert source.notes == ("1 lines of conversation.log are longer than 8 MB and were left out",)
    assert [turn.user for turn in import_file(path).turns] == ["oi", "tchau"]


def test_a_document_of_one_long_line_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "praise.json"
    pairs = [{"user": f"pergunta número {n}", "aeon": "ação e reação, cara. " * 50} for n in range(16_000)]
    path.write_text(json.dumps(pairs, ensure_ascii=False), encoding="utf-8")
    assert path.stat().st_size > 2 * LONGEST_LINE
    stream = open_import(path, "pairs")
    assert sum(1 for _ in stream) == len(pairs) and stream.reading.skipped == []


def test_a_turn_that_nobody_said_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"user": "oi", "aeon": "Oi."}, {"user": "oi", "aeon": "x" * LONGEST_TURN}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    stream = open_import(path)
    assert [turn.reply for turn in stream] == ["Oi."]
    assert [one.reason for one in stream.reading.skipped] == ["a turn of more than 1,000,000 characters"]


@pytest.mark.skipif(sys.platform == "win32", reason="it tells no peak of a process's memory without a library")
@pytest.mark.parametrize("name", ["aeon", "jsonl", "list", "whatsapp"])
def test_a_single_line_of_sixty_megabytes_takes_little_memory(tmp_path: Path, name: str) -> None:
    head = {
        "aeon": "VOCÊ: oi\nAEON: Oi.\nVOCÊ: e aí\nAEON: ",
        "jsonl": '{"user": "a", "aeon": "b"}\n{"user": "a", "aeon": "',
        "list": '[{"user": "a", "aeon": "b"}, {"user": "a", "aeon": "',
        "whatsapp": "12/03/2024 14:05 - Ana: oi\n12/03/2024 14:06 - Bia: Oi.\n12/03/2024 14:07 - Ana: ",
    }[name]
    path = tmp_path / "chat.txt"
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        for _ in range(60):
            file.write("a palavra é outra " * 55_000)
        file.write('"}]\n' if name == "list" else '"}\n')
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from aeon_plugin_ft.dataset.importers.importing import open_import\n"
        "from aeon_plugin_ft.privacy import Redactor\n"
        "redactor = Redactor(); redactor.warm()\n"
        "owner = 'Ana' if sys.argv[2] == 'whatsapp' else None\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "turns = sum(1 for _ in open_import(Path(sys.argv[1]), redact=redactor.redact, owner=owner))\n"
        "print(turns, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), name], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    turns, grown = map(int, done.stdout.split())
    kilobytes = grown // 1024 if sys.platform == "darwin" else grown
    assert turns == 1 and kilobytes < 150_000, f"{kilobytes} kB"
