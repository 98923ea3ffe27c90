"""A header gets entries more; every weight, and every entry that was there, stays as it was."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.gguf_header import add_entries

MATRIX = np.arange(96, dtype=np.float32).reshape(3, 32)
ENTRIES: dict[str, str | int] = {"tokenizer.chat_template": "{{ 'olá' }}\n", "tokenizer.ggml.eot_token_id": 106}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    writer = gguf.GGUFWriter(tmp_path / "source.gguf", "llama")
    writer.add_string("general.name", "São João")
    writer.add_array("tokenizer.ggml.tokens", ["a", "é", "<end>"])
    writer.add_custom_alignment(64)
    writer.add_tensor("one", MATRIX)
    writer.add_tensor("two", gguf.quants.quantize(MATRIX, gguf.GGMLQuantizationType.Q8_0), raw_dtype=8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tmp_path / "source.gguf"


def test_the_entries_are_read_back_and_nothing_else_has_changed(source: Path, tmp_path: Path) -> None:
    add_entries(source, tmp_path / "more.gguf", ENTRIES)
    with GgufFile(source) as before, GgufFile(tmp_path / "more.gguf") as after:
        assert {key: after.get(key) for key in ENTRIES} == ENTRIES
        assert {key: value for key, value in after.metadata.items() if key not in ENTRIES} == before.metadata
        assert after.data_start % 64 == 0
        assert list(after.tensors) == list(before.tensors) == ["one", "two"]
        for name in before.tensors:
            assert bytes(after.raw(name)) == bytes(before.raw(name))


def test_another_reader_finds_them_too(source: Path, tmp_path: Path) -> None:
    add_entries(source, tmp_path / "more.gguf", ENTRIES)
    reader = gguf.GGUFReader(tmp_path / "more.gguf")
    assert reader.fields["tokenizer.chat_template"].contents() == ENTRIES["tokenizer.chat_template"]
    assert reader.fields["tokenizer.ggml.eot_token_id"].contents() == 106
    assert np.array_equal(reader.tensors[0].data, MATRIX)


def test_an_entry_of_the_files_own_is_never_replaced(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=r"has its own general\.name"):
        add_entries(source, tmp_path / "more.gguf", {"general.name": "other"})
    assert not (tmp_path / "more.gguf").exists()
