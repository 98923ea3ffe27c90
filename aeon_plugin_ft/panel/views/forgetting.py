"""Forgetting: what would go is shown first, and exactly that goes."""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aeon_plugin_ft.dataset.sought import pattern_of
from aeon_plugin_ft.errors import AeonFtError, FactError, TrainingError
from aeon_plugin_ft.facts.model import Fact
from aeon_plugin_ft.forget import Forgetter, Forgetting
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.forms import Form, action
from aeon_plugin_ft.panel.guard import Keys
from aeon_plugin_ft.panel.rendering import PATHS, Pages
from aeon_plugin_ft.panel.sentences import in_sentences
from aeon_plugin_ft.turns.model import LoggedTurn
from aeon_plugin_ft.voice.reasons import reason_of

PLANS = 20
"""Plans that wait for the owner's yes; older ones are made anew."""
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """What was shown: the turns and facts that were asked for, what was searched, and all that goes with them."""

    turns: tuple[str, ...]
    facts: tuple[Fact, ...]
    pattern: re.Pattern[str] | None
    all: Forgetting


class Plans:
    """The plans that were shown and not carried out yet."""

    def __init__(self) -> None:
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, plan: Plan) -> str:
        """A name for a plan, which nobody guesses."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._plans[name] = plan
            while len(self._plans) > PLANS:
                self._plans.popitem(last=False)
        return name

    def take(self, name: str) -> Plan | None:
        """The plan of that name, once."""
        with self._lock:
            return self._plans.pop(name, None)


def routes(desk: Desk, pages: Pages, keys: Keys) -> list[Route]:
    """The page with what would go, and the button that forgets it."""
    plans = Plans()

    def preview(request: Request) -> Response:
        asked = request.query_params
        forgetter = Forgetter(desk.data, desk.store, desk.book)
        plan = _plan(desk, forgetter, asked.get("turno", ""), asked.get("sobre", ""), asked.get("fato", ""),
                     alone="so_fato" in asked)  # fmt: skip
        turns, more = _shown(forgetter, plan.all)
        return pages.show(
            request, "forget", plan=plan, name=plans.keep(plan), turns=turns, more=more, about=asked.get("sobre", ""),
            facts=in_sentences(desk, plan.all.facts), records=sum(traces.records for traces in plan.all.host),
            current=desk.registry.current(), back=_own(asked.get("volta", "")),
        )  # fmt: skip

    def forget(form: Form) -> Response:
        plan = plans.take(form.get("plano"))
        if plan is None:
            pages.note("note.no_plan", good=False)
            return pages.back(form, PATHS["talks"])
        try:
            left = Forgetter(desk.data, desk.store, desk.book).forget(plan.turns, plan.facts, plan.pattern)
        except TrainingError:
            pages.note("note.trains_on_it", good=False)
        except AeonFtError as error:
            pages.note("note.refused", good=False, reason=reason_of(error))
        else:
            pages.note("note.forgotten_partly" if left.host else "note.forgotten", good=not left.host)
        return pages.back(form, PATHS["talks"])

    return [Route("/esquecer", preview), Route("/esquecer/sim", action(keys, forget), methods=["POST"])]


def _plan(desk: Desk, forgetter: Forgetter, turn: str, about: str, fact: str, *, alone: bool) -> Plan:
    """What one turn, everything about something, or one fact would take with it. `alone`: the fact only, and not the
    conversations that tell it."""
    desk.read_facts()
    turns: list[str] = []
    facts: list[Fact] = []
    pattern: re.Pattern[str] | None = None
    if fact:
        facts = _fact(desk, fact)
        turns = [] if alone else forgetter.telling(facts)
    elif about.strip():
        turns, facts, pattern = forgetter.about(about), forgetter.edited_about(about), pattern_of(about)
    elif desk.index.has([turn]):
        turns = [turn]
    return Plan(tuple(turns), tuple(facts), pattern, forgetter.plan(turns, facts, pattern))


def _fact(desk: Desk, id: str) -> list[Fact]:
    try:
        return [desk.book.get(id)]
    except FactError:  # forgotten, or put right, since the page was made
        return []


def _shown(forgetter: Forgetter, plan: Forgetting) -> tuple[list[tuple[LoggedTurn, bool]], int]:
    """The first turns with whether they only repeat one that was asked for, and how many more there are."""
    ids = [(one, False) for one in plan.turns] + [(one, True) for one in plan.quoting]
    turns = [(forgetter.index.get(one), repeats) for one, repeats in ids[:SHOWN]]
    return [(turn, repeats) for turn, repeats in turns if turn is not None], max(0, len(ids) - SHOWN)


def _own(path: str) -> str:
    """An address of the page itself, else that of the conversations."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else PATHS["talks"]
