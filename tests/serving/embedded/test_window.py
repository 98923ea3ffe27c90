"""For which models everything is kept that a server computed, by what that takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import pytest

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.serving.embedded.window import MOST_BYTES, cache_bytes, keeps_all
from aeon_plugin_ft.weights.gguf_file import GgufFile

TOKENS = 8192


def header(path: Path, family: str, layers: int, kept: int | list[int], window: int, **lengths: int) -> Path:
    """A GGUF of nothing but its numbers."""
    writer = gguf.GGUFWriter(path, family)
    writer.add_block_count(layers)
    writer.add_embedding_length(1024)
    writer.add_head_count(8)
    writer.add_head_count_kv(kept)
    if window:
        writer.add_sliding_window(window)
    for name, value in lengths.items():
        getattr(writer, f"add_{name}")(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


WIDE: dict[str, Any] = {"key_length": 256, "value_length": 256}


@pytest.mark.parametrize(
    ("layers", "kept", "window", "lengths", "mib", "keeps"),
    [
        (18, 1, 512, WIDE, 144, True),  # Gemma 3 270M
        (26, 1, 512, WIDE, 208, True),  # 1B
        (34, 4, 1024, WIDE, 1088, False),  # 4B
        (18, 1, 0, WIDE, 144, False),  # no window: llama.cpp keeps everything anyway
        (2, [1, 3], 512, {}, 16, True),  # heads by layer; width by the embedding
    ],
)
def test_everything_is_kept_where_there_is_a_window_and_it_takes_little(
    layers: int, kept: int | list[int], window: int, lengths: dict[str, int], mib: int, keeps: bool, tmp_path: Path
) -> None:
    path = header(tmp_path / "m.gguf", "gemma3", layers, kept, window, **lengths)
    with GgufFile(path) as file:
        assert cache_bytes(file, TOKENS) == mib << 20
    assert keeps_all(path, TOKENS) is keeps
    assert mib << 20 > MOST_BYTES or not window or keeps


def test_what_is_no_gguf_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"nothing of the kind")
    with pytest.raises(BaseModelError):
        keeps_all(tmp_path / "m.gguf", TOKENS)
