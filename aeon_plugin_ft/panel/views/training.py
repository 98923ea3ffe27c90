"""Treino: what trains now, and every run before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aeon_plugin_ft.control import next_training
from aeon_plugin_ft.evaluation.report.collect import curve
from aeon_plugin_ft.evaluation.report.drawing import smoothed
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.forms import Form, action
from aeon_plugin_ft.panel.guard import Keys
from aeon_plugin_ft.panel.plots import Drawing, draw
from aeon_plugin_ft.panel.progress import Stage, training_now
from aeon_plugin_ft.panel.rendering import PATHS, Pages
from aeon_plugin_ft.schedule.orders import OrderKind
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.training.places.consent import allowed
from aeon_plugin_ft.training.places.where import Where, parse_where
from aeon_plugin_ft.training.table import RunRow, list_runs
from aeon_plugin_ft.voice.control import Reason

RUNS = 20
MOST_POINTS = 240
"""Of a curve: a screen has no more room."""
ORDERS = {
    "comecar": (OrderKind.TRAIN, "note.training_ordered"),
    "continuar": (OrderKind.RESUME, "note.training_resumed"),
    "pausar": (OrderKind.PAUSE, "note.training_paused"),
    "cancelar": (OrderKind.CANCEL, "note.training_cancelled"),
}
"""Of each button: what it orders, and what is said when that was done."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run with what came of it: the version that it made, where it made one."""

    row: RunRow
    version: str | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class OtherPlace:
    """A machine that is not this one: `since` when the owner allowed it (None: they have not), `way` "ssh" or "ray"."""

    name: str
    address: str
    way: str
    since: float | None
    chosen: bool


def routes(desk: Desk, pages: Pages, keys: Keys) -> list[Route]:
    """The page and its buttons."""

    def training(request: Request) -> Response:
        desk.catch_up()
        now = training_now(desk)
        return pages.show(
            request, "training", training=now, curve=loss_drawing(now.run) if now.run is not None else None,
            running=now.stage in {Stage.TRAINING, Stage.PAUSED}, next=next_training(desk.observer),
            runs=[_past(desk, row) for row in list_runs(desk.store, RUNS)], learnable=desk.learnable(),
            turns=desk.observer.new_turns(), needed=desk.observer.turns_needed(), elsewhere=other_places(desk),
        )  # fmt: skip

    def order(kind: OrderKind, done: str) -> Route:
        def act(form: Form) -> Response:
            reason = desk.acts.order(kind)
            # That it was paused already is what the owner wanted.
            fine = kind is OrderKind.PAUSE and reason is Reason.ALREADY_PAUSED
            pages.outcome(None if fine else reason, done)
            return pages.back(form, PATHS["training"])

        path = next(path for path, (one, _) in ORDERS.items() if one is kind)
        return Route(f"/treino/{path}", action(keys, act), methods=["POST"])

    return [Route(PATHS["training"], training), *(order(kind, done) for kind, done in ORDERS.values())]


def other_places(desk: Desk) -> list[OtherPlace]:
    """Every machine besides this one that runs may go to, or are set to go to."""
    train, said = desk.settings.train, allowed(desk.store)
    chosen = parse_where(train.place)
    addresses = dict.fromkeys([*said, *([] if chosen is None else [chosen.address])])
    names = {where.address: name for name, where in named_places(train)}
    return [
        OtherPlace(
            names.get(address, address), address, address.partition(":")[0], said.get(address),
            chosen=chosen is not None and chosen.address == address,
        )
        for address in addresses
    ]  # fmt: skip


def named_places(train: TrainSection) -> Iterator[tuple[str, Where]]:
    """The owner's names for machines, with where they are."""
    for name in train.place_names:
        where = parse_where(train.model_copy(update={"where": name}).place)
        if where is not None:
            yield name, where


def loss_drawing(row: RunRow) -> Drawing | None:
    """The loss of a run at each step, smoothed; None before the second step."""
    points = [(float(step), loss) for step, loss in curve(row.run.progress_file)]
    if len(points) < 2:
        return None
    thinned = points[:: max(1, len(points) // MOST_POINTS)]
    return draw([smoothed(thinned)], dots=thinned, across=(0.0, float(max(row.steps, thinned[-1][0]))))


def _past(desk: Desk, row: RunRow) -> PastRun:
    outcome = row.outcome
    return PastRun(row, desk.registry.version_of(row.id), None if outcome is None else outcome.seconds)
