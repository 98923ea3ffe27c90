"""The picture of the demo shows every line that the demo printed, as text, at its moment."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from tools.recording import COLUMNS, ROWS, drawn, lines, main

OUTPUT = (
    """Making a virtual environment in .venv ...

1. The base model
VOCÊ   "qual" <é> & o nome?
v0001  right  Cara, é a Fork.
"""
    + "x" * (COLUMNS + 50)
)
SVG = "{http://www.w3.org/2000/svg}"


def test_what_comes_before_the_first_step_is_left_out_and_long_lines_are_cut() -> None:
    shown = list(lines(OUTPUT))
    assert shown[0] == "1. The base model" and len(shown) == 4
    assert shown[-1].endswith(" [...]") and max(map(len, shown)) <= COLUMNS


def test_the_picture_is_a_drawing_with_each_line_in_it_and_no_script(tmp_path: Path) -> None:
    output, picture = tmp_path / "out.txt", tmp_path / "demo.svg"
    output.write_text(OUTPUT, encoding="utf-8")
    assert main([str(output), str(picture)]) == 0
    root = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    assert [text.text for text in root.iter(f"{SVG}text")] == list(lines(OUTPUT))
    assert not {tag for tag in ("script", "image", "foreignObject") if root.find(f".//{SVG}{tag}") is not None}
    assert "http" not in picture.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert main([]) == 2


def test_lines_come_one_after_the_other_and_scroll_when_the_terminal_is_full() -> None:
    made = drawn([f"line {number}" for number in range(ROWS + 3)])
    moments = [float(at) for at in re.findall(r"0%, ([\d.]+)% \{ opacity: 0 \}", made)]
    assert len(moments) == ROWS + 3 and moments == sorted(set(moments)) and moments[-1] < 100
    assert len(re.findall(r"translateY\(-\d+px\)", made)) == 3 + 1
