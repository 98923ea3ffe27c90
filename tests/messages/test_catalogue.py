"""Every message in both languages, every one used, and nothing said outside of the catalogue."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import jinja2
import pytest

from aeon_plugin_ft import events
from aeon_plugin_ft.causes import EndCause, LoopPhase, NotTrained, PauseCause, PromotionCause, Trouble
from aeon_plugin_ft.dataset.filters import OWNER
from aeon_plugin_ft.evaluation import suites
from aeon_plugin_ft.evaluation.exam import Mark
from aeon_plugin_ft.evaluation.model import CheckKind
from aeon_plugin_ft.extensions import Extensions
from aeon_plugin_ft.facts.model import FactSource
from aeon_plugin_ft.messages import Language, Messages, catalogue, entries, speech
from aeon_plugin_ft.messages.formats import Formats
from aeon_plugin_ft.panel.happened import QUIET
from aeon_plugin_ft.panel.progress import Stage
from aeon_plugin_ft.panel.views.settings import OWNERS, Kind, as_shown
from aeon_plugin_ft.registry import VersionState
from aeon_plugin_ft.schedule.conditions import ConditionName
from aeon_plugin_ft.settings import Settings, sections
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.turns.model import TurnKind
from aeon_plugin_ft.voice.control import Reason, Waiting
from tests.conftest import REPOSITORY

PANEL = REPOSITORY / "aeon_plugin_ft" / "panel"
AREAS = sorted(path.relative_to(catalogue.DATA).with_suffix("").as_posix() for path in catalogue.DATA.rglob("*.toml"))
TEMPLATES = sorted((PANEL / "templates").glob("*.html"))
SAME_IN_BOTH = {"page.name", "talks.aeon", "facts.example", "span.seconds", "span.minutes_seconds", "span.minutes",
                "span.hours_minutes", "training.of", "stage.", "settings.decimal"}  # fmt: skip
"""Names, numbers, and what the owner says, which is Portuguese."""


def named(value: str) -> str:
    return value.replace(" ", "_").replace("-", "_")


# -- both languages ------------------------------------------------------------------------------


@pytest.mark.parametrize("area", AREAS)
def test_each_message_is_there_in_both_languages_with_the_same_slots(area: str) -> None:
    for key, texts in entries(area).items():
        forms = [form for one in texts.values() for form in one]
        assert all(form.strip() for form in forms), key
        assert len({len(one) for one in texts.values()}) == 1, f"{key} has two forms in one language only"
        # One and several say the same; what happened and what to do about it need not.
        for same in zip(*texts.values(), strict=True) if area.startswith("errors/") else [forms]:
            slots = [{name for _, name, _, _ in string.Formatter().parse(form) if name} for form in same]
            assert all(one - {"n"} == slots[0] - {"n"} for one in slots), key
        if area == "panel" and key not in SAME_IN_BOTH and len(texts[Language.PT][0]) > 24:
            assert texts[Language.PT] != texts[Language.EN], f"{key} was not translated"


def test_a_message_in_one_language_only_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half.toml").write_text('[a]\nb = { pt = "só assim" }\n', encoding="utf-8")
    monkeypatch.setattr(catalogue, "DATA", tmp_path)
    with pytest.raises(ValueError, match=r"a\.b"):
        entries("half")


def test_every_value_that_is_shown_has_words() -> None:
    shown = {
        "reason": Reason, "waiting": Waiting, "stage": Stage, "doing": LoopPhase, "left": NotTrained,
        "trouble_is": Trouble, "condition": ConditionName, "check": CheckKind, "mark": Mark, "run": RunState,
        "source": FactSource,
    }  # fmt: skip
    wanted = {f"{section}.{named(one.value)}" for section, kind in shown.items() for one in kind}
    wanted |= {f"cause.{one.value}" for kind in (PauseCause, EndCause, PromotionCause) for one in kind}
    wanted |= {f"kind.{one.value}" for one in TurnKind if one is not TurnKind.CHAT}
    wanted |= {f"version.state_{one.value}" for one in VersionState}
    filters = [one.name for one in Extensions.built_in().filters.all()]
    wanted |= {f"filter.{name}" for name in (*filters, *OWNER)}
    faults = (suites.EMPTY, suites.NO_END, suites.REASONING, suites.TEMPLATE, suites.PLACEHOLDER_SAID, suites.LOOPS,
              suites.BROKEN_CALL, suites.LANGUAGE, suites.PERSONA, suites.INVENTED_TOOL, suites.NONSENSE)  # fmt: skip
    wanted |= {f"fault.{named(fault)}" for fault in faults}
    wanted |= {f"section.{name}" for name in sections()} | {f"setting.{key.replace('.', '_')}" for key in OWNERS}
    assert wanted - set(entries("panel")) == set()


def test_every_event_is_told_or_known_to_be_quiet() -> None:
    told = set(entries("panel"))
    for kind in events.Event.__subclasses__():
        if kind.name not in QUIET:
            assert any(key.startswith(f"event.{kind.name}") for key in told), kind.name


def test_each_value_that_an_owner_can_choose_has_a_name() -> None:
    shown = [as_shown(key, Settings()) for key in OWNERS]
    names = [f"value.{one.name}_{option}" for one in shown if one.kind is not Kind.SWITCH for option in one.options]
    assert names and [name for name in names if name not in entries("panel")] == []


def test_the_meaning_of_each_setting_is_that_of_the_settings() -> None:
    meanings = entries("settings")
    own = {
        f"meaning.{section}_{key}": info.description
        for section, model in sections().items()
        for key, info in model.model_fields.items()
    }
    said = {key: texts[Language.EN][0] for key, texts in meanings.items() if not key.startswith("file.")}
    assert said == own


# -- used, and nothing beside it -----------------------------------------------------------------


def whole_keys(text: str) -> set[str]:
    """Every text in quotes that may name a message: "section.entry"."""
    return set(re.findall(r"[\"']([a-z_]+\.[a-z_]+)[\"']", text))


def begun_keys(text: str) -> set[str]:
    """What keys begin with that are put together: "stage." ~ stage, f"note.{kind}"."""
    return set(re.findall(r"[\"']([a-z]+(?:_[a-z]+)*\.(?:[a-z]+_)*)[\"'{]", text)) | {
        f"{section}." for section in re.findall(r"named\([\"']([a-z_]+)[\"']", text)
    }


def sources() -> str:
    files = [*TEMPLATES, *PANEL.rglob("*.py"), Path(speech.__file__)]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_every_message_that_is_asked_for_is_there() -> None:
    known = set(entries("panel"))
    asked = set(re.findall(r"\bt\([\"']([\w.]+)[\"'](?! ~)", sources()))
    asked |= set(re.findall(r"(?:note|outcome|say)\((?:[^\"'()]*, )?[\"']([a-z_]+\.[a-z_]+)[\"']", sources()))
    assert asked - known == set() and len(asked) > 150


def test_every_message_is_asked_for() -> None:
    text = sources()
    whole, begun = whole_keys(text), begun_keys(text)
    unused = [key for key in entries("panel") if key not in whole and not any(map(key.startswith, begun))]
    assert unused == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_by_itself(template: Path) -> None:
    """What stands between the tags comes from the catalogue; commands that are typed are no language."""
    tokens = jinja2.Environment().lex(template.read_text(encoding="utf-8"))
    plain = "".join(value if kind == "data" else " " for _, kind, value in tokens)
    plain = re.sub(r"<code>.*?</code>|<[^>]*>|<[^<]*$", " ", plain, flags=re.DOTALL)
    assert re.findall(r"[^\W\d_]{2,}", re.sub(r"&\w+;|[\w\-]+=\"|\"", " ", plain)) == []


def test_attributes_that_are_read_aloud_come_from_the_catalogue() -> None:
    for template in TEMPLATES:
        text = template.read_text(encoding="utf-8")
        for name, value in re.findall(r"\b(aria-label|title|placeholder|alt)=\"([^\"]*)\"", text):
            assert not value or value.startswith("{{"), f"{template.name}: {name}={value}"


def test_no_view_writes_a_sentence() -> None:
    for path in PANEL.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"note", "outcome"}:
                texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                assert all("." in text and " " not in text for text in texts), (path.name, texts)


# -- which language ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("pt-BR,pt;q=0.9,en;q=0.8", Language.PT), ("en-US,en;q=0.9", Language.EN), ("", Language.PT),
        ("de-DE,en;q=0.7,pt;q=0.3", Language.EN), ("en;q=0.3, pt;q=0.8", Language.PT), ("ja", Language.PT),
        ("en;q=0,pt;q=0.1", Language.PT), ("en;q=x,pt", Language.PT), ("*", Language.PT), ("EN", Language.EN),
    ],
)  # fmt: skip
def test_the_browser_chooses_the_language(accepted: str, language: Language) -> None:
    assert Language.wanted(accepted) is language


def test_one_and_several() -> None:
    say = Messages("panel", Language.PT)
    assert say("home.logged", n=1) == "uma conversa guardada"
    assert say("home.logged", n=0) == "0 conversas guardadas"
    with pytest.raises(KeyError):
        say("home.no_such")
    with pytest.raises(KeyError):
        say("home.undo")


def test_what_is_put_into_a_message_is_no_message() -> None:
    assert "{other}" in Messages("panel", Language.PT)("home.undo", where="{other}")


def test_numbers_spans_and_moments() -> None:
    now = 1_772_460_000.0
    pt, en = Formats(Language.PT, lambda: now), Formats(Language.EN, lambda: now)
    assert (pt.number(1234.5, 1), en.number(1234.5, 1)) == ("1.234,5", "1,234.5")
    assert (pt.percent(0.125), pt.percent(0.031), pt.percent(0.0)) == ("12 %", "3,1 %", "0 %")
    assert (pt.size(1.25e9), pt.size(3e8)) == ("1,2 GB", "300 MB")
    spans = [pt.span(seconds) for seconds in (5, 65, 1800, 7500, 3e5)]
    assert spans == ["5 s", "1 min 5 s", "30 min", "2 h 5 min", "3 dias"]
    assert (pt.day(now), pt.day(now - 86_400), en.day(now)) == ("hoje", "ontem", "today")
    assert re.fullmatch(r"\d+ de dezembro de 2025", pt.day(now - 80 * 86_400))
    assert pt.moment(5.0) == "data desconhecida" and pt.moment(now).startswith("hoje às ")
