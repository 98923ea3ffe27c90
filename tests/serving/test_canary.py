"""A candidate beside the model in use: where it is served, and that its share of the sessions follows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.serving.canary import CanaryServer
from aeon_plugin_ft.serving.deployments import DeploymentTable
from aeon_plugin_ft.settings import ServeSection
from tests.serving.fakes import BASE_MODEL
from tests.serving.world import World


@pytest.fixture
def canary(world: World) -> CanaryServer:
    return CanaryServer(world.routes, world.backends, lambda: world.settings, DeploymentTable(world.store))


def test_it_is_served_once_and_again_where_serve_says(world: World, canary: CanaryServer) -> None:
    for _ in range(2):
        canary.serve(world.version(1), BASE_MODEL, 0.5)
    assert world.backend.history.count(("deploy", "v0001")) == 1
    world.settings = ServeSection(backend="plugin.other")
    canary.serve(world.version(1), BASE_MODEL, 0.5)
    assert (world.backend.models, world.other.models) == (set(), {"v0001"})
    assert world.routes.canary is not None and world.routes.canary.share == 0.5
    canary.stop()
    assert world.routes.canary is None and world.other.models == set()


def test_its_share_of_the_sessions_follows_it_to_another_address(world: World, canary: CanaryServer) -> None:
    canary.serve(world.version(1), BASE_MODEL, 0.5)
    old = canary.serving
    assert old is not None
    new = replace(old, route=replace(old.route, base_url="http://127.0.0.1:2"))
    world.backend.moved(old, new)
    assert world.routes.canary is not None and world.routes.canary.route == new.route
    assert canary.serving == new
    world.backend.moved(old, replace(old, route=replace(old.route, base_url="http://127.0.0.1:3")))
    assert canary.serving == new, "news of one that is not served any more"


def test_a_backend_that_is_not_here_is_named(world: World, canary: CanaryServer) -> None:
    world.settings = ServeSection(backend="plugin.gone")
    with pytest.raises(ServingError, match=r"no backend plugin\.gone"):
        canary.serve(world.version(1), BASE_MODEL, 0.5)
