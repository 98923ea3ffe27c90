"""The other samples and the exams are what samples/README.md says."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from aeon_plugin_ft.dataset.importers.aeon_log import AeonLog
from aeon_plugin_ft.facts.exam import make_exam
from aeon_plugin_ft.facts.lessons import make_lessons
from aeon_plugin_ft.facts.marking import Asks, Mark, says
from aeon_plugin_ft.facts.style import Style, learn_style
from aeon_plugin_ft.facts.wording import Person
from aeon_plugin_ft.privacy.folding import fold_to_ascii_words
from aeon_plugin_ft.privacy.redactor import Redactor
from aeon_plugin_ft.turns.kinds import classify_reply
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks import Message
from tests.conftest import REPOSITORY
from tests.facts.told import facts

SAMPLES = REPOSITORY / "samples"
NAMES = ("conversation", "teacher", "driver")
TURNS = {"teacher": 100, "driver": 600}
SECRETS = {
    "teacher": ("111.444.777-35", "violeta1952"),
    "driver": ("123.456.789-09", "trovoada77", "(49) 99876-5432"),
}


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"sample_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


def turns(name: str) -> list[tuple[str, str]]:
    """(question, replies) of a log."""
    said: list[list[str]] = []
    last = -1
    for line in (SAMPLES / f"{name}.log").read_text(encoding="utf-8").splitlines():
        mark = re.match(r"(VOCÊ|AEON|AEON_SPEAK): ?(.*)", line)
        if mark and mark[1] == "VOCÊ":
            said.append([mark[2], ""])
        last = -1 if mark and mark[1] != "AEON" else last
        if said and ((mark and mark[1] == "AEON") or (mark is None and last == len(said))):
            said[-1][1] += f" {mark[2] if mark else line}"
            last = len(said)
    return [(question, reply.strip()) for question, reply in said]


def logged(name: str) -> list[LoggedTurn]:
    return [
        LoggedTurn(str(n), "s", float(n), classify_reply(reply, "aeon"), "chat", (Message("user", user),), reply)
        for n, (user, reply) in enumerate(turns(name))
    ]


def exam(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (SAMPLES / f"{name}.exam.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_long_one_is_what_its_script_makes() -> None:
    assert module(SAMPLES / "driver.py").log() == (SAMPLES / "driver.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TURNS)
def test_there_are_as_many_turns_as_the_readme_says(name: str) -> None:
    assert len(turns(name)) == TURNS[name]
    assert f"{TURNS[name]} turns" in (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert AeonLog().sniff((SAMPLES / f"{name}.log").read_text(encoding="utf-8")) > 0.8


@pytest.mark.parametrize("name", TURNS)
def test_they_look_like_real_logs(name: str) -> None:
    text = (SAMPLES / f"{name}.log").read_text(encoding="utf-8")
    assert text.endswith("\n") and "\r" not in text
    kinds = Counter(turn.kind for turn in logged(name))
    assert {TurnKind.CHAT, TurnKind.CANNED, TurnKind.ERROR} <= set(kinds)
    calls = [reply for _, reply in turns(name) if reply.startswith("{")]
    assert all(set(json.loads(call)) == {"tool", "param"} for call in calls)
    assert 0.05 < len(calls) / TURNS[name] < 0.2
    for secret in SECRETS[name]:
        assert secret in text and secret not in Redactor().redact(text)


@pytest.mark.parametrize(("name", "person", "opener"), [
    ("conversation", Person.TU, "Cara,"), ("teacher", Person.SENHORA, "Dona Zélia,"),
    ("driver", Person.VOCE, "Ô patrão,"),
])  # fmt: skip
def test_each_assistant_has_a_style_of_its_own(name: str, person: Person, opener: str) -> None:
    style = learn_style(logged(name))
    assert (style.person, style.opener) == (person, opener)
    assert style.unknown and all(text.startswith(opener) for text in style.unknown)


@pytest.mark.parametrize("name", NAMES)
def test_an_exam_asks_enough(name: str) -> None:
    asked = exam(name)
    told = [one for one in asked if one["asks"] != "never_told"]
    assert len(told) >= (50 if name == "conversation" else 30)
    assert len(asked) - len(told) >= (20 if name == "conversation" else 12)
    assert len({fold_to_ascii_words(str(one["question"])) for one in asked}) == len(asked)


@pytest.mark.parametrize("name", NAMES)
def test_exam_questions_stand_neither_in_the_log_nor_in_a_template(name: str) -> None:
    asked = {fold_to_ascii_words(str(one["question"])) for one in exam(name)}
    style = Style(Person.TU)
    taught = {fold_to_ascii_words(one.question) for one in make_lessons(facts(), style, 40)}
    examined = {fold_to_ascii_words(one.text) for one in make_exam(facts(), 2000).questions}
    said = {fold_to_ascii_words(question) for question, _ in turns(name)}
    assert not asked & (taught | examined | said)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_counted_how_often_each_answer_was_stated(name: str) -> None:
    asked = exam(name)
    about = [re.compile(str(one["about"]), re.IGNORECASE) for one in asked]
    stated = [0] * len(asked)
    for user, reply in turns(name):
        for at, one in enumerate(asked):
            accepted = [str(value) for value in one["accepted"]]  # type: ignore[attr-defined]
            if about[at].search(f"{user} {reply}"):
                stated[at] += not accepted or any(says(user, value) or says(reply, value) for value in accepted)
    for one, times in zip(asked, stated, strict=True):
        assert one["told"] == (0 if one["asks"] == "never_told" else times), one
        assert one["asks"] == "never_told" or times


@pytest.mark.parametrize("name", NAMES)
def test_the_exam_marks_its_own_answers_right(name: str) -> None:
    for question in module(REPOSITORY / "benchmarks" / "exams.py").exam_of(name):
        if question.asks is Asks.NEVER_TOLD:
            assert question.mark("isso eu não sei, você nunca me contou") is Mark.UNSURE
            assert question.mark("É o Rex, claro.") is Mark.INVENTED
            continue
        right = f"{'não, ' if question.asks is Asks.NO else 'é '}{question.accepted[0] if question.accepted else ''}"
        assert question.mark(right) is Mark.RIGHT, question
        assert question.mark("é Tralalá") is Mark.WRONG
