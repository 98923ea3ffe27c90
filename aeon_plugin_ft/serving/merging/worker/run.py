"""The merge in a process of its own, at the lowest priority: minutes of arithmetic must not slow the host.

    python -m aeon_plugin_ft.serving.merging.worker.run <job.json>

The job names the inputs; the outcome ({"report": ...} or {"error": [what, todo]}) is written beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from aeon_plugin_ft.errors import AeonFtError, ServingError
from aeon_plugin_ft.messages import Speaker, language
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.processes.children import interpreter, start
from aeon_plugin_ft.processes.parent import ParentPipe, leave_now
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import write_whole
from aeon_plugin_ft.training.supervise import search_path
from aeon_plugin_ft.training.worker.priority import priority_argument, yields
from aeon_plugin_ft.weights.merge import MergeOptions, merge_gguf

_say = Speaker("errors/serving")


def merge_in_child(base: Path, adapter: Path, out: Path, options: MergeOptions) -> dict[str, Any]:
    """Merge into `out` in a child; returns merge.MergeReport as plain values. Raises ServingError."""
    originals = None if options.originals is None else str(options.originals)
    plain = {**asdict(options), "originals": originals}
    job = {"base": str(base), "adapter": str(adapter), "out": str(out), "options": plain}
    return run_job("aeon_plugin_ft.serving.merging.worker.run", job, out.with_name(f"{out.name}.job.json"))


def run_job(module: str, job: dict[str, Any], file: Path) -> dict[str, Any]:
    """Run a worker module on a job; returns its report. The child ends with this call, and with this process.

    `file` is where the job is written; the outcome and the child's own words lie beside it for as long as it
    runs. Raises ServingError with the worker's sentence, or with its last line where it had none.
    """
    outcome, words = file.with_suffix(".outcome.json"), file.with_suffix(".log")
    private.write_file(file, json.dumps(job))
    try:
        with open(words, "wb", opener=private.opener) as log:
            code = _wait(module, file, log)
        if not outcome.exists():
            # A child that the system killed, or whose imports failed, wrote no outcome: its last line is a traceback's.
            lines = words.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if not lines:
                raise ServingError(*_say.error("merging.ended_silent", code=code))
            raise ServingError(*_say.error("merging.ended", code=code, last=lines[-1]))
        told = json.loads(outcome.read_text(encoding="utf-8"))
        if "error" in told:
            raise ServingError(*told["error"])
        return dict(told["report"])
    finally:
        for left in (file, outcome, words):
            left.unlink(missing_ok=True)


def _wait(module: str, file: Path, log: BinaryIO) -> int:
    # Its end of the pipe closes when this process dies, and the child with it.
    command = [str(interpreter()), "-m", module, str(file), priority_argument()]
    # What it says about its end is shown here.
    environment = {**os.environ, "PYTHONPATH": search_path(), ENV_LANGUAGE: language().value}
    child = start(command, stdout=subprocess.DEVNULL, stderr=log, env=environment)
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.stdin is not None:
            child.stdin.close()


def serve_job(argv: list[str], work: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """The child's side: do the job at the lowest priority and write its outcome, whole or not at all."""
    # Before anything else: from here on the child cannot outlive this process.
    _end_with_parent()
    if yields(argv):
        _lowest_priority()
    file = Path(argv[1])
    outcome: dict[str, Any]
    try:
        outcome = {"report": work(json.loads(file.read_text(encoding="utf-8")))}
    except AeonFtError as error:
        outcome = {"error": [error.what, error.todo]}
    write_whole(file.with_suffix(".outcome.json"), json.dumps(outcome))
    return 0 if "report" in outcome else 1


def _end_with_parent() -> None:
    parent = ParentPipe()

    def watch() -> None:
        while not parent.gone(within=60.0):
            pass
        leave_now(1)

    # os._exit, since the main thread is in native code for minutes and would hear nothing of an exception.
    threading.Thread(target=watch, daemon=True).start()


def _lowest_priority() -> None:
    import psutil

    with contextlib.suppress(OSError, psutil.Error):  # a container may forbid it: the merge is only less polite
        psutil.Process().nice(getattr(psutil, "IDLE_PRIORITY_CLASS", 19))  # the first is Windows' own


def _merge(job: dict[str, Any]) -> dict[str, Any]:
    paths = (Path(job["base"]), Path(job["adapter"]), Path(job["out"]))
    given = job["options"]
    originals = Path(given["originals"]) if given["originals"] else None
    return asdict(merge_gguf(*paths, MergeOptions(**{**given, "originals": originals})))


if __name__ == "__main__":
    raise SystemExit(serve_job(sys.argv, _merge))
