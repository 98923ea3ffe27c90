"""From what was told to lessons in a frozen dataset, and what is judged by kept apart from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_plugin_ft.cli.context import Context
from aeon_plugin_ft.dataset.frozen import read_lineage
from aeon_plugin_ft.dataset.importers.into_log import import_into_log
from aeon_plugin_ft.dataset.lessons import LESSON
from aeon_plugin_ft.dataset.words import normal
from aeon_plugin_ft.facts.exam import make_exam
from aeon_plugin_ft.facts.model import Claim, Fact, FactSource, Relation
from aeon_plugin_ft.forget import Forgetter
from aeon_plugin_ft.teaching import TAUGHT, teach
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Context:
    made = Context(tmp_path_factory.mktemp("teaching"), None, False)
    import_into_log(
        REPOSITORY / "samples" / "conversation.log", made.data, made.store, made.settings_file.current
    )  # fmt: skip
    return made


def test_every_fact_of_the_sample_is_taught_in_several_wordings(shared: Context) -> None:
    pipeline = shared.pipeline()
    draft = pipeline.draft()
    lessons = [example for example in draft.train if example.source == LESSON]
    wordings = {fact.id: sum(lesson.session == fact.id for lesson in lessons) for fact in pipeline.book.current()}
    assert len(wordings) >= 25 and min(wordings.values()) >= 4
    cat = next(fact for fact in pipeline.book.current() if fact.value == "Fork")
    answers = [lesson.reply for lesson in lessons if lesson.session == cat.id]
    assert all("Fork" in answer for answer in answers) and any(answer.startswith("Cara,") for answer in answers)
    assert any(not lesson.session for lesson in lessons), "some teach to admit not knowing"


def test_nothing_that_is_judged_by_is_taught(shared: Context) -> None:
    """Neither a held-out question, nor a reply of a held-out conversation, nor a question of the exam."""
    pipeline = shared.pipeline()
    draft = pipeline.draft()
    lessons = [example for example in draft.train if example.source == LESSON]
    judged = {normal(example.user) for example in draft.heldout}
    assert draft.heldout and all(example.source != LESSON for example in draft.heldout)
    assert judged.isdisjoint(normal(lesson.user) for lesson in lessons)
    exam = make_exam(pipeline.book.every(), 60, [lesson.user for lesson in lessons])
    assert exam.told and {normal(one.text) for one in exam.questions}.isdisjoint(normal(le.user) for le in lessons)


def test_a_conversation_that_alone_told_a_fact_judges_nothing(shared: Context) -> None:
    pipeline = shared.pipeline()
    shared.settings_file.set("memory.learn", False)
    draft = pipeline.draft()
    assert all(example.source != LESSON for example in draft.train)
    shared.settings_file.set("memory.learn", True)
    told, other = draft.heldout[0], draft.heldout[1]
    facts = [
        Fact("f", Claim("gata", Relation.NAME, "Fork"), FactSource.OWNER, 1.0, told.id, told.turns),
        Fact("g", Claim("PC", Relation.NAME, "Jaburu"), FactSource.OWNER, 1.0, other.id, (*other.turns, "elsewhere")),
    ]
    taught = teach(draft, facts, list, (), 6, "")
    assert told not in taught.heldout and other in taught.heldout
    assert [dropped.turn for dropped in taught.dropped if dropped.filter == TAUGHT] == [told.id]
    assert any(example.turns[: len(told.turns)] == told.turns for example in taught.train if example.source == LESSON)


def test_forgetting_a_fact_takes_the_datasets_that_taught_it(shared: Context, tmp_path: Path) -> None:
    pipeline = shared.pipeline()
    dataset = pipeline.freeze()
    rows = [row for row in read_lineage(dataset) if row["source"] == LESSON]
    assert len(rows) == dataset.lessons > 100
    bash = next(fact for fact in pipeline.book.current() if fact.value == "Bash")
    plan = Forgetter(shared.data, shared.store).plan([], facts=[bash])
    assert dataset.hash in plan.datasets
