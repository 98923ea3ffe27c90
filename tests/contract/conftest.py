"""One stage for every deployer: a backend that is running, the base on it, and a version trained on that base.

The quick ones answer from a script; those marked slow load the model with llama.cpp and answer with it. With
AEON_FT_TEST_OLLAMA=http://127.0.0.1:11434 the same suite also runs against that real Ollama (it makes and
removes models called aeon-ft:*, and a base called aeon-ft-contract).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.groq.deployer import LORA_PARAMETERS, GroqDeployer
from aeon_plugin_ft.serving.merging import version as merged_version
from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.serving.ollama.client import OllamaClient
from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer
from aeon_plugin_ft.serving.ollama.prompts import go_template, trained_prompts
from aeon_plugin_ft.serving.openai.deployer import OpenAIDeployer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from hooks import Route
from hooks.providers import ProviderPool
from tests.servers.groq import FakeGroq
from tests.servers.merging import merge_here
from tests.servers.models import make_base, make_version, write_adapter, write_gguf
from tests.servers.ollama import FakeOllama
from tests.servers.openai import FakeOpenAI
from tests.servers.teach import answer_logprob, teach
from tests.servers.text import Script

REAL_OLLAMA = os.environ.get("AEON_FT_TEST_OLLAMA", "")
"""Read before the tests' own environment is emptied."""
BASE_TAG = "aeon-ft-contract:latest"


Make = Callable[[Callable[[], str]], Deployer]
"""Makes a deployer from what gives the owner's system prompt."""


@dataclass
class Stage:
    """`make` makes a deployer that computes a prompt ahead; `pool` is what a brain calls models through;
    `really_answers`: with the model itself."""

    base: BaseModel
    version: Version
    other: Version
    make: Make
    settings: ServeSection
    pool: ProviderPool
    really_answers: bool = False
    answers: Script = field(default_factory=Script)
    """What the backend's models say, where they answer from a script."""
    serves: Callable[[str], bool] = lambda _: True
    """Whether the backend has a model ready now."""
    compared: bool = False
    """Whether the merge is measured against PEFT: once, for the merged file is the same for every Ollama."""
    logprob: Callable[[Deployment], float] | None = None
    """Nats of the taught answer to the taught question, as the served model itself gives them; None where the
    backend's API has no such numbers."""
    prompt: str = ""
    """The owner's system prompt."""
    deployer: Deployer = field(init=False)

    def __post_init__(self) -> None:
        self.deployer = self.fresh()

    def fresh(self) -> Deployer:
        """The deployer of a host that has just started on the same data."""
        return self.make(lambda: self.prompt)


def _scripted_ollama(behaviour: str) -> Callable[[DataFolder, Path, ExitStack], Stage]:
    def build(data: DataFolder, folder: Path, stack: ExitStack) -> Stage:
        server = stack.enter_context(FakeOllama(behaviour))
        tag = server.add_model("tiny:1b", write_gguf(folder / "base.gguf"), template="{{ .Prompt }} {{ .Response }}")
        base = make_base(server.blobs.path(tag.model_blob), "ollama:tiny:1b")
        settings = ServeSection(backend="ollama", ollama_url=server.url)
        return _stage(data, base, lambda prompt: OllamaDeployer(data, system_prompt=prompt), server, settings)

    return build


def _groq(data: DataFolder, folder: Path, stack: ExitStack) -> Stage:
    server = stack.enter_context(FakeGroq(enterprise=True))
    base = BaseModel("meta-llama/Llama-3.1-8B-Instruct", "sha256:b", "llama", LORA_PARAMETERS, folder, None)
    pool = ProviderPool(lambda: server.key, server.url)

    def make(_prompt: Callable[[], str]) -> Deployer:
        return GroqDeployer(data, key=lambda: server.key, url=server.url)

    return _stage(data, base, make, server, ServeSection(backend="groq"), pool)


def _openai(flavour: str) -> Callable[[DataFolder, Path, ExitStack], Stage]:
    def build(data: DataFolder, folder: Path, stack: ExitStack) -> Stage:
        server = stack.enter_context(FakeOpenAI(flavour))  # type: ignore[arg-type]
        base = make_base(write_gguf(folder / "base.gguf"))
        settings = ServeSection(backend="openai", openai_url=server.url)
        return _stage(data, base, lambda prompt: OpenAIDeployer(data, system_prompt=prompt), server, settings)

    return build


def _stage(
    data: DataFolder, base: BaseModel, make: Make, server: FakeOllama | FakeGroq | FakeOpenAI, settings: ServeSection,
    pool: ProviderPool | None = None,
) -> Stage:  # fmt: skip
    made = [
        make_version(data.versions, write_adapter(data.root / name, rank=8, seed=seed), base, name)
        for seed, name in enumerate(("v0001", "v0002"))
    ]
    return Stage(
        base, made[0], made[1], make, settings, pool or ProviderPool(), answers=server.script, serves=_serves(server)
    )


def _serves(server: FakeOllama | FakeGroq | FakeOpenAI) -> Callable[[str], bool]:
    if isinstance(server, FakeOllama):
        return lambda model: model in {runner.tag.name for runner in list(server.runners.values())}
    if isinstance(server, FakeOpenAI):
        return lambda model: model.rpartition(":")[2] in server.adapters
    return lambda model: model in {tuning["data"]["fine_tuned_model"] for tuning in server.tunings.values()}


SCRIPTED = {
    "ollama-0.24": _scripted_ollama("0.24.0"), "ollama-0.32": _scripted_ollama("0.32.1"),
    "ollama-0.34": _scripted_ollama("0.34.2"), "groq": _groq, "vllm": _openai("vllm"), "sglang": _openai("sglang"),
}  # fmt: skip


@pytest.fixture(params=list(SCRIPTED))
def stage(
    request: pytest.FixtureRequest, data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    monkeypatch.setattr(merged_version, "merge_in_child", merge_here)
    with ExitStack() as stack:
        made = SCRIPTED[request.param](data, tmp_path, stack)
        yield made
        made.deployer.close()
        made.pool.close()


# -- with the model itself ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def taught(smollm2: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that knows tests.servers.teach.PAIRS."""
    return teach(smollm2, tmp_path_factory.mktemp("taught") / "adapter")


def _real_names() -> list[str]:
    return ["embedded", "0.24.0", "0.32.1", "0.34.2"] + (["real ollama"] if REAL_OLLAMA else [])


@pytest.fixture(params=_real_names())
def real_stage(
    request: pytest.FixtureRequest, data: DataFolder, smollm2: BaseModel, taught: Path
) -> Iterator[Stage]:  # fmt: skip
    version = make_version(data.versions, taught, smollm2)
    with ExitStack() as stack:
        make, settings, logprob = _real(request.param, data, smollm2, stack)
        compared = request.param in ("0.34.2", "real ollama")
        if compared:
            _write_heldout(data)
        made = Stage(
            smollm2, version, version, make, settings, ProviderPool(), True, logprob=logprob, compared=compared
        )
        yield made
        made.deployer.close()
        made.pool.close()


def _real(name: str, data: DataFolder, base: BaseModel, stack: ExitStack) -> tuple[Make, ServeSection, Any]:
    """What makes a deployer on the backend `name`, [serve] for it, and Stage.logprob."""
    assert base.gguf is not None
    if name == "embedded":
        return (
            lambda prompt: EmbeddedDeployer(data, system_prompt=prompt),
            ServeSection(),
            lambda made: answer_logprob(made.route, base),
        )

    def make(prompt: Callable[[], str]) -> Deployer:
        return OllamaDeployer(data, system_prompt=prompt)

    if name == "real ollama":
        import_base(REAL_OLLAMA, base, stack)
        settings = ServeSection(backend="ollama", ollama_url=REAL_OLLAMA, ollama_model=BASE_TAG)
        stack.callback(lambda: [make(str).discard(made, settings) for made in ("v0001", "base")])
        return make, settings, None
    server = stack.enter_context(FakeOllama(name, real=True))
    # As Ollama's own library has them: the model's own format in Go's language.
    template = go_template(trained_prompts(base.gguf) or ())
    server.add_model(BASE_TAG, base.gguf, template=template, parameters={"temperature": 0.0})

    def logprob(made: Deployment) -> float:
        return answer_logprob(Route("llama", made.model, server.engine(made.model).url), base)

    return make, ServeSection(backend="ollama", ollama_url=server.url, ollama_model=BASE_TAG), logprob


def import_base(url: str, base: BaseModel, stack: ExitStack) -> None:
    """Bring the base into a real Ollama, as BASE_TAG; gone again at the end of `stack`."""
    assert base.gguf is not None
    client = OllamaClient(url)
    stack.callback(client.close)
    if not client.has_blob(base.digest):
        client.upload(base.gguf, base.digest, lambda _: None)
    client.create({"model": BASE_TAG, "files": {"model.gguf": base.digest}}, lambda _: None)
    stack.callback(lambda: client.delete(BASE_TAG))


def _write_heldout(data: DataFolder) -> None:
    """Held-out replies of the dataset that the version names, so that the merge is measured against PEFT."""
    folder = data.datasets / "dataset"
    folder.mkdir(parents=True)
    shutil.copyfile(Path(__file__).parent / "heldout.jsonl", folder / "heldout.jsonl")
