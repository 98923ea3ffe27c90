"""Digests of files: one or several, remembered until the file changes."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aeon_plugin_ft.store import digest


def test_the_digest_of_several_files_is_that_of_one_with_all_their_bytes(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 7)
    (tmp_path / "a").write_bytes(content[:1000])
    (tmp_path / "b").write_bytes(content[1000:])
    expected = hashlib.sha256(content).hexdigest()
    assert digest.sha256(tmp_path / "a", tmp_path / "b") == f"sha256:{expected}"
    assert digest.sha256_hex(tmp_path / "a", tmp_path / "b") == expected


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, cache = tmp_path / "model.gguf", tmp_path / "cache"
    file.write_bytes(b"one")
    first = digest.remembered_sha256(file, cache)
    with monkeypatch.context() as patch:
        patch.setattr(digest, "sha256", lambda path: pytest.fail("read again"))
        assert digest.remembered_sha256(file, cache) == first == "sha256:" + hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"other")
    assert digest.remembered_sha256(file, cache) == "sha256:" + hashlib.sha256(b"other").hexdigest()
    assert [path.name for path in cache.iterdir()] == ["digests.json"]


def test_two_threads_read_a_new_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's follower and its training resolve the same base at the same moment."""
    file, cache, reads = tmp_path / "model.gguf", tmp_path / "cache", []
    file.write_bytes(b"one")
    both = threading.Barrier(2)

    def slow(path: Path) -> str:
        reads.append(path)
        time.sleep(0.2)
        return "sha256:1"

    def resolve(_: int) -> str:
        both.wait()
        return digest.remembered_sha256(file, cache)

    monkeypatch.setattr(digest, "sha256", slow)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(resolve, range(2))) == ["sha256:1"] * 2
    assert reads == [file]
