"""A data folder with talk, facts and versions in it, and the page of it as a browser would ask for it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from aeon_plugin_ft.causes import PromotionCause, Refusal
from aeon_plugin_ft.cli.context import Context
from aeon_plugin_ft.evaluation.model import Check, CheckKind, Verdict
from aeon_plugin_ft.panel.app import Panel, make_panel
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.turns import TurnKind, TurnLog
from aeon_plugin_ft.turns.log import Limits
from hooks import Attempt, Message, Turn

PORT = 47_123
HOME = f"http://127.0.0.1:{PORT}"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}</textarea>"
"""What somebody could make Aeon say, or a file hold."""
DAY = 86_400.0
TALK = (
    ("minha gata se chama Fork", "Fork, que nome bom pra uma gata."),
    ("eu moro em Joinville", "Joinville, terra boa de chuva."),
    ("como eu desfaço um commit?", "Tenta um git reset --soft HEAD~1, cara."),
    ("que horas é a daily?", "A daily é às dez."),
    (f"repete isto: {EVIL}", f"Claro: {EVIL}"),
    ("me dá uma dica de café", "Moagem média e água a noventa graus."),
)


class Site:
    """The page, with a browser that has been let in. `key` is the word of its forms."""

    def __init__(self, data: Path) -> None:
        self.context = Context(data, None, False)
        log_talk(self.context.data)
        self.desk = Desk(self.context)
        self.desk.index.ingest()
        self.panel: Panel = make_panel(self.desk, PORT)
        self.browser = TestClient(self.panel.app, base_url=HOME, follow_redirects=False)
        entered = self.browser.get("/entrar", params={"t": self.panel.keys.new_token()})
        assert entered.status_code == 200
        self.key = self.panel.keys.form

    def stranger(self) -> TestClient:
        """A browser that was not let in."""
        return TestClient(self.panel.app, base_url=HOME, follow_redirects=False)

    def get(self, path: str, language: str = "pt-BR", **headers: str) -> str:
        """A page that is there."""
        answer = self.browser.get(path, headers={"accept-language": language, **headers})
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def post(self, path: str, *, expect: int = 303, **fields: str | list[str]) -> str:
        """Send a form of the page; where it leads to."""
        form = {"chave": self.key, **fields}
        answer = self.browser.post(path, data=form, headers={"origin": HOME})
        assert answer.status_code == expect, (path, answer.status_code, answer.text)
        return answer.headers.get("location", "")

    def turn(self, words: str) -> str:
        """The id of the turn in which the owner said this."""
        return next(turn.id for turn in self.desk.index.turns() if words in turn.user)

    def close(self) -> None:
        self.desk.close()
        self.context.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "data")
    yield made
    made.close()


def log_talk(data: DataFolder) -> None:
    """TALK, the last of it a minute ago and the first two the day before yesterday."""
    log = TurnLog(data.log, redact=lambda text: text, limits=lambda: Limits(10**8, 0.05), on_failure=lambda _: None)
    now = time.time()
    for number, (prompt, reply) in enumerate(TALK):
        ago = 2 * DAY - number if number < 2 else 60.0 * (len(TALK) - number)
        log.append(_turn(f"turn-{number}", prompt, reply, now - ago), TurnKind.CHAT)
    log.append(_turn("turn-tarot", "Escreva um tarot", "A Lua.", now - 30, "tarot"), TurnKind.SYNTHETIC)
    log.close()


def _turn(id: str, prompt: str, reply: str, at: float, caller: str = "chat") -> Turn:
    return Turn(
        id=id, session="s", started_at=at, seconds=0.1, caller=caller, mode="conversa", prompt=prompt,
        messages=(Message("system", "Você é AEON."), Message("user", prompt)), reply=reply,
        served_by=Attempt("groq", "m", "base", True, 0.1),
    )  # fmt: skip


def add_version(site: Site, run: str, gain: float, *, accepted: bool = True, use: bool = False) -> str:
    """A judged version."""
    adapter = site.desk.data.root / "bare"
    adapter.mkdir(exist_ok=True)
    name = site.desk.registry.next_name()
    numbers = {
        "gain.base": gain, f"tool_valid.{name}": 0.75, "tool_valid.base": 0.5, f"faulty.{name}": 0.1,
        "faulty.base": 0.4, "exam.asked": 10.0, f"exam.right.{name}": 7.0, f"exam.invented.{name}": 1.0,
    }  # fmt: skip
    checks = (
        Check(CheckKind.GAIN, True, "the loss fell", None, "base"),
        Check(CheckKind.TOOLS, accepted, "tools" if accepted else "broken calls", None if accepted else Refusal.TOOLS),
    )
    answers = [{"prompt": "oi, tudo bem?", "reply": EVIL, "faults": ["repeats itself"]}]
    exam = [{"question": "como se chama a gata?", "reply": f"Fork {EVIL}", "mark": "right"}]
    report = {
        "suites": {"base": {"answers": answers}, name: {"answers": answers}}, "exams": {name: exam}, "base": "b",
        "data": {"dataset": "d", "train": 20, "heldout": 4, "dropped": {}, "sources": {}}, "training": {"seconds": 5},
    }  # fmt: skip
    site.desk.registry.create(
        run=run, adapter=adapter, dataset="d", base="b", base_digest="x", verdict=Verdict(accepted, checks, numbers),
        report=report,
    )  # fmt: skip
    if use:
        site.desk.registry.promote(name, PromotionCause.BETTER)
    return name


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def text_of(page: str) -> str:
    """What a page says, in one line."""
    reader = _Text()
    reader.feed(page)
    return re.sub(r"\s+", " ", " ".join(reader.found))


def plan_of(page: str) -> str:
    """The name of the plan that a page to forget something shows."""
    found = re.search(r'name="plano" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)
