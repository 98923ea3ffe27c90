"""Reasoning never reaches the owner, however the reply arrives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hooks.text import ThinkFilter, _Scan, strip_think

CASES = {
    "no tag": ("oi", "oi"),
    "nothing": ("  ", ""),
    "reasoning first": ("<think>hmm</think>\n\noi", "oi"),
    "empty reasoning": ("<think></think>oi", "oi"),
    "empty element": ("<think/>oi", "oi"),
    "several": ("a <think>x</think> b <think>y</think>\nc", "a b c"),
    "in the middle of a word": ("Oi<think>b</think>.", "Oi."),
    "upper case": ("<THINK>x</Think>oi", "oi"),
    "attributes": ('<think level="3" lang=pt>x</think>oi', "oi"),
    "space in the closing tag": ("<think>x</think >oi", "oi"),
    "thinking": ("<thinking>x</thinking>oi", "oi"),
    "reasoning": ("<reasoning>x</reasoning>oi", "oi"),
    "another tag's end inside": ("<thinking>a</think>b</thinking>oi", "oi"),
    "a longer word is no tag": ("<thinker>x</thinker> oi", "<thinker>x</thinker> oi"),
    "unclosed": ("<think>nunca acaba", ""),
    "unclosed behind a reply": ("oi <think>nunca acaba", "oi"),
    "nested": ("<think>a<think>b</think>c</think>oi", "oi"),
    "nested, closed once": ("<think>a <think> b</think>oi", "oi"),
    "no opening tag, as R1 sends it": ("pensei nisso</think>\noi", "oi"),
    "no opening tag, upper case": ("pensei nisso</THINK>\noi", "oi"),
    "closed twice without opening": ("a</think>b</think>oi", "oi"),
    "half an opening tag": ("3 < 4 e <thin", "3 < 4 e <thin"),
    "in a code span": ("usa `<think>x</think>` no prompt", "usa `<think>x</think>` no prompt"),
    "the closing tag in a code span": ("fecha com `</think>`, cara", "fecha com `</think>`, cara"),
    "in a code block": ("assim:\n```xml\n<think>x</think>\n```\nviu?", "assim:\n```xml\n<think>x</think>\n```\nviu?"),
    "behind a code block": ("```\na\n```\n<think>x</think>oi", "```\na\n```\noi"),
    "a lone backtick is no code": ("um ` e\n<think>x</think>oi", "um ` e\noi"),
    "a backtick and a tag on one line": ("um ` <think>x</think>oi", "um ` oi"),
    "an open code block is no code": ("```\n<think>x</think>oi", "```\noi"),
    "an open code block in the reasoning": ("<think>```\nx</think>oi ```y```", "oi ```y```"),
    "an open code block in R1's reasoning": ("vou\n```py\nx</think>oi ```y```", "oi ```y```"),
    "a code span in the reasoning": ("<think>digo `</think>` no fim</think>oi", "oi"),
}


@pytest.mark.parametrize(("raw", "shown"), CASES.values(), ids=CASES)
def test_strip_think(raw: str, shown: str) -> None:
    assert strip_think(raw) == shown


@pytest.mark.parametrize(("raw", "shown"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_reply_in_pieces_ends_as_the_whole_one(raw: str, shown: str, size: int) -> None:
    streamed = "".join(stream(raw, size)).strip()
    # What a closing tag takes back was shown already; ReplyTo.end shows the reply anew then.
    assert streamed.endswith(shown) if taken_back(raw) else streamed == shown


def test_a_code_block_is_shown_as_it_grows_and_only_a_tag_waits() -> None:
    filtered = ThinkFilter()
    assert filtered.feed("```html\n<b>x</b>\n") == "```html\n<b>x</b>\n"
    assert filtered.feed("<think>a") == ""
    assert filtered.feed("\n```") == "<think>a\n```"


_TEXT = st.text("<thinkoi/> \n`", max_size=8)
_SEGMENT = st.one_of(
    _TEXT,
    _TEXT.map(lambda text: f"<think>{text}</think>"),
    st.sampled_from(["<think>", "</think>", "```", "`", "<thinking a=b>", "</thinking>", "<think/>"]),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(_SEGMENT, max_size=8).map("".join), st.integers(1, 5))
def test_where_a_reply_is_cut_makes_no_difference(raw: str, size: int) -> None:
    assert "".join(stream(raw, size)) == "".join(stream(raw, len(raw) + 1))
    whole = strip_think(raw)
    streamed = "".join(stream(raw, size)).strip()
    assert streamed.endswith(whole) if taken_back(raw) else streamed == whole


def stream(raw: str, size: int) -> list[str]:
    filtered = ThinkFilter()
    return [*(filtered.feed(raw[at : at + size]) for at in range(0, len(raw), size)), filtered.close()]


def taken_back(raw: str) -> bool:
    """Whether a closing tag without an opening one makes reasoning of what was shown before."""
    scan = _Scan()
    return None in [*scan.read(raw), *scan.read("", last=True)]
