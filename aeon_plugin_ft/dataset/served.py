"""The system prompt that the owner's talk is served with: imported turns are trained under it, servers warm it up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aeon_plugin_ft.dataset.model import Draft
from aeon_plugin_ft.dataset.system import canonical_system
from aeon_plugin_ft.errors import DatasetError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex

_say = Speaker("errors/dataset")

FACT = "system_prompt"
FROM = "system_prompt_from"
"""Where it was read before any host had started; "" once it was really served."""
LOOKED_AT = 20
"""It is looked for among so many of the newest turns: most calls of Aeon's modules have a prompt of their own."""


@dataclass(frozen=True, slots=True)
class HostPrompt:
    """A prompt that will be served, and whose it is, for people."""

    text: str
    source: str


def keep_served_prompt(
    store: Store, index: TurnIndex, expected: Callable[[], HostPrompt | None] = lambda: None
) -> None:
    """Keep that of the owner's newest talk. By whoever brings turns into the index: the watcher in a host, and a
    dataset that is built before the watcher came to it, which must not train under another prompt, or under none.
    Before the first talk it is the one that is expected."""
    served = (turn.system for turn in index.latest(LOOKED_AT) if turn.caller == "chat" and turn.system)
    newest = next(served, None)
    if newest is None:
        if not served_prompt(store):
            keep_host_prompt(store, expected())
        return
    if canonical_system(newest) != served_prompt(store):
        store.set_fact(FACT, canonical_system(newest))
    if prompt_source(store):
        store.set_fact(FROM, "")


def keep_host_prompt(store: Store, prompt: HostPrompt | None) -> None:
    """Keep what the host will serve, as long as nothing was served yet."""
    if prompt is not None and (not served_prompt(store) or prompt_source(store)):
        store.set_fact(FACT, canonical_system(prompt.text))
        store.set_fact(FROM, prompt.source)


def served_prompt(store: Store) -> str:
    """Without what changes from minute to minute; "" before the first conversation where no host is known."""
    return str(store.fact(FACT, ""))


def prompt_source(store: Store) -> str:
    """Where the prompt was read that nobody was served yet; "" for one that was served, or where there is none."""
    return str(store.fact(FROM, ""))


def refuse_mixed(draft: Draft) -> None:
    """Raises DatasetError where some examples have a system prompt and others none: what is learnt without one is not
    what is served, and shares no prefix with the rest."""
    without = sum(not example.system for example in (*draft.train, *draft.heldout))
    if 0 < without < len(draft.train) + len(draft.heldout):
        raise DatasetError(*_say.error("served.without_prompt", count=without))
