"""How long a big export of chats takes to read, and in how much memory.

    python benchmarks/imports.py --mb 200

Makes a ChatGPT export on one line (half of it in one conversation after another, as it is written), a WhatsApp chat and
a Telegram account of that size, and reads each in a process of its own with the importers of the tree that
`--tree` names (this one by default). Prints one JSON object a file: turns read and turns there, wall and CPU seconds
(CPU with the start of Python), MB/s, and peak resident memory, in MB.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
WORDS = [
    "cara",
    "tipo",
    "massa",
    "rodar",
    "café",
    "música",
    "projeto",
    "módulo",
    "cérebro",
    "janela",
    "não",
    "amanhã",
    "você",
    "já",
    "então",
    "também",
]
START = 1_600_000_000
READ = """
import json, resource, sys, time
from pathlib import Path
from aeon_plugin_ft.dataset.importers.importing import open_import
began = time.monotonic()
stream = open_import(Path(sys.argv[1]), assistant=sys.argv[2] or None)
turns = sum(1 for _ in stream)
seconds = time.monotonic() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1 << 20)
print(json.dumps({"format": stream.format, "turns": turns, "skipped": stream.reading.skipped_total,
                  "seconds": round(seconds, 1),
                  "cpu_seconds": round(time.process_time(), 1), "peak_mb": peak}))
"""


def text(number: int, words: int) -> str:
    """Words that look like talk, other ones for each number."""
    return " ".join(WORDS[(number * 7 + n * n) % len(WORDS)] for n in range(words)) + f" {number}"


def chatgpt(number: int) -> tuple[str, int]:
    """One conversation of five turns."""
    mapping: dict[str, Any] = {}
    last = None
    for n in range(10):
        role, key = ("user", "assistant")[n % 2], f"{number}-{n}"
        message = {
            "author": {"role": role}, "create_time": START + number, "recipient": "all",
            "content": {"content_type": "text", "parts": [text(number * 10 + n, 60 if n % 2 else 12)]},
        }  # fmt: skip
        mapping[key] = {"id": key, "parent": last, "children": [], "message": message}
        last = key
    whole = {"conversation_id": str(number), "mapping": mapping, "current_node": last}
    return (", " if number else "[") + json.dumps(whole, ensure_ascii=False), 5


def whatsapp(number: int) -> tuple[str, int]:
    """One question and its reply."""
    day, minute = divmod(number, 600)
    date = f"{1 + day % 28:02}/{1 + day // 28 % 12:02}/{2000 + day // 336}"
    time = f"{8 + minute // 60:02}:{minute % 60:02}"
    return f"{date} {time} - Rui: {text(number, 8)}?\n{date} {time} - Bia Prado: {text(number + 3, 12)}.\n", 1


def telegram(number: int) -> tuple[str, int]:
    """One chat of a hundred turns."""
    said = [
        {
            "id": n, "type": "message", "date_unixtime": str(START + number * 10_000 + n * 60),
            "from": ("Rui", "Bia")[n % 2], "from_id": f"user{n % 2}", "text": text(number + n, 12), "text_entities": [],
        } for n in range(200)
    ]  # fmt: skip
    chat = {"name": "Bia", "type": "personal_chat", "id": number, "messages": said}
    head = ", " if number else '{"about": "x", "chats": {"list": ['
    return head + json.dumps(chat, ensure_ascii=False), 100


FILES: dict[str, tuple[Callable[[int], tuple[str, int]], str, str]] = {
    "chatgpt": (chatgpt, "]", ""), "whatsapp": (whatsapp, "", "Bia Prado"), "telegram": (telegram, "]}}", "Bia"),
}  # fmt: skip
"""Maker of the pieces, what stands behind them, and who answers."""


def write(file: Path, pieces: Callable[[int], tuple[str, int]], end: str, size: int) -> int:
    """A file of about `size` bytes; how many turns it has."""
    turns = written = 0

    def every() -> Iterator[str]:
        nonlocal turns, written
        number = 0
        while written < size:
            piece, more = pieces(number)
            turns, written, number = turns + more, written + len(piece.encode()), number + 1
            yield piece
        yield end

    with file.open("w", encoding="utf-8") as out:
        out.writelines(every())
    return turns


def main() -> None:
    """Make and read each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=200)
    parser.add_argument("--only", choices=FILES)
    parser.add_argument("--tree", type=Path, default=REPOSITORY, help="another checkout whose importers read")
    given = parser.parse_args()
    environment = {**os.environ, "PYTHONPATH": str(given.tree.resolve())}
    for name, (pieces, end, assistant) in FILES.items():
        if given.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / name
            there = write(file, pieces, end, given.mb << 20)
            done = subprocess.run(
                [sys.executable, "-c", READ, str(file), assistant], env=environment, cwd=folder, text=True,
                capture_output=True, check=True,
            )  # fmt: skip
            read = json.loads(done.stdout)
            print(json.dumps({"there": there, **read, "mb_s": round(given.mb / read["seconds"], 1)}), flush=True)


if __name__ == "__main__":
    main()
