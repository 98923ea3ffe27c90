"""Two models side by side: the same questions to both, and which reply is better without knowing whose it is.

To serve two models takes a while, so it is done once, in a thread, for the questions of a comparison; one at a time.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.comparison import ask_model
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.evaluation.blind import TIE, Pair, choose, shuffled, tally
from aeon_plugin_ft.evaluation.suites import CHAT_PROMPTS, TOOL_PROMPTS
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.forms import Form, action
from aeon_plugin_ft.panel.guard import Keys
from aeon_plugin_ft.panel.rendering import PATHS, Pages
from aeon_plugin_ft.registry import BASE
from aeon_plugin_ft.voice.control import Reason
from aeon_plugin_ft.voice.reasons import reason_of
from aeon_plugin_ft.wiring import make_pipeline

log = logging.getLogger("aeon_ft.panel")

PATH = "/versoes/comparar"
QUESTIONS = (*CHAT_PROMPTS[:6], *TOOL_PROMPTS[:2])
"""When the owner gives none: enough to see a difference, few enough to wait for."""
MOST_QUESTIONS = 20
LONGEST_QUESTION = 400


@dataclass
class Comparison:
    """One comparison. `asked` counts the replies that are there; `reason` is why it ended without them."""

    first: str
    second: str
    questions: tuple[str, ...]
    blind: bool
    replies: dict[str, list[str]] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    chosen: int = 0
    working: bool = True
    reason: Reason | None = None

    @property
    def asked(self) -> int:
        """Replies that are there."""
        return sum(map(len, self.replies.values()))

    @property
    def pair(self) -> Pair | None:
        """What is to be chosen between next; None at the end."""
        return self.pairs[self.chosen] if self.chosen < len(self.pairs) else None


class Comparing:
    """The comparison that is under way, or was last."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.current: Comparison | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        desk.closing.append(self.close)
        desk.watched.append(lambda: self.current and (self.current.asked, self.current.working, self.current.chosen))

    def begin(self, first: str, second: str, questions: Sequence[str], *, blind: bool) -> Reason | None:
        """Ask both; why not, where it cannot be done."""
        known = {BASE, *self.desk.registry.states()}
        if first == second or not {first, second} <= known:
            return Reason.NO_SUCH_VERSION
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return Reason.ALREADY_TRAINING
            made = self.current = Comparison(first, second, tuple(questions), blind)
            self._thread = threading.Thread(target=self._ask, args=(made,), name="aeon-ft-panel-compare", daemon=True)
            self._thread.start()
        return None

    def choose(self, number: int, side: str) -> None:
        """Keep the owner's choice ("left", "right" or neither) of the pair with this number; nothing where it was
        chosen already."""
        with self._lock:
            made = self.current
            pair = None if made is None or made.chosen != number else made.pair
            if made is None or pair is None:
                return
            winner = {"left": pair.left[0], "right": pair.right[0]}.get(side, TIE)
            choose(self.desk.store, pair, made.first, made.second, winner)
            made.chosen += 1

    def close(self) -> None:
        """Leave between two questions, and wait for that."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _ask(self, made: Comparison) -> None:
        try:
            pipeline = make_pipeline(self.desk.basis, interrupt=self._why_leave)
            for name in (made.first, made.second):
                replies = made.replies.setdefault(name, [])
                ask_model(self.desk.basis, pipeline, name, made.questions, replies.append)
            made.pairs = list(shuffled(made.questions, made.first, made.second, made.replies, random.SystemRandom()))
        except AeonFtError as error:
            log.warning("%s and %s cannot be compared: %s", made.first, made.second, error)
            made.reason = reason_of(error)
        except Exception:
            log.exception("%s and %s cannot be compared", made.first, made.second)
            made.reason = Reason.FAILED
        finally:
            made.working = False

    def _why_leave(self) -> PauseCause | None:
        return PauseCause.HOST_CLOSING if self._ending.is_set() else None


def comparison_routes(comparing: Comparing, pages: Pages, keys: Keys) -> list[Route]:
    """The page of the comparison and its buttons."""

    def show(request: Request) -> Response:
        made = comparing.current
        if made is None:
            return RedirectResponse(PATHS["versions"], 303)
        result = tally(comparing.desk.store, made.first, made.second)
        return pages.show(request, "compare", made=made, tally=result, total=2 * len(made.questions))

    def begin(form: Form) -> Response:
        lines = [" ".join(line.split())[:LONGEST_QUESTION] for line in form.get("perguntas").splitlines()]
        own = [line for line in lines if line][:MOST_QUESTIONS]
        reason = comparing.begin(form.get("primeira"), form.get("segunda"), own or QUESTIONS, blind=form.has("cegas"))
        if reason is not None:
            pages.outcome(reason, "note.compared")
            return pages.back(form, PATHS["versions"])
        return RedirectResponse(PATH, 303)

    def chosen(form: Form) -> Response:
        number = form.get("par")
        if number.isdigit() and len(number) < 6:
            comparing.choose(int(number), form.get("lado"))
        return RedirectResponse(PATH, 303)

    return [
        Route(PATH, show),
        Route(f"{PATH}/comecar", action(keys, begin), methods=["POST"]),
        Route(f"{PATH}/escolher", action(keys, chosen), methods=["POST"]),
    ]
