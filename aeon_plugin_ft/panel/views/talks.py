"""Conversas: every logged turn, newest first, to be found, judged, put right and left out of what is learnt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aeon_plugin_ft.dataset.feedback.opinions import Review, load_feedback, say_opinion, take_back
from aeon_plugin_ft.dataset.model import Feedback, FeedbackKind
from aeon_plugin_ft.panel.desk import Desk, Learnable
from aeon_plugin_ft.panel.forms import Form, action
from aeon_plugin_ft.panel.guard import Keys
from aeon_plugin_ft.panel.rendering import PATHS, Pages
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.turns.index import ids_where
from aeon_plugin_ft.turns.model import KNOWN_FROM, LoggedTurn, TurnKind
from aeon_plugin_ft.voice.control import Reason

PAGE = 30
CHUNK = 200
SEARCH_SECONDS = 2.0
"""A search goes on from where it came to by then, when the owner asks for more."""
LONGEST = 4000
"""Characters of a correction."""
SHOWN = ("all", "learnt", "left", "corrected", "marked")
OPINIONS: dict[str, FeedbackKind] = {"bom": "praise", "ruim": "complaint"}
Reviewing = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: words, a day ("2026-03-02"), one turn, which of them, and where to go on (a place in the
    order of what was spoken, and the id there)."""

    text: str = ""
    day: str = ""
    turn: str = ""
    shown: str = "all"
    after: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out."""
        return bool(self.text or self.day or self.turn or self.shown != "all")


@dataclass(frozen=True, slots=True)
class Talk:
    """One turn as it is shown. `learnt`: whether it would be learnt, None while that is being worked out or where it
    plays no part; `left_by` and `why` are the filter that leaves it out. `decided`: the owner's "keep" or "drop"."""

    turn: LoggedTurn
    opinion: str
    correction: str
    learnt: bool | None = None
    left_by: str = ""
    why: str = ""
    decided: str = ""

    @property
    def is_talk(self) -> bool:
        """Whether it is the owner's conversation, and no prompt of a module, fixed sentence or error."""
        return self.turn.kind is TurnKind.CHAT


@dataclass(frozen=True, slots=True)
class Found:
    """Turns by day, newest first: the moment of each day's newest turn, and its turns. `more` is where to go on, "" at
    the end; `working`: what would be learnt is not known yet."""

    days: list[tuple[float, list[Talk]]]
    more: str
    working: bool


def routes(desk: Desk, pages: Pages, keys: Keys) -> list[Route]:
    """The page and its buttons."""

    def talks(request: Request) -> Response:
        asked = request.query_params
        shown = asked.get("mostra", "all")
        wanted = Wanted(
            asked.get("busca", "").strip(), asked.get("dia", ""), asked.get("turno", ""),
            shown if shown in SHOWN else "all", asked.get("desde", ""),
        )  # fmt: skip
        desk.catch_up()
        return pages.show(request, "talks", wanted=wanted, found=find(desk, wanted), shown=SHOWN)

    buttons = _Buttons(desk, pages)
    return [
        Route(PATHS["talks"], talks),
        Route("/conversas/opiniao", action(keys, buttons.opinion), methods=["POST"]),
        Route("/conversas/corrigir", action(keys, buttons.correct), methods=["POST"]),
        Route("/conversas/decidir", action(keys, buttons.decide), methods=["POST"]),
    ]


class _Buttons:
    """What the buttons under a turn do."""

    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk, self._pages, self._review = desk, pages, Review(desk.store)

    def opinion(self, form: Form) -> Response:
        """Good, bad, or nothing any more."""
        desk, pages = self._desk, self._pages
        turn, kind = form.get("turno"), OPINIONS.get(form.get("opiniao"))
        if not desk.index.has([turn]):
            pages.note("note.no_turn", good=False)
        elif kind is not None:
            say_opinion(desk.store, Feedback(turn, kind))
            pages.note(f"note.{kind}")
        else:
            pages.note("note.taken_back" if take_back(desk.store, turn) else "note.said_in_talk")
        desk.read_facts()  # of a reply that was wrong nothing is believed
        return pages.back(form, PATHS["talks"])

    def correct(self, form: Form) -> Response:
        """What the reply should have been, personal data replaced."""
        desk, pages = self._desk, self._pages
        turn, text = form.get("turno"), " ".join(form.get("texto").split())
        if desk.private:
            pages.note("note.refused", good=False, reason=Reason.IN_PRIVATE)
        elif not desk.index.has([turn]) or not 0 < len(text) <= LONGEST:
            pages.note("note.no_correction", good=False)
        else:
            say_opinion(desk.store, Feedback(turn, "correction", desk.redaction.redact(text)))
            desk.read_facts()
            pages.note("note.correction")
        return pages.back(form, PATHS["talks"])

    def decide(self, form: Form) -> Response:
        """Learn it whatever the filters say, never, or as they say."""
        review, pages = self._review, self._pages
        decisions: dict[str, Reviewing] = {"aprender": review.keep, "deixar": review.drop, "automatico": review.undo}
        act = decisions.get(form.get("decisao"))
        if act is None or not self._desk.index.has([form.get("turno")]):
            pages.note("note.no_turn", good=False)
        else:
            act(form.get("turno"))
            pages.note("note.decided")
        return pages.back(form, PATHS["talks"])


# -- finding -------------------------------------------------------------------------------------


def find(desk: Desk, wanted: Wanted) -> Found:
    """A page of turns."""
    learnable = desk.learnable()
    opinions, decided = load_feedback(desk.store), Review(desk.store).decided()
    talks: list[Talk] = []
    more, deadline = "", time.monotonic() + SEARCH_SECONDS
    last: LoggedTurn | None = None
    for turn in _newest_first(desk, wanted):
        if last is not None and (len(talks) == PAGE or (time.monotonic() > deadline and wanted.narrowed)):
            more = _place(last)
            break
        last = turn
        talk = _as_shown(turn, opinions.get(turn.id), learnable, decided.get(turn.id, ""))
        if _is_wanted(talk, wanted):
            talks.append(talk)
    return Found(_by_day(talks), more, learnable is None)


def _newest_first(desk: Desk, wanted: Wanted) -> Iterator[LoggedTurn]:
    where, values = ["(spoken, id) < (?, ?)"], list[object](_after(wanted.after))
    if wanted.turn:
        where.append("id = ?")
        values.append(wanted.turn)
    start = _start_of(wanted.day)
    if start is not None:
        where.append("at >= ? AND at < ?")
        values += [start.timestamp(), (start + timedelta(days=1)).timestamp()]
    condition = " AND ".join(where) + f" ORDER BY spoken DESC, id DESC LIMIT {CHUNK}"
    while ids := ids_where(desk.store, condition, *values):
        for turn in filter(None, map(desk.index.get, ids)):
            values[:2] = [turn.spoken, turn.id]
            yield turn
        if len(ids) < CHUNK:
            return


def _start_of(day: str) -> datetime | None:
    try:
        return datetime.strptime(day, "%Y-%m-%d").astimezone() if day else None
    except (ValueError, OverflowError, OSError):
        return None


def _place(turn: LoggedTurn) -> str:
    return f"{turn.spoken}.{turn.id}"


def _after(place: str) -> tuple[object, object]:
    spoken, _, id = place.partition(".")
    return (int(spoken), id) if spoken.lstrip("-").isdigit() and len(spoken) < 19 else (2**62, "")


def _as_shown(turn: LoggedTurn, opinion: Feedback | None, learnable: Learnable | None, decided: str) -> Talk:
    kind = opinion.kind if opinion is not None and opinion.kind in {"praise", "complaint", "correction"} else ""
    correction = (opinion.correction if opinion is not None else None) or ""
    item = None if learnable is None else learnable.items.get(turn.id)
    if item is None:
        return Talk(turn, kind, correction, decided=decided)
    return Talk(turn, kind, correction, item.filter is None, item.filter or "", item.reason or "", decided)


def _is_wanted(talk: Talk, wanted: Wanted) -> bool:
    if wanted.text:
        sought = fold_accents(wanted.text)
        if not any(sought in fold_accents(text) for text in (talk.turn.user, talk.turn.reply, talk.correction)):
            return False
    return {
        "all": True,
        "learnt": talk.learnt is True,
        "left": talk.learnt is False,
        "corrected": bool(talk.correction),
        "marked": bool(talk.opinion or talk.decided),
    }[wanted.shown]


def _by_day(talks: list[Talk]) -> list[tuple[float, list[Talk]]]:
    days: dict[object, list[Talk]] = {}
    for talk in talks:
        known = talk.turn.at >= KNOWN_FROM
        days.setdefault(datetime.fromtimestamp(talk.turn.at).date() if known else None, []).append(talk)
    return [(of_day[0].turn.at, of_day) for of_day in days.values()]
