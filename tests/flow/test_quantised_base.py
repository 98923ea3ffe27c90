"""A base in 4 bits, trained straight from the file that is served: what was learnt is what is measured and served."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from aeon_plugin_ft.base import BaseModel, resolve_base
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
from tests.servers.ollama import FakeOllama
from tests.training.tiny import tiny_dataset, tiny_recipe
from tests.weights.lora import divergence, load_peft, make_version, peft_logprobs, served_logprobs

__all__ = ["tiny_dataset", "tiny_recipe"]

pytestmark = [
    pytest.mark.slow(seconds=60),
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 and TRL 1.16 use transformers' old names
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
VOCABULARY = 49_152
SMALL_FILE = 48_000_000
"""Bytes: half of the file in 4 bits, and a sixth of a copy in 16."""


class NoStop:
    def check(self) -> None:
        """Nobody wants it to leave."""


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Meanwhile the system refuses to make a file of this process larger than so many bytes (where it can: not on
    Windows)."""
    if sys.platform == "win32":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def base(smollm2: BaseModel, tmp_path: Path) -> Iterator[BaseModel]:
    """SmolLM2 as an Ollama has it."""
    assert smollm2.gguf is not None
    with FakeOllama() as ollama:
        tag = ollama.add_model("smollm2:135m", smollm2.gguf)
        with no_file_above(SMALL_FILE):
            found = resolve_base("ollama:smollm2:135m", tmp_path / "cache", ollama=ollama.url)
        # The very blob that is served; nothing was made of it but what is no weights.
        assert found.gguf is not None and found.gguf.name == tag.model_blob.replace(":", "-")
        assert not list((tmp_path / "cache").rglob("*.safetensors"))
        yield found


@pytest.fixture
def run(
    base: BaseModel, data: DataFolder, store: Store, tiny_dataset: Dataset, tiny_recipe: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:  # fmt: skip
    """Three steps on SmolLM2's own Q4_1 file, a layer at a time, as where it would not fit the memory."""
    from aeon_plugin_ft.training.engine.layered import choice
    from aeon_plugin_ft.training.worker.session import Session

    made = create_run(data, store, base, tiny_dataset, tiny_recipe(steps=3, learning_rate=3e-3))
    with monkeypatch.context() as patch, no_file_above(SMALL_FILE):
        patch.setattr(choice, "free_bytes", lambda device: 1000)
        session = Session(made, RunConfig.read(made.folder), NoStop(), lambda *_: None, lambda _: None)  # type: ignore[arg-type]
        outcome = session.train()
    assert outcome.engine == "layered-shared-prefix", outcome.engine_reason
    return made


def test_what_is_learnt_from_the_quantised_file_is_measured_merged_and_served_from_it(
    run: Run, base: BaseModel, data: DataFolder, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    sets = {"heldout": tiny_dataset.heldout_file}
    adapters = {"base": None, "candidate": run.adapter}
    losses = measure_losses(base, sets, adapters, tmp_path / "work", threads=1)["heldout"]
    assert losses["candidate"].mean < losses["base"].mean - 0.5, "it learnt little of what was held out"

    assert base.gguf is not None
    report = merge_gguf(base.gguf, run.adapter, tmp_path / "merged.gguf")
    talks = read_messages(tiny_dataset.heldout_file)[:2]
    check = measure_merge(base, run.adapter, tmp_path / "merged.gguf", talks, tmp_path, positions=8)
    assert report.tensors and check.effect > 0.1
    assert check.kl <= KL_LIMIT == 0.02

    version = make_version(tmp_path / "version", base)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (version.adapter / name).write_bytes((run.adapter / name).read_bytes())
    tokenizer = AutoTokenizer.from_pretrained(base.training_copy)
    text = tokenizer.apply_chat_template([{"role": "user", "content": "abre a luz"}], tokenize=False)
    ids = tokenizer.encode(text + "<|im_start|>assistant\nmassa, rodando", add_special_tokens=False)
    deployer = EmbeddedDeployer(data)
    try:
        route = deployer.deploy(version, base, ServeSection(threads=1, context_tokens=512)).route
        served = [served_logprobs(route, ids[:end], VOCABULARY) for end in (-3, -1)]
    finally:
        deployer.close()
    model = load_peft(base, run.adapter)
    apart = [divergence(one, peft_logprobs(model, ids[:end])) for one, end in zip(served, (-3, -1), strict=True)]
    assert np.mean(apart) <= KL_LIMIT, apart
