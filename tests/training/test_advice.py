"""Which bases a machine can train, by arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.errors import BaseModelError, RegistryError
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.training import advice
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
from aeon_plugin_ft.training.advice_card import Card, CardForm, card_seconds
from aeon_plugin_ft.training.automatic import automatic_base, brains_tag
from aeon_plugin_ft.training.mix import Survey
from tests.base.tiny import make_tiny
from tests.cli.commands import Cli, cli
from tests.servers.ollama import FakeOllama

__all__ = ["cli"]

OFFICE_PC = Machine(memory=12 * 10**9, threads=6, rate=450e9)
LAPTOP = Machine(memory=5 * 10**9, threads=2, rate=120e9)


def of(name: str, machine: Machine, examples: int = 100, lessons: int = 0) -> Advice:
    (shape,) = (shape for shape in KNOWN if shape.name == name)
    return advise(shape, machine, Survey(examples, lessons=lessons))


def test_an_8b_is_trained_a_layer_at_a_time_and_a_1b_in_memory_on_an_ordinary_pc() -> None:
    small, large = of("Llama 3.2 1B", OFFICE_PC), of("Llama 3.1 8B", OFFICE_PC)
    assert (small.layered, large.layered) == (False, True)
    assert small.memory < 9e9 and large.memory < 4e9
    assert large.fit is Fit.NIGHT and 30 < large.minutes < 120
    assert small.minutes < large.minutes / 4


def test_the_slower_the_machine_and_the_more_to_learn_the_longer_it_takes() -> None:
    assert of("Llama 3.1 8B", LAPTOP).minutes > 3 * of("Llama 3.1 8B", OFFICE_PC).minutes
    assert of("Llama 3.1 8B", OFFICE_PC, 2000).fit is Fit.DAYS
    assert of("Llama 3.2 1B", LAPTOP, 300).fit is Fit.NIGHT


def test_the_time_is_that_of_the_recipe_which_the_training_would_get() -> None:
    """Lessons are examples too, and are shown as often as the recipe says, in the steps that the owner has set."""
    talk, taught = of("Llama 3.1 8B", OFFICE_PC, 400), of("Llama 3.1 8B", OFFICE_PC, 400, lessons=300)
    assert talk.minutes == taught.minutes and taught.training_minutes == 4 * taught.minutes
    assert talk.training_minutes == pytest.approx(0.95 * taught.training_minutes), "a twentieth is kept aside"
    (shape,) = (shape for shape in KNOWN if shape.name == "Llama 3.1 8B")
    longer = advise(shape, OFFICE_PC, Survey(400), TrainSection(epochs=6))
    assert longer.training_minutes == pytest.approx(3 * talk.training_minutes, rel=0.02)
    larger = advise(shape, OFFICE_PC, Survey(400), TrainSection(batch_size=32, rank=64))
    assert larger.training_minutes < 0.75 * talk.training_minutes and larger.memory > 1.5 * talk.memory


def test_a_processor_that_multiplies_bf16_takes_less_time_and_less_memory() -> None:
    new = replace(OFFICE_PC, narrow=4 * OFFICE_PC.rate)
    slow, quick = of("Llama 3.1 8B", OFFICE_PC), of("Llama 3.1 8B", new)
    assert quick.minutes < slow.minutes / 2 and quick.memory < slow.memory - 3e8
    assert of("Llama 3.1 8B", replace(OFFICE_PC, narrow=1.2 * OFFICE_PC.rate)) == slow
    assert of("Llama 3.2 3B", replace(new, memory=13 * 10**9)).layered, "the start-up check is in fp32"
    assert not of("Llama 3.2 3B", replace(new, memory=26 * 10**9)).layered


SMALL_CARD = Card("a card of 8 GB", 7_900_000_000, 60e12, 250e9)
LARGE_CARD = Card("a card of 24 GB", 23_500_000_000, 150e12, 900e9)
MEASURED = Card("NVIDIA H100", 80_000_000_000, 798e12, 3.0e12)


def on_card(name: str, card: Card, **settings: Any) -> Advice:
    (shape,) = (shape for shape in KNOWN if shape.name == name)
    return advise(shape, replace(LAPTOP, card=card), Survey(100), TrainSection(**settings))


def test_where_a_card_trains_the_advice_is_about_the_card() -> None:
    whole, filed = on_card("Llama 3.1 8B", LARGE_CARD), on_card("Llama 3.1 8B", SMALL_CARD)
    assert (whole.form, filed.form) == (CardForm.WHOLE, CardForm.AS_FILED)
    assert whole.fit is filed.fit is Fit.NIGHT and filed.memory < SMALL_CARD.memory < whole.memory
    assert whole.minutes < filed.minutes < of("Llama 3.1 8B", LAPTOP).minutes / 20
    assert on_card("Llama 3.2 1B", SMALL_CARD).form is CardForm.WHOLE
    bits = on_card("Llama 3.1 8B", SMALL_CARD, quantize="4bit")
    assert bits.form is CardForm.FOUR_BITS and filed.memory < bits.memory < SMALL_CARD.memory
    assert on_card("Llama 3.1 8B", replace(SMALL_CARD, memory=2 * 10**9)).fit is Fit.MEMORY


def test_the_card_that_was_measured_takes_what_was_measured() -> None:
    """Seconds a step of 16 examples on an H100: docs/training.md."""
    large, small = (next(shape for shape in KNOWN if shape.name == f"Llama {name}") for name in ("3.1 8B", "3.2 1B"))
    for shape, form, tokens, seconds in (
        (small, CardForm.WHOLE, 1855, 0.049),
        (large, CardForm.WHOLE, 1855, 0.162),
        (large, CardForm.AS_FILED, 1250, 0.80),
    ):
        assert card_seconds(shape, MEASURED, form, tokens, 850) == pytest.approx(seconds, rel=0.2)


def test_the_probe_of_a_card_tells_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.training.worker import rates

    assert rates.card_rates("cpu") is None and rates.card_rates("mps") is None
    clock = iter(range(1000))
    monkeypatch.setattr(rates.time, "perf_counter", lambda: float(next(clock)))
    calls: list[str] = []
    assert rates.shortest(lambda: calls.append("work"), lambda: calls.append("finish")) == pytest.approx(0.1)
    assert calls[0] == "finish" and calls.count("work") == 10 * (1 + rates.REPEATS)
    told = {"name": "x", "memory": 5, "width": 2, "rate": 2.0, "bandwidth": 3.0}
    assert Card.of(told) == Card("x", 5, 2.0, 3.0, 2)


def test_the_command_names_the_card(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "this_machine", lambda: replace(OFFICE_PC, card=SMALL_CARD))
    assert cli("config", "set", "serve.ollama_url", "http://127.0.0.1:9") == 0, cli.err
    found = cli.json("models", "advise")
    assert isinstance(found, dict) and found["card"]["name"] == "a card of 8 GB"
    assert {one["model"]: one["on_card"] for one in found["models"]}[
        "Llama 3.1 8B"
    ] == "on the card, in its file's form"
    assert cli("models", "advise") == 0, cli.err
    said = " ".join(cli.out.split())
    assert "a card of 8 GB" in said and "of its memory free" in said


def test_a_layer_at_a_time_takes_what_lies_between_the_products_and_the_decoding_as_well() -> None:
    """On a machine where products cost nothing, too; and so much more on one that does these more slowly."""
    (shape,) = (shape for shape in KNOWN if shape.name == "Llama 3.2 1B")
    known = replace(LAPTOP, decoded=2e9, between=4e-9)
    step = step_seconds(shape, known, layered=True)
    at_once = step_seconds(shape, replace(known, rate=1e20), layered=True)
    # 16 layers twice and the head; of 850 tokens 12 vectors of the width and 7 of the MLP's inner one in each layer.
    between, decoding = 16 * 850 * 81_920 * 4e-9, (2 * 973_078_528 + 262_668_288) / 2e9
    assert at_once == pytest.approx(between + decoding)
    assert step_seconds(shape, replace(known, between=8e-9), layered=True) == pytest.approx(step + between)
    assert step_seconds(shape, replace(known, decoded=1e9), layered=True) == pytest.approx(step + decoding)
    assert step_seconds(shape, replace(known, narrow=1.0), layered=True) == step


@pytest.mark.parametrize(
    ("name", "width", "measured"),
    [
        ("Llama 3.2 1B", 4, 1.26e9), ("Llama 3.2 1B", 2, 1.09e9), ("Llama 3.2 3B", 4, 2.08e9),
        ("Llama 3.1 8B", 4, 3.03e9),
    ],
)  # fmt: skip
def test_the_memory_of_a_layer_at_a_time_is_what_was_measured(name: str, width: int, measured: float) -> None:
    """Peaks of steps of 8 by benchmarks/big.py: docs/training.md."""
    (shape,) = (shape for shape in KNOWN if shape.name == name)
    assert layered_bytes(shape, width=width) == pytest.approx(measured, rel=0.2)


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


@pytest.mark.slow(seconds=15)
def test_the_rates_of_this_machine_are_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the library that trains, in a child; by numpy where it is not installed."""
    machine = this_machine()
    assert 1e8 < machine.rate < 1e14 and 1e7 < machine.narrow < 1e15
    assert 1e7 < machine.decoded < 1e12 and 0 <= machine.between < 1e-6
    monkeypatch.setattr(advice, "interpreter", lambda: "/nowhere/python")
    machine = this_machine()
    assert 1e8 < machine.rate < 1e14 and machine.narrow == 0 and not machine.is_narrow


# -- "auto", and the command -----------------------------------------------------------------------


class Talk:
    """An index with these turns: (provider, model, version), newest first."""

    def __init__(self, *turns: tuple[str, str, str]) -> None:
        self.turns = turns

    def latest(self, limit: int) -> list[object]:
        from types import SimpleNamespace

        return [SimpleNamespace(provider=p, model=m, version=v) for p, m, v in self.turns[:limit]]


def base_of(version: str) -> str:
    """[base] model of the versions that there are."""
    try:
        return {"v0001": "smollm2-135m-instruct", "v0002": "ollama:brain:8b"}[version]
    except KeyError:
        raise RegistryError(f"There is no version {version}", "") from None


@pytest.fixture
def ollama(tmp_path: Path) -> Iterator[FakeOllama]:
    with FakeOllama() as server:
        server.add_model("brain:8b", make_tiny(tmp_path, "llama", "Q4_1").path)
        yield server


def test_auto_is_what_the_brain_uses_and_no_version_of_ours(ollama: FakeOllama) -> None:
    talk = Talk(("groq", "x", "base"), ("ollama", "aeon:v2", "v0002"), ("ollama", "brain:8b", "base"))
    assert brains_tag(talk, base_of) == "brain:8b"  # type: ignore[arg-type]
    assert automatic_base(talk, ollama.url, base_of) == "ollama:brain:8b"  # type: ignore[arg-type]


def test_once_a_version_answers_auto_is_what_that_was_trained_on() -> None:
    """However long ago its base has answered by itself; what was deleted since says nothing."""
    of_ollama, of_demo, gone = (("ollama", "aeon:v", name) for name in ("v0002", "v0001", "v0009"))
    old = [("ollama", "other:1b", "base")]
    assert brains_tag(Talk(gone, of_demo, *[of_ollama] * 300, *old), base_of) == "brain:8b"  # type: ignore[arg-type]
    assert brains_tag(Talk(gone, of_demo, *old), base_of) == "other:1b"  # type: ignore[arg-type]
    assert brains_tag(Talk(gone, of_demo), base_of) is None  # type: ignore[arg-type]


def test_without_such_a_model_auto_says_what_to_do(ollama: FakeOllama) -> None:
    with pytest.raises(BaseModelError, match="none has answered") as caught:
        automatic_base(Talk(("groq", "x", "base")), ollama.url, base_of)  # type: ignore[arg-type]
    assert "models advise" in caught.value.todo


def test_a_model_that_does_not_fit_is_not_replaced_by_a_smaller_one(
    ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 10**8}))
    with pytest.raises(BaseModelError, match=r"Training brain:8b takes 0\.. GB of memory, and 0\.1 GB are free"):
        automatic_base(Talk(("ollama", "brain:8b", "base")), ollama.url, base_of)  # type: ignore[arg-type]


def test_the_command_names_what_is_in_ollama_and_what_people_run(
    cli: Cli, ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "this_machine", lambda: OFFICE_PC)
    assert cli("config", "set", "serve.ollama_url", ollama.url) == 0, cli.err
    found = cli.json("models", "advise")
    assert isinstance(found, dict)
    here = [one for one in found["models"] if one["here"]]
    assert [one["model"] for one in here] == ["ollama:brain:8b"] and here[0]["fit"] == "overnight"
    assert found["examples"] == 100 and here[0]["training_minutes"] == here[0]["minutes"]
    assert {one["model"] for one in found["models"]} >= {shape.name for shape in KNOWN}
    assert cli("models", "advise") == 0
    said = " ".join(cli.out.split())
    assert 'aeon-ft config set base.model "ollama:brain:8b"' in said and "Llama 3.1 8B" in said
    assert "measures the one that [base] model names" in said


def test_the_command_answers_without_an_ollama_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "this_machine", lambda: OFFICE_PC)
    assert cli("config", "set", "serve.ollama_url", "http://127.0.0.1:9") == 0, cli.err
    assert cli("models", "advise") == 0, cli.err
    assert "No Ollama answers" in cli.out and "Qwen 3 8B" in cli.out
