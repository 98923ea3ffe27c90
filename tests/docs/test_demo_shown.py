"""The demo that README.pt-BR.md shows is the one of README.md, said from the catalogue: no figure of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from aeon_plugin_ft.evaluation.sentences import number_in
from aeon_plugin_ft.messages import Language, entries
from tests.conftest import REPOSITORY

AREAS = ("cli/demo", "cli/learn", "evaluation")
MARKS = ("mark.right", "mark.wrong", "mark.unsure", "mark.invented")
CUT = "[...]"


def shown(readme: str) -> list[str]:
    """The lines of the demo's output: the block that begins with its second step."""
    text = (REPOSITORY / readme).read_text(encoding="utf-8")
    block = re.search(r"(?:^ {4}.*\n|^\n)*?^ {4}2\. (?:.*\n)*?(?=^\S)", text, re.MULTILINE)
    assert block is not None
    lines = [line[4:] for line in block[0].splitlines() if line.strip()]
    return lines[next(at for at, line in enumerate(lines) if line.startswith("2. ")) :]


def matches(text: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Where the catalogue says `text` in English: how much of it is the sentence's own, the same sentence in
    Portuguese, and the slots."""
    for area in AREAS:
        for texts in entries(area).values():
            parts = re.split(r"(\{\w+\})", texts[Language.EN][-1])
            slots = [part for part in parts if part[:1] == "{"]
            own = len("".join(parts[::2]).strip())
            if len(set(slots)) == len(slots) and own:
                pattern = "".join(f"(?P<{part[1:-1]}>.+?)" if part in slots else re.escape(part) for part in parts)
                found = re.fullmatch(pattern, text)
                if found is not None:
                    yield own, texts[Language.PT][-1], found.groupdict()


def said(text: str) -> str:
    """A sentence of the catalogue in Portuguese; any other text as it is."""
    found = max(matches(text), key=lambda one: one[0], default=None)
    if found is None:
        return text
    _, portuguese, slots = found
    # A slot may hold words of the catalogue: the name of a fault.
    return portuguese.format(**{name: number_in(said(value), Language.PT) for name, value in slots.items()})


def translated(line: str) -> str:
    step = re.fullmatch(r"(\d+\. )(.+)", line)
    if step is not None:
        return step[1] + said(step[2])
    check = re.fullmatch(r"(ok  )(.+?)(?: against (\S+?))?: (.+)", line)
    if check is not None:
        title = said(check[2]) + (f", contra {check[3]}" if check[3] else "")
        return f"{check[1]}{title}: {said(check[4])}"
    marked = re.fullmatch(r"(  v0001  )(right|wrong|does not know|invented)( +)(.+)", line)
    if marked is not None:
        return f"{marked[1]}{said(marked[2]):{len(marked[2] + marked[3]) - 1}} {marked[4]}"
    verdict = re.fullmatch(r"(.+:) accepted", line)
    return f"{said(verdict[1])} aprovada" if verdict is not None else said(line)


def test_the_portuguese_readme_shows_the_same_demo_in_portuguese() -> None:
    english, portuguese = shown("README.md"), shown("README.pt-BR.md")
    assert len(english) == len(portuguese) > 30
    for line, other in zip(english, portuguese, strict=True):
        if line.endswith(CUT) and line.startswith("ok"):
            whole = translated(line.replace(CUT, "5% is needed)"))
            assert other.endswith(CUT) and whole.startswith(other.removesuffix(CUT)), whole
        else:
            assert other == translated(line)


@pytest.mark.parametrize(
    "line", ["2. What now", "ok  sense: 1.5% of its words make no sense where they stand (3% is allowed)"]
)
def test_a_line_of_the_demo_is_found_in_the_catalogue(line: str) -> None:
    assert translated(line) != line and "what" not in translated(line).lower()
