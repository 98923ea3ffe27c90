"""Gemma's turns: written out, and the same in both template languages."""

from __future__ import annotations

import re

import pytest
from jinja2 import Environment

from aeon_plugin_ft.base.builtin import GEMMA3
from aeon_plugin_ft.base.turns import CHAT_TEMPLATE, END_OF_TURN, END_OF_TURN_ID, OLLAMA_TEMPLATE

Talk = list[dict[str, str | None]]


def render(talk: Talk, *, reply: bool = True, **options: bool) -> str:
    template = Environment(autoescape=False, **options).from_string(CHAT_TEMPLATE)  # type: ignore[arg-type]
    return template.render(messages=talk, bos_token="<bos>", add_generation_prompt=reply)


def said(role: str, content: str | None) -> dict[str, str | None]:
    return {"role": role, "content": content}


TALK = [said("system", "Aeon.\n"), said("user", "oi "), said("assistant", "e aí"), said("user", "que horas são?")]


def test_the_system_prompt_stands_at_the_head_of_the_first_question() -> None:
    assert render(TALK) == (
        "<bos><start_of_turn>user\nAeon.\n\noi<end_of_turn>\n"
        "<start_of_turn>model\ne aí<end_of_turn>\n"
        "<start_of_turn>user\nque horas são?<end_of_turn>\n"
        "<start_of_turn>model\n"
    )


def test_a_whole_talk_begins_as_the_prompt_of_its_last_reply() -> None:
    whole = render([*TALK, said("assistant", "Meio-dia.")], reply=False)
    assert whole == render(TALK) + "Meio-dia.<end_of_turn>\n"


def test_without_a_system_prompt_and_with_several() -> None:
    assert render([said("user", "oi")]).startswith("<bos><start_of_turn>user\noi<end_of_turn>")
    both = render([said("system", "um"), said("system", "dois"), said("user", "oi")])
    assert "<start_of_turn>user\num\n\ndois\n\noi<end_of_turn>" in both
    later = render([said("user", "oi"), said("assistant", None), said("system", "três"), said("user", "tchau")])
    assert later.count("três") == 1 and "user\ntrês\n\ntchau<end_of_turn>" in later


@pytest.mark.parametrize("trimmed", [False, True])
def test_engines_that_trim_blocks_and_those_that_do_not_agree(trimmed: bool) -> None:
    assert render(TALK, trim_blocks=trimmed, lstrip_blocks=trimmed) == render(TALK)


def test_the_end_of_a_turn_is_what_the_header_names_as_the_end_of_a_reply() -> None:
    assert GEMMA3.entries["tokenizer.chat_template"] == CHAT_TEMPLATE
    assert GEMMA3.entries["tokenizer.ggml.eot_token_id"] == END_OF_TURN_ID
    assert END_OF_TURN in CHAT_TEMPLATE and END_OF_TURN in OLLAMA_TEMPLATE


def test_ollamas_wording_has_the_same_pieces_in_the_same_order() -> None:
    """The pieces of text between the fields, as both languages have them; a real Ollama compares the prompts."""
    jinja = re.findall(r"<(?:start|end)_of_turn>(?:user|model)?\\n", CHAT_TEMPLATE)
    go = re.findall(r"<(?:start|end)_of_turn>(?:user|model)?\\n", OLLAMA_TEMPLATE)
    assert jinja == go
    assert OLLAMA_TEMPLATE.count("{{") == OLLAMA_TEMPLATE.count("}}")
