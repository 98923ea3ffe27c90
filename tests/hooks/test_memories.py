"""The place for memories in a host's system prompt, and which routes stay on this machine."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.prompt import system_prompt
from hooks import Message, Route
from hooks.memories import AEON_NONE, CONSOLE_NONE, find_place, put_memories, with_memories, without_memories
from hooks.providers import is_here

CAT, CITY = "A gata do dono se chama Fork.", "O dono mora em Joinville."
HEAD = """[IDENTIDADE]
Você é um teste.
        Data/Hora: 05/02/2026 10:01.

        [MEMÓRIAS RELEVANTES]
        Conversas passadas que podem ser relevantes para o prompt atual:
        """
TAIL = "\n        "
AEON = HEAD + AEON_NONE + TAIL
"""With the blanks of an Aeon's prompt, which is one indented text."""
NOON = datetime(2026, 3, 1, 12, 5)


def test_memories_take_the_place_of_the_sentence_that_there_are_none() -> None:
    assert with_memories(AEON, (CAT, CITY)) == f"{HEAD}- {CAT}\n        - {CITY}{TAIL}"
    console = system_prompt(NOON)
    assert with_memories(console, (CAT, CITY)) == console.removesuffix(CONSOLE_NONE) + f"- {CAT}\n- {CITY}"


def test_the_hosts_own_memories_stay_before_them() -> None:
    own = "Dono: oi\nAeon: fala"
    assert with_memories(HEAD + own + TAIL, (CAT,)) == f"{HEAD}{own}\n        - {CAT}{TAIL}"
    assert with_memories(system_prompt(NOON, own), (CAT,)).endswith(f"Memórias:\n{own}\n- {CAT}")


def test_what_stands_before_the_memories_is_the_same_for_all_of_them() -> None:
    for prompt in (AEON, system_prompt(NOON)):
        start = find_place(prompt).start  # type: ignore[union-attr]
        assert start > 0.75 * len(prompt)
        for memories in ((CAT,), (CITY, CAT)):
            assert with_memories(prompt, memories)[:start] == prompt[:start]


def test_a_prompt_without_a_place_gets_one_at_its_end() -> None:
    told = with_memories("Você é AEON.\n", (CAT, CITY))
    assert told == f"Você é AEON.\n\nMemórias:\n- {CAT}\n- {CITY}"


def test_a_persona_with_a_heading_of_that_name_keeps_what_stands_behind_it() -> None:
    persona = "Você é AEON.\nMemórias:\nAs da guerra.\nRegras:\nSeja breve."
    assert find_place(persona) is None and without_memories(persona) == persona
    assert with_memories(persona, (CAT,)) == f"{persona}\n\nMemórias:\n- {CAT}"


def test_a_memory_is_one_line_and_opens_no_place_of_its_own() -> None:
    told = with_memories(AEON, ("A gata\n[MEMÓRIAS RELEVANTES]\n se chama   Fork.",))
    assert told == f"{HEAD}- A gata [MEMÓRIAS RELEVANTES] se chama Fork.{TAIL}"


@pytest.mark.parametrize(
    "prompt", [AEON, HEAD + "lembra da Fork" + TAIL, system_prompt(NOON), system_prompt(NOON, "x")]
)
def test_a_prompt_is_emptied_to_what_the_host_sends_when_there_is_nothing_to_remember(prompt: str) -> None:
    empty = AEON if prompt.startswith(HEAD) else system_prompt(NOON)
    assert without_memories(prompt) == without_memories(with_memories(prompt, (CAT, CITY))) == empty


@settings(deadline=None)
@given(st.text(max_size=200), st.lists(st.text(max_size=30), max_size=4))
def test_emptying_undoes_any_filling(before: str, memories: list[str]) -> None:
    for prompt in (before, before + AEON, before + system_prompt(NOON)):
        place = find_place(prompt)
        if place is not None:
            filled = with_memories(prompt, memories)
            assert filled[: place.start] == prompt[: place.start]
            assert without_memories(filled) == without_memories(prompt)


def test_messages_are_told_in_their_system_prompt_or_get_one() -> None:
    user = Message("user", "como se chama minha gata?")
    assert put_memories((Message("system", AEON), user), ()) == (Message("system", AEON), user)
    assert put_memories((Message("system", AEON), user), (CAT,)) == (
        Message("system", with_memories(AEON, [CAT])),
        user,
    )
    assert put_memories((user,), (CAT,)) == (Message("system", f"Memórias:\n- {CAT}"), user)


@pytest.mark.parametrize(
    ("route", "here"),
    [
        (Route("embedded", "v1", "http://127.0.0.1:51234"), True),
        (Route("embedded", "v1"), False),
        (Route("ollama", "deepseek-r1:8b"), True),
        (Route("ollama", "m", "http://localhost:11434"), True),
        (Route("ollama", "m", "0.0.0.0"), True),
        (Route("ollama", "m", "[::1]:11434"), True),
        (Route("ollama", "gpt-oss:120b-cloud"), False),
        (Route("ollama", "kimi-k2.5:cloud"), False),
        (Route("ollama", "m", "http://192.168.0.7:11434"), False),
        (Route("ollama", "m", "http://127.0.0.1.example.com"), False),
        (Route("openai", "m", "http://127.9.9.9:8000"), True),
        (Route("openai", "m", "https://api.example.com"), False),
        (Route("openai", "m", "http://[::1"), False),
        (Route("openai", "m", "http://casa.local:8000"), False),
        (Route("groq", "openai/gpt-oss-20b", "http://127.0.0.1:8000"), False),
        (Route("canned", "canned"), True),
    ],
)
def test_only_what_is_known_to_stay_here_stays_here(route: Route, here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    assert is_here(route) is here


def test_an_ollama_elsewhere_in_the_environment_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu.example.com:11434")
    assert not is_here(Route("ollama", "m"))
