"""Look for secrets in every byte of a folder: the proof that something was redacted or forgotten.

Files are read as bytes, so a database's free pages and a torn file count too. Each needle is looked for in
the forms in which programs store text: UTF-8, UTF-16 (both orders), cp1252, JSON escapes (once and twice),
percent-encoded, lower case, without accents. Gzip, bz2, xz and zip files are looked into as well (.whl, .npz and
torch's .pt are zip files).
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import unicodedata
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from aeon_plugin_ft.privacy.folding import fold_in_place

_BLOCK = 1 << 20
_MAX_NESTING = 3


@dataclass(frozen=True, slots=True)
class Hit:
    """`needle` stands in `file` (member of an archive after "!") at byte `offset`, in the form `form`."""

    file: str
    needle: str
    offset: int
    form: str


def grep(folder: Path, needles: Iterable[str]) -> list[Hit]:
    """Every file in which a needle is found: the first place per file, needle and form.

    A file that cannot be read raises OSError: not looked at is not the same as clean. Not for a process that has a
    database in the folder open: reading its file takes SQLite's locks away (see store/private.py, `reserve`).
    """
    sought = [(needle, form, data) for needle in needles if needle for form, data in _forms(needle).items()]
    hits: list[Hit] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        with path.open("rb") as stream:
            hits += _search(stream, str(path), sought)
            for part, label in _inside(stream, str(path), _MAX_NESTING):
                hits += _search(part, label, sought, damaged=True)
    return hits


def _forms(needle: str) -> dict[str, bytes]:
    """The needle as different programs write it; forms that are equal to an earlier one are left out."""
    forms: dict[str, bytes] = {}
    texts = {
        "utf-8": needle.encode("utf-8"),
        "utf-16-le": needle.encode("utf-16-le"),
        "utf-16-be": needle.encode("utf-16-be"),
        "cp1252": needle.encode("cp1252", "ignore"),
        "json": json.dumps(needle)[1:-1].encode(),
        "json-utf8": json.dumps(needle, ensure_ascii=False)[1:-1].encode("utf-8"),
        "json-twice": json.dumps(json.dumps(needle)[1:-1])[1:-1].encode(),
        "lower": needle.lower().encode("utf-8"),
        "folded": fold_in_place(needle).encode("utf-8"),
        "decomposed": unicodedata.normalize("NFD", needle).encode("utf-8"),
        "percent": urllib.parse.quote(needle, safe="").encode(),
    }
    for form, data in texts.items():
        if data and data not in forms.values():
            forms[form] = data
    return forms


def _search(stream: IO[bytes], name: str, sought: list[tuple[str, str, bytes]], damaged: bool = False) -> list[Hit]:
    """Needles in a stream, read in blocks that overlap by the longest needle.

    `damaged`: the stream is unpacked from something else, so it may end in an error; what came before counts.
    """
    overlap = max((len(data) for _, _, data in sought), default=1) - 1
    hits: dict[tuple[str, str], Hit] = {}
    tail, offset = b"", 0
    for block in _blocks(stream, damaged):
        window = tail + block
        for needle, form, data in sought:
            at = -1 if (needle, form) in hits else window.find(data)
            if at >= 0:
                hits[needle, form] = Hit(name, needle, offset - len(tail) + at, form)
        offset += len(block)
        # One byte less than the longest needle: one that lies across two blocks is found, and none is found twice.
        tail = window[-overlap:] if overlap else b""
    return list(hits.values())


def _blocks(stream: IO[bytes], damaged: bool) -> Iterator[bytes]:
    while True:
        try:
            block = stream.read(_BLOCK)
        except _DAMAGE:
            if damaged:
                return
            raise
        if not block:
            return
        yield block


def _inside(stream: IO[bytes], name: str, nesting: int) -> Iterator[tuple[IO[bytes], str]]:
    """What a compressed file holds, and what is compressed inside that, unpacked while it is read."""
    if nesting == 0:
        return
    try:
        stream.seek(0)
        head = stream.read(8)
        stream.seek(0)
    except _DAMAGE:
        return
    # By the first bytes and not by the name: what is looked for may hide in anything.
    for magic, opener in _OPENERS.items():
        if head.startswith(magic):
            yield from _with_inside(opener(stream), f"{name}!", nesting)
    if head.startswith(b"PK\x03\x04") and zipfile.is_zipfile(stream):
        yield from _members(stream, name, nesting)


def _members(stream: IO[bytes], name: str, nesting: int) -> Iterator[tuple[IO[bytes], str]]:
    """The members of a zip file; one that cannot be opened (encrypted, unknown method) is left at its bytes."""
    try:
        archive = zipfile.ZipFile(stream)
    except _DAMAGE:
        return
    with archive:
        for member in archive.infolist():
            try:
                part = archive.open(member)
            # zipfile's own error for a member that wants a password.
            except (*_DAMAGE, RuntimeError):
                continue
            with part:
                yield from _with_inside(part, f"{name}!{member.filename}", nesting)


def _with_inside(part: IO[bytes], label: str, nesting: int) -> Iterator[tuple[IO[bytes], str]]:
    yield part, label
    yield from _inside(part, label, nesting - 1)


def _gzip(stream: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=stream))


_OPENERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": _gzip,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError)
