"""The log becomes a draft: examples to learn from, examples to judge by, and a reason for all that was left out.

One pass over the turns decides what each is by itself; then the collection as a whole is thinned (duplicates,
topics, the cap) and split. Streaming: memory grows by about 170 bytes a candidate, not by its text.
"""

from __future__ import annotations

import json
import logging
from array import array
from collections.abc import Container, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from aeon_plugin_ft.dataset.assemble import Assembler, with_reply
from aeon_plugin_ft.dataset.filters import OWN_REPLY, FilterRegistry, Limits
from aeon_plugin_ft.dataset.model import Draft, Example, Feedback, Preference, Rating
from aeon_plugin_ft.dataset.near import Signatures, leaders
from aeon_plugin_ft.dataset.pool import DropList, Pool
from aeon_plugin_ft.dataset.quality import judge
from aeon_plugin_ft.dataset.split import split
from aeon_plugin_ft.dataset.tool_calls import tool_call
from aeon_plugin_ft.dataset.topics import NO_TOPIC, Topics
from aeon_plugin_ft.dataset.twins import meaning
from aeon_plugin_ft.dataset.words import normal
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind

_say = Speaker("errors/dataset")

log = logging.getLogger("aeon_ft.dataset")

TOPIC_MINIMUM = 20
"""A topic is never cut below this many examples."""


def build_draft(
    turns: Iterable[LoggedTurn],
    settings: DatasetSection,
    *,
    system_prompt: str = "",
    feedback: Mapping[str, Feedback] | None = None,
    filters: FilterRegistry | None = None,
    max_length: int = 1536,
    gap_minutes: int = 30,
    trained: Container[str] = (),
) -> Draft:
    """Curate turns, oldest first, into a draft.

    `system_prompt` goes to examples that have none. `feedback` maps turn ids to what the owner thinks of
    them. `max_length` is [train] max_length in tokens, `gap_minutes` [log] session_gap_minutes, `trained` the
    turns that a model was trained on before, which are never held out again. The same input gives the same draft.
    """
    curator = _Curator(settings, feedback or {}, filters or FilterRegistry(), max_length)
    assembler = Assembler(system_prompt, settings.history_turns, gap_minutes)
    with curator.pool:
        for turn in turns:
            curator.take(turn, assembler.example(turn))
        chosen = curator.choose()
        chosen.sort(key=lambda example: example.at)  # stable: imported turns without a time stay in their order
    train, heldout = split(chosen, settings.heldout_share, settings.heldout_min, trained)
    # Opinions are trained on as well: one about a held-out question would teach what is to be judged.
    judged = {normal(example.user) for example in heldout}
    hidden = {example.id for example in heldout}

    def learnt(opinion: Preference | Rating) -> bool:
        """On the training side: neither its question nor anything in its history is judged by."""
        said_in = curator.feedback[opinion.id].said_in
        shown = (turn for turn in opinion.turns if turn != said_in)
        return normal(opinion.prompt[-1].content) not in judged and hidden.isdisjoint(shown)

    preferences = tuple(pair for pair in curator.preferences if learnt(pair))
    ratings = tuple(rating for rating in curator.ratings if learnt(rating))
    return Draft(train, heldout, curator.dropped, preferences, ratings)


class _Curator:
    """Takes turns one by one, then chooses. What is known about candidate n is at n of each column."""

    def __init__(
        self, settings: DatasetSection, feedback: Mapping[str, Feedback], filters: FilterRegistry, max_length: int
    ) -> None:
        self.settings = settings
        self.feedback = feedback
        self.filters = filters.active(settings.disabled_filters)
        self.limits = Limits(max_length, settings.min_quality)
        self.dropped = DropList()
        self.preferences: list[Preference] = []
        self.ratings: list[Rating] = []
        self.pool = Pool()
        self._off = frozenset(settings.disabled_filters)
        self._failed: set[str] = set()
        self._signatures = Signatures()
        self._topics = Topics()
        self._scores = array("f")
        self._texts = array("q")
        self._meanings = array("q")
        """What parts two questions although nearly every letter is the same (`twins.meaning`)."""
        self._endorsed = bytearray()
        """1 where the owner spoke for the example: only equal texts can push it out."""

    def take(self, turn: LoggedTurn, example: Example) -> None:
        # Before the filters: a correction changes the reply that they look at.
        opinion = self.feedback.get(turn.id)
        if opinion is not None:
            example, refusal = self._heed(turn, example, opinion)
            if refusal is not None:
                self.dropped.add(turn.id, *refusal)
                return
        kept = opinion is not None and opinion.kind == "keep"
        endorsed = opinion is not None and opinion.kind in {"keep", "correction", "praise"}
        if not kept:
            for each in self.filters:
                # Praise says that the model's own reply is worth learning; all other reasons still hold.
                if endorsed and each.name == OWN_REPLY:
                    continue
                try:
                    reason = each.check(turn, example, self.limits)
                except Exception as error:  # named in the log once; it objects to nothing
                    if each.name not in self._failed:
                        self._failed.add(each.name)
                        log.warning("filter %s failed and was skipped: %s", each.name, error, exc_info=error)
                    continue
                if reason is not None:
                    self.dropped.add(turn.id, each.name, reason)
                    return
        if example.user.strip() and example.reply:
            self._admit(example, endorsed)
        else:
            self.dropped.add(turn.id, "empty", _say("left_out.nothing"))

    def _heed(self, turn: LoggedTurn, example: Example, opinion: Feedback) -> tuple[Example, tuple[str, str] | None]:
        """What the owner's opinion makes of an example: (example, None), or (example, (filter, reason))."""
        prompt = example.messages[:-1]
        if opinion.kind == "drop":
            return example, ("owner", _say("left_out.review"))
        judged = turn.kind is TurnKind.CHAT and example.reply != ""
        if judged and opinion.kind in {"complaint", "correction", "praise"}:
            self.ratings.append(Rating(turn.id, prompt, example.reply, opinion.kind == "praise", example.turns))
        if opinion.kind == "correction" and opinion.correction and opinion.correction.strip():
            better = opinion.correction.strip()
            # Its words are learnt from, so the turn that said them is part of the lineage.
            turns = example.turns if opinion.said_in is None else (*example.turns, opinion.said_in)
            if judged:
                self.preferences.append(Preference(turn.id, prompt, better, example.reply, turns))
            return with_reply(example, better, turns), None
        if opinion.kind in {"complaint", "correction"}:
            return example, ("complaint", _say("left_out.complaint"))
        return example, None

    def _admit(self, example: Example, endorsed: bool) -> None:
        self.pool.add(example)
        user, reply = example.user, example.reply
        call = tool_call(reply)
        self._topics.add(user, str(json.loads(call)["tool"]) if call else None)
        # A reply of signs alone has no normal form, and is compared as it is.
        text = f"{normal(user)}\n{normal(reply) or reply}"
        # The same question and reply in another conversation is another example.
        if self.settings.history_turns:
            text += "\n" + "\n".join(m.content for m in example.messages[:-2] if m.role != "system")
        # 64 bits a text: among ten million, two different ones meet with a chance of 1 in 400 000.
        self._texts.append(hash(text))
        self._meanings.append(hash(meaning(user)))
        if "near_duplicate" not in self._off:
            self._signatures.add(text)
        self._scores.append(judge(user, reply).score)
        self._endorsed.append(endorsed)

    # -- the collection as a whole -----------------------------------------------------------------

    def choose(self) -> list[Example]:
        """The examples that stay, in the order they came."""
        alive = np.ones(len(self.pool), bool)
        endorsed = np.frombuffer(bytes(self._endorsed), np.uint8).astype(bool)
        # The owner's word first, then the score; numpy's last key is the first criterion.
        # Scores are at most 1, so that 2 puts everything that the owner spoke for before all that he did not.
        rank = np.frombuffer(self._scores, np.float32) + 2 * endorsed
        if "duplicate" not in self._off:
            self._drop_equal(alive, rank)
        if "near_duplicate" not in self._off and self.settings.near_duplicate < 1:
            self._drop_alike(alive, rank, endorsed)
        if "topic" not in self._off:
            self._cap_topics(alive, rank, endorsed)
        if "surplus" not in self._off:
            self._cap_all(alive, rank)
        return list(self.pool.read(np.flatnonzero(alive).tolist()))

    def _drop_equal(self, alive: NDArray[np.bool_], rank: NDArray[np.float32]) -> None:
        # The numbers of the distinct texts, one for each example: equal texts are one group.
        _, group = np.unique(np.frombuffer(self._texts, np.int64), return_inverse=True)
        self._drop(alive, _but_best(group, rank), "duplicate", _say("left_out.duplicate"))

    def _drop_alike(self, alive: NDArray[np.bool_], rank: NDArray[np.float32], endorsed: NDArray[np.bool_]) -> None:
        numbers = np.flatnonzero(alive)
        alike = leaders(self._signatures.matrix(), self.settings.near_duplicate, numbers)
        meanings = np.frombuffer(self._meanings, np.int64)[numbers]
        # One group for each leader and meaning: "liga a luz" and "desliga a luz" have one leader and two meanings.
        _, group = np.unique(np.stack([alike, meanings]), axis=1, return_inverse=True)
        group = group.reshape(-1)
        surplus = numbers[_but_best(group, rank[numbers])]
        self._drop(alive, surplus[~endorsed[surplus]], "near_duplicate", _say("left_out.near_duplicate"))

    def _cap_topics(self, alive: NDArray[np.bool_], rank: NDArray[np.float32], endorsed: NDArray[np.bool_]) -> None:
        cap = max(TOPIC_MINIMUM, int(self.settings.topic_share * min(int(alive.sum()), self.settings.max_examples)))
        topics = self._topics.decide()
        numbers = np.flatnonzero(alive & (topics != NO_TOPIC))
        if not len(numbers):
            return
        # Best first, then newest, within each topic; everything after the first `cap` goes.
        order = numbers[np.lexsort((-numbers, -rank[numbers], topics[numbers]))]
        ordered = topics[order]
        # Sorted by topic, a group begins where the number changes; `place` counts from there.
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
        surplus = order[(place >= cap) & ~endorsed[order]]
        borders = np.flatnonzero(np.diff(topics[surplus])) + 1
        names = self._topics.names()
        for part in np.split(surplus, borders) if len(surplus) else []:
            name = names[topics[part[0]]]
            self._drop(alive, np.sort(part), "topic", _say("left_out.topic", count=cap, topic=repr(name)))

    def _cap_all(self, alive: NDArray[np.bool_], rank: NDArray[np.float32]) -> None:
        numbers = np.flatnonzero(alive)
        order = numbers[np.lexsort((-numbers, -rank[numbers]))]
        most = self.settings.max_examples
        self._drop(alive, np.sort(order[most:]), "surplus", _say("left_out.surplus", most=most))

    def _drop(self, alive: NDArray[np.bool_], numbers: NDArray[np.int64], name: str, reason: str) -> None:
        # What an earlier rule has dropped keeps the reason of that rule.
        numbers = numbers[alive[numbers]]
        alive[numbers] = False
        for identity in self.pool.ids(numbers.tolist()):
            self.dropped.add(identity, name, reason)


def _but_best(group: NDArray[np.int64], rank: NDArray[np.float32]) -> NDArray[np.int64]:
    """The numbers of all but the best of each group; the earliest of equals is the best."""
    order = np.lexsort((np.arange(len(group)), -rank, group))
    ordered = group[order]
    again = np.concatenate([[False], ordered[1:] == ordered[:-1]]) if len(order) else np.zeros(0, bool)
    return np.sort(order[again])
