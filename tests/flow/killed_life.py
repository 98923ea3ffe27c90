"""A host that talks, trains and serves until its stdin ends or it is killed: python -m tests.flow.killed_life DATA

Each turn that the owner got a reply to is one line of JSON on stdout, written whole: {"turn", "reply",
"provider", "version", "current"}; {"broken": ...} where a call raised; {"learning": ...} after each step.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
from pathlib import Path

from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.runs import RESUMABLE, reap_runs
from aeon_plugin_ft.training.table import list_runs
from aeon_plugin_ft.training.worker import priority
from core.console import Console
from tests.flow.small_life import accept_everything, import_turns, make_small, start_console, train

TALK_SECONDS = 0.25
RETRY_SECONDS = 0.3
QUESTIONS = ("e aí?", "que horas são?", "abre o terminal", "conta uma piada", "tudo certo?")


def tell(**what: object) -> None:
    """One line, below the size that a pipe takes whole."""
    os.write(1, (json.dumps(what, ensure_ascii=False)[:2000] + "\n").encode())


class Life:
    """The owner's talk and the learning, each in a thread."""

    def __init__(self, console: Console, runtime: Runtime) -> None:
        self.console, self.runtime = console, runtime
        self.ended = threading.Event()

    def talk(self) -> None:
        number = 0
        while not self.ended.wait(TALK_SECONDS):
            number += 1
            try:
                self.ask(QUESTIONS[number % len(QUESTIONS)])
            except BaseException:  # the owner would have got no reply
                tell(broken=traceback.format_exc()[-1500:])

    def ask(self, question: str) -> None:
        answer = self.console.ask(question)
        by = answer.turn.served_by if answer.turn is not None else None
        assert answer.turn is not None and by is not None, answer
        tell(
            turn=answer.turn.id,
            reply=bool(answer.text),
            provider=by.provider,
            version=by.version,
            current=self.runtime.registry.current(),
        )

    def learn(self) -> None:
        while not self.ended.wait(RETRY_SECONDS):
            try:
                tell(learning=self.step())
            except AeonFtError as error:
                tell(learning="stopped", why=str(error)[:300])
            except BaseException:
                if not self.ended.is_set():
                    tell(broken=traceback.format_exc()[-1500:])

    def step(self) -> str:
        """The loop from wherever a kill has left it."""
        pipeline, store = self.runtime.pipeline, self.runtime.store
        reap_runs(store, self.runtime.data)
        runs = list_runs(store)
        if any(row.state is RunState.RUNNING for row in runs):
            return "waiting"
        unfinished = next((row for row in runs if row.state in RESUMABLE), None)
        if unfinished is not None:
            pipeline.resume(unfinished.id)
            return "resumed"
        run = pipeline.unjudged()
        if run is None:
            return self.train()
        version = pipeline.judge(run)
        pipeline.promote(version)
        pipeline.prune()
        return version.name

    def train(self) -> str:
        return train(self.runtime, self.runtime.pipeline.freeze()).id


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    priority.OF_CHILDREN = priority.Priority.NORMAL
    make_small()
    accept_everything()
    console, runtime = start_console(Path(sys.argv[1]))
    import_turns(runtime, 0, 40)
    life = Life(console, runtime)
    threads = [threading.Thread(target=life.talk), threading.Thread(target=life.learn, daemon=True)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    life.ended.set()
    threads[0].join()
    runtime.background.pause("the test ends")
    console.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
