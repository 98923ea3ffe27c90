"""Versões: what each has learnt, measured; which one answers; and the owner's own comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aeon_plugin_ft.control import refusal_of
from aeon_plugin_ft.errors import AeonFtError, RegistryError
from aeon_plugin_ft.evaluation.exam import Learnt, learnt
from aeon_plugin_ft.evaluation.model import CheckKind
from aeon_plugin_ft.evaluation.report.collect import TODAY
from aeon_plugin_ft.panel.acts import attempt
from aeon_plugin_ft.panel.comparing import Comparing, comparison_routes
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.forms import Form, action
from aeon_plugin_ft.panel.guard import Keys
from aeon_plugin_ft.panel.plots import CARD, Drawing, draw
from aeon_plugin_ft.panel.rendering import PATHS, Pages
from aeon_plugin_ft.panel.views.training import loss_drawing
from aeon_plugin_ft.registry import BASE, Version, VersionState
from aeon_plugin_ft.training.table import get_run

REPLIES = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """What a verdict says in numbers: `gain` the share by which the loss fell against the base, `tools` and `faulty`
    shares of replies, each with what the base did; None where it was not measured."""

    gain: float | None
    tools: float | None
    tools_before: float | None
    faulty: float | None
    faulty_before: float | None
    exam: Learnt | None
    won_today: bool | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A version as its card shows it. `weak` names the checks that it failed, `may_use` whether it may answer."""

    version: Version
    measured: Measured
    weak: tuple[CheckKind, ...]
    current: bool
    may_use: bool
    may_delete: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the verdict with what each model replied: (model, reply, kinds of fault)."""

    prompt: str
    replies: tuple[tuple[str, str, tuple[str, ...]], ...]


def routes(desk: Desk, pages: Pages, keys: Keys) -> list[Route]:
    """The pages and their buttons."""
    comparing = Comparing(desk)

    def versions(request: Request) -> Response:
        desk.catch_up()
        shown = shown_versions(desk)
        return pages.show(
            request, "versions", versions=list(reversed(shown)), plots=plots(shown), current=desk.registry.current(),
            previous=desk.registry.previous(), names=[BASE, *(one.version.name for one in shown)],
        )  # fmt: skip

    def use(form: Form) -> Response:
        name = form.get("versao")
        pages.outcome(desk.acts.use(name), "note.used")
        return pages.back(form, PATHS["versions"])

    def undo(form: Form) -> Response:
        pages.outcome(desk.acts.undo(), "note.undone")
        return pages.back(form, PATHS["versions"])

    def delete(form: Form) -> Response:
        pages.outcome(attempt(lambda: desk.acts.delete(form.get("versao"))), "note.deleted")
        return pages.back(form, PATHS["versions"])

    return [
        Route(PATHS["versions"], versions),
        Route("/versoes/usar", action(keys, use), methods=["POST"]),
        Route("/versoes/desfazer", action(keys, undo), methods=["POST"]),
        Route("/versoes/apagar", action(keys, delete), methods=["POST"]),
        *comparison_routes(comparing, pages, keys),
        Route("/versoes/{name:str}", _one_version(desk, pages)),
    ]


def _one_version(desk: Desk, pages: Pages) -> Callable[[Request], Response]:
    def one(request: Request) -> Response:
        try:
            version = desk.registry.get(request.path_params["name"])
        except RegistryError as error:
            raise HTTPException(404) from error
        shown = next(one for one in shown_versions(desk) if one.version.name == version.name)
        report = desk.registry.report(version)
        run = get_run(desk.store, version.run)
        return pages.show(
            request, "version", one=shown, questions=questions(report, version.name), data=report.get("data"),
            base=report.get("base", ""), exam=exam_answers(report, version.name), checks=version.verdict.checks,
            curve=None if run is None else loss_drawing(run), training=report.get("training", {}),
        )  # fmt: skip

    return one


def shown_versions(desk: Desk) -> list[Shown]:
    """Every version whose manifest can be read, oldest first."""
    current, previous = desk.registry.current(), desk.registry.previous()
    found = []
    for name in desk.registry.states():
        try:
            version = desk.registry.get(name)
        except AeonFtError:  # damaged: `problems` tells of the one in use, doctor of all
            continue
        weak = tuple(dict.fromkeys(check.kind for check in version.verdict.checks if not check.passed))
        may_use = name != current and refusal_of(version) is None and version.state is not VersionState.CANDIDATE
        deletable = name not in {current, previous}
        found.append(Shown(version, measured(version), weak, name == current, may_use, deletable))
    return found


def measured(version: Version) -> Measured:
    """The numbers of its verdict."""
    numbers, name = version.verdict.numbers, version.name

    def of(kind: str, model: str) -> float | None:
        return numbers.get(f"{kind}.{model}")

    return Measured(
        of("gain", BASE), of("tool_valid", name), of("tool_valid", BASE), of("faulty", name), of("faulty", BASE),
        learnt(numbers, name), version.won_today,
    )  # fmt: skip


def plots(shown: list[Shown]) -> dict[str, Drawing]:
    """Over all versions: how far the loss fell, the share of the exam that was right, of tool calls that were valid,
    and of replies without a fault. Without those of which fewer than two were measured."""
    series: dict[str, list[tuple[float, float]]] = {"gain": [], "exam": [], "tools": [], "replies": []}
    for one in shown:
        number, m = float(one.version.name[1:]), one.measured
        values = {
            "gain": m.gain,
            "exam": m.exam.known / m.exam.told if m.exam is not None else None,
            "tools": m.tools,
            "replies": None if m.faulty is None else 1 - m.faulty,
        }
        for kind, value in values.items():
            if value is not None:
                series[kind].append((number, value * 100))
    return {
        kind: draw([points], dots=points, bounds=None if kind == "gain" else (0.0, 100.0), box=CARD)
        for kind, points in series.items()
        if len(points) > 1
    }


def questions(report: Mapping[str, Any], name: str) -> list[Question]:
    """What was asked for the verdict, side by side: the base, what was in use, what answered the owner, this one."""
    suites = report.get("suites", {})
    models = [one for one in dict.fromkeys((BASE, str(report.get("current")), TODAY, name)) if one in suites]
    if not models:
        return []
    rows = zip(*(suites[model]["answers"] for model in models), strict=False)
    return [
        Question(
            row[0]["prompt"],
            tuple(
                (model, answer["reply"].strip(), tuple(answer["faults"]))
                for model, answer in zip(models, row, strict=True)
            ),
        )
        for row in rows
    ]


def exam_answers(report: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """What it was asked about what the owner told: question, reply and mark."""
    return list((report.get("exams") or {}).get(name, []))
