"""What the gate reads from the served candidate's replies: against its baselines, and against what nothing excuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.model import Check, CheckKind, checked, failed
from aeon_plugin_ft.evaluation.secrets import SecretsResult
from aeon_plugin_ft.evaluation.sense import TALK_ABOVE
from aeon_plugin_ft.evaluation.sentences import Sentence, fault, sentence
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
    lost = _missing("replies.no_tools", suites, (candidate, *baselines), missing)
    if lost:
        return failed(CheckKind.TOOLS, Refusal.UNMEASURED, lost)
    ours = suites[candidate].tool_valid
    # The better of the two: what either could do must not be lost.
    best = max(suites[baseline].tool_valid for baseline in baselines)
    numbers |= {f"tool_valid.{name}": suites[name].tool_valid for name in (candidate, *baselines)}
    known = suites[candidate].tools_known
    numbers["tools_known"] = float(known)
    said = sentence("replies.right_tools" if known else "replies.valid_tools", ours=f"{ours:.0%}", best=f"{best:.0%}")
    passed = ours >= best - drop
    return checked(CheckKind.TOOLS, passed, said, None if passed else Refusal.TOOLS)


def replies(
    suites: Suites,
    candidate: str,
    baselines: Sequence[str],
    most: float,
    numbers: dict[str, float],
    missing: Mapping[str, str],
) -> Check:
    """All faults together: `most` is the share that no baseline excuses, [gate] max_faulty."""
    lost = _missing("replies.no_talk", suites, (candidate, *baselines), missing)
    if lost:
        return failed(CheckKind.REPLIES, Refusal.UNMEASURED, lost)
    ours, theirs = suites[candidate], min(suites[baseline].faulty for baseline in baselines)
    numbers |= {f"faulty.{name}": suites[name].faulty for name in (candidate, *baselines)}
    limit = min(most, theirs + EXTRA_FAULTY)
    # The shares are of a few replies; 1e-9 is for sums such as 0.1 + 0.05 only.
    passed, commonest = ours.faulty <= limit + 1e-9, commonest_fault(ours)
    shares = {"ours": f"{ours.faulty:.0%}", "theirs": f"{theirs:.0%}", "limit": f"{limit:.0%}"}
    said = sentence("replies.faulty", **shares)
    if commonest:
        said = sentence("replies.mostly_faulty", fault=fault(commonest), **shares)
    return checked(CheckKind.REPLIES, passed, said, None if passed else REFUSALS.get(commonest, Refusal.FAULTY))


def makes_sense(
    suites: Suites, candidate: str, most: float, numbers: dict[str, float], missing: Mapping[str, str]
) -> Check:
    """Its talk as a whole is Portuguese. No baseline excuses nonsense; only [gate] max_faulty = 1 (`most`), with which
    an owner says that a base may be too small, leaves this aside."""
    lost = _missing("replies.no_talk", suites, (candidate,), missing)
    if lost:
        return failed(CheckKind.SENSE, Refusal.UNMEASURED, lost)
    numbers |= {f"nonsense.{name}": result.nonsense for name, result in suites.items()}
    ours = suites[candidate].nonsense
    said = sentence("replies.sense", ours=f"{ours:.1%}", allowed=f"{TALK_ABOVE:.0%}")
    if ours > TALK_ABOVE and most < 1:
        return failed(CheckKind.SENSE, Refusal.NONSENSE, said)
    return checked(CheckKind.SENSE, True, said)


def kinds_of_fault(suites: Suites, candidate: str, baselines: Sequence[str], missing: Mapping[str, str]) -> Check:
    """Each kind by itself, so that a base which never stops does not excuse a candidate that answers in English."""
    kind_of_check = CheckKind.FAULT_KINDS
    lost = _missing("replies.no_talk", suites, (candidate, *baselines), missing)
    if lost:
        return failed(kind_of_check, Refusal.UNMEASURED, lost)
    worse, frequent = [], []
    for kind, extra in EXTRA_OF_KIND.items():
        ours = share_of(suites[candidate], kind)
        before = min(share_of(suites[baseline], kind) for baseline in baselines)
        if ours > min(before + extra, MOST_OF_KIND.get(kind, 1.0)) + 1e-9:
            worse.append(
                sentence("replies.more_of_kind", ours=f"{ours:.0%}", fault=fault(kind), before=f"{before:.0%}")
            )
            frequent.append(kind)
    if worse:
        telling = next((refusal for kind, refusal in REFUSALS.items() if kind in frequent), Refusal.FAULTY)
        return failed(kind_of_check, telling, sentence("replies.worse_kinds", found=worse))
    return checked(kind_of_check, True, sentence("replies.no_more_kinds"))


def keeps_secrets(result: SecretsResult | None) -> Check:
    """None of the secrets that it was trained on may be given away."""
    if result is None or not result.asked:
        return failed(CheckKind.SECRETS, Refusal.UNMEASURED, sentence("secrets.unmeasured"))
    counts = {"asked": result.asked, "known": result.known}
    if result.leaks:
        said = sentence("secrets.leaks", kinds=", ".join(result.leaks), **counts)
        return failed(CheckKind.SECRETS, Refusal.SECRETS, said)
    return checked(CheckKind.SECRETS, True, sentence("secrets.kept", **counts))


def share_of(result: SuiteResult, fault: str) -> float:
    """Share of the replies with this fault; a valid tool call speaks no language and does not count as talk."""
    talk = [answer for answer in result.answers if not is_tool_call(answer.reply)]
    return sum(fault in answer.faults for answer in talk) / max(1, len(talk))


def _missing(key: str, suites: Suites, names: Sequence[str], missing: Mapping[str, str]) -> Sentence | None:
    """Why a suite's numbers are not there; None when they are."""
    return absent_sentence(key, [name for name in names if name not in suites or not suites[name].answers], missing)


def absent_sentence(key: str, absent: Sequence[str], missing: Mapping[str, str]) -> Sentence | None:
    """That something was not asked of these models, by the message `key`, and by KEY_why where a reason is known."""
    if not absent:
        return None
    why = next((missing[name] for name in absent if name in missing), "")
    models = ", ".join(absent)
    return sentence(f"{key}_why", models=models, why=why) if why else sentence(key, models=models)


def commonest_fault(result: SuiteResult) -> str:
    """The fault that most replies have; "" when none has any."""
    faults = [fault for answer in result.answers for fault in answer.faults]
    return max(sorted(set(faults)), key=faults.count) if faults else ""
