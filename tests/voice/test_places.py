"""Which place a sentence names, what it says of when, and what the owner hears."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.voice.catalogue import variants
from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.voice.intents import Name
from aeon_plugin_ft.voice.matcher import match
from aeon_plugin_ft.voice.places import PlaceWish, place_in
from tests.voice.control import FakeControl

NAMES = ("PC da sala", "PC da sala de jogos", "Máquina grande")
WISHES = {
    "treina no PC da sala quando ele estiver livre, senão aqui de madrugada": ("PC da sala", "quiet", "00:00-06:00"),
    "treina na máquina grande": ("Máquina grande", "", ""),
    "quero que você treine no pc da sala, se não estiver livre aqui de noite": ("PC da sala", "quiet", "22:00-06:00"),
    "treina no pc da sala de jogos se ninguém estiver usando, senão aqui": ("PC da sala de jogos", "here", ""),
    "treina na maquina grande, e espera ficar livre": ("Máquina grande", "wait", ""),
}


@pytest.mark.parametrize("heard", WISHES)
def test_a_sentence_says_where_and_what_otherwise(heard: str) -> None:
    intent = match(heard)
    assert intent is not None and intent.name is Name.PLACE and intent.named
    assert place_in(intent.text, NAMES) == PlaceWish(*WISHES[heard])


@pytest.mark.parametrize(
    "heard",
    ["treina no parque quando estiver livre", "treina no PC da sala o meu inglês", "treina na máquina grande amanhã"],
)
def test_of_any_other_place_or_with_anything_else_it_is_talk(heard: str) -> None:
    intent = match(heard)
    assert intent is None or place_in(intent.text, NAMES) is None


@pytest.mark.parametrize(("heard", "name"), [("treina na madrugada", Name.SETTING), ("treina agora", Name.TRAIN_NOW)])
def test_other_commands_come_before_it(heard: str, name: Name) -> None:
    intent = match(heard)
    assert intent is not None and intent.name is name


def test_what_is_meant_by_otherwise_can_be_set() -> None:
    for _, otherwise, hours in WISHES.values():
        train = {"otherwise": otherwise} if otherwise else {}
        schedule = {"quiet_hours": hours} if hours else {}
        made = Settings.model_validate({"train": train, "schedule": schedule})
        assert made.train.otherwise == (otherwise or Settings().train.otherwise)
        assert made.schedule.quiet_hours == (hours or Settings().schedule.quiet_hours)


def test_it_is_asked_back_and_then_done() -> None:
    control = FakeControl()
    commands = Commands(control)
    reply = commands.answer("treina no PC da sala quando ele estiver livre, senão aqui de madrugada")
    assert reply is not None and "PC da sala" in reply and "entre meia-noite e seis horas" in reply
    assert [name for name, _ in control.calls] == ["place"]
    assert commands.answer("sim") in variants()["setting.done"]
    assert control.calls[-1] == ("train_at", (control.wish,))
    commands.answer("treina no PC da sala")
    assert commands.answer("não") in variants()["dialogue.dropped"]
    assert [name for name, _ in control.calls].count("train_at") == 1


def test_nothing_is_asked_of_a_place_that_the_owner_has_not_allowed() -> None:
    control = FakeControl()
    control.wish = PlaceWish("PC da sala", allowed=False)
    commands = Commands(control)
    reply = commands.answer("treina no PC da sala")
    assert reply is not None and "PC da sala" in reply and "places allow" in reply
    assert not commands.waiting


def test_where_it_names_no_place_the_brain_answers() -> None:
    control = FakeControl()
    control.understood = False
    assert Commands(control).answer("treina no parque") is None
    assert control.calls == []
