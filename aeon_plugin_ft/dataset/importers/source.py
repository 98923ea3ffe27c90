"""A text file of unknown origin, read as lines: encodings, line ends, mojibake and damage are met here.

Logs come from Windows consoles, editors and crashes: UTF-8 with and without BOM, UTF-16 (PowerShell's
`Tee-Object`), cp1252, cp850, UTF-8 that was read as cp1252 and saved again, CRLF, blocks of NUL bytes
after a power cut. What was repaired is announced in `notes`, never done silently.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aeon_plugin_ft.dataset.importers.mojibake import MOJIBAKE, is_certain, is_sound, mend_value, mended
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.messages import Speaker, refusal

_say = Speaker("errors/dataset")

SAMPLE_BYTES = 64 * 1024
BLOCK_BYTES = 1 << 20
LONGEST_LINE = 8 << 20
"""A line of more bytes is left out and counted, so that one hostile line cannot fill the memory."""

LONGEST_FOREIGN = 16 * 1024
"""A line of more bytes keeps what is UTF-8 in it; of a shorter one that is not, all is read as cp1252."""
_FOREIGN = "aeon_ft_cp1252"

_CONTROLS = bytes(c for c in range(32) if c not in b"\t\n\r\f\x1b\b\x00")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"SQLite format 3\x00", "database"),
    (b"%PDF", "pdf"),
)


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """What to put in the place of bytes that are not UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error(_FOREIGN, _as_cp1252)


class Source:
    """One input file. Raises InputFileError when it is missing, empty, unreadable or not text.

    `encoding` is what most of the file is in; `sample` the first 64 KB as text, for format detection;
    `size` is in bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        head = _head(path)
        self.size = path.stat().st_size
        self.encoding = _encoding(path, head)
        self._repaired = 0
        self._replaced_lines = 0
        self._left_out = 0
        self.ends_with_newline = True
        self.suspect = False
        """Whether a piece that was handed out unmended holds what looks as if it had been encoded twice."""
        self._sound = False
        raw = self._raw_sample(head)
        self._sound = is_sound(raw)
        self.sample = self._mend(raw)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was unusual about the text so far, as sentences for people."""
        notes = []
        if self.encoding not in {"utf-8", "utf-8-sig"}:
            notes.append(_say("note.encoding", file=self.path.name, encoding=self.encoding))
        if self._replaced_lines:
            notes.append(_say("note.cp1252", n=self._replaced_lines, file=self.path.name))
        if self._repaired:
            notes.append(_say("note.repaired", n=self._repaired, file=self.path.name))
        if self._left_out:
            notes.append(_say("note.long", n=self._left_out, file=self.path.name, megabytes=LONGEST_LINE >> 20))
        return tuple(notes)

    def lines(self) -> Iterator[tuple[int, str]]:
        """(line number from 1, text without its line end), one after another."""
        number = 1
        for block in self.blocks():
            for line in block:
                yield number, line
                number += 1

    def blocks(self) -> Iterator[list[str]]:
        """The same lines in lists of about a megabyte, for loops that must be fast. In the place of a line that is
        left out stands an empty one, so that the others keep their numbers."""
        self._left_out, inside = 0, False
        for lines, whole in self.pieces():
            if inside and whole:
                # The end of the long line, which has its empty one already.
                lines, inside = lines[1:], False
            elif not whole:
                lines = lines[:-1] if inside else [*lines[:-1], ""]
                self._left_out += not inside
                inside = True
            yield lines

    def mend(self, value: Any) -> Any:
        """A value that was read from unmended text, with its texts mended."""
        made = mend_value(value, self._sound)
        self._repaired += made != value
        return made

    def pieces(self, *, mend: bool = True) -> Iterator[tuple[list[str], bool]]:
        """The text in lists of lines, and whether the last line of a list ends with it. A line that is too long to be
        handed out whole goes on in the next list. Without `mend` the text stays as it is in the file: a document has
        no lines, and its texts are mended one by one."""
        self._repaired = self._replaced_lines = 0
        # Two bytes in UTF-16. The BOM is taken off once, by hand: only the first block has one.
        newline = "\n".encode(self.encoding.removesuffix("-sig"))
        rest = b""
        with self.path.open("rb") as file:
            file.seek(len(_bom(file.read(4))))
            while chunk := file.read(BLOCK_BYTES):
                data = rest + chunk
                cut = _last_line_end(data, newline)
                if cut == 0 and len(data) < LONGEST_LINE:
                    rest = data
                    continue
                whole = cut > 0
                # A line longer than LONGEST_LINE is cut, between characters.
                cut = cut or _between_characters(data, self.encoding)
                rest = data[cut:]
                yield self._lines_of(data[:cut], mend), whole
        self.ends_with_newline = not rest
        if rest:
            yield self._lines_of(rest, mend), True

    def _raw_sample(self, head: bytes) -> str:
        data = head.removeprefix(_bom(head))
        if len(head) == SAMPLE_BYTES:
            newline = "\n".encode(self.encoding.removesuffix("-sig"))
            data = data[: _last_line_end(data, newline) or len(data) - len(data) % len(newline)]
        return self._text_of(data).removesuffix("\n")

    def _lines_of(self, data: bytes, mend: bool) -> list[str]:
        text = self._text_of(data)
        if mend:
            text = self._mend(text)
        elif not self.suspect:
            self.suspect = is_certain(text)
        return text.removesuffix("\n").split("\n")

    def _text_of(self, data: bytes) -> str:
        text = self._decode(data)
        if "\x00" in text:
            text = text.replace("\x00", "")
        # The first carriage return of a CRLF may be doubled by two text-mode layers.
        if "\r" in text:
            text = text.replace("\r\r\n", "\n").replace("\r\n", "\n")
        return text

    def _decode(self, data: bytes) -> str:
        if self.encoding not in {"utf-8", "utf-8-sig"}:
            return data.decode(self.encoding, errors="replace")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return "\n".join(self._decode_line(line) for line in data.split(b"\n"))

    def _decode_line(self, line: bytes) -> str:
        """One line of a mostly-UTF-8 file; other bytes are cp1252, what Windows editors write."""
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            self._replaced_lines += 1
            # A document on one line is not made of other bytes because one of them is.
            whole = len(line) <= LONGEST_FOREIGN
            return line.decode("cp1252", errors="replace") if whole else line.decode("utf-8", errors=_FOREIGN)

    def _mend(self, text: str) -> str:
        if not MOJIBAKE.search(text):
            return text
        return "\n".join(self._mend_line(line) for line in text.split("\n"))

    def _mend_line(self, line: str) -> str:
        made = mended(line, self._sound)
        self._repaired += made != line
        return made


def _between_characters(data: bytes, encoding: str) -> int:
    """A place near the end of the data at which no character is cut."""
    if encoding.startswith("utf-16"):
        return len(data) - len(data) % 2
    end = len(data)
    while encoding.startswith("utf-8") and end > len(data) - 4 and data[end - 1] & 0xC0 == 0x80:
        end -= 1
    return end - 1 if encoding.startswith("utf-8") and data[end - 1] >= 0xC0 else end


def _last_line_end(data: bytes, newline: bytes) -> int:
    """Where the last whole line ends; a UTF-16 line end counts only at an even offset."""
    cut = data.rfind(newline) + len(newline)
    while cut >= len(newline) and cut % len(newline):
        cut = data.rfind(newline, 0, cut - 1) + len(newline)
    return cut if cut >= len(newline) else 0


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
    except FileNotFoundError as error:
        raise InputFileError(path, *_say.error("file.none")) from error
    except OSError as error:
        if path.is_dir():  # Windows refuses one as if it were another's: PermissionError
            raise InputFileError(path, *_say.error("file.folder")) from error
        raise InputFileError(path, *_say.error("file.unreadable", reason=refusal(error))) from error
    if not head.removeprefix(_bom(head)).strip():
        raise InputFileError(path, *_say.error("file.empty"))
    return head


def _bom(head: bytes) -> bytes:
    return next((mark for mark, _ in _BOMS if head.startswith(mark)), b"")


def _encoding(path: Path, head: bytes) -> str:
    """The encoding of the file, or InputFileError when it is not text at all."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            raise InputFileError(path, *_say.error(f"magic.{kind}"))
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    strange = len(head) - len(head.translate(None, _CONTROLS))
    # Some NULs are what a power cut leaves in a log; many are a binary file.
    if head.count(0) > len(head) // 10 or strange > len(head) // 20:
        raise InputFileError(path, *_say.error("file.no_text"))
    # A multi-byte character may be cut at the end of the sample.
    return "utf-8" if _is_utf8(head) else _eight_bit(head)


def _is_utf8(head: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head, final=False)
    except UnicodeDecodeError:
        # Mostly UTF-8 with some foreign lines: decided line by line while reading.
        multibyte = re.findall(rb"[\xc2-\xf4][\x80-\xbf]", head)
        foreign = re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", head)
        return len(multibyte) > len(foreign)
    return True


def _eight_bit(head: bytes) -> str:
    """cp1252 (Windows) or cp850 (its Brazilian console): told apart by how common letters are written."""
    console = sum(head.count(byte) for byte in b"\x87\xc6\x82\xa0\xa1\xa2\xa3\x88\xe4\xd2")  # ç ã é á í ó ú ê õ Ê
    windows = sum(head.count(byte) for byte in b"\xe7\xe3\xe9\xe1\xed\xf3\xfa\xea\xf5\xca")
    return "cp850" if console > windows else "cp1252"
