"""What is kept with a version besides its verdict: data, training, losses and answers, as one JSON document.

    {"format": 1, "candidate", "current", "base", "served_digest",
     "served": {"backend", "digest", "kl", ...},             how it was served and how faithfully; in the manifest too
     "losses": {set: {model: [[nats, tokens], ...]}},        one pair an example
     "suites": {model: {"answers": [{"prompt", "reply", "faults"}], "tool_valid", "faulty", "seconds", "nonsense"}},
     "exams": {model: [{"question", "facts", "reply", "mark"}]},  absent before there were exams
     "today": {"name", "compared", "why_not"},               what answered the owner then; absent likewise
     "curve": [[step, loss], ...],                           of the training, nats per supervised token
     "training": {...}, "recipe": {...},                     outcome.json and run.json of the run
     "origin": {"trainer", "dataset", "aside", "unknown": [...], ...},  of an adapter from elsewhere; absent otherwise
     "data": {"dataset", "train", "heldout", "dropped": {filter: count}, "since", "until", "sources": {name: count}}}

"{}" stands for a report that was forgotten on the owner's request; every reader copes with it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.frozen import read_lineage
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.evaluation.exam import ExamResult
from aeon_plugin_ft.evaluation.model import HeldoutLoss, Verdict
from aeon_plugin_ft.evaluation.suites import SuiteResult
from aeon_plugin_ft.evaluation.today import Today
from aeon_plugin_ft.training.imported import ORIGIN_FILE
from aeon_plugin_ft.training.model import Run
from aeon_plugin_ft.training.progress import read_events
from aeon_plugin_ft.turns.model import KNOWN_FROM

FORMAT = 1
TODAY = "today"
"""The name that what answers today goes by among the suites and exams, where it is none of the baselines."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What was judged: `name` is the version's, `current` what it was compared with besides the base."""

    name: str
    current: str
    run: Run
    dataset: Dataset
    base: BaseModel
    digest: str
    served: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models on the same held-out examples: the share by which `first` lowers the loss of `second`, and on
    how many of the examples it was better."""

    gain: float
    examples: int
    better: int


def collect(
    candidate: Candidate,
    verdict: Verdict,
    losses: Mapping[str, Mapping[str, HeldoutLoss]],
    suites: Mapping[str, SuiteResult],
    exams: Mapping[str, ExamResult] | None = None,
    today: Today | None = None,
) -> dict[str, Any]:
    """The report of one verdict, ready for JSON."""
    asked_today = {} if today is None or today.suite is None else {TODAY: today.suite}
    exam_today = {} if today is None or today.exam is None else {TODAY: today.exam}
    origin = _json(candidate.run.folder / ORIGIN_FILE)
    return {
        **({"origin": origin} if origin else {}),
        "format": FORMAT,
        "candidate": candidate.name,
        "current": candidate.current,
        "base": candidate.base.spec,
        "served_digest": candidate.digest,
        "served": dict(candidate.served),
        "accepted": verdict.accepted,
        "losses": {set_: {name: loss.per_example for name, loss in of.items()} for set_, of in losses.items()},
        "suites": {model: asdict(result) for model, result in (*suites.items(), *asked_today.items())},
        "exams": {
            model: [asdict(answer) for answer in result.answers]
            for model, result in (*(exams or {}).items(), *exam_today.items())
        },
        "today": None if today is None else _today(today),
        "curve": curve(candidate.run.progress_file),
        "training": _json(candidate.run.outcome_file),
        "recipe": _json(candidate.run.folder / "run.json").get("recipe", {}),
        "data": data_used(candidate.dataset),
    }


def _today(today: Today) -> dict[str, Any]:
    return {"name": today.name, "compared": today.suite is not None or bool(today.baseline), "why_not": today.why_not}


def curve(progress: Path) -> list[tuple[int, float]]:
    """(optimizer step, loss) of a run, each step once: a resumed run repeats what it lost."""
    losses_by_step = {
        int(event["step"]): float(event["loss"])
        for event in read_events(progress)
        if event.get("event") == "progress" and event.get("loss") is not None
    }
    return sorted(losses_by_step.items())


def data_used(dataset: Dataset) -> dict[str, Any]:
    """How many conversations of when and from where; no text."""
    rows = read_lineage(dataset) if (dataset.folder / "lineage.jsonl").exists() else []
    times = [row["at"] for row in rows if row["at"] and row["at"] >= KNOWN_FROM]
    return {
        "dataset": dataset.hash,
        "train": dataset.train,
        "heldout": dataset.heldout,
        "dropped": _json(dataset.folder / "dataset.json").get("dropped", {}),
        "since": min(times, default=None),
        "until": max(times, default=None),
        "sources": dict(Counter(row["source"] for row in rows)),
    }


def compared(report: Mapping[str, Any], first: str, second: str) -> Compared | None:
    """Two models of one report, example by example; None when it did not measure both."""
    measured = report.get("losses", {}).get("heldout", {})
    ours, theirs = measured.get(first), measured.get(second)
    if not ours or not theirs or len(ours) != len(theirs):
        return None
    pairs = [(a[0], b[0]) for a, b in zip(ours, theirs, strict=True) if a[1]]
    total = sum(b for _, b in pairs)
    if not pairs or not total:
        return None
    return Compared(1 - sum(a for a, _ in pairs) / total, len(pairs), sum(a < b for a, b in pairs))


def _json(path: Path) -> dict[str, Any]:
    """A JSON object of a run or dataset; {} where there is none (the report then says nothing about it)."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
