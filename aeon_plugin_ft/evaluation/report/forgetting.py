"""A report without what the owner wanted forgotten: the questions about those facts, and every reply that says them.

A model need not have been trained on a fact to be asked about it: whatever is held is asked of it in its exam.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aeon_plugin_ft.facts.marking import mentions
from aeon_plugin_ft.facts.model import Fact


def without_facts(report: Mapping[str, Any], facts: Iterable[Fact]) -> dict[str, Any] | None:
    """The report without them; None where it holds nothing of them. The counts of the verdict stay: they say nothing of
    what was asked."""
    gone = list(facts)
    ids = {id for fact in gone for id in (fact.id, *fact.others)}
    values = {fact.value for fact in gone if fact.value}

    def says(*texts: str) -> bool:
        return any(mentions(text, value) for text in texts for value in values)

    exams, suites = report.get("exams") or {}, report.get("suites") or {}
    # By question, in every model's column: the page puts them side by side.
    asked = {row["question"] for rows in exams.values() for row in rows if ids & set(row["facts"])}
    asked |= {row["question"] for rows in exams.values() for row in rows if says(row["question"], row["reply"])}
    talked = {row["prompt"] for of in suites.values() for row in of["answers"] if says(row["prompt"], row["reply"])}
    if not asked and not talked:
        return None
    kept_exams = {name: [row for row in rows if row["question"] not in asked] for name, rows in exams.items()}
    kept_suites = {
        name: {**of, "answers": [row for row in of["answers"] if row["prompt"] not in talked]}
        for name, of in suites.items()
    }
    return {**report, "exams": kept_exams, "suites": kept_suites}
