"""The report page: well-formed, self-contained, escaped, in Portuguese, and readable after parts were forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.evaluation.model import Check, CheckKind, Verdict
from aeon_plugin_ft.evaluation.report.collect import compared, data_used
from aeon_plugin_ft.evaluation.report.drawing import loss_curve, smoothed
from aeon_plugin_ft.evaluation.report.page import POLICY, html_page
from tests.evaluation.report.pages import a_report, read
from tests.evaluation.trials import Trial, english

NOONS = (1599998400.0, 1699963200.0)
"""In UTC, of days that are the same nearly everywhere."""


def page(report: dict[str, Any] | None = None, verdict: Verdict | None = None) -> str:
    return html_page("v0001", 1.7e9, verdict or Trial(1).verdict(), a_report() if report is None else report)


def test_it_is_well_formed_and_loads_nothing() -> None:
    found = read(page())
    assert found.loads == [] and not {"script", "link", "img", "iframe", "object"} & set(found.tags)
    assert "url(" not in page() and "@import" not in page() and POLICY.startswith("default-src 'none'")
    assert found.tags.count("svg") == 1


def test_it_says_what_was_learnt_from_what_changed_and_how_to_undo_it() -> None:
    text = read(page()).text
    for said in ("aprovada", "melhor que o modelo sem treino", "Comandos com forma válida", "1.234", "canned: 12",
                 "Sou o Aeon.",
                 "volta o modelo anterior", "aeon-ft rollback", "3 min 20 s", "0.001", "Segredos"):  # fmt: skip
        assert said in text, said


def test_a_refusal_names_what_failed_in_portuguese() -> None:
    text = read(page(verdict=Trial(1, talk=english).verdict())).text
    assert "recusada" in text and "não passou" in text and "não há o que desfazer" in text.lower()
    assert "Tipos de defeito" in text


def test_whatever_a_model_says_is_shown_and_not_run() -> None:
    evil = '<script>alert(1)</script> <img src=http://x/y> & "quotes" </td></table>'
    suites = {"v0001": {"answers": [{"prompt": evil, "reply": evil, "faults": [evil]}]}}
    data = {**a_report()["data"], "sources": {evil: 1}, "dropped": {evil: 2}}
    verdict = Verdict(False, (Check(CheckKind.GAIN, False, evil, against=evil),), {})
    found = read(page(a_report(suites=suites, data=data, base=evil), verdict))
    assert found.loads == [] and "script" not in found.tags and found.text.count("alert(1)") >= 6


@pytest.mark.parametrize("report", [{}, {"curve": []}, {"suites": {}}, {"data": {}}])
def test_a_report_that_was_forgotten_still_makes_a_page(report: dict[str, Any]) -> None:
    text = read(page(report)).text
    assert "v0001" in text and "esquecidos" in text


@pytest.mark.parametrize(("since", "shown"), [(0.003, "14/11/2023"), (NOONS[0], "13/09/2020 a 14/11/2023")])
def test_a_period_that_begins_nowhere_is_shown_from_where_it_is_known(since: float, shown: str) -> None:
    """Turns of imports that tell no time are counted from 1970 on, of which Windows makes no local time at all."""
    data = {**a_report()["data"], "since": since, "until": NOONS[1]}
    text = read(page(a_report(data=data))).text
    assert f"Período{shown}Origem" in text
    nothing = {**data, "until": 0.004}
    assert "Período" not in read(page(a_report(data={**nothing, "since": 0.003}))).text


def test_turns_of_unknown_time_do_not_make_the_period_longer(tmp_path: Path) -> None:
    rows = [{"at": at, "source": "live", "split": "train"} for at in (0.001, 1.6e9, 1.7e9)]
    (tmp_path / "lineage.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    (tmp_path / "dataset.json").write_text("{}", encoding="utf-8")
    used = data_used(Dataset("d", tmp_path, 2, 1, 0))
    assert (used["since"], used["until"]) == (1.6e9, 1.7e9)


def test_nothing_measured_is_said_to_be_so() -> None:
    verdict = Verdict(False, (Check(CheckKind.TOOLS, False, "the tool-call suite did not run on v0001"),), {})
    assert "sem medida não há aprovação" in read(page(verdict=verdict)).text


def test_the_curve_stays_inside_its_frame() -> None:
    points = [(float(n), 5.0 if n == 7 else 1 / n) for n in range(1, 50)]
    found = read(loss_curve(points, "x"))
    assert found.tags.count("circle") == len(points)
    assert loss_curve(points[:1], "x") == "" and loss_curve([(1.0, 2.0), (2.0, 2.0)], "x")
    assert smoothed([(1, 2.0), (2, 4.0)])[-1] == (2, 3.0)


def test_two_models_are_compared_example_by_example() -> None:
    found = compared(a_report(), "v0001", "base")
    assert found is not None and (found.examples, found.better) == (2, 1)
    assert found.gain == pytest.approx(1 - 42 / 50)
    assert compared(a_report(), "v0009", "base") is None and compared({}, "v0001", "base") is None
