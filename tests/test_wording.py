"""Meaning is typed: every sentence is reworded, and nothing but the wording changes."""

from __future__ import annotations

import ast
import string
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from aeon_plugin_ft import events, wording
from aeon_plugin_ft.causes import (
    Cause,
    Doing,
    EndCause,
    HoldCause,
    LoopPhase,
    OnPhase,
    PauseCause,
    PromotionCause,
    Refusal,
    RunPhase,
    Trouble,
    Unknown,
    run_cause,
)
from aeon_plugin_ft.control import next_training
from aeon_plugin_ft.errors import RefusedError, TrainingError
from aeon_plugin_ft.evaluation import sentences as found
from aeon_plugin_ft.evaluation.gate import gate
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.messages import Language, entries
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.plugin import FineTuning
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.registry.promotions import note_promotion
from aeon_plugin_ft.schedule import FailurePolicy, Observed, conditions, next_step
from aeon_plugin_ft.schedule.observer import ScheduleObserver
from aeon_plugin_ft.settings import GateSection, ScheduleSection, Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.table import add_run, set_state
from aeon_plugin_ft.turns import TurnIndex, TurnKind
from aeon_plugin_ft.voice import catalogue
from aeon_plugin_ft.voice.announce import describe
from aeon_plugin_ft.voice.catalogue import Catalogue
from aeon_plugin_ft.watch import watch
from hooks import Attempt, HookCaller, Host, Message, Route, Turn, build_manager
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "aeon_plugin_ft"
ANSWER_SECONDS = 60.0
SEEN = Observed(
    now=datetime(2026, 3, 2, 15), new_turns=9999, trained_before=True, since_last_run=1e9, idle=1e5, on_mains=True,
    busy_share=0.0, free_disk=10**12, free_memory=10**12,
)  # fmt: skip


# -- other words ---------------------------------------------------------------------------------


def _other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sentence becomes a number, no two the same; of the slots, the catalogue keeps its own."""
    number = count(1)
    slots = {key: _slots(texts[0]) for key, texts in catalogue.variants().items()}
    sentences = {key: tuple(f"xq{next(number)} {' '.join(names)}" for _ in range(3)) for key, names in slots.items()}
    monkeypatch.setattr(catalogue, "variants", lambda: sentences)
    others = {kind: {one: f"wz{next(number)}" for one in kind} for kind in wording.SECTIONS}
    monkeypatch.setattr(wording, "words", lambda _: others)
    monkeypatch.setattr(watch, "_IN_WORDS", {one: f"yv{next(number)}" for one in watch._IN_WORDS})
    made = conditions.Condition
    monkeypatch.setattr(conditions, "Condition", lambda name, met, _: made(name, met, f"ku{next(number)}"))
    monkeypatch.setattr(found, "said_in", lambda *_: f"jt{next(number)}")


def _slots(text: str) -> list[str]:
    return [f"{{{name}}}" for _, name, _, _ in string.Formatter().parse(text) if name]


@pytest.fixture
def decided_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Callable[[Path], object]], None]:
    """Runs a story with the sentences as they are and with all of them reworded: both must decide the same."""

    def check(story: Callable[[Path], object]) -> None:
        plain = story(tmp_path / "plain")
        with monkeypatch.context() as patched:
            _other_words(patched)
            assert wording.english(PauseCause.OWNER_BACK).startswith("wz"), "the words are other words"
            assert story(tmp_path / "reworded") == plain
        assert plain, "the story decides something"

    return check


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[DataFolder, Store]]:
    data = DataFolder(folder).create()
    store = Store(data.database)
    yield data, store
    store.close()


# -- the schedule --------------------------------------------------------------------------------


def test_the_schedule_decides_the_same(decided_alike: Callable[[Callable[[Path], object]], None]) -> None:
    moments = [
        SEEN, replace(SEEN, idle=1.0), replace(SEEN, on_mains=False), replace(SEEN, busy_share=0.9),
        replace(SEEN, free_memory=1), replace(SEEN, hold=HoldCause.OWNER, held="x"), replace(SEEN, new_turns=0),
    ]  # fmt: skip
    moments += [replace(moment, ours=True, running=True) for moment in moments]

    def story(_: Path) -> object:
        steps = [next_step(ScheduleSection(), moment) for moment in moments]
        return [(step.act, step.cause, [one.name for one in step.decision.missing]) for step in steps]

    decided_alike(story)


def test_what_the_next_training_waits_for_is_the_same(
    decided_alike: Callable[[Callable[[Path], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [
        replace(SEEN, idle=1.0), replace(SEEN, on_mains=False), replace(SEEN, busy_share=0.9),
        replace(SEEN, free_disk=1), replace(SEEN, hold=HoldCause.FAILED, held="x"), replace(SEEN, new_turns=0),
        replace(SEEN, since_last_run=1.0),
    ]  # fmt: skip

    def story(folder: Path) -> object:
        with _opened(folder) as (data, store):
            observer = ScheduleObserver(data, store, ScheduleSection)
            found = []
            for moment in moments:
                monkeypatch.setattr(observer, "observe", lambda moment=moment: moment)
                found.append(next_training(observer).waiting)
            return found

    decided_alike(story)


def test_what_was_left_goes_on_or_stays_the_same(
    decided_alike: Callable[[Callable[[Path], object]], None],
) -> None:
    """By the owner's pauses and by every other; and what failed holds training back as before."""

    def story(folder: Path) -> object:
        found: list[object] = []
        with _opened(folder) as (data, store):
            policy = FailurePolicy(store, Settings, lambda: 0)
            observer = ScheduleObserver(data, store, ScheduleSection)
            add_run(store, "r", "d", "b", None, 10, 0)
            (data.runs / "r").mkdir()
            for cause in PauseCause:
                set_state(store, "r", RunState.PAUSED, cause=cause)
                found.append((cause, observer.unfinished()))
            for error in (TrainingError("broke"), RefusedError(["full"], lacks_memory=True)):
                policy.note(error)
                hold = policy.hold()
                found.append((hold and hold.cause, error.trouble, policy.given_up))
            return found

    decided_alike(story)


# -- the watch -----------------------------------------------------------------------------------


def test_the_watch_goes_back_the_same(decided_alike: Callable[[Callable[[Path], object]], None]) -> None:
    groq = Attempt("groq", "llama", "base", True, 0.4)

    def turn(at: float, version: str, reply: str, served: Attempt) -> Turn:
        return Turn(
            id=f"t{version}{at}", session="s", started_at=at, seconds=1.0, caller="chat", mode="", prompt="oi",
            messages=(Message("user", "oi"),), reply=reply, served_by=served,
        )  # fmt: skip

    def story(folder: Path) -> object:
        found: list[object] = []
        with _opened(folder) as (data, store):
            registry, told = Registry(data, store), []
            bus = events.EventBus()
            bus.subscribe(told.append)
            follower = watch.Watch(store, registry, TurnIndex(store, data.log), bus, GateSection)
            for name, cause, reply, served in (
                ("english", PromotionCause.BETTER, "The thing is that you have to do it with the other one.", None),
                ("down", PromotionCause.BETTER, "Tipo, é isso aí.", groq),
                ("undone", PromotionCause.UNSERVED, "Tipo, é isso aí.", groq),
            ):
                adapter = folder / name
                adapter.mkdir()
                version = registry.create(
                    run=name, adapter=adapter, dataset="d", base="b", base_digest="x", verdict=Verdict(True, (), {})
                ).name
                now = store.clock()
                registry.promote(version, cause)
                route = Route("embedded", version, version=version)
                for number in range(40):
                    answered = served or Attempt("embedded", version, version, True, 1.0)
                    follower.note(turn(now + number + 1, version, reply, answered), TurnKind.CHAT, route)
                moved = follower.look()
                last = registry.last_promotion()
                assert last is not None
                found.append((moved, registry.current(), last.cause, registry.get(version).state))
            return found

    decided_alike(story)


# -- the gate and the voice ----------------------------------------------------------------------


def test_the_gate_refuses_for_the_same_causes(decided_alike: Callable[[Callable[[Path], object]], None]) -> None:
    def story(_: Path) -> object:
        verdict = gate({}, {}, GateSection(), candidate="v0002", current="v0001")
        return [(check.kind, check.passed, check.refusal, check.against) for check in verdict.checks]

    decided_alike(story)


def _spoken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which entries of the catalogue were spoken, from here on."""
    keys: list[str] = []
    phrase = Catalogue.phrase

    def noted(self: Catalogue, key: str, **slots: str) -> str:
        keys.append(key)
        return phrase(self, key, **slots)

    monkeypatch.setattr(Catalogue, "phrase", noted)
    return keys


def test_news_is_told_with_the_same_entries(
    decided_alike: Callable[[Callable[[Path], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = _spoken(monkeypatch)
    news: list[events.Event] = [
        events.VerdictReached(run="r", version=None, accepted=False, refusals=(refusal,), reasons=("x",))
        for refusal in Refusal
    ]
    news += [events.AttentionNeeded(trouble=trouble, what="x", todo="y") for trouble in Trouble]

    def story(_: Path) -> object:
        keys.clear()
        described = [describe(event) for event in news]
        return [one and one[:2] for one in described], list(keys)

    decided_alike(story)


def test_the_owner_is_answered_with_the_same_entries(
    decided_alike: Callable[[Callable[[Path], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a whole host: why the model changed, how the training stands, and what the next one waits for."""
    keys = _spoken(monkeypatch)

    def story(folder: Path) -> object:
        caller = HookCaller(build_manager(FineTuning(), entry_points=False))
        host = Host("test", folder, None, lambda _: None, lambda: False, lambda: False, hooks=caller)

        def answered(text: str, section: str) -> str:
            keys.clear()
            assert caller.first("aeon_heard", text=text)
            deadline = time.monotonic() + ANSWER_SECONDS
            while not any(key.startswith(section) for key in keys):
                assert time.monotonic() < deadline, f"{text!r} was answered with {keys}"
                time.sleep(0.02)
            return next(key for key in keys if key.startswith(section))

        found = []
        with _opened(folder) as (data, store):
            caller.historic("aeon_started", host=host)
            try:
                for cause in PromotionCause:
                    note_promotion(store, "base", "v0001", cause, "")
                    found.append((cause, answered("por que você mudou de modelo", "why.")))
                add_run(store, "r", "d", "b", None, 10, 0)
                (data.runs / "r").mkdir()
                (data.datasets / "d").mkdir()
                for state, why in ((RunState.PAUSED, PauseCause.OWNER_BACK), (RunState.FAILED, EndCause.BROKE)):
                    set_state(store, "r", state, cause=why)
                    found.append((state, answered("como está o treino", "status.")))
                found.append((None, answered("quando vai treinar", "next.")))
            finally:
                caller.all("aeon_stopping")
        return found

    decided_alike(story)


# -- the words themselves ------------------------------------------------------------------------


def test_every_cause_that_is_shown_has_words_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[type[Cause]] = [PromotionCause, PauseCause, EndCause, HoldCause, RunPhase, LoopPhase, Unknown]
    for language in Language:
        assert {kind: set(said) for kind, said in wording.words(language).items()} == {
            kind: set(kind) for kind in kinds
        }
    assert set(entries(wording.AREA)) == {f"{wording.SECTIONS[kind]}.{one.value}" for kind in kinds for one in kind}
    asking = Doing(LoopPhase.ASKING, "v0001", 20)
    assert wording.doing(asking) == "asking v0001 20 questions"
    assert wording.doing(Doing(LoopPhase.ASKING, detail="5 of 20")) == "5 of 20"
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert wording.doing(asking) == "fazendo 20 perguntas a v0001"
    assert wording.worded(PauseCause.OWNER_BACK) == "você voltou ao computador"
    assert wording.english(PauseCause.OWNER_BACK) == "the owner is back", "what is stored has one language"
    assert wording.worded(None) == wording.english(None) == ""
    on_phase: OnPhase = lambda doing: None  # noqa: E731 - only its type matters
    on_phase(Doing(LoopPhase.MEASURING))


def test_what_is_stored_of_a_run_is_read_back() -> None:
    values = [cause.value for kind in (PauseCause, EndCause) for cause in kind]
    assert len(set(values)) == len(values), "one column keeps both kinds"
    assert all(run_cause(cause.value) is cause for kind in (PauseCause, EndCause) for cause in kind)
    assert run_cause(None) is None and run_cause("a word of a later release") is None


# -- nobody reads a sentence ---------------------------------------------------------------------

SENTENCES = {"reason", "reasons", "detail", "what", "held", "todo", "phase"}
"""Names under which sentences for people travel."""
FOREIGN = {
    "serving/ollama/importing.py",  # Ollama tells an unsupported architecture by its message only
    "serving/openai/server.py",  # so does vLLM tell that a name is loaded already
    "cli/keys.py",  # UnicodeDecodeError.reason
}
"""They read what other programs say, for which there is no code."""
READERS = {"startswith", "endswith", "removeprefix", "removesuffix", "find", "index", "split", "partition", "count"}
MATCHERS = {"search", "match", "fullmatch", "findall"}


def _is_sentence(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in SENTENCES
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value in SENTENCES
    return isinstance(node, ast.Name) and node.id in SENTENCES


def _is_no_text(node: ast.AST) -> bool:
    """None, or a member of an enum: what is compared with it is no sentence."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id[:1].isupper()
    return isinstance(node, ast.Constant) and node.value is None


def _reads_a_sentence(node: ast.AST) -> bool:
    """Whether it compares a sentence with text, looks into it, or matches it."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        others = [side for side in sides if not _is_sentence(side)]
        return len(others) < len(sides) and not all(map(_is_no_text, others))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in READERS and _is_sentence(node.func.value):
            return True
        return node.func.attr in MATCHERS and any(_is_sentence(argument) for argument in node.args)
    return False


@pytest.mark.parametrize(
    ("code", "reads"),
    [
        ("row['reason'].startswith('it was')", True),
        ("if 'the owner' in error.what: pass", True),
        ("re.search(pattern, reason)", True),
        ("step.reason == OWNER_BACK", True),
        ("condition.detail in {'a'}", True),
        ("progress.phase == 'training'", True),
        ("status.phase is Phase.IDLE", False),
        ("outcome.reason is None", False),
        ("f'{error.what}: {reason}'", False),
        ("step.cause is PauseCause.OWNER_BACK", False),
    ],
)
def test_the_check_below_knows_a_reader_when_it_sees_one(code: str, reads: bool) -> None:
    assert any(map(_reads_a_sentence, ast.walk(ast.parse(code)))) is reads


def test_no_module_reads_a_sentence() -> None:
    found = []
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if name not in FOREIGN and _reads_a_sentence(node):
                found.append(f"{name}:{node.lineno}")  # type: ignore[attr-defined]
    assert not found, "ask for the cause instead"
