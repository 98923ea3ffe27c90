"""The held-out split: newest whole conversations, and never a question that training sees too, nor one that an earlier
training has seen.

Newest, because the model in use has not been trained on them, so that old and new model are judged fairly; whole
conversations, because neighbouring turns speak of the same things. Deterministic: no random numbers.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from aeon_plugin_ft.dataset.model import Example
from aeon_plugin_ft.dataset.twins import sides


def heldout_size(examples: int, share: float, least: int) -> int:
    """How many examples to hold out of `examples`; never more than a third."""
    return min(max(round(share * examples), least), examples // 3)


def split(
    examples: Sequence[Example], share: float, least: int, trained: Container[str] = ()
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(train, held-out) of examples in the order oldest to newest; both keep that order.

    What asks the same in other words, or gets the same reply, is only ever on one side (`twins.sides`): a question that
    also occurs among the rest is trained on, not judged. `trained` are the turns that a model was trained on before:
    they stay where they are, and so does what belongs with them.
    """
    size = heldout_size(len(examples), share, least)
    chosen: set[int] = set()
    keys = sides(examples)
    seen = {keys[number] for number, example in enumerate(examples) if example.id in trained}
    places: dict[int, list[int]] = {}
    for number, key in enumerate(keys):
        places.setdefault(key, []).append(number)
    for session in _newest_sessions(examples):
        room = size - len(chosen)
        if room <= 0:
            break
        own = set(session)
        # Only questions that stand nowhere outside this conversation: they cannot leak.
        fit = [
            number
            for number in session
            if keys[number] not in seen and all(other in own for other in places[keys[number]])
        ]
        # A whole conversation may overshoot a little; one of hundreds of turns must not take the training's share.
        chosen.update(fit if len(fit) <= 2 * room else _newest_questions(fit, keys, room))
    heldout = tuple(example for number, example in enumerate(examples) if number in chosen)
    train = [example for number, example in enumerate(examples) if number not in chosen]
    return tuple(_without_leaks(train, heldout)), heldout


def _newest_sessions(examples: Sequence[Example]) -> list[list[int]]:
    """The numbers of each conversation's examples, the conversation with the newest example first."""
    sessions: dict[str, list[int]] = {}
    for number, example in enumerate(examples):
        sessions.setdefault(example.session, []).append(number)
    return sorted(sessions.values(), key=lambda numbers: -numbers[-1])


def _newest_questions(numbers: list[int], keys: list[int], room: int) -> set[int]:
    """The newest `room` or so of one long conversation, every repetition of a question with it."""
    together: dict[int, list[int]] = {}
    for number in numbers:
        together.setdefault(keys[number], []).append(number)
    chosen: set[int] = set()
    for group in sorted(together.values(), key=lambda group: -group[-1]):
        if len(chosen) >= room:
            break
        chosen.update(group)
    return chosen


def _without_leaks(train: list[Example], heldout: Sequence[Example]) -> list[Example]:
    """Train examples without history that holds a held-out reply: those go entirely (multi-turn only)."""
    targets = {example.id for example in heldout}
    return [example for example in train if targets.isdisjoint(_history(example))]


def _history(example: Example) -> tuple[str, ...]:
    """The turns before its own; behind it stands at most the one that corrected it, whose text is not shown."""
    return example.turns[: example.turns.index(example.id)] if example.id in example.turns else example.turns[:-1]
