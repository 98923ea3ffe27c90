"""The exam and what answers today, within a verdict: who is asked what, and what of it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import PromotionCause, Refusal
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.evaluation.asking import Reply
from aeon_plugin_ft.evaluation.exam import ExamQuestion, Mark
from aeon_plugin_ft.evaluation.model import CheckKind, Verdict
from aeon_plugin_ft.evaluation.suites import TOOL_PROMPTS
from aeon_plugin_ft.evaluation.today import WON
from aeon_plugin_ft.judge import must_win
from aeon_plugin_ft.registry import VersionState
from aeon_plugin_ft.settings import ServeSection, Settings
from hooks import Message, Route
from tests.evaluation.report.pages import read
from tests.evaluation.trials import well
from tests.flow.court import BASE, Court, court

__all__ = ["court"]

FACTS = {"a gata": "Fork", "o PC": "Jaburu", "o cacto": "Segfault", "a bicicleta": "Ferrugem", "o HD": "Cofre"}
GROQ = "groq m"
"""What answered the turns of tests/flow/life.py."""


@dataclass(frozen=True)
class Question:
    thing: str

    @property
    def text(self) -> str:
        return f"qual é o nome d{self.thing}?"

    @property
    def facts(self) -> tuple[str, ...]:
        return (self.thing,) if self.thing in FACTS else ()

    def mark(self, reply: str) -> Mark:
        if "Não sei" in reply:
            return Mark.UNSURE
        if not self.facts:
            return Mark.INVENTED
        return Mark.RIGHT if FACTS[self.thing] in reply else Mark.WRONG


ALL = [*map(Question, FACTS), Question("o barco"), Question("a tartaruga")]


class Examined:
    """A court whose models answer the exam by what they know; `known` is by version, "m" is Groq's model."""

    def __init__(self, court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
        self.court, self.known = court, {"base": 0, "m": 2}
        self.others = 4
        """How much any version of ours knows."""
        self.asked: list[tuple[str, str]] = []
        self.groq_talks_badly = False
        court.pipeline.exam = self.exam
        monkeypatch.setattr("aeon_plugin_ft.judge.ask", self.ask)
        monkeypatch.setattr("aeon_plugin_ft.pipeline.AsksToday", self.asks_today)

    def asks_today(self, *arguments: object) -> object:
        from aeon_plugin_ft.serving.today import AsksToday

        return AsksToday(*arguments, sleep=lambda _: None, ask_one=self.ask)  # type: ignore[arg-type]

    def exam(self, _: Dataset, most: int) -> Sequence[ExamQuestion]:
        return ALL[:most]

    def ask(self, route: Route, messages: Sequence[Message], *rest: object, **more: object) -> tuple[str, bool, float]:
        prompt, name = messages[-1].content, route.model
        self.asked.append((name, prompt))
        question = next((one for one in ALL if one.text == prompt), None)
        if question is not None:
            knows = list(FACTS)[: self.known.get(name, self.others)]
            said = f"Cara, é {FACTS[question.thing]}." if question.thing in knows else "Não sei, tu nunca me contou."
            return said, True, 0.1
        if name == "m" and self.groq_talks_badly:
            return "Claro, posso ajudar.", prompt in TOOL_PROMPTS, 0.1
        return self.court.models.ask(route, messages, 96) if name != "m" else self._groq(prompt)

    @staticmethod
    def _groq(prompt: str) -> tuple[str, bool, float]:
        if prompt in TOOL_PROMPTS:
            return '{"tool": "Lembretes.criar_lembrete", "param": "x"}', True, 0.1
        return "Claro, posso ajudar com isso.", True, 0.1

    def asked_of(self, name: str) -> list[str]:
        return [prompt for model, prompt in self.asked if model == name]


@pytest.fixture
def examined(court: Court, monkeypatch: pytest.MonkeyPatch) -> Examined:
    return Examined(court, monkeypatch)


def test_the_verdict_says_what_was_learnt_and_so_does_the_news(examined: Examined) -> None:
    court = examined.court
    version = court.pipeline.judge(court.run)
    assert version.state is VersionState.ACCEPTED, version.verdict.reasons
    told = court.verdicts()[-1]
    assert (told.told, told.known, told.known_before, told.invented) == (5, 4, 0, 0)
    page = read((version.folder / "report.html").read_text(encoding="utf-8")).text
    assert "Sabe 4 das 5 coisas que você contou; antes 0; inventou 0." in page and "O exame" in page
    assert set(examined.asked_of("base")) >= {one.text for one in ALL}


def test_a_version_that_forgot_what_the_one_in_use_knows_is_refused(examined: Examined, tmp_path: Path) -> None:
    court = examined.court
    registry = court.pipeline.registry
    (tmp_path / "old").mkdir()
    old = registry.create(
        run="old", adapter=tmp_path / "old", dataset="d", base=BASE.spec, base_digest=BASE.digest,
        verdict=Verdict(True, (), {}),
    ).name  # fmt: skip
    registry.promote(old, PromotionCause.BETTER)
    examined.known[old] = 5
    examined.asked.clear()
    version = court.pipeline.judge(court.run)
    assert Refusal.KNOWS_LESS in version.verdict.refusals
    assert version.verdict.numbers["exam.before"] == 5
    assert not {one.text for one in ALL} & set(examined.asked_of("base")), "what is in use is examined, not its base"


@pytest.mark.parametrize("most", [0, 3])
def test_the_exam_has_as_many_questions_as_the_settings_say(examined: Examined, most: int) -> None:
    examined.court.settings = Settings.model_validate({"gate": {"exam_questions": most}})
    version = examined.court.pipeline.judge(examined.court.run)
    assert version.verdict.numbers.get("exam.asked", 0) == most and version.state is VersionState.ACCEPTED


def test_a_cloud_is_asked_only_where_the_owner_allows_it(examined: Examined) -> None:
    court = examined.court
    version = court.pipeline.judge(court.run)
    assert examined.asked_of("m") == [] and WON not in version.verdict.numbers
    check = next(check for check in version.verdict.checks if check.kind is CheckKind.TODAY)
    assert check.passed and f"not compared with what answers today ({GROQ})" in check.detail
    assert court.pipeline.registry.report(version)["today"] == {
        "name": GROQ, "compared": False, "why_not": check.detail.partition("): ")[2],
    }  # fmt: skip


def allow(examined: Examined, **gate: object) -> None:
    examined.court.settings = Settings.model_validate({"gate": {"cloud_questions": 100, **gate}})


def test_better_than_its_base_and_worse_than_what_answers_today_is_not_accepted(examined: Examined) -> None:
    allow(examined)
    version = examined.court.pipeline.judge(examined.court.run)
    verdict = version.verdict
    assert version.state is VersionState.REJECTED and verdict.numbers[WON] == 0.0
    # It knows more than Groq's model and makes fewer valid calls.
    assert verdict.refusals == (Refusal.WORSE_THAN_TODAY,), verdict.reasons
    assert verdict.numbers["gain.base"] > 0.1 and verdict.numbers["exam.right.today"] == 2
    assert len(examined.asked_of("m")) == 20 + len(ALL)
    report = examined.court.pipeline.registry.report(version)
    assert len(report["suites"]["today"]["answers"]) == 20 and len(report["exams"]["today"]) == len(ALL)


def test_one_that_beats_what_answers_today_has_won(examined: Examined) -> None:
    allow(examined)
    examined.groq_talks_badly = True
    version = examined.court.pipeline.judge(examined.court.run)
    assert version.state is VersionState.ACCEPTED, version.verdict.reasons
    assert version.verdict.numbers[WON] == 1.0
    assert "é melhor que o que responde hoje" in (version.folder / "report.html").read_text(encoding="utf-8")


def test_what_answers_today_is_left_out_where_the_base_is_enough(examined: Examined) -> None:
    allow(examined, compare_with="base")
    version = examined.court.pipeline.judge(examined.court.run)
    assert version.state is VersionState.ACCEPTED and examined.asked_of("m") == []
    assert not any(check.kind is CheckKind.TODAY for check in version.verdict.checks)


def test_nothing_is_asked_of_a_cloud_for_a_candidate_that_cannot_be_served(examined: Examined) -> None:
    allow(examined)
    court = examined.court
    court.models.broken.add(court.pipeline.registry.next_name())
    assert court.pipeline.judge(court.run).state is VersionState.REJECTED
    assert examined.asked_of("m") == []


def test_salad_on_a_poor_base_never_answers(examined: Examined) -> None:
    examined.court.models.talk = lambda rng, prompt: (
        well(rng, prompt) if prompt in TOOL_PROMPTS else Reply("Tipo, a cara é semável do tu.", True, 0.1)
    )
    version = examined.court.pipeline.judge(examined.court.run)
    assert version.state is VersionState.REJECTED and Refusal.NONSENSE in version.verdict.refusals
    assert version.adapter.exists(), "it is kept as a file"


def test_only_where_the_better_one_answers_must_it_win() -> None:
    assert must_win(ServeSection())
    assert not any(must_win(ServeSection.model_construct(prefer=prefer)) for prefer in ("always", "offline"))  # type: ignore[arg-type]
