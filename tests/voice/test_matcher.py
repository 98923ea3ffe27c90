"""Which sentences are commands, and which are ordinary talk."""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_plugin_ft.settings import parse
from aeon_plugin_ft.voice import tokens
from aeon_plugin_ft.voice.adjust import KEYS
from aeon_plugin_ft.voice.commands import yes_or_no
from aeon_plugin_ft.voice.grammar import NUMBER, WANT, grammar, read_toml
from aeon_plugin_ft.voice.intents import Intent, Name
from aeon_plugin_ft.voice.matcher import match
from benchmarks.voice import is_ours, label, measure, read_commands, read_talk

HOST_WORDS = ("status", "parar", "continuar", "pausar", "modo oculto", "aprender isso", "muito bom", "listar modulos")


def test_the_held_commands_are_understood() -> None:
    commands = read_commands("commands_held.tsv")
    assert len(commands) >= 150
    score = measure(commands, [])
    assert score.intent_accuracy >= 0.95
    assert score.accuracy >= 0.95


def test_ordinary_talk_is_left_alone() -> None:
    talk = read_talk("talk_held.txt")
    assert len(talk) >= 300
    assert measure([], talk).false_commands <= len(talk) // 100


def test_the_held_sets_share_nothing_with_the_development_sets() -> None:
    developed = {heard.casefold() for _, heard in read_commands("commands_dev.tsv")}
    assert not developed & {heard.casefold() for _, heard in read_commands("commands_held.tsv")}
    assert not set(read_talk("talk_dev.txt")) & set(read_talk("talk_held.txt"))


def test_the_development_sets_are_told_apart() -> None:
    assert measure(read_commands("commands_dev.tsv"), read_talk("talk_dev.txt")).misses == ()


@pytest.mark.parametrize(
    "heard", [*HOST_WORDS, "", "   ", "?!", "sim", "não", "aeon", "a" * 5000, "treina modelo " * 60]
)
def test_words_of_others_and_noise_are_no_commands(heard: str) -> None:
    assert match(heard) is None


@given(st.text(max_size=120))
def test_any_text_is_looked_at_without_an_error(text: str) -> None:
    assert match(text) is None or isinstance(match(text), Intent)


def test_every_command_is_in_both_sets() -> None:
    for name in ("commands_dev.tsv", "commands_held.tsv"):
        assert {Name(expected.split()[0]) for expected, _ in read_commands(name)} == set(Name)


def test_a_word_about_something_else_makes_it_no_command() -> None:
    assert match("como está o treino") is not None
    assert match("como está o treino do Flamengo") is None


def test_a_misheard_word_is_found_by_its_sound_and_by_its_letters() -> None:
    assert tokens.senses("uza", "usa")["USE"] > 0.9
    assert tokens.senses("treinamentu", "trenamentu")["TRAINING"] > 0.9
    assert tokens.senses("treinmento", "trenmentu")["TRAINING"] > 0.8


def test_a_real_word_that_sounds_like_a_command_needs_the_rest_to_fit() -> None:
    assert label(match("volta pra verão sete")) == "use v0007"
    assert match("compara os verões") is None


def test_the_slot_keeps_the_spelling_of_the_owner() -> None:
    found = match("não, o certo é São João del-Rei, tá bom?")
    assert found is not None
    assert (found.name, found.text) == (Name.CORRECT, "São João del-Rei")


def test_a_slot_that_is_empty_is_no_command() -> None:
    assert match("a resposta certa é") is None
    assert match("esquece tudo sobre") is None


def test_what_is_taken_back_or_put_right_keeps_who_it_is_about() -> None:
    assert label(match("esquece que a minha gata é a Fork, por favor")) == "forget_fact minha gata é a Fork"
    assert label(match("corrige: eu moro em Curitiba")) == "correct_fact eu moro em Curitiba"
    assert match("esquece que eu") is None and match("corrige minha") is None
    assert label(match("esquece que eu falei")) == "forget_last"
    assert match("corrige meu texto, ele é ruim") is None and match("corrige meu inglês") is None


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("o que você sabe sobre a daily?", "facts a daily"),
        ("o que tu sabe do Jaburu", "facts do Jaburu"),
        ("esquece que a daily é às 9h30", "forget_fact a daily é às 9h30"),
        ("corrige: a daily é às 10h", "correct_fact a daily é às 10h"),
    ],
)
def test_what_only_names_its_thing_is_marked_so(heard: str, expected: str) -> None:
    intent = match(heard)
    assert intent is not None and intent.named and label(intent) == expected
    assert is_ours(intent)


@pytest.mark.parametrize(
    ("heard", "name"),
    [
        ("esquece que eu falei", Name.FORGET_LAST),
        ("esquece que a gente conversou", Name.FORGET_LAST),
        ("o que você sabe sobre mim até agora", Name.FACTS),
        ("esquece que a minha gata é a Fork", Name.FORGET_FACT),
        ("corrige a resposta é Lima", Name.CORRECT),
    ],
)
def test_any_other_command_comes_before_one_that_only_names_its_thing(heard: str, name: Name) -> None:
    intent = match(heard)
    assert intent is not None and intent.name is name and not intent.named


def test_hours_that_make_no_sense_change_nothing() -> None:
    assert match("treina das trinta às quarenta") is None
    assert match("treina das duas às duas") is None


def test_settings_by_voice_are_the_documented_ones() -> None:
    found = [match(heard) for expected, heard in read_commands("commands_dev.tsv") if expected.startswith("setting")]
    assert {intent.key for intent in found if intent is not None} == set(KEYS)


def test_the_settings_accept_every_value_that_can_be_said() -> None:
    for expected, heard in read_commands("commands_dev.tsv") + read_commands("commands_held.tsv"):
        intent = match(heard)
        if expected.startswith("setting") and intent is not None:
            section, _, key = intent.key.partition(".")
            value = list(intent.value) if isinstance(intent.value, tuple) else intent.value
            read = parse(f"[{section}]\n{key} = {json.dumps(value)}\n", Path("plugin.toml"))
            assert getattr(getattr(read, section), key) == intent.value


@pytest.mark.skipif(sys.platform == "win32", reason="its time of a thread moves in steps of 15.6 ms")
def test_matching_takes_less_than_five_milliseconds() -> None:
    match("aeon, palavra qualquer")
    tokens.senses.cache_clear()
    score = measure(read_commands("commands_held.tsv"), read_talk("talk_held.txt"))
    assert score.p99_ms < 5


PASTED = {
    "words": "palavra diferente outra coisa qualquer ",
    "fillers": "aeon oi então ",
    "numbers": "duas mil e ",
    "one word": "a",
    "one number": "9",
    "a command's beginning": "esquece tudo sobre ",
    "a correction": "não, o certo é ",
    "hyphens": "a-",
    "points": "1.",
    "accents": "e\u0301",
}


@pytest.mark.parametrize("chars", [4_000, 50_000, 1_000_000])
@pytest.mark.parametrize("piece", PASTED.values(), ids=PASTED)
def test_a_pasted_text_costs_less_than_five_milliseconds(piece: str, chars: int) -> None:
    text = (piece * (chars // len(piece) + 1))[:chars]
    match("aeon, palavra qualquer")
    assert min(_milliseconds(lambda: match(text)) for _ in range(3)) < 5
    assert min(_milliseconds(lambda: yes_or_no(text)) for _ in range(3)) < 5


def test_words_never_heard_before_cost_no_more_in_a_long_text() -> None:
    letters = "bcdfghjlmnpqrstvxz"
    unknown = [f"{a}a{b}e{c}o" for a in letters for b in letters for c in letters]
    match("aeon, palavra qualquer")
    times = []
    for at in range(0, 2_000, 500):
        text = f"não, o certo é {' '.join(unknown[at : at + 500])}"
        times.append(_milliseconds(lambda text=text: match(text)))  # type: ignore[misc]
    assert min(times) < 5


def _milliseconds(work: Callable[[], object]) -> float:
    """Of this thread's processor time: another program's load does not count."""
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1000


def test_a_long_correction_is_whole_and_without_its_closing_politeness() -> None:
    told = " ".join(f"palavra{number}" for number in range(200))
    intent = match(f"não, o certo é {told}, por favor")
    assert intent is not None and (intent.name, intent.text) == (Name.CORRECT, told)


def test_a_slot_is_cut_where_its_words_are_however_accents_are_written() -> None:
    heard = unicodedata.normalize("NFD", "não, o certo é São João, tá bom?")
    assert label(match(heard)) == "correct São João"


def test_the_grammar_has_words_for_every_concept() -> None:
    concepts = {concept for meanings in grammar().concepts.values() for concept in meanings} | {NUMBER, WANT}
    for pattern in grammar().patterns:
        assert set(pattern.parts) <= concepts, pattern


def test_every_pattern_of_the_grammar_is_understood_as_its_own_command() -> None:
    """Said with the first word of each concept: no pattern is shadowed by one of another command."""
    said = {concept: words_of(concept) for pattern in grammar().patterns for concept in pattern.parts}
    for pattern in grammar().patterns:
        text = " ".join(said[part] for part in pattern.parts).replace("sete sete", "duas às sete")
        needed = f"{words_of(min(pattern.needs))} " if pattern.needs else ""
        text = f"{text} {needed}Machado" if pattern.ordered else text
        found = match(f"quero {text}" if WANT in pattern.parts else text)
        assert found is not None and found.name is pattern.intent, text


def words_of(concept: str) -> str:
    if concept in {NUMBER, WANT}:
        return "sete" if concept == NUMBER else ""
    listed = read_toml("grammar.toml")["words"].get(concept, concept)
    return str(listed.split()[0]).replace("*", "")
