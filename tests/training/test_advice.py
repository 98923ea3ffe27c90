"""Which bases a machine can train, by arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.training.advice import (
    KNOWN,
    Advice,
    Fit,
    Machine,
    ModelShape,
    advise,
    layered_bytes,
    step_seconds,
    this_machine,
    whole_bytes,
)
from aeon_plugin_ft.training.automatic import automatic_base, brains_tag
from tests.base.tiny import make_tiny
from tests.cli.commands import Cli, cli
from tests.servers.ollama import FakeOllama

__all__ = ["cli"]

OFFICE_PC = Machine(memory=12 * 10**9, threads=6, rate=450e9)
LAPTOP = Machine(memory=5 * 10**9, threads=2, rate=120e9)


def of(name: str, machine: Machine, turns: int = 100) -> Advice:
    (shape,) = (shape for shape in KNOWN if shape.name == name)
    return advise(shape, machine, turns)


def test_an_8b_is_trained_a_layer_at_a_time_and_a_1b_in_memory_on_an_ordinary_pc() -> None:
    small, large = of("Llama 3.2 1B", OFFICE_PC), of("Llama 3.1 8B", OFFICE_PC)
    assert (small.layered, large.layered) == (False, True)
    assert small.memory < 9e9 and large.memory < 4e9
    assert large.fit is Fit.NIGHT and 30 < large.minutes < 120
    assert small.minutes < large.minutes / 4


def test_the_slower_the_machine_and_the_more_to_learn_the_longer_it_takes() -> None:
    assert of("Llama 3.1 8B", LAPTOP).minutes > 3 * of("Llama 3.1 8B", OFFICE_PC).minutes
    assert of("Llama 3.1 8B", OFFICE_PC, turns=2000).fit is Fit.DAYS
    assert of("Llama 3.2 1B", LAPTOP, turns=300).fit is Fit.NIGHT


def test_what_does_not_fit_the_memory_is_no_question_of_time() -> None:
    assert of("Llama 3.1 8B", replace(OFFICE_PC, memory=2 * 10**9)).fit is Fit.MEMORY


def test_a_step_in_memory_computes_less_and_takes_less() -> None:
    for shape in KNOWN:
        assert step_seconds(shape, OFFICE_PC, layered=False) < step_seconds(shape, OFFICE_PC, layered=True)
        assert layered_bytes(shape) < whole_bytes(shape) / 2


def test_a_shape_is_what_the_header_of_a_gguf_says(tmp_path: Path) -> None:
    from aeon_plugin_ft.weights.gguf_file import GgufFile

    tiny = make_tiny(tmp_path, "qwen3")
    with GgufFile(tiny.path) as file:
        shape = ModelShape.of("tiny", {**file.metadata, "general.parameter_count": file.parameters})
    sizes = {name: parameter.numel() for name, parameter in tiny.model.named_parameters() if parameter.ndim > 1}
    assert shape.layer == sum(size for name, size in sizes.items() if name.startswith("model.layers.0."))
    norms = sum(parameter.numel() for parameter in tiny.model.parameters() if parameter.ndim == 1)
    assert shape.outside == sizes["model.embed_tokens.weight"] + norms
    with pytest.raises(KeyError):
        ModelShape.of("nothing", {})


def test_the_rate_of_this_machine_is_a_rate() -> None:
    assert 1e8 < this_machine().rate < 1e14


# -- "auto", and the command -----------------------------------------------------------------------


class Talk:
    """An index with these turns: (provider, model, version), newest first."""

    def __init__(self, *turns: tuple[str, str, str]) -> None:
        self.turns = turns

    def latest(self, limit: int) -> list[object]:
        from types import SimpleNamespace

        return [SimpleNamespace(provider=p, model=m, version=v) for p, m, v in self.turns[:limit]]


@pytest.fixture
def ollama(tmp_path: Path) -> Iterator[FakeOllama]:
    with FakeOllama() as server:
        server.add_model("brain:8b", make_tiny(tmp_path, "llama", "Q4_1").path)
        yield server


def test_auto_is_what_the_brain_uses_and_no_version_of_ours(ollama: FakeOllama) -> None:
    talk = Talk(("groq", "x", "base"), ("ollama", "aeon:v2", "v0002"), ("ollama", "brain:8b", "base"))
    assert brains_tag(talk) == "brain:8b"  # type: ignore[arg-type]
    assert automatic_base(talk, ollama.url) == "ollama:brain:8b"  # type: ignore[arg-type]


def test_without_such_a_model_auto_says_what_to_do(ollama: FakeOllama) -> None:
    with pytest.raises(BaseModelError, match="none has answered") as caught:
        automatic_base(Talk(("groq", "x", "base")), ollama.url)  # type: ignore[arg-type]
    assert "models advise" in caught.value.todo


def test_a_model_that_does_not_fit_is_not_replaced_by_a_smaller_one(
    ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 10**8}))
    with pytest.raises(BaseModelError, match=r"Training brain:8b takes 0\.. GB of memory, and 0\.1 GB are free"):
        automatic_base(Talk(("ollama", "brain:8b", "base")), ollama.url)  # type: ignore[arg-type]


def test_the_command_names_what_is_in_ollama_and_what_people_run(cli: Cli, ollama: FakeOllama) -> None:
    assert cli("config", "set", "serve.ollama_url", ollama.url) == 0, cli.err
    found = cli.json("models", "advise")
    assert isinstance(found, dict)
    here = [one for one in found["models"] if one["here"]]
    assert [one["model"] for one in here] == ["ollama:brain:8b"] and here[0]["fit"] == "overnight"
    assert {one["model"] for one in found["models"]} >= {shape.name for shape in KNOWN}
    assert cli("models", "advise") == 0
    said = " ".join(cli.out.split())
    assert 'aeon-ft config set base.model "ollama:brain:8b"' in said and "Llama 3.1 8B" in said
    assert "measures the one that [base] model names" in said


def test_the_command_answers_without_an_ollama_too(cli: Cli) -> None:
    assert cli("config", "set", "serve.ollama_url", "http://127.0.0.1:9") == 0, cli.err
    assert cli("models", "advise") == 0, cli.err
    assert "No Ollama answers" in cli.out and "Qwen 3 8B" in cli.out
