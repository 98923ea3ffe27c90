"""Reasoning never reaches the owner, however the reply arrives."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hooks.text import ThinkFilter, strip_think


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("oi", "oi"),
        ("<think>hmm</think>\n\noi", "oi"),
        ("<think></think>oi", "oi"),
        ("pensei nisso</think>\noi", "oi"),
        ("<think>nunca acaba", ""),
        ("a <think>x</think> b <THINK>y</THINK> c", "a  b  c"),
        ("3 < 4 e <thin", "3 < 4 e <thin"),
        ("  ", ""),
    ],
)
def test_strip_think(raw: str, shown: str) -> None:
    assert strip_think(raw) == shown


_TEXT = st.text("<thinkoi/> \n", max_size=8)
_SEGMENT = st.one_of(_TEXT, _TEXT.map(lambda t: f"<think>{t}</think>"))


@settings(deadline=None)
@given(st.lists(_SEGMENT, max_size=6), st.integers(1, 5))
def test_a_streamed_reply_shows_what_the_whole_one_shows(segments: list[str], size: int) -> None:
    raw = "".join(segments)
    blocks = sum(s.startswith("<think>") for s in segments)
    assume(raw.count("<think>") == raw.count("</think>") == blocks)
    assume(raw.lower() == raw)
    filtered = ThinkFilter()
    shown = "".join(filtered.feed(raw[at : at + size]) for at in range(0, len(raw), size)) + filtered.close()
    assert shown.strip() == strip_think(raw)
