"""Deploying to Groq: for accounts that may, and one honest sentence for all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, ServingError
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.groq.deployer import LORA_PARAMETERS, MODELS_PAGE, GroqDeployer, nearest_model, zip_adapter
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from tests.servers.groq import CHAT, LORA_BASE, FakeGroq, rate_limited, server_error
from tests.servers.http import Fault
from tests.servers.models import make_version, write_adapter

BASE = BaseModel("meta-llama/Llama-3.1-8B-Instruct", "sha256:b", "llama", LORA_PARAMETERS, Path("copy"), None)
SETTINGS = ServeSection(keep_versions=2)


@pytest.fixture
def groq() -> Iterator[FakeGroq]:
    with FakeGroq(enterprise=True) as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def deployer(groq: FakeGroq, data: DataFolder, waits: list[float]) -> Iterator[GroqDeployer]:
    made = GroqDeployer(data, key=lambda: groq.key, url=groq.url, pause=waits.append)
    yield made
    made.close()


def version_of(data: DataFolder, name: str = "v0001", rank: int = 16, **options: Any) -> Version:
    return make_version(data.versions, write_adapter(data.root / f"made-{name}", rank=rank, **options), BASE, name)


def test_a_version_is_uploaded_registered_and_asked_by_the_name_that_groq_gave(
    groq: FakeGroq, deployer: GroqDeployer, data: DataFolder
) -> None:
    deployment = deployer.deploy(version_of(data), BASE, SETTINGS)
    (tuning,) = groq.tunings.values()
    (file,) = groq.files.values()
    assert deployment.model == tuning["data"]["fine_tuned_model"]
    assert deployment.model.startswith(f"ft:{LORA_BASE}:")
    assert (tuning["data"]["base_model"], tuning["data"]["type"]) == (LORA_BASE, "lora")
    assert file.purpose == "fine_tuning"
    assert set(file.members) == {"adapter_model.safetensors", "adapter_config.json"}
    assert {call.json["model"] for call in groq.calls(CHAT)} == {deployment.model}
    deployer.check(deployment)


def test_the_key_is_in_no_file_and_no_repr(groq: FakeGroq, deployer: GroqDeployer, data: DataFolder) -> None:
    deployment = deployer.deploy(version_of(data), BASE, SETTINGS)
    assert deployment.route.token is None
    assert groq.key not in repr(deployer._groq().http) + repr(deployment)
    assert all(groq.key.encode() not in file.read_bytes() for file in data.root.rglob("*") if file.is_file())


def test_deploying_again_registers_nothing_twice(groq: FakeGroq, deployer: GroqDeployer, data: DataFolder) -> None:
    version = version_of(data)
    assert deployer.deploy(version, BASE, SETTINGS) == deployer.deploy(version, BASE, SETTINGS)
    assert len(groq.tunings) == 1


def test_one_that_groq_dropped_is_registered_again(groq: FakeGroq, deployer: GroqDeployer, data: DataFolder) -> None:
    version = version_of(data)
    deployment = deployer.deploy(version, BASE, SETTINGS)
    groq.tunings.clear()
    with pytest.raises(ServingError, match="no longer has"):
        deployer.check(deployment)
    assert deployer.deploy(version, BASE, SETTINGS).model != deployment.model


def test_the_archive_is_in_16_bits_and_always_the_same_bytes(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a")
    assert zip_adapter(folder) == zip_adapter(folder)
    big = write_adapter(tmp_path / "big", strength=1e9, dtype=np.float32)
    with pytest.raises(ServingError, match="16 bits"):
        zip_adapter(big)


@pytest.mark.parametrize("rank", [4, 24, 128])
def test_a_rank_that_groq_does_not_take_is_refused_before_any_call(
    groq: FakeGroq, deployer: GroqDeployer, data: DataFolder, rank: int
) -> None:
    with pytest.raises(ServingError, match="rank") as refusal:
        deployer.deploy(version_of(data, rank=rank), BASE, SETTINGS)
    assert "rank = 16" in refusal.value.todo
    assert not groq.history


def test_another_base_is_refused_with_the_local_choice(
    groq: FakeGroq, deployer: GroqDeployer, data: DataFolder
) -> None:
    other = replace(BASE, spec="smollm2", parameters=134_000_000)
    with pytest.raises(ServingError, match="only for Llama") as refusal:
        deployer.deploy(version_of(data), other, SETTINGS)
    assert "this machine" in refusal.value.todo
    assert not groq.history


def test_an_account_without_lora_gets_an_honest_sentence(data: DataFolder) -> None:
    with FakeGroq() as groq:
        deployer = GroqDeployer(data, key=lambda: groq.key, url=groq.url)
        with pytest.raises(ServingError, match="enterprise") as refusal:
            deployer.deploy(version_of(data), BASE, SETTINGS)
        assert "fallback" in refusal.value.todo
        deployer.close()


def test_the_base_is_the_configured_model(groq: FakeGroq, deployer: GroqDeployer) -> None:
    deployment = deployer.deploy(None, BASE, SETTINGS)
    assert deployment.model == "openai/gpt-oss-20b"
    deployer.check(deployment)


def test_a_retired_model_is_named_with_the_nearest_living_one(groq: FakeGroq, data: DataFolder) -> None:
    settings = ServeSection(groq_model="llama-3.3-70b-versatile")
    deployer = GroqDeployer(data, key=lambda: groq.key, url=groq.url)
    with pytest.raises(ServingError, match="retired") as refusal:
        deployer.deploy(None, BASE, settings)
    assert "openai/gpt-oss-120b" in refusal.value.todo
    groq.models.clear()
    with pytest.raises(ServingError) as refusal:
        deployer.deploy(None, BASE, settings)
    assert MODELS_PAGE in refusal.value.todo
    deployer.close()


def test_the_nearest_model_is_groqs_successor_or_the_most_alike() -> None:
    assert nearest_model("llama-3.3-70b-versatile", ["qwen/qwen3.6-27b", "x"]) == "qwen/qwen3.6-27b"
    assert nearest_model("openai/gpt-oss-30b", ["whisper", "openai/gpt-oss-20b"]) == "openai/gpt-oss-20b"
    assert nearest_model("anything", []) is None


def test_no_key(data: DataFolder) -> None:
    with pytest.raises(ServingError, match="no Groq key") as refusal:
        GroqDeployer(data).deploy(None, BASE, SETTINGS)
    assert "GROQ_KEY" in refusal.value.todo


def test_the_key_is_read_from_the_environment(
    groq: FakeGroq, data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_KEY", groq.key)
    monkeypatch.setenv("GROQ_BASE_URL", groq.url)
    deployer = GroqDeployer(data)
    assert deployer.deploy(None, BASE, SETTINGS).route.base_url == groq.url
    deployer.close()


def test_a_key_that_groq_does_not_know(groq: FakeGroq, data: DataFolder) -> None:
    deployer = GroqDeployer(data, key=lambda: "gsk_wrong", url=groq.url)
    with pytest.raises(BackendRefusedError, match="Invalid API Key") as refusal:
        deployer.deploy(None, BASE, SETTINGS)
    assert "new key" in refusal.value.todo
    assert not refusal.value.retryable
    deployer.close()


def test_a_limit_is_waited_for_as_long_as_groq_asks(groq: FakeGroq, deployer: GroqDeployer, waits: list[float]) -> None:
    groq.enqueue(rate_limited(3.5, "/openai/v1/models"), rate_limited(400, "/openai/v1/models"))
    deployer.deploy(None, BASE, SETTINGS)
    assert waits == [4.0, 60.0]


def test_a_limit_that_stays_is_reported(groq: FakeGroq, deployer: GroqDeployer) -> None:
    groq.enqueue(*[rate_limited(2, "/openai/v1/models")] * 3)
    with pytest.raises(BackendRefusedError, match="Rate limit") as refusal:
        deployer.deploy(None, BASE, SETTINGS)
    assert "3 seconds" in refusal.value.todo
    assert refusal.value.retryable


def test_an_outage_of_groqs_own(groq: FakeGroq, deployer: GroqDeployer, waits: list[float]) -> None:
    groq.enqueue(server_error(503, "/openai/v1/models"), server_error(500))
    deployer.deploy(None, BASE, SETTINGS)
    assert len(waits) == 2
    groq.enqueue(*[server_error(502, "/openai/v1/models")] * 3)
    with pytest.raises(BackendRefusedError, match="502") as refusal:
        deployer.deploy(None, BASE, SETTINGS)
    assert "later" in refusal.value.todo


def test_offline(groq: FakeGroq, deployer: GroqDeployer) -> None:
    groq.stop()
    with pytest.raises(BackendDownError, match="does not answer") as refusal:
        deployer.deploy(None, BASE, SETTINGS)
    assert "internet" in refusal.value.todo


def test_an_answer_of_another_shape_is_a_sentence(groq: FakeGroq, deployer: GroqDeployer, data: DataFolder) -> None:
    groq.enqueue(Fault("/v1/fine_tunings", status=200, body={"id": "ft_1"}, method="POST"))
    with pytest.raises(ServingError, match="lacks 'data'"):
        deployer.deploy(version_of(data), BASE, SETTINGS)


def test_old_registrations_go_and_the_way_back_stays(groq: FakeGroq, deployer: GroqDeployer, data: DataFolder) -> None:
    made = [deployer.deploy(version_of(data, f"v{n:04}", seed=n), BASE, SETTINGS) for n in range(3)]
    deployer.retire(made[1], SETTINGS)
    assert {t["data"]["fine_tuned_model"] for t in groq.tunings.values()} == {made[1].model, made[2].model}
    assert len(groq.files) == 2
    deployer.discard("v0001", SETTINGS)
    deployer.discard("v0002", SETTINGS)
    assert not groq.tunings
    assert not groq.files
