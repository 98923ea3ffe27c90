"""A host with one child of each kind at work, until its stdin ends: python -m tests.flow.host_of_children DATA

It says "ready" when all of them have been started, and leaves without ending any. `endless_work` is what its merging
child does in place of a merge, which takes a model of two layers no time at all.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from aeon_plugin_ft.base import resolve_base
from aeon_plugin_ft.evaluation.heldout import measure_losses
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.merging.worker.run import run_job, serve_job
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Run
from aeon_plugin_ft.training.supervise import start_worker
from aeon_plugin_ft.training.table import list_runs
from aeon_plugin_ft.training.worker import priority

MODULE = "tests.flow.host_of_children"
MODEL, HELDOUT = "llama.gguf", "heldout.jsonl"
"""In the data folder."""
TRAINS, MEASURES = "aeon_plugin_ft.training.worker", "aeon_plugin_ft.evaluation.worker"
SERVES = "aeon_plugin_ft.serving.embedded.server"
KINDS = frozenset({TRAINS, MEASURES, SERVES, MODULE})
"""The modules that the children run; the last one is that of the merging child as well."""


def endless_work(job: dict[str, Any]) -> dict[str, Any]:
    time.sleep(3600)
    return job


def main() -> None:
    if sys.platform != "win32":
        # Ignored in what nohup has started; who starts an Aeon from a terminal loses it with the terminal.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    priority.OF_CHILDREN = priority.Priority.NORMAL
    data = DataFolder(Path(sys.argv[1]))
    store = Store(data.database)
    base = resolve_base(str(data.root / MODEL), data.cache / "base")
    (row,) = list_runs(store)
    worker = start_worker(Run(row.id, data.runs / row.id), store)
    work = data.root / "work"
    work.mkdir()
    for target, arguments in (
        (measure_losses, (base, {"heldout": data.root / HELDOUT}, {"base": None}, work)),
        (run_job, (MODULE, {}, work / "job.json")),
    ):
        threading.Thread(target=target, args=arguments, daemon=True).start()
    EmbeddedDeployer(data).deploy(None, base, ServeSection(threads=1, context_tokens=256))
    while worker.poll() is None:
        time.sleep(0.05)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1].endswith("job.json"):
        sys.exit(serve_job(sys.argv, endless_work))
    main()
