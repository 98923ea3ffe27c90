"""Every key of [serve], changed under deployers that are made already: seen in the part that uses it.

`context_tokens`, `threads` and `max_reply_tokens` are also read back from a real child in embedded/test_embedded.py;
`prefer` decides call by call whom the brain asks, and is the host's (tests/flow/test_prefer.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.events import Event, EventBus, ModelSwapped, SwapFailed
from aeon_plugin_ft.registry import Registry, Version
from aeon_plugin_ft.serving.embedded import deployer as embedded
from aeon_plugin_ft.serving.embedded.child import Address
from aeon_plugin_ft.serving.embedded.server import ServerConfig
from aeon_plugin_ft.serving.groq.deployer import LORA_PARAMETERS, GroqDeployer
from aeon_plugin_ft.serving.merging import version as merged_version
from aeon_plugin_ft.serving.model import Deployer
from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer
from aeon_plugin_ft.serving.openai.deployer import OpenAIDeployer
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store
from tests.servers.groq import CHAT, FakeGroq
from tests.servers.merging import merge_here
from tests.servers.models import make_base, make_version, write_adapter, write_copy, write_gguf
from tests.servers.ollama import FakeOllama
from tests.servers.openai import FakeOpenAI

TAG = "tiny:1b"
TEMPLATE = "{{ .Prompt }} {{ .Response }}"


class Owner:
    """Two Ollamas and two vLLMs with one base in all of them, a host's swapper, and a plugin.toml that is edited."""

    def __init__(self, data: DataFolder, store: Store, folder: Path, stack: ExitStack) -> None:
        self.data, self.store = data, store
        gguf = write_gguf(folder / "base.gguf")
        self.ollamas = [stack.enter_context(FakeOllama("0.32.1")) for _ in range(2)]
        for ollama in self.ollamas:
            tag = ollama.add_model(TAG, gguf, template=TEMPLATE)
        self.vllms = [stack.enter_context(FakeOpenAI("vllm")) for _ in range(2)]
        self.base = make_base(self.ollamas[0].blobs.path(tag.model_blob), f"ollama:{TAG}")
        self.serve = ServeSection(backend="ollama", ollama_url=self.ollamas[0].url, openai_url=self.vllms[0].url)
        self.key: str | None = None
        self.ollama = OllamaDeployer(data, pause=lambda _: None)
        self.openai = OpenAIDeployer(data, token=lambda: self.key)
        self.deployers: dict[str, Deployer] = {"ollama": self.ollama, "openai": self.openai}
        self.events: list[Event] = []
        self.starts()
        for deployer in self.deployers.values():
            stack.callback(deployer.close)

    def starts(self) -> None:
        """A host's swapper, as after a start."""
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.routes = RouteTable()
        self.swapper = Swapper(
            self.data, self.store, bus, self.routes, self.deployers, lambda: self.serve, resolve=lambda _: self.base
        )

    def version(self, seed: int = 1) -> Version:
        return Registry(self.data, self.store).create(
            run=f"run{seed}", adapter=write_adapter(self.data.root / f"adapter{seed}", seed=seed), dataset="d",
            base=self.base.spec, base_digest=self.base.digest, verdict=Verdict(True, (), {}),
        )  # fmt: skip

    def edits(self, **keys: Any) -> None:
        """What the owner saves in plugin.toml."""
        self.serve = self.serve.model_copy(update=keys)

    def follows(self, version: Version) -> str:
        """As the host does each second: swaps where the version in use is not served as [serve] says; its address."""
        if not self.swapper.serves(version.name):
            self.swapper.swap(version, self.base)
        assert self.swapper.serves(version.name) and self.routes.current is not None
        return str(self.routes.current.base_url)


@pytest.fixture
def owner(data: DataFolder, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Owner]:
    monkeypatch.setattr(merged_version, "merge_in_child", merge_here)
    with ExitStack() as stack:
        yield Owner(data, store, tmp_path, stack)


def test_backend_moves_the_version_in_use_and_says_so(owner: Owner) -> None:
    version = owner.version()
    assert owner.follows(version) == owner.ollamas[0].url
    owner.edits(backend="openai")
    assert not owner.swapper.serves(version.name), "until it is there, nobody says that it answers there"
    assert owner.follows(version) == owner.vllms[0].url
    assert [path.name for path in map(Path, owner.vllms[0].adapters.values())] == ["adapter"]
    assert not owner.ollamas[0].runners, "the old place gave its memory back"
    assert [event for event in owner.events if isinstance(event, ModelSwapped)][-1].data() == {
        "version": "v0001", "previous": "v0001", "backend": "openai", "place": "first",
    }  # fmt: skip
    assert owner.swapper.registry.current() == version.name


def test_a_backend_that_was_changed_while_nothing_ran_counts_from_the_next_start(owner: Owner) -> None:
    """Also for a version that is chosen again then, and for the way back."""
    version = owner.version()
    owner.follows(version)
    owner.edits(backend="openai")
    owner.starts()
    owner.swapper.recover()
    assert not owner.swapper.serves(version.name)
    assert owner.follows(version) == owner.vllms[0].url
    told = [event for event in owner.events if isinstance(event, ModelSwapped)][-1].data()
    assert (told["version"], told["backend"]) == ("v0001", "openai")
    other = owner.version(seed=2)
    owner.swapper.swap(other, owner.base)
    assert owner.follows(version) == owner.vllms[0].url
    assert not owner.ollamas[0].runners


def test_a_backend_that_is_down_leaves_the_version_where_it_answers_and_is_told_once(owner: Owner) -> None:
    version = owner.version()
    owner.follows(version)
    owner.vllms[0].stop()
    owner.edits(backend="openai")
    for _ in range(3):
        with pytest.raises(BackendDownError):
            owner.follows(version)
    assert owner.routes.current is not None and owner.routes.current.base_url == owner.ollamas[0].url
    assert len([event for event in owner.events if isinstance(event, SwapFailed)]) == 1
    owner.edits(backend="ollama")
    assert owner.follows(version) == owner.ollamas[0].url


def test_ollama_url_is_where_the_version_is_served(owner: Owner) -> None:
    version = owner.version()
    owner.follows(version)
    first, second = owner.ollamas
    owner.edits(ollama_url=second.url)
    assert owner.follows(version) == second.url
    assert [runner.tag.name for runner in second.runners.values()] == [owner.swapper.serving.model]  # type: ignore[union-attr]
    assert not first.runners
    owner.ollama.discard(version.name, owner.serve)
    assert set(first.tags) == set(second.tags) == {TAG}, "it goes from every Ollama that was given it"


def test_ollama_model_is_the_base_from_the_next_deployment_on(owner: Owner) -> None:
    by_path = replace(owner.base, spec="base.gguf")
    owner.edits(ollama_model=TAG)
    assert owner.ollama.deploy(None, by_path, owner.serve).model == TAG
    owner.edits(ollama_model="other:1b")
    assert owner.ollama.deploy(None, by_path, owner.serve).model.startswith("aeon-ft:base-")
    assert_says("ollama_model", "next deployment")


def test_ollama_adapter_counts_for_versions_that_are_new_to_ollama(owner: Owner) -> None:
    tags = owner.ollamas[0].tags
    assert tags[owner.ollama.deploy(owner.version(1), owner.base, owner.serve).model].adapter_blob is None
    owner.edits(ollama_adapter=True)
    assert tags[owner.ollama.deploy(owner.version(2), owner.base, owner.serve).model].adapter_blob is not None
    assert_says("ollama_adapter", "new to Ollama")


def test_merged_type_counts_for_versions_that_are_new_to_ollama(owner: Owner, tmp_path: Path) -> None:
    assert owner.base.gguf is not None
    copy = write_copy(tmp_path / "copy", owner.base.gguf, noise=0.003)
    original = replace(owner.base, spec="org/tiny", digest="sha256:hf", gguf=None, training_copy=copy)
    owner.edits(ollama_model=TAG)
    kinds = []
    for number, merged_type in enumerate(("q8_0", "base")):
        owner.edits(merged_type=merged_type)
        adapter = write_adapter(tmp_path / f"a{number}", seed=number, strength=0.1)
        version = make_version(owner.data.versions, adapter, original, f"v000{number}")
        kinds.append(set(owner.ollama.deploy(version, original, owner.serve).proof["types"]))
    assert kinds == [{"Q8_0"}, {"Q4_1"}]
    assert_says("merged_type", "new to Ollama")


@pytest.mark.parametrize("key", ["ollama_cap_gb", "keep_versions"])
def test_what_is_kept_in_ollama_counts_from_the_next_clean_up(owner: Owner, key: str) -> None:
    made = [owner.ollama.deploy(owner.version(seed), owner.base, owner.serve) for seed in (1, 2, 3)]
    for deployment in made:
        owner.ollama.retire(deployment, owner.serve)
    assert {deployment.model for deployment in made} <= set(owner.ollamas[0].tags)
    size = owner.ollama.server(owner.ollamas[0].url).client.tags()[made[0].model].size
    owner.edits(**{key: 2 if key == "keep_versions" else 2.5 * size / 1e9})
    owner.ollama.retire(made[2], owner.serve)
    assert set(owner.ollamas[0].tags) == {TAG, made[1].model, made[2].model}


def test_openai_url_is_where_the_version_is_served(owner: Owner) -> None:
    version = owner.version()
    owner.edits(backend="openai")
    assert owner.follows(version) == owner.vllms[0].url
    owner.edits(openai_url=owner.vllms[1].url)
    assert owner.follows(version) == owner.vllms[1].url
    assert not owner.vllms[0].adapters and len(owner.vllms[1].adapters) == 1


def test_openai_folder_is_what_the_server_is_told_from_the_next_deployment_on(owner: Owner) -> None:
    owner.edits(backend="openai")
    owner.openai.deploy(owner.version(1), owner.base, owner.serve)
    owner.edits(openai_folder="/elsewhere")
    with pytest.raises(Exception, match=r"[Nn]o adapter found"):
        owner.openai.deploy(owner.version(2), owner.base, owner.serve)
    told = [call.json["lora_path"] for call in owner.vllms[0].calls("/v1/load_lora_adapter")]
    assert told[1] == "/elsewhere/versions/v0002/adapter"
    assert_says("openai_folder", "next deployment")


def test_the_key_of_a_model_server_is_read_at_each_use(owner: Owner) -> None:
    version = owner.version()
    owner.edits(backend="openai")
    owner.follows(version)
    owner.vllms[0].key = owner.key = "another"
    assert not owner.swapper.serves(version.name)
    owner.follows(version)
    assert owner.routes.current is not None and owner.routes.current.token == "another"


@pytest.fixture
def groq() -> Iterator[FakeGroq]:
    with FakeGroq(enterprise=True) as server:
        yield server


GROQ_BASE = BaseModel("meta-llama/Llama-3.1-8B-Instruct", "sha256:b", "llama", LORA_PARAMETERS, Path("copy"), None)


def test_groq_model_is_what_answers_for_the_base(data: DataFolder, groq: FakeGroq) -> None:
    deployer = GroqDeployer(data, key=lambda: groq.key, url=groq.url)
    before, after = ServeSection(backend="groq"), ServeSection(backend="groq", groq_model="openai/gpt-oss-120b")
    deployment = deployer.deploy(None, GROQ_BASE, before)
    assert deployer.fits(deployment, before) and not deployer.fits(deployment, after)
    deployer.deploy(None, GROQ_BASE, after)
    assert groq.calls(CHAT)[-1].json["model"] == "openai/gpt-oss-120b"
    deployer.close()


def test_keep_versions_counts_at_groq_from_the_next_swap_on(data: DataFolder, groq: FakeGroq) -> None:
    deployer = GroqDeployer(data, key=lambda: groq.key, url=groq.url)
    made = []
    for number in range(3):
        adapter = write_adapter(data.root / f"made{number}", rank=16, seed=number)
        version = make_version(data.versions, adapter, GROQ_BASE, f"v000{number}")
        made.append(deployer.deploy(version, GROQ_BASE, ServeSection()))
    deployer.retire(made[1], ServeSection(keep_versions=5))
    assert len(groq.tunings) == 3
    deployer.retire(made[1], ServeSection(keep_versions=2))
    assert {tuning["data"]["fine_tuned_model"] for tuning in groq.tunings.values()} == {made[1].model, made[2].model}
    deployer.close()


def test_the_key_of_groq_is_read_at_each_use(data: DataFolder, groq: FakeGroq) -> None:
    keys = [groq.key]
    deployer = GroqDeployer(data, key=lambda: keys[0], url=groq.url)
    deployer.deploy(None, GROQ_BASE, ServeSection())
    groq.key = keys[0] = "gsk_renewed"
    deployer.deploy(None, GROQ_BASE, ServeSection())
    deployer.close()


class ChildOnPaper:
    """An embedded server as far as its configuration goes."""

    started: ClassVar[list[ServerConfig]] = []

    def __init__(self, config: ServerConfig, *_: Any) -> None:
        self.config = config

    def start(self) -> Address:
        self.started.append(self.config)
        return Address(f"http://127.0.0.1:{len(self.started)}", len(self.started))

    def stop(self) -> None: ...


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [("context_tokens", 4096, "context"), ("threads", 3, "threads"), ("max_reply_tokens", 64, "reply_tokens")],
)
def test_the_size_of_the_embedded_server_is_renewed_with_its_child(
    key: str, value: int, field: str, data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "SupervisedChild", ChildOnPaper)
    monkeypatch.setattr(embedded, "_ask_first", lambda *_: None)
    monkeypatch.setattr(embedded.EmbeddedDeployer, "_prove", lambda *_: None)
    monkeypatch.setattr(ChildOnPaper, "started", [])
    base = make_base(write_gguf(tmp_path / "base.gguf"))
    deployer = embedded.EmbeddedDeployer(data)
    before, after = ServeSection(threads=1), ServeSection(**{"threads": 1, key: value})
    deployment = deployer.deploy(None, base, before)
    assert deployer.fits(deployment, before) and not deployer.fits(deployment, after)
    assert deployer.fits(deployer.deploy(None, base, after), after)
    assert [getattr(config, field) for config in ChildOnPaper.started] == [getattr(before, key), value]
    deployer.close()


def assert_says(key: str, text: str) -> None:
    """A key that does not count at once says so where the owner reads it."""
    assert text in str(ServeSection.model_fields[key].description)


HERE = {
    "backend", "groq_model", "ollama_url", "ollama_model", "openai_url", "openai_folder", "ollama_adapter",
    "merged_type", "ollama_cap_gb", "max_reply_tokens", "context_tokens", "threads", "keep_versions",
}  # fmt: skip
ELSEWHERE = {"prefer"}


def test_no_key_is_left_out() -> None:
    assert set(ServeSection.model_fields) == HERE | ELSEWHERE
    own = Path(__file__).read_text(encoding="utf-8")
    assert all(f"{key}=" in own or f'"{key}"' in own.partition("HERE = ")[0] for key in HERE)
