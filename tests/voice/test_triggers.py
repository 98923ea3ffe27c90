"""Nobody steals from anybody: both sides' phrases replayed through the routing rules of an unmodified Aeon."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from functools import cache

import pytest

from aeon_plugin_ft.voice.intents import Name
from aeon_plugin_ft.voice.matcher import match
from aeon_plugin_ft.voice.triggers import phrases, triggers
from benchmarks.voice import is_ours, read_commands, read_talk
from tests.voice.router import Module, Router, host_modules, normalise

OURS = "finetuning"
INSERTED = ("treino", "modelo", "versão", "certo", "agora", "gravar")


@cache
def process(text: str) -> str | None:
    """As in a host whose owner has told what is in known.txt."""
    intent = match(text)
    return intent.name.value if intent is not None and is_ours(intent) else None


@cache
def recognised(text: str) -> str | None:
    """As where whatever is named is known."""
    intent = match(text)
    return intent.name.value if intent is not None else None


def with_plugin(*, first: bool, process: Callable[[str], str | None] = process) -> Router:
    """Aeon with our module, which may be loaded before or after its own."""
    plugin = Module(OURS, tuple(triggers()), process)
    return Router([plugin, *host_modules()] if first else [*host_modules(), plugin])


def filled() -> list[tuple[Name, str]]:
    """Every documented phrase with its slots filled."""
    numbers = itertools.cycle(("duas", "sete"))
    found = []
    for name, listed in phrases().items():
        for phrase in listed:
            text = re.sub(r"\{número\}", lambda _: next(numbers), phrase)
            found.append((name, text.replace("{texto}", "Machado de Assis").replace("{assunto}", "a Marina")))
    return found


@pytest.mark.parametrize("first", [True, False])
def test_no_phrase_of_ours_is_stolen(first: bool) -> None:
    router = with_plugin(first=first, process=recognised)
    for name, text in filled():
        assert router.route(text) == (OURS, name.value), text


@pytest.mark.parametrize("first", [True, False])
def test_no_phrase_of_the_host_is_stolen(first: bool) -> None:
    before, after = Router(host_modules()), with_plugin(first=first)
    listed = [trigger for module in host_modules() for trigger in module.triggers]
    assert len(set(listed)) == 150
    for trigger in listed:
        assert match(trigger) is None, trigger
        for text in (trigger, f"aeon {trigger} por favor", f"{trigger} agora"):
            assert after.route(text) == before.route(text), text


@pytest.mark.parametrize("first", [True, False])
def test_a_word_of_ours_inside_a_phrase_of_the_host_changes_nothing(first: bool) -> None:
    before, after = Router(host_modules()), with_plugin(first=first)
    for module in host_modules():
        for trigger, word in itertools.product(module.triggers, INSERTED):
            parts = trigger.split()
            for place in range(len(parts) + 1):
                text = " ".join([*parts[:place], word, *parts[place:]])
                assert after.route(text) == before.route(text) or match(text) is not None, text


@pytest.mark.parametrize("first", [True, False])
def test_ordinary_talk_goes_where_it_went_before(first: bool) -> None:
    before, after = Router(host_modules()), with_plugin(first=first)
    for text in [*read_talk("talk_dev.txt"), *read_talk("talk_held.txt")]:
        assert after.route(text) == before.route(text), text


def test_most_free_wordings_reach_the_module_through_triggers_alone() -> None:
    router = with_plugin(first=False)
    heard = [text for _, text in read_commands("commands_held.tsv")]
    reached = sum((found := router.route(text)) is not None and found[0] == OURS for text in heard)
    assert reached / len(heard) >= 0.85


def test_triggers_are_as_the_host_normalises_them() -> None:
    assert triggers() == sorted(set(triggers()), key=lambda trigger: (-len(trigger), trigger))
    assert all(normalise(trigger) == trigger for trigger in triggers())


def test_a_piece_of_a_word_is_never_a_whole_word_of_a_sentence() -> None:
    spoken = {word for _, text in read_commands("commands_dev.tsv") for word in normalise(text).split()}
    documented = {normalise(phrase.partition("{")[0]) for listed in phrases().values() for phrase in listed}
    pieces = [trigger for trigger in triggers() if trigger not in documented]
    assert pieces
    assert not spoken & {piece.split()[-1] for piece in pieces}


def test_every_command_has_phrases() -> None:
    assert set(phrases()) == set(Name)
    assert min(len(listed) for listed in phrases().values()) >= 4


def test_the_router_of_this_test_behaves_as_observed() -> None:
    router = Router(host_modules())
    assert router.route("qualquer coisa") == ("sistema", "sistema")
    assert router.route("preciso comparar preços") == ("sistema", "sistema")
    assert router.route("quero ver o mar") is None
    assert router.route("define logo um alarme") == ("lembretes", "lembretes")
    assert router.route("bom dia") is None
