"""What was said last is what was said last, whatever the clock says."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.dataset.feedback.opinions import recognise_feedback
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, read_turns
from aeon_plugin_ft.turns.index import newest_spoken
from aeon_plugin_ft.turns.model import TurnKind
from aeon_plugin_ft.turns.places import Places
from tests.turns.conftest import LogOpener, TurnMaker

HOURS = 3600.0


def test_a_clock_that_is_set_back_does_not_change_what_was_said_last(
    data: DataFolder, store: Store, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    log, index = open_log(), TurnIndex(store, data.log)
    before = make_turn("antes")
    after = make_turn("depois", started_at=before.started_at - 3 * HOURS)
    for turn in (before, after):
        assert log.append(turn, TurnKind.CHAT)
    index.ingest()
    assert [turn.user for turn in index.latest(5)] == ["depois", "antes"]
    assert [turn.user for turn in index.turns()] == ["antes", "depois"] == [t.user for t in read_turns(data.log)]


def test_the_order_goes_on_after_a_restart_with_an_earlier_clock(
    data: DataFolder, store: Store, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    index = TurnIndex(store, data.log)
    first = make_turn("ontem")
    log = open_log()
    log.append(first, TurnKind.CHAT)
    log.close()
    index.ingest()
    places = Places()
    places.go_on_after(lambda: newest_spoken(store))
    again = open_log(places=places)
    again.append(make_turn("hoje", started_at=first.started_at - 3 * HOURS), TurnKind.CHAT)
    index.ingest()
    assert [turn.user for turn in index.latest(5)] == ["hoje", "ontem"]


def test_a_log_goes_on_where_the_last_place_cannot_be_asked(open_log: LogOpener, make_turn: TurnMaker) -> None:
    def broken() -> int:
        raise OSError("no database")

    places = Places()
    places.go_on_after(broken)
    assert open_log(places=places).append(make_turn(), TurnKind.CHAT)


def test_what_is_imported_was_said_at_its_own_time(
    data: DataFolder, store: Store, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    log, index = open_log(), TurnIndex(store, data.log)
    live = make_turn("falado")
    log.append(live, TurnKind.CHAT)
    log.append(make_turn("importado", caller="import:whatsapp", started_at=live.started_at - 9 * HOURS), TurnKind.CHAT)
    index.ingest()
    assert [turn.user for turn in index.latest(5)] == ["falado", "importado"]
    newest = index.latest(1)[0]
    assert newest.spoken == newest_spoken(store)


@pytest.mark.parametrize("cut_off", [False, True])
def test_praise_is_of_the_reply_before_it_and_of_nothing_that_is_not_in_the_log(
    data: DataFolder, store: Store, open_log: LogOpener, make_turn: TurnMaker, cut_off: bool
) -> None:
    log, index = open_log(), TurnIndex(store, data.log)
    log.append(make_turn("me conta uma piada"), TurnKind.CHAT)
    log.append(make_turn("muito bom, adorei essa resposta"), TurnKind.CHAT, cut_off=cut_off)
    index.ingest()
    opinions = list(recognise_feedback(index.turns()))
    assert [one.kind for one in opinions] == ([] if cut_off else ["praise"])
