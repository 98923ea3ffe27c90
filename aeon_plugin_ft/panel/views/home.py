"""Início: who answers, what is known, what the next training waits for, and what is to be mended."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aeon_plugin_ft.causes import Place
from aeon_plugin_ft.control import next_training
from aeon_plugin_ft.events import ModelSwapped
from aeon_plugin_ft.messages.speech import Speech
from aeon_plugin_ft.panel.acts import attempt
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.forms import Form, action
from aeon_plugin_ft.panel.guard import Keys
from aeon_plugin_ft.panel.happened import event_words
from aeon_plugin_ft.panel.problems import problems
from aeon_plugin_ft.panel.progress import training_now
from aeon_plugin_ft.panel.rendering import Pages
from aeon_plugin_ft.registry import BASE
from aeon_plugin_ft.schedule import next_step

LATELY = 8
LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Answering:
    """What the store says answers, since when (seconds since the epoch, None when unknown), and what a step back would
    bring. `place` is where a running host put it, None where none has yet."""

    name: str
    since: float | None
    previous: str
    place: Place | None

    @property
    def can_undo(self) -> bool:
        """Whether there is a step back."""
        return self.name != self.previous


def routes(desk: Desk, pages: Pages, keys: Keys) -> list[Route]:
    """The page, and the buttons that mend."""

    def home(request: Request) -> Response:
        desk.catch_up()
        desk.settings_file.reload_if_changed()
        seen = desk.observer.observe()
        step = next_step(desk.settings.schedule, seen)
        conditions = [(one.name.value, one.met) for one in step.decision.conditions]
        missing = {one.name for one in step.decision.missing}
        words = pages.speech(request)
        return pages.show(
            request, "home", answering=answering(desk), training=training_now(desk), next=next_training(desk.observer),
            conditions=conditions, turns=seen.new_turns, needed=desk.observer.turns_needed(),
            facts=len(desk.book.current()), logged=desk.index.count(), problems=problems(desk, seen, missing),
            happened=lately(desk, words), private=desk.private, open=desk.acts.orders.are_taken(),
            enough=seen.new_turns >= desk.observer.turns_needed(),
        )  # fmt: skip

    def close_to_others(form: Form) -> Response:
        pages.outcome(attempt(desk.data.close_to_others), "note.closed")
        return pages.back(form, "/")

    def free_room(form: Form) -> Response:
        pages.outcome(desk.acts.free_room(), "note.room")
        return pages.back(form, "/")

    return [
        Route("/", home),
        Route("/consertar/fechar", action(keys, close_to_others), methods=["POST"]),
        Route("/consertar/espaco", action(keys, free_room), methods=["POST"]),
    ]


def answering(desk: Desk) -> Answering:
    """What answers, as far as another process can know."""
    name = desk.registry.current()
    last = desk.registry.last_promotion()
    place = None
    for event in reversed(desk.store.newest_events(LOOKED_AT)):
        if event["name"] == ModelSwapped.name:
            told = event["data"]
            # Events of before places were kept have none.
            place = Place(told["place"]) if told.get("version") == name and told.get("place") else None
            break
    if name == BASE:
        place = Place.NONE
    return Answering(name, None if last is None else last.at, desk.registry.previous(), place)


def lately(desk: Desk, words: Speech) -> list[tuple[float, str]]:
    """The newest events in words, newest first."""
    told = []
    for event in reversed(desk.store.newest_events(LOOKED_AT)):
        sentence = event_words(words, event["name"], event["data"])
        if sentence is not None:
            told.append((float(event["at"]), sentence))
    return told[:LATELY]
