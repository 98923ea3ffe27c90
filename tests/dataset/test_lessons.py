"""Lessons beside the conversation: marked, on the training side alone, and gone with the turns that told the fact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest

from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.frozen import datasets_with, freeze, load_dataset, read_lineage, read_messages
from aeon_plugin_ft.dataset.lessons import LESSON, count_lessons, lesson_groups, with_lessons
from aeon_plugin_ft.dataset.model import Draft
from aeon_plugin_ft.facts.model import Claim, Fact, FactSource, Relation
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.store import DataFolder, Store
from core.prompt import system_prompt
from tests.dataset.conftest import MakeTurn

SYSTEM = "Você é AEON. Data/Hora: 05/02/2026 23:17."


@dataclass(frozen=True)
class Taught:
    """A lesson as facts/lessons.py makes it."""

    question: str
    answer: str
    facts: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()


CAT = Fact("cat", Claim("gata", Relation.NAME, "Fork"), FactSource.OWNER, 20.0, "t2", ("t1", "t2"), 2)
PC = Fact("pc", Claim("PC", Relation.NAME, "Jaburu"), FactSource.OWNER, 30.0, "t3", ("t3",))
LESSONS = (
    Taught("como se chama a minha gata?", "Cara, é a Fork.", ("cat",)),
    Taught("qual é o nome da gata?", "É a Fork.", ("cat",)),
    Taught("a gata é a Fork ou o PC é que é?", "A gata é a Fork, o PC é o Jaburu.", ("cat", "pc")),
    Taught("qual é o nome do meu dentista?", "Isso tu nunca me contou."),
)


@pytest.fixture
def draft(turn: MakeTurn) -> Draft:
    things = ("café", "xadrez", "violão", "planetas", "foguetes", "montanhas")
    turns = [
        turn(f"e {t}, é o quê?", f"Cara, {t} é massa.", session=f"s{n}", at=float(n)) for n, t in enumerate(things)
    ]
    return build_draft(turns, DatasetSection(), system_prompt=SYSTEM)


def test_lessons_stand_behind_the_conversations_marked_and_under_the_served_prompt(draft: Draft) -> None:
    taught = with_lessons(draft, LESSONS, [CAT, PC], SYSTEM)
    assert taught.train[: len(draft.train)] == draft.train and taught.heldout == draft.heldout
    lessons = taught.train[len(draft.train) :]
    assert [lesson.user for lesson in lessons] == [lesson.question for lesson in LESSONS]
    assert {lesson.source for lesson in lessons} == {LESSON}
    assert {lesson.messages[0].content for lesson in lessons} == {draft.train[0].messages[0].content}
    assert count_lessons(taught.train).lessons == 4 and count_lessons(taught.train).facts == 1
    assert len({lesson.id for lesson in lessons}) == 4
    again = with_lessons(draft, LESSONS, [CAT, PC], SYSTEM)
    assert again == taught, "a pure function: a run goes on from what it knows"


def test_what_a_lessons_prompt_tells_stands_where_the_host_keeps_its_memories(draft: Draft) -> None:
    question, system = "como se chama o meu drone?", system_prompt(datetime(2026, 2, 5, 23, 17))
    told = Taught(question, "É o Pixel.", memories=("O drone do dono se chama Pixel.",))
    first, second = with_lessons(draft, (Taught(question, "Não sei."), told), [], system).train[-2:]
    assert first.user == second.user, "one question may have two answers: with memories that tell, and without"
    assert "Pixel" not in first.messages[0].content
    assert second.messages[0].content.endswith("Memórias:\n- O drone do dono se chama Pixel.")
    # All that stands before the memories is shared, and computed once for both.
    assert second.messages[0].content.startswith(first.messages[0].content.partition("Nada")[0])


def test_a_lesson_has_the_turns_of_every_fact_in_it(draft: Draft) -> None:
    first, _, both, unknown = with_lessons(draft, LESSONS, [CAT, PC], SYSTEM).train[-4:]
    assert (first.turns, first.at, first.session) == (("t1", "t2", "fact:cat"), 20.0, "cat")
    assert (both.turns, both.at) == (("t1", "t2", "fact:cat", "t3", "fact:pc"), 30.0)
    assert (unknown.turns, unknown.at, unknown.session) == ((), 0.0, "")


def test_what_is_judged_and_what_was_really_said_is_no_lesson(draft: Draft) -> None:
    judged, said = draft.heldout[0].user.upper(), draft.train[0].user
    lessons = (Taught(judged, "x"), Taught(said, "y"), *LESSONS[:1], Taught(LESSONS[0].question, "outra"))
    taught = with_lessons(draft, lessons, [CAT, PC], SYSTEM)
    assert [lesson.reply for lesson in taught.train[len(draft.train) :]] == [LESSONS[0].answer]


def test_frozen_they_are_told_apart_and_forgotten_with_their_turns(
    draft: Draft, data: DataFolder, store: Store
) -> None:
    dataset = freeze(with_lessons(draft, LESSONS, [CAT, PC], SYSTEM), data, store)
    assert (dataset.lessons, dataset.facts) == (4, 1) and load_dataset(dataset.folder) == dataset
    groups = lesson_groups(read_lineage(dataset.folder))
    messages = read_messages(dataset.train_file)
    assert {messages[line][-2].content: fact for line, fact in groups.items()} == {
        lesson.question: (lesson.facts or ("",))[0] for lesson in LESSONS
    }
    for told in ("t2", "t3", "fact:pc"):
        assert datasets_with(store, {told}) == {dataset.hash}
    assert not datasets_with(store, {"t9"})


def test_a_dataset_of_before_lessons_has_none(draft: Draft, data: DataFolder, store: Store) -> None:
    dataset = freeze(draft, data, store)
    manifest = dataset.folder / "dataset.json"
    text = manifest.read_text(encoding="utf-8")
    older = text.replace(',\n    "lessons": 0,\n    "facts": 0', "")
    assert older != text
    manifest.write_text(older, encoding="utf-8")
    assert load_dataset(dataset.folder) == dataset
