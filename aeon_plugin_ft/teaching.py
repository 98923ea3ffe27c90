"""From facts to lessons in a dataset, and to the exam: where what was told, how the assistant talks, and what is judged
by meet.

A lesson may teach nothing that the candidate is judged by. So the style of the answers is learnt from conversations on
the training side alone, no lesson asks a held-out question, and a held-out conversation that alone told a fact leaves
the judging side: the fact is taught all the same, since its owner expects it to be known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from aeon_plugin_ft.dataset.frozen import read_lineage, read_messages
from aeon_plugin_ft.dataset.lessons import lesson_groups, with_lessons
from aeon_plugin_ft.dataset.model import Dataset, Draft, Dropped
from aeon_plugin_ft.facts.exam import ExamQuestion, make_exam
from aeon_plugin_ft.facts.lessons import make_lessons
from aeon_plugin_ft.facts.model import Fact
from aeon_plugin_ft.facts.reading_lessons import READING_SHARE, reading_lessons
from aeon_plugin_ft.facts.style import learn_style
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.turns import LoggedTurn, TurnKind

_say = Speaker("errors/loop")

TAUGHT = "taught"
"""The filter's name of conversations that leave the judging side."""
LEAST_HELDOUT = 0.5
"""Share of the held-out conversations that stays whatever they told: without them nothing could be judged."""


def teach(
    draft: Draft,
    facts: Sequence[Fact],
    turns: Callable[[], Iterable[LoggedTurn]],
    disputed: Collection[str],
    wordings: int,
    system_prompt: str,
) -> Draft:
    """The draft with about `wordings` lessons for each current fact.

    `turns` gives the log anew at each call; `disputed` are the ids of the turns whose replies the owner was not happy
    with. The same log and facts give the same draft.
    """
    if not any(fact.current for fact in facts):
        return draft
    draft = _without_only_sources(draft, facts)
    judged = {turn for example in draft.heldout for turn in example.turns}
    style = learn_style((turn for turn in turns() if turn.id not in judged), disputed)
    said = [text for turn in turns() if turn.kind is TurnKind.CHAT for text in (turn.user, turn.reply)]
    lessons = make_lessons(facts, style, wordings, said)
    lessons += reading_lessons(facts, style, round(READING_SHARE * len(lessons)), said)
    return with_lessons(draft, lessons, facts, system_prompt)


def _without_only_sources(draft: Draft, facts: Sequence[Fact]) -> Draft:
    """Take the held-out conversations that alone told a fact out of the judging side, the newest last, as long as
    enough stay."""
    judged = {turn for example in draft.heldout for turn in example.turns}
    alone = {turn for fact in facts if fact.current and judged.issuperset(fact.turns) for turn in fact.turns}
    telling = [example for example in draft.heldout if not alone.isdisjoint(example.turns)]
    spared = len(draft.heldout) - round(LEAST_HELDOUT * len(draft.heldout))
    leaving = {example.id for example in telling[:spared]}
    reason = _say("teaching.tells_a_fact")
    return replace(
        draft,
        heldout=tuple(example for example in draft.heldout if example.id not in leaving),
        dropped=[*draft.dropped, *(Dropped(name, TAUGHT, reason) for name in sorted(leaving))],
    )


def examine(
    dataset: Dataset, facts: Sequence[Fact], turns: Callable[[], Iterable[LoggedTurn]], most: int
) -> tuple[ExamQuestion, ...]:
    """At most `most` questions about those current facts that the dataset teaches, in wordings that it does not hold,
    and about what was never told. Of all current facts where it has no lessons.

    The facts as they are now: one that was told since cannot be known yet, and one that was put right since must not be
    answered as before.
    """
    lines = read_messages(dataset.train_file)
    taught = set(lesson_groups(read_lineage(dataset)).values()) if dataset.lessons else {fact.id for fact in facts}
    used = (message.content for messages in lines for message in messages if message.role == "user")
    said = (text for turn in turns() if turn.kind is TurnKind.CHAT for text in (turn.user, turn.reply))
    return make_exam([fact for fact in facts if fact.id in taught], most, used, said).questions
