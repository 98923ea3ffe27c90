"""A base in 4 bits, trained straight from the file that is served: what was learnt is what is measured and served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.dataset.frozen import read_messages
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.evaluation.heldout import measure_losses
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.merging.check import KL_LIMIT, measure_merge
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Recipe, Run
from aeon_plugin_ft.training.runs import RunConfig, create_run
from aeon_plugin_ft.weights.merge import merge_gguf
from tests.training.tiny import tiny_dataset, tiny_recipe
from tests.weights.lora import divergence, load_peft, make_version, peft_logprobs, served_logprobs

__all__ = ["tiny_dataset", "tiny_recipe"]

pytestmark = [
    pytest.mark.slow(seconds=60),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 and TRL 1.16 use transformers' old names
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
VOCABULARY = 49_152


class NoStop:
    def check(self) -> None:
        """Nobody wants it to leave."""


@pytest.fixture
def run(
    smollm2: BaseModel, data: DataFolder, store: Store, tiny_dataset: Dataset, tiny_recipe: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:  # fmt: skip
    """Three steps on SmolLM2's own Q4_1 file, a layer at a time, as where it would not fit the memory."""
    from aeon_plugin_ft.training.engine.layered import choice
    from aeon_plugin_ft.training.worker.session import Session

    assert smollm2.gguf is not None and not list(smollm2.training_copy.glob("*.safetensors"))
    made = create_run(data, store, smollm2, tiny_dataset, tiny_recipe(steps=3, learning_rate=3e-3))
    with monkeypatch.context() as patch:
        patch.setattr(choice, "free_bytes", lambda device: 1000)
        session = Session(made, RunConfig.read(made.folder), NoStop(), lambda *_: None, lambda _: None)  # type: ignore[arg-type]
        outcome = session.train()
    assert outcome.engine == "layered-shared-prefix", outcome.engine_reason
    assert not list(made.folder.rglob("model*.safetensors"))
    return made


def test_what_is_learnt_from_the_quantised_file_is_measured_merged_and_served_from_it(
    run: Run, smollm2: BaseModel, data: DataFolder, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    sets = {"heldout": tiny_dataset.heldout_file}
    adapters = {"base": None, "candidate": run.adapter}
    losses = measure_losses(smollm2, sets, adapters, tmp_path / "work", threads=1)["heldout"]
    assert losses["candidate"].mean < losses["base"].mean - 0.5, "it learnt little of what was held out"

    assert smollm2.gguf is not None
    report = merge_gguf(smollm2.gguf, run.adapter, tmp_path / "merged.gguf")
    talks = read_messages(tiny_dataset.heldout_file)[:2]
    check = measure_merge(smollm2, run.adapter, tmp_path / "merged.gguf", talks, tmp_path, positions=8)
    assert report.tensors and check.effect > 0.1
    assert check.kl <= KL_LIMIT == 0.02

    version = make_version(tmp_path / "version", smollm2)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (version.adapter / name).write_bytes((run.adapter / name).read_bytes())
    tokenizer = AutoTokenizer.from_pretrained(smollm2.training_copy)
    text = tokenizer.apply_chat_template([{"role": "user", "content": "abre a luz"}], tokenize=False)
    ids = tokenizer.encode(text + "<|im_start|>assistant\nmassa, rodando", add_special_tokens=False)
    deployer = EmbeddedDeployer(data)
    try:
        route = deployer.deploy(version, smollm2, ServeSection(threads=1, context_tokens=512)).route
        served = [served_logprobs(route, ids[:end], VOCABULARY) for end in (-3, -1)]
    finally:
        deployer.close()
    model = load_peft(smollm2, run.adapter)
    apart = [divergence(one, peft_logprobs(model, ids[:end])) for one, end in zip(served, (-3, -1), strict=True)]
    assert np.mean(apart) <= KL_LIMIT, apart
