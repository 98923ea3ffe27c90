"""A report with a little of everything, and a reader of its page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "br", "link", "img", "input", "hr", "circle", "path", "polyline"}


LOADS = {"src", "href", "data", "action", "poster", "srcset", "background", "xlink:href"}


class Reader(HTMLParser):
    """Fails on a tag that is not closed, and collects what a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{name}={value}" for name, value in attrs if name in LOADS]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{name}={value}" for name, value in attrs if name in LOADS]

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def a_report(**changes: Any) -> dict[str, Any]:
    answer = {"prompt": "quem é você?", "reply": "Sou o Aeon.", "faults": []}
    suite = {"answers": [answer], "tool_valid": 0.9, "faulty": 0.05, "seconds": 0.5}
    report: dict[str, Any] = {
        "base": "smollm2-135m-instruct", "candidate": "v0001", "current": "base", "served_digest": "sha256:abc",
        "suites": {"base": suite, "v0001": suite}, "curve": [[n, 3.0 - n / 20] for n in range(1, 21)],
        "losses": {"heldout": {"base": [[30, 10], [20, 10]], "v0001": [[20, 10], [22, 10]]}},
        "training": {"steps": 20, "seconds": 200.0}, "recipe": {"learning_rate": 1e-3, "rank": 16, "epochs": 2.0},
        "data": {"dataset": "d" * 16, "train": 1234, "heldout": 20, "dropped": {"canned": 12},
                 "since": 1.7e9, "until": 1.71e9, "sources": {"live": 1254}},
    }  # fmt: skip
    return {**report, **changes}
