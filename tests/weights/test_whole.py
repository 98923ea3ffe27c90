"""A whole model in the place of an adapter: what is taken for one, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aeon_plugin_ft.errors import InputFileError, ServingError
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.training.imported import read_checked
from aeon_plugin_ft.weights.adapter import adapter_digest, read_adapter, whole_model
from aeon_plugin_ft.weights.foreign import Trainer, write_as_ours
from tests.servers.models import make_base, write_adapter, write_gguf

TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


def made(path: Path, **changes: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_gguf(path, **{"seed": 5, "template": TEMPLATE, **changes})


def test_it_is_copied_as_it_is_and_known_by_its_digest(tmp_path: Path) -> None:
    base = make_base(made(tmp_path / "base.gguf", seed=1))
    file = made(tmp_path / "theirs" / "merged.gguf", kind="Q8_0")
    for given in (file, file.parent):
        model = read_checked(given, base)
        assert model.trainer is Trainer.WHOLE and not model.updates and model.base_named == "small"
        assert model.whole == file and model.digest == sha256(file)
    write_as_ours(model, tmp_path / "ours")
    assert [path.name for path in (tmp_path / "ours").iterdir()] == ["model.gguf"]
    assert whole_model(tmp_path / "ours") is not None and adapter_digest(tmp_path / "ours") == sha256(file)
    # Whoever serves adapters only must say so, and not take it for a damaged one.
    with pytest.raises(ServingError, match="a whole model and no adapter"):
        read_adapter(tmp_path / "ours")


def test_one_that_changes_between_the_look_and_the_copy_is_refused(tmp_path: Path) -> None:
    base = make_base(made(tmp_path / "base.gguf", seed=1))
    model = read_checked(made(tmp_path / "merged.gguf"), base)
    made(tmp_path / "merged.gguf", seed=6)
    with pytest.raises(InputFileError, match="changed while it was copied"):
        write_as_ours(model, tmp_path / "ours")


REFUSED: dict[str, dict[str, Any]] = {
    "a qwen2 and": {"architecture": "qwen2"},
    "made from another model": {"blocks": 3},
    "vocabulary is not": {"extra": {"tokenizer.ggml.tokens": "other"}},
    "chat template is not": {"template": "{{ messages }}"},
    "an adapter in llama.cpp's form": {"extra": {"general.type": "adapter"}},
    "one of several parts": {"extra": {"split.count": 2}},
    "the base itself": {"seed": 1},
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_stand_in_the_place_of_the_base_is_refused(tmp_path: Path, why: str) -> None:
    base = make_base(made(tmp_path / "base.gguf", seed=1))
    changes = dict(REFUSED[why])
    if "tokenizer.ggml.tokens" in changes.get("extra", {}):
        file = made(tmp_path / "other.gguf")
        # The same length: only the words are others.
        file.write_bytes(file.read_bytes().replace(b"t39", b"u39"))
    else:
        file = made(tmp_path / "other.gguf", **changes)
    with pytest.raises(InputFileError, match=why):
        read_checked(file, base)


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    base = make_base(made(tmp_path / "base.gguf", seed=1))
    file = made(tmp_path / "cut.gguf")
    file.write_bytes(file.read_bytes()[:-4000])
    with pytest.raises(InputFileError, match="no whole model"):
        read_checked(file, base)
    nan = made(tmp_path / "nan.gguf", kind="F32")
    nan.write_bytes(nan.read_bytes()[:-4] + np.float32(np.nan).tobytes())
    with pytest.raises(InputFileError, match="not finite"):
        read_checked(nan, base)


def test_which_file_is_meant_must_be_plain(tmp_path: Path) -> None:
    base = make_base(made(tmp_path / "base.gguf", seed=1))
    for name in ("a.gguf", "b.gguf"):
        made(tmp_path / "two" / name)
    with pytest.raises(InputFileError, match="2 GGUF files"):
        read_checked(tmp_path / "two", base)
    # Beside an adapter it is what that trainer made of it on the way.
    write_adapter(tmp_path / "both")
    made(tmp_path / "both" / "merged.gguf")
    assert read_checked(tmp_path / "both", base).trainer is not Trainer.WHOLE
