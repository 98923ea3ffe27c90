"""From what a view found out to what the browser gets: templates, the browser's language, notes that are shown once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from aeon_plugin_ft import __version__
from aeon_plugin_ft.messages import Language
from aeon_plugin_ft.messages.speech import Speech, speech
from aeon_plugin_ft.panel.forms import Form
from aeon_plugin_ft.panel.guard import Keys
from aeon_plugin_ft.panel.live import MARK
from aeon_plugin_ft.voice.control import Reason

HERE = Path(__file__).parent
QUIET = "x-quiet"
"""The header of a page that asks for itself anew: what was done a moment ago is told to whoever did it."""
PLACES = ("home", "talks", "facts", "training", "versions", "settings")
"""The pages, in the order of the navigation; their addresses are in `PATHS`."""
PATHS = {
    "home": "/", "talks": "/conversas", "facts": "/voce", "training": "/treino", "versions": "/versoes",
    "settings": "/ajustes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """What became of something that the owner did: a message of the catalogue, shown with the next page. A slot that
    is a Reason is said in words."""

    key: str
    good: bool
    slots: Mapping[str, object]


class Pages:
    """Renders. Safe from any thread."""

    def __init__(self, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._clock = keys, clock
        self._notes: list[Note] = []
        self._lock = threading.Lock()

    def speech(self, request: Request) -> Speech:
        """The language that the browser asks for."""
        return speech(Language.wanted(request.headers.get("accept-language", "")), self._clock)

    def show(self, request: Request, place: str, status: int = 200, **context: Any) -> Response:
        """The page of a template, "home" for home.html."""
        words = self.speech(request)
        notes = self._take_notes() if QUIET not in request.headers else []
        page = _environment().get_template(f"{place}.html").render(
            **context, t=words.say, f=words.formats, words=words, lang=words.language.tag, place=place, paths=PATHS,
            places=PLACES, form_key=self._keys.form, here=_here(request), release=__version__,
            mark=request.scope.get("state", {}).get(MARK, ""),
            notes=[(note.good, _written(words, note)) for note in notes],
        )  # fmt: skip
        return HTMLResponse(page, status)

    def _take_notes(self) -> list[Note]:
        with self._lock:
            notes, self._notes = self._notes, []
        return notes

    def note(self, key: str, *, good: bool = True, **slots: object) -> None:
        """Show a message with the next page."""
        with self._lock:
            self._notes.append(Note(key, good, slots))

    def outcome(self, reason: Reason | None, done: str) -> None:
        """`done`, or why not."""
        if reason is None:
            self.note(done)
        else:
            self.note("note.refused", good=False, reason=reason)

    def back(self, form: Form, otherwise: str) -> Response:
        """To where the form was, else to that page."""
        target = form.get("back")
        own = target.startswith("/") and not target.startswith(("//", "/\\"))
        return RedirectResponse(target if own else otherwise, 303)


def _written(words: Speech, note: Note) -> str:
    slots = {name: words.reason(value) if isinstance(value, Reason) else value for name, value in note.slots.items()}
    return words.say(note.key, **slots)


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        # Every text from a conversation, a model or a file is shown as it is and never as a part of the page.
        autoescape=True,
        # A name that is misspelt is an error and no empty place.
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
