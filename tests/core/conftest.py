"""Brains over local model servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from core.brain import AeonBrain
from hooks import HookCaller, ModelRequest, Route, Turn, build_manager, hookimpl
from tests.host.servers import ModelServer


class Recorder:
    """A plugin that keeps turns, and chooses a route when it is told to."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.requests: list[ModelRequest] = []
        self.route: Route | None = None
        self.memories: dict[str, tuple[str, ...]] = {}
        """By the provider of the host's route."""

    @hookimpl
    def aeon_choose_model(self, request: ModelRequest) -> Route | None:
        self.requests.append(request)
        return self.route

    @hookimpl
    def aeon_remember(self, request: ModelRequest) -> tuple[str, ...] | None:
        return self.memories.get(request.host_route.provider)

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        self.turns.append(turn)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def groq() -> Iterator[ModelServer]:
    with ModelServer("groq", models=("openai/gpt-oss-20b", "openai/gpt-oss-120b")) as server:
        yield server


@pytest.fixture
def ollama() -> Iterator[ModelServer]:
    with ModelServer("ollama") as server:
        yield server


@pytest.fixture
def make_brain(
    monkeypatch: pytest.MonkeyPatch, groq: ModelServer, ollama: ModelServer, recorder: Recorder
) -> Iterator[Callable[..., AeonBrain]]:
    """A brain with (or without) a Groq key, whose servers are local."""
    made: list[AeonBrain] = []

    def make(key: str | None = "gsk_secret", *plugins: object, **config: str) -> AeonBrain:
        monkeypatch.setenv("GROQ_BASE_URL", groq.url)
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        hooks = HookCaller(build_manager(recorder, *plugins, entry_points=False))
        values = {**config, **({"GROQ_KEY": key} if key else {})}
        made.append(AeonBrain(values, hooks=hooks))
        return made[-1]

    yield make
    for brain in made:
        brain.close()
