"""Reading text of unknown origin: encodings, line ends, damage, and what is no text at all."""

from __future__ import annotations

import codecs
import gzip
import zipfile
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.importers.source import BLOCK_BYTES, Source
from aeon_plugin_ft.errors import InputFileError

TEXT = "VOCÊ: ação já, São João?\nAEON: Não, coração: amanhã… “tipo” às 10\n"


def lines(path: Path) -> list[str]:
    return [text for _, text in Source(path).lines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "conversation.log"


@pytest.mark.parametrize(
    ("encoding", "announced"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "utf-16-le"), ("utf-16-be", "utf-16-be"), ("cp1252", "cp1252")],
)
def test_every_windows_encoding_is_read_and_an_unusual_one_announced(file: Path, encoding: str, announced: str) -> None:
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    file.write_bytes(mark + TEXT.encode(encoding))
    source = Source(file)
    assert [text for _, text in source.lines()] == TEXT.splitlines()
    assert announced in " ".join(source.notes)
    assert bool(source.notes) is bool(announced)


def test_the_console_code_page_is_told_from_cp1252(file: Path) -> None:
    text = "VOCÊ: ação já, São João?\nAEON: Não, coração, amanhã às 10\n"
    file.write_bytes(text.encode("cp850"))
    assert lines(file) == text.splitlines()


def test_text_that_was_encoded_twice_is_repaired_and_announced(file: Path) -> None:
    file.write_bytes(TEXT.encode().decode("cp1252", "replace").encode() + "VOCÊ: são\n".encode())
    twice = "VOCÊ: ação já\n".encode().decode("latin-1")
    file.write_text(twice + "AEON: certo\n", encoding="utf-8")
    source = Source(file)
    assert [text for _, text in source.lines()] == ["VOCÊ: ação já", "AEON: certo"]
    assert "1 lines" in source.notes[0] and "encoded twice" in source.notes[0]


def test_capital_letters_with_a_tilde_are_not_taken_for_mojibake(file: Path) -> None:
    file.write_text("VOCÊ: NÃO, MAÇÃ, IRMÃ “boa” Â Ã\n", encoding="utf-8")
    source = Source(file)
    assert [text for _, text in source.lines()] == ["VOCÊ: NÃO, MAÇÃ, IRMÃ “boa” Â Ã"]
    assert source.notes == ()


def test_a_foreign_line_in_a_utf8_file_is_read_as_cp1252(file: Path) -> None:
    file.write_bytes("VOCÊ: coração é são\n".encode() + "AEON: manhã\n".encode("cp1252") + "VOCÊ: já\n".encode())
    source = Source(file)
    assert [text for _, text in source.lines()] == ["VOCÊ: coração é são", "AEON: manhã", "VOCÊ: já"]
    assert "1 lines" in source.notes[0]


def test_one_foreign_byte_of_a_long_line_changes_nothing_else(file: Path) -> None:
    file.write_bytes("ação é já. ".encode() * 5_000 + "manhã ".encode("cp1252") + "não".encode())
    (line,) = lines(file)
    assert line == "ação é já. " * 5_000 + "manhã não"


def test_line_ends_and_null_blocks_are_dealt_with(file: Path) -> None:
    file.write_bytes("VOCÊ: a\r\nAEON: b\r\r\nAEON: c".encode() + b"\x00" * 3 + b"\r\n\x0bnot a line end\x0c\n")
    assert lines(file) == ["VOCÊ: a", "AEON: b", "AEON: c", "\x0bnot a line end\x0c"]


def test_lines_are_whole_across_block_borders(file: Path) -> None:
    written = [f"VOCÊ: {'é' * (number % 700)} {number}" for number in range(6000)]
    data = "\n".join(written).encode()
    assert len(data) > 2 * BLOCK_BYTES
    file.write_bytes(data)
    source = Source(file)
    assert list(source.lines()) == list(enumerate(written, 1))
    assert not source.ends_with_newline


def test_utf16_lines_are_whole_where_a_letter_looks_like_a_line_end(file: Path) -> None:
    # U+0A0D and U+0D0A have a newline byte inside a character.
    file.write_bytes(codecs.BOM_UTF16_LE + "AEON: \u0a0d\u0d0a ok\nVOCÊ: oi\n".encode("utf-16-le"))
    assert lines(file) == ["AEON: \u0a0d\u0d0a ok", "VOCÊ: oi"]


def test_a_missing_file_is_one_sentence_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"no such file\. Check the path; .*bagagem/temp/conversation\.log"):
        Source(tmp_path / "none.log")


@pytest.mark.parametrize("data", [b"", b"\n \r\n", codecs.BOM_UTF8])
def test_an_empty_file_is_one_sentence_with_the_next_step(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(InputFileError, match=r"is empty\. Talk to Aeon first"):
        Source(file)


@pytest.mark.parametrize("data", [bytes(range(256)) * 40, b"\x00" * 4096, b"\x7fELF" + b"\x01\x02\x00" * 999])
def test_a_binary_file_is_one_sentence_with_the_next_step(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(InputFileError, match=r"is not a text file\. Give a conversation log"):
        Source(file)


def test_an_archive_says_to_unpack_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("conversations.json", "[]")
    (tmp_path / "log.gz").write_bytes(gzip.compress(b"VOC"))
    for name in ("export.zip", "log.gz"):
        with pytest.raises(InputFileError, match=r"archive\. Unpack it"):
            Source(tmp_path / name)


def test_a_folder_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="is a folder"):
        Source(tmp_path)
