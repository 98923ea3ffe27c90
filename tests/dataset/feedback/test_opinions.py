"""Feedback from the talk into the store and out again, and the review that overrules the filters."""

from __future__ import annotations

import time
from collections.abc import Iterator

from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.feedback.opinions import Review, load_feedback, note_feedback, recognise_feedback
from aeon_plugin_ft.dataset.feedback.recognise import recognise
from aeon_plugin_ft.dataset.feedback.values import values
from aeon_plugin_ft.dataset.model import Feedback
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns.model import TurnKind
from tests.dataset.conftest import MakeTurn


def test_the_next_sentence_of_the_same_conversation_is_about_the_reply_before(turn: MakeTurn) -> None:
    turns = [
        turn("capital da Austrália?", "É Sydney, cara."),
        turn("e o café?", "Café é massa, cara.", "other"),
        turn("não, o certo é Camberra", "Verdade, cara."),
        turn("perfeito, muito boa essa resposta", "Valeu, cara.", "other"),
    ]
    found = {one.turn: one.kind for one in recognise_feedback(turns)}
    assert found == {"t1": "correction", "t2": "praise"}


def test_an_opinion_knows_the_turn_that_said_it(turn: MakeTurn, store: Store) -> None:
    found = list(recognise_feedback([turn("capital?", "É Sydney, cara."), turn("não, o certo é Camberra", "Verdade.")]))
    note_feedback(store, found)
    assert [one.said_in for one in found] == ["t2"] == [load_feedback(store)["t1"].said_in]


def test_a_canned_reply_gets_no_opinion(turn: MakeTurn) -> None:
    turns = [turn("oi", "De nada!", kind=TurnKind.CANNED), turn("resposta errada", "Foi mal, cara.")]
    assert list(recognise_feedback(turns)) == []


def test_opinions_are_kept_once_and_the_newest_counts(store: Store) -> None:
    assert note_feedback(store, [Feedback("a", "praise"), Feedback("b", "complaint")]) == 2
    assert note_feedback(store, [Feedback("a", "praise")]) == 0
    assert note_feedback(store, [Feedback("a", "correction", "assim")]) == 1
    assert load_feedback(store) == {"a": Feedback("a", "correction", "assim"), "b": Feedback("b", "complaint")}


def test_what_is_said_again_after_something_else_is_the_newest_word(store: Store) -> None:
    for kind in ("praise", "complaint", "praise", "complaint"):
        assert note_feedback(store, [Feedback("a", kind)], "command") == 1  # type: ignore[arg-type]
        assert load_feedback(store)["a"].kind == kind
    assert note_feedback(store, [Feedback("a", "correction", "assim")], "command") == 1
    assert note_feedback(store, [Feedback("a", "correction", "assim")], "command") == 0, "nothing in between"


def test_what_is_read_again_in_the_log_is_no_newer_word(store: Store) -> None:
    recognised = Feedback("a", "complaint", said_in="b")
    note_feedback(store, [recognised])
    note_feedback(store, [Feedback("a", "praise")], "command")
    assert note_feedback(store, [recognised]) == 0
    assert load_feedback(store)["a"].kind == "praise"
    # Said in another turn, it is another word.
    assert note_feedback(store, [Feedback("a", "complaint", said_in="c")]) == 1
    assert load_feedback(store)["a"].kind == "complaint"


def test_a_review_is_remembered_and_can_be_undone(store: Store) -> None:
    review = Review(store)
    note_feedback(store, [Feedback("a", "complaint")])
    review.keep("a")
    review.drop("b")
    review.keep("b")
    assert review.decided() == {"a": "keep", "b": "keep"}
    note_feedback(store, [Feedback("a", "complaint"), Feedback("a", "praise")])
    assert load_feedback(store) == {"a": Feedback("a", "keep"), "b": Feedback("b", "keep")}
    assert review.undo("a")
    assert not review.undo("a")
    assert load_feedback(store)["a"].kind == "praise"


def test_a_correction_keeps_its_words_when_the_turn_is_kept(store: Store) -> None:
    note_feedback(store, [Feedback("a", "correction", "assim")])
    Review(store).keep("a")
    assert load_feedback(store) == {"a": Feedback("a", "correction", "assim")}
    Review(store).drop("a")
    assert load_feedback(store) == {"a": Feedback("a", "drop")}


def test_a_review_shows_every_turn_with_what_became_of_it(turn: MakeTurn, store: Store) -> None:
    turns = [turn("oi", "Fala, cara."), turn("hi", "The answer is in the book that you have.")]
    review = Review(store)
    review.drop("t1")
    draft = build_draft(turns, DatasetSection(), feedback=load_feedback(store))
    shown = [(item.turn, item.filter, item.decided) for item in review.items(draft, turns)]
    assert shown == [("t1", "owner", "drop"), ("t2", "language", None)]
    review.undo("t1")
    review.keep("t2")
    draft = build_draft(turns, DatasetSection(), feedback=load_feedback(store))
    shown = [(item.turn, item.filter, item.decided) for item in review.items(draft, turns)]
    assert shown == [("t1", None, None), ("t2", None, "keep")]


def test_people_who_chat_with_each_other_judge_no_reply_unless_asked_for(turn: MakeTurn) -> None:
    chat = [turn("qual a capital?", "Brasília.", source="whatsapp"), turn("boa resposta", "valeu", source="whatsapp")]
    assert list(recognise_feedback(chat)) == []
    assert [one.kind for one in recognise_feedback(chat, between_people=True)] == ["praise"]


def test_nothing_is_recognised_while_the_database_is_written_to(store: Store) -> None:
    """A conversation of years takes longer to read than another writer waits."""

    def opinions() -> Iterator[Feedback]:
        assert not store.connection().in_transaction
        yield Feedback("a", "praise", None, "b")

    assert note_feedback(store, opinions()) == 1


def test_a_long_reply_is_judged_in_time_proportional_to_it() -> None:
    """In processor time; a look back from each name would take minutes."""
    reply = "Ana viu Bia em Minas. " * 20_000
    started = time.process_time()
    assert recognise("não, é a Carla", reply) is None
    assert recognise("valeu, era isso mesmo", reply) is not None
    assert time.process_time() - started < 2.0
    assert len(values("Ana viu Bia em Minas. " * 150)) == 300, "who begins a sentence may be no name"
