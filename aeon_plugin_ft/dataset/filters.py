"""Reasons to leave one turn out: each a name, a description and a function, each with its own switch.

A filter sees one turn and the example made of it, and returns a sentence or None. What needs the whole
collection (duplicates, topics, the cap) comes after them, in `build.py`, under the names in `COLLECTION`.
Other plugins add filters through `ft_register_filters`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import eq

from rapidfuzz.distance import Indel

from aeon_plugin_ft.dataset.feedback.recognise import is_correction
from aeon_plugin_ft.dataset.language import foreign_language
from aeon_plugin_ft.dataset.model import Example
from aeon_plugin_ft.dataset.quality import judge
from aeon_plugin_ft.dataset.system import volatile_values
from aeon_plugin_ft.dataset.tool_calls import tool_call
from aeon_plugin_ft.dataset.words import normal, words
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind

_say = Speaker("errors/dataset")

CHARS_PER_TOKEN = 2.5
"""Portuguese through a small English tokenizer; a larger vocabulary needs fewer tokens."""

COLLECTION = {
    "duplicate": "The same question and reply were there before.",
    "near_duplicate": "Almost the same question and reply as another example, which is kept.",
    "topic": "One topic has more than its share of the examples; its best and newest stay.",
    "surplus": "More examples than [dataset] max_examples; the best and newest stay.",
}
"""Names and meanings of what is decided over all examples together."""

OWN_REPLY = "own_reply"
"""The one filter that an opinion of the owner's overrules."""
OWNER = {
    "complaint": "The owner was not happy with this reply; it is never a target.",
    "owner": "The owner dropped it in a review.",
}
"""What only the owner decides; it has no switch."""


def in_short(name: str) -> str:
    """A filter in a word or two; its name, where another plugin has added it."""
    own = {*(each.name for each in BUILT_IN), *COLLECTION, *OWNER}
    return _say(f"short.{name}") if name in own else name


@dataclass(frozen=True, slots=True)
class Limits:
    """What a filter may need to know besides the turn. `max_length` is in tokens, system prompt included."""

    max_length: int = 1536
    min_quality: float = 0.3


@dataclass(frozen=True, slots=True)
class Filter:
    """`check(turn, example, limits)` returns why the turn is left out, None to keep it."""

    name: str
    reason: str
    """For people: what it leaves out."""
    check: Callable[[LoggedTurn, Example, Limits], str | None]


@dataclass(frozen=True, slots=True)
class Switch:
    """One name for [dataset] disabled_filters, and what it leaves out."""

    name: str
    reason: str


def _not_conversation(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    if turn.kind is TurnKind.SYNTHETIC:
        return _say("left_out.synthetic", caller=turn.caller)
    if turn.kind is TurnKind.COMMAND:
        return _say("left_out.command")
    return None


def _own_reply(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    """A model learns nothing from its own replies but to be surer of its mistakes."""
    if not turn.is_own:
        return None
    return _say("left_out.own_reply", version=turn.version)


def _canned(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    if turn.kind is not TurnKind.CANNED:
        return None
    return _say("left_out.module_reply" if turn.caller == "module" else "left_out.canned")


def _error(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    return _say("left_out.error") if turn.kind is TurnKind.ERROR else None


def _empty(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    if turn.kind is TurnKind.EMPTY or not example.reply:
        return _say("left_out.no_reply")
    return None if example.user.strip() else _say("left_out.no_question")


def _echo(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    """The reply says little but the question's own words."""
    reply, user = example.reply, example.user
    # Cheap bounds first: most replies are far longer than their question, and need no comparison.
    if len(reply) > 4 * len(user) + 40 or tool_call(reply) is not None:
        return None
    asked, told = normal(user), normal(reply)
    if not asked or len(told) > 3 * len(asked) + 20:
        return None
    if asked == told or (len(asked) > 8 and Indel.normalized_similarity(asked, told, score_cutoff=0.9) > 0.9):
        return _say("left_out.repeats_question")
    own, told_words = set(asked.split()), told.split()
    if len(own) < 3 or len(told_words) < 3:
        return None
    echoed = sum(map(own.__contains__, told_words))
    return _say("left_out.repeats_command") if len(told_words) - echoed <= 1 else None


def _language(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    if tool_call(example.reply) is not None:
        return None
    language = foreign_language(example.reply)
    return _say("left_out.language", language=_say(f"language.{language}")) if language else None


def _repetition(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    """A model that got stuck: one word, or one run of words, over and over."""
    told = words(example.reply)
    # A block of `size` words said k times is (k - 1) * size words in a row equal to the one `size` before.
    # Five times one word, three times two, three times four.
    for size, enough in ((1, 4), (2, 4), (4, 8)):
        if b"\1" * enough in bytes(map(eq, told, told[size:])):
            return _say("left_out.repeats_itself")
    return None


def _clock(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    """Training replaces the prompt's clock, so a reply that read it would teach inventing the time."""
    values = volatile_values(turn.system) if turn.system else frozenset()
    hit = next((value for value in values if value in example.reply), None)
    return _say("left_out.clock") if hit else None


def _reaction(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    """A correction makes sense only behind the reply that it corrects, where it is used as feedback."""
    if sum(message.role == "user" for message in example.messages) > 1:
        return None
    return _say("left_out.reaction") if is_correction(example.user) else None


def _too_long(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    tokens = int(sum(len(message.content) for message in example.messages) / CHARS_PER_TOKEN)
    if tokens <= limits.max_length:
        return None
    return _say("left_out.too_long", tokens=round(tokens, -2), most=limits.max_length)


def _low_quality(turn: LoggedTurn, example: Example, limits: Limits) -> str | None:
    quality = judge(example.user, example.reply)
    if quality.score >= limits.min_quality:
        return None
    faults = ", ".join(_say(f"fault.{name.replace(' ', '_')}") for name in quality.faults[:3])
    return _say("left_out.low_quality", score=decimal(quality.score, 1), faults=faults)


BUILT_IN = (
    Filter("not_conversation", "A module wrote the prompt, or it was a command to the plugin.", _not_conversation),
    Filter(OWN_REPLY, "The plugin's own model said it; one that you praised or corrected is kept.", _own_reply),
    Filter("canned", "A fixed sentence of Aeon or of one of its modules.", _canned),
    Filter("error", "The reply reports an error.", _error),
    Filter("empty", "There is no reply, or no question (cannot be switched off).", _empty),
    Filter("command_echo", "The reply only repeats the command.", _echo),
    Filter("language", "The reply is clearly not in Portuguese.", _language),
    Filter("repetition", "The reply repeats itself, as a model does that got stuck.", _repetition),
    Filter("clock", "The reply tells the date or time that stood in its own prompt.", _clock),
    Filter("reaction", "A correction of the reply before it, which says nothing by itself.", _reaction),
    Filter("too_long", "Longer than [train] max_length allows.", _too_long),
    Filter("low_quality", "Its score is below [dataset] min_quality.", _low_quality),
)


class FilterRegistry:
    """The filters in the order they are asked; plugins add theirs at the end."""

    def __init__(self, filters: Iterable[Filter] = BUILT_IN) -> None:
        self._filters: dict[str, Filter] = {}
        for each in filters:
            self.register(each)

    def register(self, filter: Filter) -> None:
        """Add a filter; one of the same name is replaced in its place."""
        self._filters[filter.name] = filter

    def active(self, disabled: Iterable[str]) -> list[Filter]:
        """The filters in the order they are asked, without the disabled ones."""
        # An example without a question or a reply cannot be learnt from, whatever the settings say.
        off = set(disabled) - {"empty"}
        return [each for each in self._filters.values() if each.name not in off]

    def all(self) -> list[Switch]:
        """Everything that [dataset] disabled_filters takes, in the order it is applied."""
        own = [Switch(each.name, each.reason) for each in self._filters.values()]
        return own + [Switch(name, reason) for name, reason in COLLECTION.items()]
