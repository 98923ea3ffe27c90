"""What the gate found is kept as values, and said in the language of whoever reads it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.model import Check, CheckKind, Verdict, checked, read_check
from aeon_plugin_ft.evaluation.sentences import (
    AREA,
    check_detail,
    check_line,
    check_title,
    fault,
    number_in,
    said_in,
    sentence,
)
from aeon_plugin_ft.evaluation.suites import Answer, SuiteResult
from aeon_plugin_ft.evaluation.today import Today
from aeon_plugin_ft.messages import Language, entries
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from tests.conftest import REPOSITORY
from tests.evaluation.measurements import BETTER, judge, result, suite
from tests.evaluation.trials import Trial, english

MADE_OF_PARTS = ("check.", "fault.")
"""Whose keys are made of a kind of check, and of a fault."""
ENGLISH_WORDS = {"the", "of", "and", "replies", "before", "allowed", "needed", "measured", "not", "worse", "to", "is"}


def verdicts() -> Iterator[Verdict]:
    """As they come: accepted, refused for its talk, unmeasured, and against a cloud."""
    yield Trial(1).verdict()
    yield Trial(1, talk=english).verdict()
    yield judge({}, {})
    ours = SuiteResult(tuple(Answer("oi", "Tudo certo.", ()) for _ in range(20)), 0.75, 0.05, 0.5)
    base, today = replace(suite(tools=0.0), faulty=0.9), Today("groq gpt", suite=replace(ours, faulty=0.0))
    exams = {"base": result(0), "v0002": result(9)}
    yield judge(BETTER, {"base": base, "v0002": ours}, exams=exams, questions=60, today=replace(today, exam=result(1)))
    yield judge(BETTER, {"base": base, "v0002": replace(ours, faulty=0.4)}, exams=exams, questions=60, today=today)


@pytest.mark.parametrize("verdict", list(verdicts()), ids=lambda found: "accepted" if found.accepted else "refused")
def test_every_check_can_be_said_in_portuguese(verdict: Verdict) -> None:
    for check in verdict.checks:
        said = f"{check_title(check, Language.PT)}: {check_detail(check, Language.PT)}"
        assert not ENGLISH_WORDS & set(said.replace(",", " ").replace("(", " ").split()), said
        assert said != check_line(check) and check_line(check) == f"{check.name}: {check.detail}"


@pytest.mark.parametrize("verdict", list(verdicts()), ids=lambda found: "accepted" if found.accepted else "refused")
def test_a_manifest_keeps_the_sentence_with_its_values(verdict: Verdict) -> None:
    kept = json.loads(json.dumps(asdict(verdict)))
    assert tuple(read_check(raw) for raw in kept["checks"]) == verdict.checks


def test_the_process_says_it_in_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    said = sentence("losses.gain", ours="2.540", theirs="6.693", baseline="base", change="-62.0 %", low="-58.2 %",
                    needed="5%")  # fmt: skip
    check = checked(CheckKind.GAIN, True, said, against="base")
    assert check_line(check) == (
        "held-out loss against base: held-out loss 2.540 against 6.693 of base: -62.0 % (95 % sure of -58.2 % or more;"
        " 5% is needed)"
    )
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert check_line(check) == (
        "prever as suas conversas, contra base: perda 2,540 contra 6,693 de base nas conversas de prova: -62,0 % (com"
        " 95 % de certeza, -58,2 % ou mais; é preciso 5 %)"
    )


def test_what_another_release_found_is_shown_as_it_stands_there() -> None:
    raw = {"kind": "replies", "passed": False, "detail": "9% hum", "refusal": "faulty", "against": ""}
    for said in (None, {"key": "replies.hum", "slots": {}}, {"key": "replies.faulty", "slots": {"share": "9%"}}):
        assert check_detail(read_check({**raw, "said": said}), Language.PT) == "9% hum"
    assert check_detail(Check(CheckKind.REPLIES, False, "x", Refusal.FAULTY), Language.PT) == "x"


@pytest.mark.parametrize(
    ("written", "shown"), [("62.0 %", "62,0 %"), ("-5%", "-5 %"), ("3", "3"), ("v0001", "v0001"), ("4.2.1", "4.2.1")]
)
def test_numbers_are_written_as_the_language_writes_them(written: str, shown: str) -> None:
    assert (number_in(written, Language.PT), number_in(written, Language.EN)) == (shown, written)


def test_sentences_inside_a_sentence_are_in_the_same_language() -> None:
    worse = [sentence("replies.more_of_kind", ours="9%", fault=fault("does not stop"), before="0%")] * 2
    found = sentence("replies.worse_kinds", found=worse)
    assert said_in(found, Language.PT) == "9 % (não para); antes, 0 %; 9 % (não para); antes, 0 %"
    assert said_in(found, Language.EN) == "9% (does not stop), 0% before; 9% (does not stop), 0% before"


def test_every_sentence_is_there_and_none_beside() -> None:
    texts, asked = set(), set()
    for path in (REPOSITORY / "aeon_plugin_ft" / "evaluation").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sentence":
                key = node.args[0]
                chosen = [key.body, key.orelse] if isinstance(key, ast.IfExp) else [key]
                asked |= {one.value for one in chosen if isinstance(one, ast.Constant)}
    assert len(asked) > 20 and asked <= set(entries(AREA))
    spare = {
        key for key in entries(AREA) if key.removesuffix("_why") not in texts and not key.startswith(MADE_OF_PARTS)
    }
    assert spare == set()
    assert {f"check.{kind.name.lower()}" for kind in CheckKind} <= set(entries(AREA))
