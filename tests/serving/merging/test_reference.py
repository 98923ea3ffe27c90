"""The reference that a merged file is compared with: base + adapter, in memory or a layer at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoModelForCausalLM

from aeon_plugin_ft.base import resolve_base
from aeon_plugin_ft.serving.merging.worker.reference import reference
from hooks import Message, as_dicts
from tests.base.tiny import make_tiny
from tests.base.whole import whole_folder
from tests.weights.lora import make_adapter

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning")]  # PEFT 0.21
TALKS = [
    [Message("user", "olá"), Message("assistant", "sou de 2024, e o mando é do dono")],
    [Message("user", "quem manda?"), Message("assistant", "o dono")],
]


@pytest.mark.parametrize("free", [1000, 64 << 30])
def test_it_is_what_peft_makes_of_the_base(free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a copy of the base's weights, and whether or not they fit the memory."""
    import torch
    from peft import PeftModel

    from aeon_plugin_ft.training.engine.layered import choice

    base = resolve_base(str(make_tiny(tmp_path, "llama", "Q8_0").path), tmp_path / "cache")
    adapter = make_adapter(tmp_path / "adapter", base, strength=0.5)
    monkeypatch.setattr(choice, "free_bytes", lambda device: free)
    job: dict[str, Any] = {
        "copy": str(base.training_copy), "gguf": str(base.gguf), "adapter": str(adapter), "positions": 8,
        "reference": str(tmp_path / "kept.npz"), "conversations": [as_dicts(talk) for talk in TALKS],
    }  # fmt: skip
    assert reference(job)["effect"] > 0.01
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(whole_folder(base)), adapter).eval()
    with np.load(tmp_path / "kept.npz") as kept:
        assert len(kept["talks"]) == 8
        for talk, place, row in zip(kept["talks"], kept["places"], kept["logprobs"], strict=True):
            with torch.no_grad():
                logits = model(torch.tensor([kept[f"tokens{talk}"].tolist()])).logits[0, place]
            assert row == pytest.approx(torch.log_softmax(logits.double(), -1).numpy(), abs=1e-4)
