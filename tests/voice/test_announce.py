"""News at a good moment, or not at all."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from aeon_plugin_ft import events
from aeon_plugin_ft.causes import EndCause, NotTrained, Place, PromotionCause, Refusal, Trouble
from aeon_plugin_ft.evaluation.gate import gate
from aeon_plugin_ft.settings import GateSection
from aeon_plugin_ft.voice.announce import ECHO_S, HUSH_S, STALE_S, Announcer, describe, gist, trouble_in_words
from aeon_plugin_ft.voice.catalogue import variants


class Room:
    """The owner and the host's voice: what is said, and what may be said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.private = self.busy = self.quiet = False
        self.wanted: tuple[str, ...] = tuple(STALE_S)
        self.time = 0.0
        self.mute = False

    def say(self, sentence: str) -> None:
        if self.mute:
            raise RuntimeError("no voice")
        self.said.append(sentence)

    def is_private(self) -> bool:
        return self.private

    def is_busy(self) -> bool:
        return self.busy

    def in_quiet_hours(self) -> bool:
        return self.quiet

    def kinds_to_announce(self) -> tuple[str, ...]:
        return self.wanted


@pytest.fixture
def room() -> Room:
    return Room()


def announcer_in(room: Room, hush_s: float = HUSH_S) -> Announcer:
    return Announcer(room, clock=lambda: room.time, hush_s=hush_s)


@pytest.fixture
def announcer(room: Room) -> Announcer:
    return announcer_in(room)


SWAPPED = events.ModelSwapped(version="v0007", previous="v0006", backend="embedded")

SPOKEN: list[tuple[events.Event, str, str]] = [
    (
        events.ModelSwapped(version="v0007", previous="base", backend="embedded", place=Place.LAST),
        "swapped",
        "nada mais responder|só responde se|falhar",
    ),
    (events.RunStarted(run="r", dataset="d", estimated_seconds=600), "started", "dez minutos"),
    (
        events.VerdictReached(run="r", version="v0007", accepted=True, refusals=(), reasons=()),
        "finished",
        "prova|aprovado|melhor",
    ),
    (
        events.VerdictReached(run="r", version=None, accepted=False, refusals=(Refusal.NO_GAIN,), reasons=("x",)),
        "refused",
        "melhorou",
    ),
    (
        events.VerdictReached(
            run="r",
            version="v0007",
            accepted=True,
            refusals=(),
            reasons=(),
            told=50,
            known=41,
            known_before=3,
            invented=2,
        ),
        "finished",
        "(?=.*cinquenta coisas)(?=.*quarenta e uma)(?=.*três)(?=.*duas)",
    ),
    (events.RunFailed(run="r", cause=EndCause.OUT_OF_MEMORY, reason="out of memory"), "finished", "treino"),
    (SWAPPED, "swapped", "a versão sete"),
    (events.SwapFailed(version="v0007", reason="x"), "attention", "a versão sete"),
    (
        events.RolledBack(version="v0006", previous="v0007", cause=PromotionCause.WORSE, reason="x"),
        "rolled_back",
        "a versão seis",
    ),
    (events.LoggingFailed(reason="disk full"), "attention", "conversas"),
    (events.TrainingLeft(why=NotTrained.NO_TRAINER, ordered=True, reason="x"), "finished", "falta o treinador"),
    (events.StoreRebuilt(aside="x", reason="malformed", rows=3, todo="nothing"), "attention", "banco de dados"),
    (events.AttentionNeeded(trouble=Trouble.BACKEND, what="x", todo="start it"), "attention", "servidor"),
]


@pytest.mark.parametrize(("event", "kind", "said"), SPOKEN)
def test_each_kind_of_news_is_spoken_when_it_is_wanted(
    room: Room, announcer: Announcer, event: events.Event, kind: str, said: str
) -> None:
    room.wanted = (kind,)
    announcer.on_event(event)
    sentence = announcer.speak_due()
    assert room.said == [sentence]
    assert re.search(said, str(sentence)), sentence
    assert not re.search(r"[\d_{}]", str(sentence))


@pytest.mark.parametrize(("event", "kind", "said"), SPOKEN)
def test_what_is_not_wanted_is_not_queued(
    room: Room, announcer: Announcer, event: events.Event, kind: str, said: str
) -> None:
    room.wanted = ()
    announcer.on_event(event)
    assert announcer.queued == 0


def test_a_refusal_is_news_of_the_end_of_a_training_too(room: Room, announcer: Announcer) -> None:
    room.wanted = ("finished",)
    announcer.on_event(events.VerdictReached(run="r", version=None, accepted=False, refusals=(), reasons=()))
    assert announcer.speak_due()


def test_other_events_are_not_for_the_ear(announcer: Announcer) -> None:
    for event in (events.TurnsLogged(count=3), events.RunFinished(run="r", steps=1, seconds=1.0)):
        announcer.on_event(event)
    assert announcer.queued == 0


@pytest.mark.parametrize("state", ["private", "busy", "quiet"])
def test_news_waits_for_its_moment(room: Room, announcer: Announcer, state: str) -> None:
    setattr(room, state, True)
    announcer.on_event(SWAPPED)
    assert announcer.speak_due() is None
    assert room.said == []
    setattr(room, state, False)
    room.time += HUSH_S
    assert announcer.speak_due() in room.said


def test_a_silence_follows_the_owner_and_each_sentence(room: Room, announcer: Announcer) -> None:
    announcer.on_event(SWAPPED)
    announcer.on_event(events.LoggingFailed(reason="x"))
    room.busy = True
    announcer.speak_due()
    room.busy = False
    room.time += HUSH_S / 2
    assert announcer.speak_due() is None
    room.time += HUSH_S
    assert announcer.speak_due() is not None
    assert announcer.speak_due() is None
    room.time += HUSH_S
    assert announcer.speak_due() is not None
    assert len(room.said) == 2


@pytest.mark.parametrize(("event", "kind"), [(event, kind) for event, kind, _ in SPOKEN])
def test_stale_news_is_dropped(room: Room, announcer: Announcer, event: events.Event, kind: str) -> None:
    room.private = True
    announcer.on_event(event)
    room.time += max(STALE_S.values()) + 1
    room.private = False
    assert announcer.speak_due() is None
    assert announcer.queued == 0


def test_newer_news_takes_the_place_of_older(room: Room, announcer: Announcer) -> None:
    announcer.on_event(events.RunStarted(run="r", dataset="d", estimated_seconds=60))
    announcer.on_event(events.VerdictReached(run="r", version="v0007", accepted=True, refusals=(), reasons=()))
    announcer.on_event(SWAPPED)
    assert announcer.queued == 1
    assert "a versão sete" in str(announcer.speak_due())


def test_what_is_no_longer_wanted_is_dropped(room: Room, announcer: Announcer) -> None:
    announcer.on_event(SWAPPED)
    room.wanted = ()
    assert announcer.speak_due() is None
    assert announcer.queued == 0


@pytest.fixture
def running(room: Room) -> Iterator[Announcer]:
    announcer = announcer_in(room, hush_s=0.0)
    announcer.start()
    announcer.start()
    yield announcer
    announcer.stop()


def _until_said(room: Room, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(room.said) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_thread_speaks_and_survives_a_voice_that_fails(room: Room, running: Announcer) -> None:
    room.mute = True
    running.on_event(events.LoggingFailed(reason="x"))
    deadline = time.monotonic() + 30
    while running.queued:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    room.mute = False
    running.on_event(SWAPPED)
    _until_said(room, 1)
    assert "a versão sete" in room.said[0]


def test_stopping_ends_the_thread_and_may_be_repeated(room: Room) -> None:
    announcer = announcer_in(room)
    announcer.stop()
    announcer.start()
    announcer.stop()
    announcer.on_event(SWAPPED)
    time.sleep(0.05)
    assert room.said == []


def test_the_bus_feeds_the_announcer(room: Room, announcer: Announcer) -> None:
    bus = events.EventBus()
    bus.subscribe(announcer.on_event)
    bus.publish(SWAPPED)
    assert announcer.queued == 1


@pytest.mark.parametrize(
    ("right", "heard"),
    [
        ("A daily é às 9h30, relaxa.", "A daily é às nove"),
        ("O documento é o [CPF_1].", "guardei a sua correção"),
        ("palavra " * 40, "guardei a sua correção"),
    ],
)
def test_a_correction_is_said_back_in_the_words_that_stand_when_it_is_said(room: Room, right: str, heard: str) -> None:
    standing = {"t1": right}
    announcer = Announcer(room, corrected=standing.get, clock=lambda: room.time)
    announcer.on_event(events.ReplyCorrected(turn="t1"))
    room.time += 2 * HUSH_S
    sentence = announcer.speak_due()
    assert sentence is not None and heard in sentence
    assert room.said == [sentence] and announcer.queued == 0


def test_a_correction_that_was_forgotten_meanwhile_is_not_said(room: Room) -> None:
    standing = {"t1": "É o Bidu."}
    announcer = Announcer(room, corrected=standing.get, clock=lambda: room.time)
    announcer.on_event(events.ReplyCorrected(turn="t1"))
    room.private = True
    room.time += 2 * HUSH_S
    assert announcer.speak_due() is None and announcer.queued == 1
    standing.clear()
    room.private = False
    assert announcer.speak_due() is None
    assert (room.said, announcer.queued) == ([], 0)


def test_no_correction_is_said_where_the_owner_wants_no_such_news(room: Room) -> None:
    room.wanted = ("finished",)
    announcer = Announcer(room, corrected=lambda _: "É o Bidu.", clock=lambda: room.time)
    announcer.on_event(events.ReplyCorrected(turn="t1"))
    assert announcer.queued == 0


def test_a_refusal_is_told_by_the_first_cause_that_there_are_words_for() -> None:
    assert gist((Refusal.OTHER, Refusal.LANGUAGE, Refusal.TOOLS)) == "ele não respondia em português"


def test_the_gate_without_measurements_says_that_they_are_missing() -> None:
    verdict = gate({}, {}, GateSection(), candidate="v0002", current="v0001")
    assert verdict.refusals and set(verdict.refusals) == {Refusal.UNMEASURED}
    assert gist(verdict.refusals) == "faltou medida para decidir"


def test_a_refusal_without_words_of_its_own_still_has_a_gist() -> None:
    assert gist(()) == gist((Refusal.OTHER,)) == variants()["gist.default"][0]
    assert "duas partes" in gist((Refusal.OTHER, Refusal.OTHER))


def test_every_refusal_and_every_trouble_has_words_and_no_words_are_left_over() -> None:
    keys = set(variants())
    assert {key for key in keys if key.startswith("refusal.")} == {f"refusal.{one}" for one in Refusal} - {
        "refusal.other"
    }
    assert {key for key in keys if key.startswith("trouble.")} == {f"trouble.{one}" for one in Trouble}
    assert all(trouble_in_words(trouble) in variants()[f"trouble.{trouble}"] for trouble in Trouble)


def test_every_entry_of_the_news_is_used() -> None:
    used = {found[1] for event, _, _ in SPOKEN if (found := describe(event))}
    assert used == {key for key in variants() if key.startswith("news.")}


def test_a_host_that_keeps_failing_is_reported_once(
    room: Room, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def broken() -> bool:
        nonlocal asked
        asked += 1
        raise RuntimeError("no context")

    monkeypatch.setattr(room, "is_private", broken)
    announcer = Announcer(room, hush_s=0.0)
    announcer.on_event(SWAPPED)
    announcer.start()
    deadline = time.monotonic() + 30
    while asked < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    announcer.stop()
    assert room.said == []
    assert len(caplog.records) == 1


def test_a_swap_that_the_owner_asked_for_is_not_told_twice(room: Room, announcer: Announcer) -> None:
    announcer.on_event(SWAPPED)
    announcer.owner_knows("v0007")
    assert announcer.queued == 0
    announcer.on_event(SWAPPED)
    assert announcer.queued == 0
    announcer.on_event(events.ModelSwapped(version="v0008", previous="v0007", backend="embedded"))
    assert announcer.queued == 1
    room.time += ECHO_S
    announcer.on_event(SWAPPED)
    assert "a versão sete" in str(announcer.speak_due())


def test_the_trained_model_is_any_version_but_the_base(announcer: Announcer) -> None:
    announcer.owner_knows("trained")
    announcer.on_event(SWAPPED)
    assert announcer.queued == 0
    announcer.on_event(events.RolledBack(version="base", previous="v0007", cause=PromotionCause.WORSE, reason="x"))
    assert announcer.queued == 1
