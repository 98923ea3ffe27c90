"""A planted secret is found wherever it lies, in whatever form."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import sqlite3
import zipfile
from pathlib import Path

import pytest

from aeon_plugin_ft.privacy import grep

SECRET = "pastel de maçã 529"


def test_an_empty_or_clean_folder_has_no_hits(tmp_path: Path) -> None:
    assert grep(tmp_path, [SECRET]) == []
    (tmp_path / "clean.txt").write_text("nada aqui", encoding="utf-8")
    assert grep(tmp_path, [SECRET, ""]) == []


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (f"x {SECRET} y".encode(), "utf-8"),
        (f"x {SECRET} y".encode("utf-16-le"), "utf-16-le"),
        (f"x {SECRET} y".encode("utf-16-be"), "utf-16-be"),
        (f"x {SECRET} y".encode("cp1252"), "cp1252"),
        (json.dumps({"a": SECRET}).encode(), "json"),
        (json.dumps(json.dumps({"a": SECRET})).encode(), "json-twice"),
        (b"q=pastel%20de%20ma%C3%A7%C3%A3%20529", "percent"),
        (b"pastel de maca 529", "folded"),
    ],
)
def test_each_form_is_found_at_its_place(tmp_path: Path, data: bytes, form: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file.bin").write_bytes(b"\0" * 3 + data)
    hits = {hit.form: hit for hit in grep(tmp_path, [SECRET])}  # the two orders of UTF-16 can overlap by a zero
    hit = hits[form]
    assert hit.needle == SECRET
    assert hit.file.endswith("file.bin")
    assert hit.offset >= 3


def test_capitals_do_not_hide_a_needle_that_was_stored_in_lower_case(tmp_path: Path) -> None:
    (tmp_path / "index.txt").write_text("jacaré", encoding="utf-8")
    assert [hit.form for hit in grep(tmp_path, ["Jacaré"])] == ["lower"]


def test_a_needle_across_two_blocks_is_found(tmp_path: Path) -> None:
    needle = SECRET.encode()
    for shift in (1, 5, len(needle) - 1):
        (tmp_path / f"{shift}").write_bytes(b"." * ((1 << 20) - shift) + needle + b"." * 50)
    assert {hit.offset for hit in grep(tmp_path, [SECRET])} == {(1 << 20) - shift for shift in (1, 5, len(needle) - 1)}


def test_a_deleted_row_is_found_on_the_free_pages_of_a_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "store.sqlite3") as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE t (x TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [(SECRET,)] * 200)
        database.commit()
        database.execute("DELETE FROM t")
    database.close()
    assert grep(tmp_path, [SECRET])


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_are_looked_into(tmp_path: Path, pack: object) -> None:
    (tmp_path / "packed").write_bytes(pack(f"oi {SECRET}".encode() * 50))  # type: ignore[operator]
    assert any(hit.file.endswith("packed!") for hit in grep(tmp_path, [SECRET]))


def test_archives_are_looked_into_even_one_inside_the_other(tmp_path: Path) -> None:
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", SECRET * 30)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, "inner.zip")
    inner.unlink()
    assert [hit.file.split("!", 1)[1] for hit in grep(tmp_path, [SECRET])] == ["inner.zip!a/b.txt"]


def test_what_is_whole_in_a_torn_compressed_file_counts(tmp_path: Path) -> None:
    lines = "\n".join(f"{SECRET} {number * 7919 % 10007}" for number in range(200_000))
    packed = gzip.compress(lines.encode())
    (tmp_path / "torn.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "spoilt.gz").write_bytes(packed[:5000] + b"\xff" * 50 + packed[5050:])
    assert "torn.gz!" in {Path(hit.file).name for hit in grep(tmp_path, [SECRET])}


def test_a_member_that_cannot_be_unpacked_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.txt", "x" * 100)
        archive.writestr("second.txt", SECRET * 20)
    data = bytearray(path.read_bytes())
    method = data.index(b"PK\x01\x02") + 10  # compression method of the first member in the directory
    data[method] = 99
    path.write_bytes(data)
    assert [hit.file.split("!")[1] for hit in grep(tmp_path, [SECRET])] == ["second.txt"]


def test_a_damaged_archive_is_still_read_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "torn.gz").write_bytes(gzip.compress(b"nada")[:-6] + SECRET.encode())
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04" + SECRET.encode())
    assert len(grep(tmp_path, [SECRET])) == 2


def test_a_file_that_cannot_be_read_is_not_taken_for_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")

    def refused(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "refused", str(self))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(PermissionError):
        grep(tmp_path, [SECRET])


def test_the_sample_log_has_its_planted_secrets(tmp_path: Path) -> None:
    sample = Path(__file__).parents[2] / "samples"
    secrets = ["529.982.247-25", "caio.teste@exemplo.com.br", "(47) 99123-4567", "girassol42azul"]
    found = {hit.needle for hit in grep(sample, secrets)}
    assert found == set(secrets)


def test_nothing_planted_in_the_sample_log_survives_redaction(tmp_path: Path) -> None:
    from aeon_plugin_ft.privacy import Redactor

    sample = Path(__file__).parents[2] / "samples" / "conversation.log"
    lines = sample.read_text(encoding="utf-8").splitlines()
    redact = Redactor().together()
    (tmp_path / "log").write_text("\n".join(map(redact, lines)), encoding="utf-8")
    assert grep(tmp_path, ["529.982.247-25", "52998224725", "caio.teste@exemplo", "99123-4567", "girassol42azul"]) == []
    changed = [line for line in lines if Redactor().redact(line) != line]
    assert len(changed) == 7, changed
