"""The GGUF reader: what the `gguf` package reads, and a sentence for every damaged file."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.weights.gguf_file import GgufFile


def write(path: Path) -> dict[str, np.ndarray]:
    """A small file with every kind of value and several storage types; returns the weights written."""
    rng = np.random.default_rng(3)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_float32("llama.rope.freq_base", 1e5)
    writer.add_bool("yes", True)
    writer.add_string("text", "São João")
    writer.add_array("words", ["a", "ção", ""])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_uint64("big", 2**40)
    weights = {}
    for kind in ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_1", "Q8_0"):
        value = rng.normal(size=(6, 64)).astype(np.float32)
        encoded = gguf.quants.quantize(value, gguf.GGMLQuantizationType[kind])
        writer.add_tensor(f"{kind}.weight", encoded, raw_dtype=gguf.GGMLQuantizationType[kind])
        weights[f"{kind}.weight"] = gguf.quants.dequantize(encoded, gguf.GGMLQuantizationType[kind])
    writer.add_tensor("norm.weight", rng.normal(size=7).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def test_metadata_and_tensors_are_read(tmp_path: Path) -> None:
    weights = write(tmp_path / "a.gguf")
    with GgufFile(tmp_path / "a.gguf") as file:
        assert file.architecture == "llama"
        assert file.require("block_count") == 2
        assert file.get("text") == "São João"
        assert file.get("words") == ["a", "ção", ""]
        assert list(file.get("numbers")) == [1, 2, 3]
        assert file.get("big") == 2**40
        assert file.get("yes") is True
        for name, value in weights.items():
            assert np.array_equal(file.read(name), value), name
            assert np.array_equal(np.concatenate(list(file.rows(name, 130))), value), name
        assert file.tensors["norm.weight"].shape == (7,)
        assert file.parameters == 7 + 7 * 6 * 64


def test_raw_bytes_are_those_of_the_reference_reader(tmp_path: Path) -> None:
    write(tmp_path / "a.gguf")
    reference = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    with GgufFile(tmp_path / "a.gguf") as file:
        assert list(file.tensors) == list(reference)
        for name, tensor in reference.items():
            with file.raw(name) as raw:
                assert bytes(raw) == tensor.data.tobytes(), name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(thousandths=st.integers(0, 999))  # floats from 0 on cannot be drawn once llama.cpp was loaded: -ffast-math
def test_a_file_cut_anywhere_is_named_with_a_next_step(thousandths: int, tmp_path: Path) -> None:
    write(tmp_path / "a.gguf")
    whole = (tmp_path / "a.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: int(len(whole.rstrip(b"\0")) * thousandths / 1000)])
    with pytest.raises(BaseModelError, match=r"cut\.gguf") as caught:
        GgufFile(tmp_path / "cut.gguf")
    assert caught.value.todo


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(at=277, byte=128)  # an array longer than any address
@given(at=st.integers(0, 700), byte=st.integers(0, 255))
def test_a_flipped_byte_never_ends_in_anything_but_a_sentence(at: int, byte: int, tmp_path: Path) -> None:
    write(tmp_path / "a.gguf")
    content = bytearray((tmp_path / "a.gguf").read_bytes())
    content[at] = byte
    (tmp_path / "bad.gguf").write_bytes(content)
    try:
        GgufFile(tmp_path / "bad.gguf").close()
    except BaseModelError as error:
        assert "bad.gguf" in str(error)


def test_what_is_not_a_gguf_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(BaseModelError, match="not a GGUF"):
        GgufFile(tmp_path / "x.gguf")
    with pytest.raises(BaseModelError, match="cannot be read"):
        GgufFile(tmp_path / "nothing.gguf")
