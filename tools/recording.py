"""Makes the picture of the demo that the READMEs begin with: `python -m tools.recording OUTPUT docs/demo.svg`.

OUTPUT is what `python dev.py demo` printed, as it was printed. The picture is a terminal in which its lines come up one
after the other and scroll, once and then again; it needs no script and no font of its own, so a page may show it as an
image. Minutes of training take a second here, which is said in it by the demo's own clock.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

COLUMNS, ROWS = 104, 26
WIDTH, HEIGHT, MARGIN = 7.8, 18, 14
"""Of a character, a line and the frame, in pixels."""
LINE_SECONDS, STEP_SECONDS, REST_SECONDS = 0.35, 1.4, 6.0
"""Before a line, before a step of the demo, and at the end."""
PAPER, INK, DIM = "#12161c", "#d8dee6", "#8a94a3"
COLOURS = (
    (re.compile(r"^\d+\. "), "#7fd0ff"),
    (re.compile(r"^(?:VOCÊ|YOU) "), "#ffd479"),
    (re.compile(r"^ *(?:\S+ +)?(?:right|certa)\b|^ok "), "#8fdc8f"),
    (re.compile(r"^ *(?:\S+ +)?(?:wrong|invented|errada|inventou)\b|^no "), "#ff9d8f"),
    (re.compile(r"^(?:\.\.\.|\()"), DIM),
)
STEP = re.compile(r"^\d+\. ")


def main(arguments: Sequence[str]) -> int:
    """Write the picture; 2 where the two files are not named."""
    if len(arguments) != 2:
        print("python -m tools.recording OUTPUT PICTURE.svg", file=sys.stderr)
        return 2
    output, picture = map(Path, arguments)
    picture.write_text(drawn(list(lines(output.read_text(encoding="utf-8")))), encoding="utf-8")
    return 0


def lines(output: str) -> Iterator[str]:
    """The demo's lines from its first step on, no longer than the terminal is wide."""
    begun = False
    for line in output.replace("\r", "\n").splitlines():
        begun = begun or STEP.match(line) is not None
        if begun and line.strip():
            yield line if len(line) <= COLUMNS else line[: COLUMNS - 6].rstrip() + " [...]"


def drawn(shown: Sequence[str]) -> str:
    """The SVG of a terminal in which these lines come up."""
    times, now = [], 0.5
    for line in shown:
        now += STEP_SECONDS if STEP.match(line) else LINE_SECONDS
        times.append(now)
    whole = now + REST_SECONDS
    width, height = round(COLUMNS * WIDTH + 2 * MARGIN), ROWS * HEIGHT + 2 * MARGIN
    texts, frames = [], []
    for number, (line, time) in enumerate(zip(shown, times, strict=True)):
        at = 100 * time / whole
        colour = next((colour for pattern, colour in COLOURS if pattern.search(line)), INK)
        weight = ' font-weight="bold"' if STEP.match(line) else ""
        texts.append(
            f'<text y="{MARGIN + HEIGHT * (number + 0.75):g}" x="{MARGIN}" fill="{colour}"{weight}'
            f' style="animation-name:l{number}">{escape(line)}</text>'
        )
        frames.append(
            f"@keyframes l{number} {{ 0%, {at:.2f}% {{ opacity: 0 }} {at + 0.01:.2f}%, 100% {{ opacity: 1 }} }}"
        )
    moves = ["0% { transform: translateY(0) }"]
    for number in range(ROWS, len(shown)):
        up = HEIGHT * (number - ROWS + 1)
        moves.append(f"{100 * times[number] / whole:.2f}% {{ transform: translateY(-{up}px) }}")
    moves.append(f"100% {{ transform: translateY(-{HEIGHT * max(0, len(shown) - ROWS)}px) }}")
    frames.append(f"@keyframes up {{ {' '.join(moves)} }}")
    style = (
        "text { font: 13px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre;"
        f" animation: {whole:.1f}s step-end infinite }} .up {{ animation: up {whole:.1f}s step-end infinite }}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<style>{style} {' '.join(frames)}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>'
        f'<svg x="0" y="0" width="{width}" height="{height - MARGIN}"><g class="up">{"".join(texts)}</g></svg>'
        "</svg>\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
