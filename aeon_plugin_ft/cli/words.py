"""Values of enumerations as a person reads them: states, filters, relations. In English most are what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aeon_plugin_ft.causes import EndCause, PromotionCause
from aeon_plugin_ft.messages import Language, Speaker, language
from aeon_plugin_ft.wording import worded

if TYPE_CHECKING:
    from aeon_plugin_ft.registry import Version
    from aeon_plugin_ft.training.table import RunRow

_say = Speaker("cli/words")
_panel = Speaker("panel")


def run_state(value: str) -> str:
    """ "em pausa"."""
    return _say(f"run.{value}") if _say.has(f"run.{value}") else value


def version_state(value: str) -> str:
    """ "aprovada"."""
    return _say(f"version.{value}") if _say.has(f"version.{value}") else value


def left_out(name: str) -> str:
    """A filter, or a kind of talk, in a word or two; of one that a plugin adds, its name."""
    return _say(f"left_out.{name}") if _say.has(f"left_out.{name}") else name


def why_left_out(name: str, reason: str) -> str:
    """What a filter leaves out as a sentence; `reason` is what one that a plugin adds says of itself."""
    return _panel(f"filter.{name}") if _panel.has(f"filter.{name}") else reason


def decision(name: str) -> str:
    """What the owner decided about a turn: keep, drop, undo."""
    return _say(f"decision.{name}") if _say.has(f"decision.{name}") else name


def source(name: str) -> str:
    """Where talk comes from: "live", or an importer's name, which is that of a program."""
    return _say(f"source.{name}") if _say.has(f"source.{name}") else name


def relation(value: str) -> str:
    """What a fact says of its subject."""
    return _say(f"relation.{value}") if _say.has(f"relation.{value}") else value


def told_by(value: str) -> str:
    """Who says that a fact is so."""
    return _say(f"told_by.{value}") if _say.has(f"told_by.{value}") else value


def act(value: str) -> str:
    """What the schedule does."""
    return _say(f"act.{value}") if _say.has(f"act.{value}") else value


def signal(value: str) -> str:
    """What tells that a version does badly."""
    return _say(f"signal.{value}") if _say.has(f"signal.{value}") else value


def condition(name: str) -> str:
    """A condition of the schedule; other languages than English say it as the owner's page does."""
    key = _key(name)
    known = language() is not Language.EN and _panel.has(f"condition.{key}")
    return _panel(f"condition.{key}") if known else name


def inside(sentence: str) -> str:
    """As a part of another sentence: without the capital it begins with."""
    return sentence[:1].lower() + sentence[1:]


def _key(name: str) -> str:
    return name.replace(" ", "_").replace("-", "_")


# -- why a thing is where it is ------------------------------------------------------------------


def why_run(row: RunRow) -> str:
    """Why a run is in its state. What was noted then is English; whoever reads another language gets the cause."""
    if language() is Language.EN:
        return row.reason or worded(row.cause)
    if row.cause is EndCause.BROKE and row.reason:
        return _say("why.broke", cause=worded(row.cause), reason=row.reason)
    return worded(row.cause)


def why_version(version: Version, noted: str) -> str:
    """Why a version is in its state; `noted` is what was said when it came into it, in English."""
    from aeon_plugin_ft.evaluation.sentences import check_title
    from aeon_plugin_ft.registry import VersionState

    if language() is Language.EN:
        return noted or _say("why.better")
    if version.state is VersionState.TAINTED:
        return worded(EndCause.FORGOTTEN)
    if version.state is not VersionState.REJECTED:
        return _say("why.better")
    failed = [check_title(one) for one in version.verdict.checks if not one.passed]
    return _say("why.failed", checks=", ".join(failed)) if failed else worded(PromotionCause.WORSE)
