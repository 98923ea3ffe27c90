"""`aeon-ft demo`: the whole loop once, on real parts, in front of your eyes. Nothing shown is canned.

It talks to the brain of this repository, serves and trains a built-in model, and leaves a data folder behind that every
other command can look at. Whatever comes out is shown, right or wrong. Stopped with Ctrl-C, the same command goes on.

demo_state.py   its folder, and how far it has come
demo_talk.py    what is asked and told, and how a reply is shown
demo_exam.py    the exam before and after
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

import aeon_plugin_ft
from aeon_plugin_ft.cli.compare import ask_all
from aeon_plugin_ft.cli.context import Context, counts, out, size, span
from aeon_plugin_ft.cli.demo_exam import exam_of
from aeon_plugin_ft.cli.demo_state import DemoState, open_folder
from aeon_plugin_ft.cli.demo_talk import (
    QUESTIONS,
    TOLD_AFTER,
    TOLD_BEFORE,
    Chatter,
    Question,
    in_private,
    last_line,
    make_console,
    sentences_for,
    show_answer,
    show_marked,
    tell,
    wait_for_version,
    without_memories,
)
from aeon_plugin_ft.cli.learn import estimate_sentence, say_phase, show_verdict, training_bar
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.cli.phases import phase_clock
from aeon_plugin_ft.cli.words import left_out
from aeon_plugin_ft.errors import DatasetError, InstallError
from aeon_plugin_ft.extras import require_trainer
from aeon_plugin_ft.messages import Speaker

if TYPE_CHECKING:
    from aeon_plugin_ft.base import BaseModel
    from aeon_plugin_ft.dataset.model import Dataset
    from aeon_plugin_ft.pipeline import Pipeline
    from aeon_plugin_ft.registry import Version
    from aeon_plugin_ft.runtime import Runtime
    from aeon_plugin_ft.training.model import Progress, Run
    from core.console import Console

_say = Speaker("cli/demo")
_refuse = Speaker("errors/cli")

SAMPLE = Path("samples/conversation.log")
"""In the repository's folder; a wheel has it beside its packages."""
SETTINGS: dict[str, object] = {
    # An untrained small model rarely stops by itself; the demo does not wait for all of it.
    "serve.max_reply_tokens": 96,
    # The demo itself says when to train.
    "schedule.enabled": False,
    # Off while the weights alone are asked; a demo that was killed then begins with it on.
    "memory.in_prompt": True,
}
"""What the demo sets in its plugin.toml beside the base; everything else is as an owner has it."""

KEEP_SECONDS = 5.0


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("demo-data"),
    log: Annotated[Path, typer.Option(help="The conversation to learn from.")] = SAMPLE,
) -> None:
    """Watch Aeon learn from a sample conversation: about twelve minutes on two CPU cores, no account, no cloud.

    Ctrl-C stops it; the same command goes on where it was.
    """
    require_trainer()
    Demo(folder, _sample(log)).run()


def _sample(log: Path) -> Path:
    """The conversation that was named; where no other was, the one that came with this package."""
    package = Path(aeon_plugin_ft.__file__).parent
    places = [folder / SAMPLE for folder in (package, package.parent)] if log == SAMPLE else []
    return next((place for place in [log, *places] if place.exists()), log)


class Demo:
    """One pass through the loop, one step a method. A step that an earlier start has done is not done again."""

    def __init__(self, folder: Path, sample: Path) -> None:
        self.folder, self.sample = folder, sample
        self.state: DemoState = open_folder(folder, sample)
        self.started = time.monotonic() - self.state.seconds
        self.number = 0
        self.shared = Context(folder, None, False)

    def run(self) -> None:
        """The whole demo, or the rest of one that was stopped."""
        if self.state.begun:
            out.print(_say("start.going_on", folder=self.folder), soft_wrap=True)
        try:
            base = self._make_base()
            console, runtime = self._open_console()
            try:
                self._show(console, runtime, base)
            finally:
                console.stop()
        finally:
            self._keep()
            self.shared.close()

    def _show(self, console: Console, runtime: Runtime, base: BaseModel) -> None:
        run = self._trained()
        if run is None:
            self._ask_the_base(console, runtime)
            self._import()
            self._tell(console, runtime)
            run = self._train(self._dataset(), base)
        version = self._judged(run)
        self._examined(version)
        if version.verdict.accepted:
            self._swap(console, runtime, version)
            self._ask_again(console, runtime, version)
            self._tell_once_more(console, runtime, version)
        else:
            self._ask_aside(version)
        self.state.finished = True
        self._goodbye(version)

    # -- the steps -----------------------------------------------------------------------------

    def _make_base(self) -> BaseModel:
        from aeon_plugin_ft.base.fallback import demo_base

        self._step(_say("step.base"))
        pipeline = self._pipeline()
        chosen = demo_base(self.shared.data.cache / "base", lambda text: out.print(text, markup=False, soft_wrap=True))
        for key, value in {"base.model": chosen.spec, **SETTINGS}.items():
            self.shared.settings_file.set(key, value)
        base = pipeline.base()
        parameters = f"{base.parameters / 1e6:.0f}"
        out.print(_say("base.made", base=base.spec, parameters=parameters, digest=base.digest[:19]))
        return base

    def _open_console(self) -> tuple[Console, Runtime]:
        console = make_console(self.folder)
        console.start()
        from aeon_plugin_ft.plugin import plugin

        if plugin.runtime is None:
            console.stop()
            raise InstallError(*_refuse.error("demo.no_runtime"))
        return console, plugin.runtime

    def _ask_the_base(self, console: Console, runtime: Runtime) -> None:
        self._step(_say("step.before"))
        wait_for_version(runtime, "base")
        with in_private(console):
            for question in QUESTIONS:
                if question.text not in self.state.before:
                    self.state.before[question.text] = console.ask(question.text).text
                    self._keep()
                show_answer(question.text, self.state.before[question.text], "base")

    def _import(self) -> None:
        from aeon_plugin_ft.dataset.importers.into_log import import_into_log

        self._step(_say("step.import", sample=self.sample))
        if not self.sample.exists():
            raise DatasetError(*_refuse.error("demo.no_sample", sample=self.sample))
        shared = self.shared
        imported = import_into_log(self.sample, shared.data, shared.store, shared.settings_file.current)
        out.print(
            _say("import.done", added=imported.added, kinds=counts(imported.kinds, left_out), known=imported.known)
        )

    def _tell(self, console: Console, runtime: Runtime) -> None:
        self._step(_say("step.tell"))
        if not self.state.told:
            tell(console, runtime, TOLD_BEFORE, "base")
            self.state.told = True
            self._keep()
        newest = max(self.shared.data.log.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        ends = f"{_say('tell.log', file=newest)}\n  {last_line(newest)[:160]}..."
        out.print(ends, style="dim", markup=False, soft_wrap=True)
        self._answer_from_prompt(console, runtime, TOLD_BEFORE.question, "base")
        out.print(_say("tell.small"), style="dim")

    def _dataset(self) -> Dataset:
        self._step(_say("step.dataset"))
        pipeline = self._pipeline()
        draft = pipeline.draft()
        out.print(_say("dataset.facts", n=len(self.shared.book.current())))
        dropped = counts(Counter(item.filter for item in draft.dropped), left_out)
        out.print(_say("dataset.left_out", counts=dropped) if dropped else _say("dataset.left_nothing"))
        dataset = pipeline.freeze(draft)
        out.print(
            _say(
                "dataset.made", hash=dataset.hash, train=dataset.train, lessons=dataset.lessons, heldout=dataset.heldout
            )
        )
        return dataset

    def _train(self, dataset: Dataset, base: BaseModel) -> Run:
        from aeon_plugin_ft.training.progress import read_outcome

        self._step(_say("step.train"))
        pipeline = self._pipeline()
        with phase_clock() as on_phase:
            plan = _, recipe, cost = self.shared.pipeline(on_phase).plan(dataset)
        out.print(estimate_sentence(cost, base.spec, dataset.train, recipe.batch_size))
        started = time.monotonic()
        with self._bar() as on_progress:
            run = pipeline.train(dataset, on_progress, plan)
        outcome = read_outcome(run.outcome_file)
        peak = size(outcome.peak_bytes) if outcome else _say("train.unknown")
        taken, estimated = span(time.monotonic() - started), span(cost.seconds)
        out.print(_say("train.done", span=taken, estimated=estimated, peak=peak, memory=size(cost.ram_bytes)))
        return run

    def _trained(self) -> Run | None:
        """The training of an earlier start, brought to its end; None where there was none that can be used."""
        from aeon_plugin_ft.training.model import RunState
        from aeon_plugin_ft.training.runs import reap_runs
        from aeon_plugin_ft.training.table import latest_run, unfinished_run

        reap_runs(self.shared.store, self.shared.data)
        left = unfinished_run(self.shared.store)
        if left is not None:
            self._step(_say("step.resume", run=left.id))
            with self._bar() as on_progress:
                return self._pipeline().resume(left.id, on_progress)
        latest = latest_run(self.shared.store)
        return latest.run if latest is not None and latest.state is RunState.FINISHED else None

    def _judged(self, run: Run) -> Version:
        registry = self.shared.registry
        known = registry.version_of(run.id)
        if known is None:
            self._step(_say("step.verdict"))
            with phase_clock() as on_phase:
                version = self.shared.pipeline(on_phase).judge(run)
        else:
            self._step(_say("step.verdict_before"))
            version = registry.get(known)
        show_verdict(version)
        return version

    def _examined(self, version: Version) -> None:
        from aeon_plugin_ft.evaluation.report.words import exam_words

        self._step(_say("step.exam"))
        for line in exam_of(self.shared.registry.report(version), version.name):
            out.print(line, markup=False, soft_wrap=True)
        spoken = exam_words(version.verdict.numbers, version.name)
        if spoken:
            out.print(_say("exam.report", sentence=spoken), markup=False)

    def _swap(self, console: Console, runtime: Runtime, version: Version) -> None:
        if self.shared.registry.current() == version.name:
            wait_for_version(runtime, version.name)
            return
        self._step(_say("step.swap"))
        chatter = Chatter(console)
        chatter.start()
        try:
            time.sleep(3)
            self._pipeline().promote(version)
            wait_for_version(runtime, version.name)
            chatter.wait_for(version.name)
        finally:
            chatter.stop()
        answered = counts(Counter(chatter.answered_by))
        out.print(_say("swap.replies", n=len(chatter.answered_by), answered=answered, failed=chatter.failed))

    def _ask_again(self, console: Console, runtime: Runtime, version: Version) -> None:
        self._step(_say("step.again"))
        with without_memories(runtime), in_private(console):
            replies = [(question, console.ask(question.text).text) for question in self._asked()]
        self._show_again(version, replies)

    def _ask_aside(self, version: Version) -> None:
        self._step(_say("step.aside"))
        asked = self._asked()
        replies = ask_all(self.shared, version.name, [question.text for question in asked], quiet=False)
        self._show_again(version, list(zip(asked, replies, strict=True)))

    def _asked(self) -> list[Question]:
        return [*QUESTIONS, TOLD_BEFORE.question]

    def _show_again(self, version: Version, replies: list[tuple[Question, str | None]]) -> None:
        right = 0
        for question, reply in replies:
            before = self.state.before
            earlier = [(_say("reply.before"), before[question.text])] if question.text in before else []
            right += show_marked(question, [*earlier, (version.name, reply)])
        out.print(_say("reply.right", right=right, n=len(replies)))

    def _tell_once_more(self, console: Console, runtime: Runtime, version: Version) -> None:
        self._step(_say("step.untrained"))
        tell(console, runtime, TOLD_AFTER, version.name)
        self._answer_from_prompt(console, runtime, TOLD_AFTER.question, version.name)

    def _answer_from_prompt(self, console: Console, runtime: Runtime, question: Question, who: str) -> None:
        told = sentences_for(runtime, question)
        said = _say("tell.told", sentences=" ".join(told)) if told else _say("tell.told_nothing")
        out.print(said, markup=False, soft_wrap=True)
        with in_private(console):
            reply = console.ask(question.text).text
        show_marked(question, [(who, reply)])

    def _goodbye(self, version: Version) -> None:
        self._step(_say("step.next"))
        command = f"{os.path.relpath(Path(sys.executable).with_name('aeon-ft'))} --data {self.folder}"
        if version.verdict.accepted:
            out.print(_say("next.rollback", command=command), soft_wrap=True)
        out.print(_say("next.facts", command=command), soft_wrap=True)
        out.print(_say("next.report", command=command, version=version.name), soft_wrap=True)
        out.print(_say("next.chat", command=command), soft_wrap=True)
        out.print(_say("next.done", span=span(self._seconds)))

    # -- between the steps ---------------------------------------------------------------------

    @contextmanager
    def _bar(self) -> Iterator[Callable[[Progress], None]]:
        """The training's bar. How long it has taken is kept meanwhile: a demo that is killed goes on with that time."""
        with training_bar() as show:

            def on_progress(progress: Progress) -> None:
                show(progress)
                if self._seconds - self.state.seconds > KEEP_SECONDS:
                    self._keep()

            yield on_progress

    def _pipeline(self) -> Pipeline:
        return self.shared.pipeline(on_phase=say_phase)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self.started

    def _keep(self) -> None:
        self.state.seconds = self._seconds
        self.state.save(self.folder)

    def _step(self, title: str) -> None:
        self.number += 1
        out.print()
        out.print(Text(f"{self.number}. {title}", "bold cyan"), " ", Text(f"({span(self._seconds)})", "dim"))
