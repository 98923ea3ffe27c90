"""A process that appends turns from several threads and names each on stdout once `append` has returned.

Usage: python writer_child.py FOLDER THREADS TURNS ROTATE_BYTES NAME [MEETING PROCESSES]

With a meeting folder, each process logs one turn, then waits there until all PROCESSES have: they surely write
side by side after that.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from pathlib import Path

from aeon_plugin_ft.turns import TurnKind, TurnLog
from aeon_plugin_ft.turns.log import Limits
from hooks import Attempt, Message, Turn

STATIC = "Você é um assistente cínico e competente. " * 25


def make(name: str, thread: int, number: int) -> Turn:
    said = f"{name} {thread} {number} " + "palavra " * (number % 90)
    clock = f"22/11/2026 10:{number % 60:02d}"
    system = f"{STATIC}Data/Hora: {clock}.\n[MEMÓRIAS RELEVANTES]\n nenhuma {thread}\n"
    messages = (Message("system", system), Message("user", said))
    served = Attempt("groq", "llama", "base", True, 0.1)
    return Turn(uuid.uuid4().hex, name, time.time(), 0.1, "chat", "auto", said, messages, said[::-1], served)


def meet(place: Path, processes: int, name: str) -> None:
    place.mkdir(exist_ok=True)
    (place / name).touch()
    deadline = time.monotonic() + 60
    while len(list(place.iterdir())) < processes and time.monotonic() < deadline:
        time.sleep(0.01)


def main() -> None:
    folder, threads, turns, rotate_bytes, name = Path(sys.argv[1]), *map(int, sys.argv[2:5]), sys.argv[5]
    log = TurnLog(folder, redact=str, limits=lambda: Limits(rotate_bytes, 0.05), on_failure=sys.exit)

    def append(thread: int, number: int) -> None:
        turn = make(name, thread, number)
        if log.append(turn, TurnKind.CHAT):
            os.write(1, f"{turn.id}\n".encode())  # below the size that a pipe takes whole

    def write(thread: int) -> None:
        for number in range(turns):
            append(thread, number)

    if len(sys.argv) > 6:
        append(threads, 0)
        meet(Path(sys.argv[6]), int(sys.argv[7]), name)

    workers = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    log.close()


if __name__ == "__main__":
    main()
