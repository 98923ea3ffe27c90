"""What answers the owner today: found in the log, asked where that is allowed, and never asked elsewhere unasked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import PreemptedError
from aeon_plugin_ft.evaluation.exam import Mark
from aeon_plugin_ft.evaluation.standard import Standard
from aeon_plugin_ft.evaluation.suites import CHAT_PROMPTS, TOOL_PROMPTS
from aeon_plugin_ft.evaluation.today import Today
from aeon_plugin_ft.serving.today import CLOUD_SECONDS, AsksToday, answering
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnLog
from aeon_plugin_ft.turns.log import Limits
from aeon_plugin_ft.turns.model import TurnKind
from hooks import Attempt, Message, Turn
from hooks.contract import Provider
from tests.servers.groq import FakeGroq, rate_limited
from tests.servers.openai import FakeOpenAI

SUITE = len(TOOL_PROMPTS) + len(CHAT_PROMPTS)
MODEL = "openai/gpt-oss-20b"


@dataclass(frozen=True)
class Question:
    text: str
    facts: tuple[str, ...] = ("f",)

    def mark(self, reply: str) -> Mark:
        return Mark.RIGHT if "Fork" in reply else Mark.UNSURE


EXAM = (Question("como se chama a minha gata?"), Question("e o meu carro?", ()))


class Life:
    """A log, and what may be asked."""

    def __init__(self, data: DataFolder, store: Store) -> None:
        self.data, self.store, self.index = data, store, TurnIndex(store, data.log)
        self.settings = Settings()
        self.slept: list[float] = []
        self.cause: PauseCause | None = None
        self.asks = AsksToday(store, self.index, lambda: self.settings, lambda: self.cause, self.slept.append)

    def turns(self, provider: Provider, model: str, version: str = "base", count: int = 12) -> None:
        with closing(open_log(self.data)) as log:
            for number in range(count):
                attempt = Attempt(provider, model, version, True, 0.5)
                log.append(turn(f"{version}{provider}{number}", attempt), TurnKind.CHAT)
        self.index.ingest()

    def allow(self, **gate: object) -> None:
        self.settings = Settings.model_validate({"gate": gate, "serve": self.settings.serve.model_dump()})

    def serve(self, **serve: object) -> None:
        self.settings = Settings.model_validate({"serve": serve})

    def compared(self, *baselines: str) -> Today | None:
        return self.asks.compared(baselines or ("base",), "Você é o Aeon.", EXAM, Standard())


def open_log(data: DataFolder) -> TurnLog:
    return TurnLog(data.log, redact=str, limits=lambda: Limits.of(Settings().log), on_failure=print)


def turn(id: str, served_by: Attempt) -> Turn:
    messages = (Message("system", "Você é o Aeon."), Message("user", "oi, tudo bem?"))
    return Turn(
        id=id, session="s", started_at=time.time(), seconds=0.5, caller="chat", mode="conversa", prompt="oi, tudo bem?",
        messages=messages, reply="Tudo certo por aqui, cara.", served_by=served_by, attempts=(served_by,),
    )  # fmt: skip


@pytest.fixture
def life(data: DataFolder, store: Store) -> Life:
    return Life(data, store)


@pytest.fixture
def groq(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGroq]:
    with FakeGroq() as server:
        monkeypatch.setenv("GROQ_BASE_URL", server.url)
        monkeypatch.setenv("GROQ_KEY", str(server.key))
        server.script.answer = lambda *_: "Cara, tua gata é a Fork."
        yield server


def test_the_log_says_who_answers(life: Life) -> None:
    assert answering(life.index) is None and life.compared() is None
    life.turns("groq", MODEL)
    found = answering(life.index)
    assert found is not None and found.name == f"groq {MODEL}"
    life.turns("ollama", "deepseek-r1:8b", count=4)
    assert answering(life.index) == found, "a fallback's few turns do not make it what answers"
    life.turns("embedded", "v0003", "v0003", count=20)
    later = answering(life.index)
    assert later is not None and later.name == "v0003"


def test_what_is_measured_anyway_is_not_asked_again(life: Life) -> None:
    life.turns("embedded", "v0003", "v0003")
    assert life.compared("base", "v0003") == Today("v0003", "v0003")
    other = life.compared("base")
    assert other is not None and other.suite is None and "another base" in other.why_not


def test_a_local_server_is_asked_everything_and_its_thoughts_are_not_its_reply(life: Life) -> None:
    with FakeOpenAI() as server:
        server.script.answer = lambda *_: "<think>\nhm\n</think>\nCara, tua gata é a Fork."
        life.serve(openai_url=server.url)
        life.turns("openai", server.base)
        found = life.compared()
    assert found is not None and found.suite is not None and found.exam is not None
    assert len(found.suite.answers) == SUITE and found.suite.faulty == 0
    assert (found.exam.told, found.exam.right, found.exam.untold) == (1, 1, 1)
    assert life.slept == []


def test_nothing_goes_to_a_cloud_that_the_owner_did_not_allow(life: Life, groq: FakeGroq) -> None:
    life.turns("groq", MODEL)
    found = life.compared()
    assert found is not None and found.suite is None and "allows it no question" in found.why_not
    assert groq.history == []


def test_a_cloud_is_asked_so_many_questions_a_day_and_slowly(life: Life, groq: FakeGroq) -> None:
    life.turns("groq", MODEL)
    life.allow(cloud_questions=SUITE + 1)
    found = life.compared()
    assert found is not None and found.suite is not None and len(found.suite.answers) == SUITE
    assert found.exam is not None and len(found.exam.answers) == 1, "what is left of the day goes into the exam"
    assert life.slept == [CLOUD_SECONDS] * (SUITE + 1) and len(groq.history) == SUITE + 1
    again = life.compared()
    assert again is not None and again.suite is None and "leaves 0 of 21" in again.why_not
    life.store.clock = lambda: time.time() + 86_400
    next_day = life.compared()
    assert next_day is not None and next_day.suite is not None


def test_a_cloud_that_refuses_leaves_the_two_uncompared(life: Life, groq: FakeGroq) -> None:
    life.turns("groq", MODEL)
    life.allow(cloud_questions=100)
    groq.enqueue(rate_limited())
    found = life.compared()
    assert found is not None and found.suite is None and found.why_not


def test_nobody_is_asked_where_the_base_is_enough(life: Life, groq: FakeGroq) -> None:
    life.turns("groq", MODEL)
    life.allow(cloud_questions=100, compare_with="base")
    assert life.compared() is None and groq.history == []


def test_it_stops_when_the_machine_is_wanted(life: Life, groq: FakeGroq) -> None:
    life.turns("groq", MODEL)
    life.allow(cloud_questions=100)
    life.cause = PauseCause.OWNER_BACK
    with pytest.raises(PreemptedError):
        life.compared()
