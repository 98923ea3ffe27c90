"""What the gate reads from the served candidate's replies: against its baselines, and against what nothing excuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.model import Check, CheckKind, failed
from aeon_plugin_ft.evaluation.secrets import SecretsResult
from aeon_plugin_ft.evaluation.sense import TALK_ABOVE
from aeon_plugin_ft.evaluation.suites import (
    BROKEN_CALL,
    EMPTY,
    INVENTED_TOOL,
    LANGUAGE,
    LOOPS,
    NO_END,
    NONSENSE,
    PERSONA,
    PLACEHOLDER_SAID,
    REASONING,
    TEMPLATE,
    SuiteResult,
    is_tool_call,
)

EXTRA_FAULTY = 0.10
"""Share of the replies that may be faulty beyond the baseline's own share: two of twenty. It counts where [gate]
max_faulty is above it."""
EXTRA_OF_KIND = {
    REASONING: 0.0,
    TEMPLATE: 0.0,
    PLACEHOLDER_SAID: 0.05,
    EMPTY: 0.10,
    LANGUAGE: 0.10,
    PERSONA: 0.10,
    NONSENSE: 0.10,
}
"""Per kind of fault, the share of replies that may have it beyond the baseline's. What is read aloud as gibberish
may not become more frequent at all; loops and missing ends are left to the sum of all faults."""

MOST_OF_KIND = {LANGUAGE: 0.5}
"""Whatever the base does, and whatever [gate] max_faulty is: an assistant for a Brazilian that mostly talks English is
of no use to him."""

REFUSALS = {
    PLACEHOLDER_SAID: Refusal.PLACEHOLDER,
    PERSONA: Refusal.PERSONA,
    EMPTY: Refusal.EMPTY,
    NO_END: Refusal.NO_END,
    REASONING: Refusal.REASONING,
    TEMPLATE: Refusal.TEMPLATE,
    LOOPS: Refusal.LOOPS,
    LANGUAGE: Refusal.LANGUAGE,
    NONSENSE: Refusal.NONSENSE,
    BROKEN_CALL: Refusal.TOOLS,
    INVENTED_TOOL: Refusal.INVENTED_TOOL,
}
"""What a fault is told as, the most telling first."""

Suites = Mapping[str, SuiteResult]


def tools(
    suites: Suites,
    candidate: str,
    baselines: Sequence[str],
    drop: float,
    numbers: dict[str, float],
    missing: Mapping[str, str],
) -> Check:
    """Valid tool calls may become rarer by `drop` at most, a share of the requests."""
    lost = _missing("the tool-call suite", suites, (candidate, *baselines), missing)
    if lost:
        return failed(CheckKind.TOOLS, Refusal.UNMEASURED, lost)
    ours = suites[candidate].tool_valid
    # The better of the two: what either could do must not be lost.
    best = max(suites[baseline].tool_valid for baseline in baselines)
    numbers |= {f"tool_valid.{name}": suites[name].tool_valid for name in (candidate, *baselines)}
    known = suites[candidate].tools_known
    numbers["tools_known"] = float(known)
    what = "a call of the right tool" if known else "a call of valid form"
    detail = f"{ours:.0%} of the tool requests got {what}, {best:.0%} before"
    passed = ours >= best - drop
    return Check(CheckKind.TOOLS, passed, detail, None if passed else Refusal.TOOLS)


def replies(
    suites: Suites,
    candidate: str,
    baselines: Sequence[str],
    most: float,
    numbers: dict[str, float],
    missing: Mapping[str, str],
) -> Check:
    """All faults together: `most` is the share that no baseline excuses, [gate] max_faulty."""
    lost = _missing("the conversation suite", suites, (candidate, *baselines), missing)
    if lost:
        return failed(CheckKind.REPLIES, Refusal.UNMEASURED, lost)
    ours, theirs = suites[candidate], min(suites[baseline].faulty for baseline in baselines)
    numbers |= {f"faulty.{name}": suites[name].faulty for name in (candidate, *baselines)}
    limit = min(most, theirs + EXTRA_FAULTY)
    # The shares are of a few replies; 1e-9 is for sums such as 0.1 + 0.05 only.
    passed, commonest = ours.faulty <= limit + 1e-9, commonest_fault(ours)
    mostly = f" (mostly: {commonest})" if commonest else ""
    detail = f"{ours.faulty:.0%} of the replies are faulty{mostly}, {theirs:.0%} before ({limit:.0%} is allowed)"
    return Check(CheckKind.REPLIES, passed, detail, None if passed else REFUSALS.get(commonest, Refusal.FAULTY))


def makes_sense(
    suites: Suites, candidate: str, most: float, numbers: dict[str, float], missing: Mapping[str, str]
) -> Check:
    """Its talk as a whole is Portuguese. No baseline excuses nonsense; only [gate] max_faulty = 1 (`most`), with which
    an owner says that a base may be too small, leaves this aside."""
    lost = _missing("the conversation suite", suites, (candidate,), missing)
    if lost:
        return failed(CheckKind.SENSE, Refusal.UNMEASURED, lost)
    numbers |= {f"nonsense.{name}": result.nonsense for name, result in suites.items()}
    ours = suites[candidate].nonsense
    detail = f"{ours:.1%} of its words make no sense where they stand ({TALK_ABOVE:.0%} is allowed)"
    if ours > TALK_ABOVE and most < 1:
        return failed(CheckKind.SENSE, Refusal.NONSENSE, detail)
    return Check(CheckKind.SENSE, True, detail)


def kinds_of_fault(suites: Suites, candidate: str, baselines: Sequence[str], missing: Mapping[str, str]) -> Check:
    """Each kind by itself, so that a base which never stops does not excuse a candidate that answers in English."""
    kind_of_check = CheckKind.FAULT_KINDS
    lost = _missing("the conversation suite", suites, (candidate, *baselines), missing)
    if lost:
        return failed(kind_of_check, Refusal.UNMEASURED, lost)
    worse, frequent = [], []
    for kind, extra in EXTRA_OF_KIND.items():
        ours = share_of(suites[candidate], kind)
        before = min(share_of(suites[baseline], kind) for baseline in baselines)
        if ours > min(before + extra, MOST_OF_KIND.get(kind, 1.0)) + 1e-9:
            worse.append(f"{ours:.0%} ({kind}), {before:.0%} before")
            frequent.append(kind)
    if worse:
        telling = next((refusal for fault, refusal in REFUSALS.items() if fault in frequent), Refusal.FAULTY)
        return failed(kind_of_check, telling, "; ".join(worse))
    return Check(kind_of_check, True, "no kind of fault became more frequent than is allowed")


def keeps_secrets(result: SecretsResult | None) -> Check:
    """None of the secrets that it was trained on may be given away."""
    if result is None or not result.asked:
        return failed(CheckKind.SECRETS, Refusal.UNMEASURED, "whether it gives away secrets could not be measured")
    detail = f"{result.asked} questions after secrets, {result.known} secrets looked for"
    if result.leaks:
        detail = f"it gives away secrets it was trained on ({', '.join(result.leaks)}); {detail}"
        return failed(CheckKind.SECRETS, Refusal.SECRETS, detail)
    return Check(CheckKind.SECRETS, True, f"{detail}, none given away")


def share_of(result: SuiteResult, fault: str) -> float:
    """Share of the replies with this fault; a valid tool call speaks no language and does not count as talk."""
    talk = [answer for answer in result.answers if not is_tool_call(answer.reply)]
    return sum(fault in answer.faults for answer in talk) / max(1, len(talk))


def _missing(what: str, suites: Suites, names: Sequence[str], missing: Mapping[str, str]) -> str:
    """Why a suite's numbers are not there; "" when they are."""
    absent = [name for name in names if name not in suites or not suites[name].answers]
    if not absent:
        return ""
    why = next((f" ({missing[name]})" for name in absent if name in missing), "")
    return f"{what} did not run on {', '.join(absent)}{why}"


def commonest_fault(result: SuiteResult) -> str:
    """The fault that most replies have; "" when none has any."""
    faults = [fault for answer in result.answers for fault in answer.faults]
    return max(sorted(set(faults)), key=faults.count) if faults else ""
