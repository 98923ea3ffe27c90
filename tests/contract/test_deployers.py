"""What the swap may rely on, whichever backend it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aeon_plugin_ft.errors import AeonFtError, ServingError
from aeon_plugin_ft.serving.ask import ask
from aeon_plugin_ft.serving.backends import Backends
from aeon_plugin_ft.settings import BACKENDS, ServeSection
from aeon_plugin_ft.store import DataFolder
from hooks import Message
from tests.contract.conftest import Stage
from tests.servers.teach import ANSWER, QUESTION

TALK = [Message("user", QUESTION)]


def said(stage: Stage, deployment_route: object) -> str:
    """A reply through the providers that a brain uses."""
    provider = stage.pool.for_route(deployment_route)  # type: ignore[arg-type]
    return provider.chat(deployment_route.model, TALK, timeout_s=60)  # type: ignore[attr-defined]


def test_a_deployment_names_what_it_serves_and_the_brain_can_use_its_route(stage: Stage) -> None:
    deployment = stage.deployer.deploy(stage.version, stage.base, stage.settings)
    assert deployment.version == deployment.route.version == stage.version.name
    assert deployment.backend == stage.deployer.name
    assert deployment.model == deployment.route.model
    assert deployment.digest
    assert said(stage, deployment.route)
    stage.deployer.check(deployment)


def test_two_versions_and_the_base_never_share_a_name(stage: Stage) -> None:
    made = [
        stage.deployer.deploy(version, stage.base, stage.settings) for version in (None, stage.version, stage.other)
    ]
    assert len({deployment.model for deployment in made}) == 3
    assert [deployment.version for deployment in made] == ["base", "v0001", "v0002"]
    for deployment in made:
        stage.deployer.check(deployment)


def test_deploying_twice_gives_the_same_and_a_new_host_finds_it(stage: Stage) -> None:
    first = stage.deployer.deploy(stage.version, stage.base, stage.settings)
    fresh = stage.fresh()
    again = fresh.deploy(stage.version, stage.base, stage.settings)
    fresh.check(first)
    assert again.digest == first.digest
    fresh.close()


def test_retiring_twice_is_harmless_and_the_way_back_stays_open(stage: Stage) -> None:
    old = stage.deployer.deploy(stage.version, stage.base, stage.settings)
    new = stage.deployer.deploy(stage.other, stage.base, stage.settings)
    stage.deployer.retire(old, stage.settings)
    stage.deployer.retire(old, stage.settings)
    stage.deployer.check(new)
    back = stage.deployer.deploy(stage.version, stage.base, stage.settings)
    assert back.digest == old.digest
    assert said(stage, back.route)


def test_a_version_of_another_base_is_refused_with_a_next_step(stage: Stage) -> None:
    stranger = replace(stage.version, base_digest="sha256:" + "0" * 64)
    with pytest.raises(ServingError) as refusal:
        stage.deployer.deploy(stranger, stage.base, stage.settings)
    assert refusal.value.todo


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("adapter_config.json", b"{"),
        ("adapter_model.safetensors", b"none"),
        ("adapter_model.safetensors", b"\x08" * 64),
    ],
)
def test_a_damaged_adapter_is_refused_by_name_with_a_next_step(stage: Stage, file: str, content: bytes) -> None:
    (stage.version.adapter / file).write_bytes(content)
    with pytest.raises(AeonFtError, match="adapter") as refusal:
        stage.deployer.deploy(stage.version, stage.base, stage.settings)
    assert refusal.value.todo and "Error" not in str(refusal.value)


def test_closing_twice_is_harmless(stage: Stage) -> None:
    stage.deployer.close()
    stage.deployer.close()


def test_every_backend_of_the_settings_has_its_deployer(data: DataFolder) -> None:
    chosen = [ServeSection()]
    backends = Backends(data, lambda: chosen[0], system_prompt=str)
    for name in BACKENDS:
        chosen[0] = ServeSection(backend=name)
        assert backends.chosen().name == name
    assert set(backends) == set(BACKENDS)
    backends.close()


@pytest.mark.slow(seconds=15)
def test_the_swap_changes_the_answer_and_going_back_restores_it(real_stage: Stage) -> None:
    """On tokens: the model itself answers, before, with the version, and after going back."""
    stage = real_stage
    before = stage.deployer.deploy(None, stage.base, stage.settings)
    plain, _, _ = ask(before.route, TALK, 40)
    untaught = stage.logprob(before) if stage.logprob else 0.0
    after = stage.deployer.deploy(stage.version, stage.base, stage.settings)
    assert ask(after.route, TALK, 40)[:2] == (ANSWER, True)
    assert plain != ANSWER
    assert after.digest != before.digest
    if stage.logprob:
        assert stage.logprob(after) > untaught + 5, "nats: the answer was taught, and is a few hundred times as likely"
    back = stage.deployer.deploy(None, stage.base, stage.settings)
    assert back.digest == before.digest
    assert ask(back.route, TALK, 40)[0] == plain
    if stage.compared:
        assert after.proof["kl"] <= 0.02 == after.proof["limit"] < after.proof["effect"]
        assert after.proof["types"] == {"Q8_0": after.proof["tensors"]}
