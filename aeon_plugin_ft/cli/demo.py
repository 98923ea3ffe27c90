"""`aeon-ft demo`: the whole loop once, on real parts, in front of your eyes. Nothing shown is canned.

It talks to the brain of this repository, serves and trains the built-in model, and leaves a data folder
behind that every other command can look at. Stopped with Ctrl-C, the same command goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aeon_plugin_ft.cli.context import Context, counts, out, size, span
from aeon_plugin_ft.cli.learn import estimate_sentence, say_phase, show_verdict, training_bar
from aeon_plugin_ft.cli.main import app
from aeon_plugin_ft.errors import DatasetError, InstallError, ServingError
from aeon_plugin_ft.store import private

if TYPE_CHECKING:
    from aeon_plugin_ft.dataset.model import Dataset
    from aeon_plugin_ft.registry import Version
    from aeon_plugin_ft.runtime import Runtime
    from aeon_plugin_ft.training.model import Run
    from core.console import Console

PROMPTS = (
    "qual é o nome da minha gata mesmo?",
    "que editor eu uso pra programar?",
    "me diz como eu gosto do meu café",
)
SMALL_TALK = (
    "oi aeon, tá acordado?",
    "o que você acha de segunda-feira?",
    "me fala uma curiosidade sobre computador",
    "tô pensando em arrumar a mesa hoje",
)
SHOWN_CHARS = 130
MARKER = ".aeon-ft-demo"
REPLY_TOKENS = 96
"""An untrained small model rarely stops by itself; the demo does not wait for all of it."""
READY_SECONDS = 120.0
EPOCHS = 1.0
"""One pass over the examples keeps the demo short; the default takes more."""


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("demo-data"),
    log: Annotated[Path, typer.Option(help="The conversation to learn from.")] = Path("samples/conversation.log"),
) -> None:
    """Watch Aeon learn from a sample conversation: about ten minutes on two CPU cores, no account, no cloud."""
    Demo(folder, log).run()


class Demo:
    """One pass through the loop, one step a method."""

    def __init__(self, folder: Path, sample: Path) -> None:
        self.sample = sample
        self.started = time.monotonic()
        self.number = 0
        self.folder = prepare_folder(folder)
        self.shared = Context(self.folder, None, False)
        self.shared.settings_file.set("train.epochs", EPOCHS)
        self.shared.settings_file.set("serve.max_reply_tokens", REPLY_TOKENS)
        self.before: dict[str, str | None] = {}

    def run(self) -> None:
        """The whole demo, or the rest of one that was stopped while it trained."""
        console, runtime = self._open_console()
        try:
            self._ask_the_base(console, runtime)
            unfinished = unfinished_run(self.shared)
            if unfinished is None:
                self._talk(console, runtime)
                run = self._train(self._learn_from_sample())
            else:
                run = self._go_on(unfinished)
            version = self._judge(run)
            if version.verdict.accepted:
                self._swap(console, runtime, version)
                self._ask_again(console, version)
            self._goodbye(version)
        finally:
            console.stop()

    # -- the steps -----------------------------------------------------------------------------

    def _open_console(self) -> tuple[Console, Runtime]:
        self._step("The base model: SmolLM2-135M-Instruct, taken out of a PyPI wheel and checked")
        base = self.shared.pipeline(on_phase=say_phase).base()
        out.print(f"{base.parameters / 1e6:.0f} million parameters, {base.digest[:19]}...")
        console = make_console(self.folder)
        console.start()
        from aeon_plugin_ft.plugin import plugin

        if plugin.runtime is None:
            raise InstallError("The plugin did not start", "`aeon-ft doctor` looks for the cause")
        return console, plugin.runtime

    def _ask_the_base(self, console: Console, runtime: Runtime) -> None:
        self._step("What the base model says, before it has learnt anything")
        wait_for_version(runtime, "base")
        for prompt in PROMPTS:
            self.before[prompt] = console.ask(prompt).text
            show_answer(prompt, self.before[prompt], "base")

    def _talk(self, console: Console, runtime: Runtime) -> None:
        self._step("A conversation, logged as it happens")
        for sentence in SMALL_TALK:
            show_answer(sentence, console.ask(sentence).text, "base")
        logged = wait_for_turns(runtime, len(PROMPTS) + len(SMALL_TALK))
        newest = max(self.shared.data.log.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        out.print(f"{logged} turns in {newest}; its last line:")
        out.print(f"[dim]{last_line(newest)[:200]}...[/dim]", markup=True)

    def _learn_from_sample(self) -> Dataset:
        from aeon_plugin_ft.dataset.importers.into_log import import_into_log

        self._step(f"Older conversations: {self.sample}")
        if not self.sample.exists():
            raise DatasetError(f"There is no {self.sample}", "Run the demo in the repository's folder, or give --log")
        shared = self.shared
        imported = import_into_log(self.sample, shared.data, shared.store, shared.settings_file.current)
        out.print(f"{imported.added} turns imported ({counts(imported.kinds)}), {imported.known} known already.")
        draft = shared.pipeline().draft()
        out.print(f"Left out: {counts(Counter(item.filter for item in draft.dropped)) or 'nothing'}.")
        dataset = shared.pipeline().freeze(draft)
        out.print(f"Dataset {dataset.hash}: {dataset.train} examples to train on, {dataset.heldout} to judge with.")
        return dataset

    def _train(self, dataset: Dataset) -> Run:
        self._step("Training a LoRA in a background process, at idle priority")
        pipeline = self.shared.pipeline(on_phase=say_phase)
        plan = base, recipe, cost = pipeline.plan(dataset)
        out.print(estimate_sentence(cost, base.spec, dataset.train, recipe.batch_size))
        started = time.monotonic()
        with training_bar() as on_progress:
            run = pipeline.train(dataset, on_progress, plan)
        taken = time.monotonic() - started
        outcome = json.loads(run.outcome_file.read_text(encoding="utf-8"))
        out.print(
            f"Trained in {span(taken)} (estimated: {span(cost.seconds)});"
            f" peak memory {size(outcome['peak_bytes'])} (estimated: {size(cost.ram_bytes)})."
        )
        return run

    def _go_on(self, run_id: str) -> Run:
        self._step(f"Going on with the training that was stopped ({run_id})")
        with training_bar() as on_progress:
            return self.shared.pipeline(on_phase=say_phase).resume(run_id, on_progress)

    def _judge(self, run: Run) -> Version:
        self._step("The verdict: held-out conversations, and the model as it is served")
        version = self.shared.pipeline(on_phase=say_phase).judge(run)
        show_verdict(version)
        return version

    def _swap(self, console: Console, runtime: Runtime, version: Version) -> None:
        self._step("The swap, while somebody keeps talking")
        chatter = Chatter(console)
        chatter.start()
        time.sleep(3)
        self.shared.pipeline().promote(version)
        wait_for_version(runtime, version.name)
        chatter.wait_for(version.name)
        chatter.stop()
        answered = counts(Counter(chatter.answered_by))
        out.print(f"{len(chatter.answered_by)} replies during the swap ({answered}), {chatter.failed} failed.")

    def _ask_again(self, console: Console, version: Version) -> None:
        self._step("The same questions again")
        for prompt in PROMPTS:
            out.print(f"[bold]{prompt}[/bold]")
            out.print(f"  before  {shown(self.before[prompt])}", markup=False)
            out.print(f"  {version.name}   {shown(console.ask(prompt).text)}", markup=False)

    def _goodbye(self, version: Version) -> None:
        self._step("What now")
        command = f"{os.path.relpath(Path(sys.executable).with_name('aeon-ft'))} --data {self.folder}"
        if version.verdict.accepted:
            out.print(f"Go back to the base model:  {command} rollback", soft_wrap=True)
        out.print(f"Talk to it yourself:        {command} chat", soft_wrap=True)
        out.print(f"Look around:                {command} models", soft_wrap=True)
        out.print(f"Done in {span(time.monotonic() - self.started)}.")

    def _step(self, title: str) -> None:
        self.number += 1
        out.print(
            f"\n[bold cyan]{self.number}. {title}[/bold cyan]   [dim]({span(time.monotonic() - self.started)})[/dim]"
        )


class Chatter(threading.Thread):
    """A second owner who never stops talking; remembers who answered each sentence."""

    def __init__(self, console: Any) -> None:
        super().__init__(name="demo-chatter", daemon=True)
        self.console = console
        self.answered_by: list[str] = []
        self.failed = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Talk until `stop`, one sentence after the other."""
        while not self._ended.is_set():
            answer = self.console.ask(SMALL_TALK[len(self.answered_by) % len(SMALL_TALK)])
            served = answer.turn.served_by if answer.turn is not None else None
            if not answer.text or served is None:
                self.failed += 1
            else:
                self.answered_by.append(served.version)

    def wait_for(self, version: str) -> None:
        """Until this version has answered a sentence, for a minute at the most."""
        deadline = time.monotonic() + 60
        while version not in self.answered_by and time.monotonic() < deadline:
            time.sleep(0.1)

    def stop(self) -> None:
        """Say no more; the sentence under way is awaited."""
        self._ended.set()
        self.join(60)


def prepare_folder(folder: Path) -> Path:
    """A fresh demo folder, or the one of a demo that was stopped while it trained. Only ever deletes its own."""
    if folder.exists():
        if not (folder / MARKER).exists() and any(folder.iterdir()):
            raise InstallError(f"{folder} is there already and is not the demo's", "Give another with --folder")
        before = Context(folder, None, False)
        goes_on = unfinished_run(before) is not None
        before.close()
        if goes_on:
            return folder
        shutil.rmtree(folder)
    private.make_folder(folder)
    private.write_file(folder / MARKER, "made by aeon-ft demo\n")
    return folder


def unfinished_run(shared: Context) -> str | None:
    """The newest run of this folder that was stopped and can go on."""
    from aeon_plugin_ft.training.runs import reap_runs
    from aeon_plugin_ft.training.table import unfinished_run as left_in_the_middle

    reap_runs(shared.store, shared.data)
    row = left_in_the_middle(shared.store)
    return None if row is None else row.id


def make_console(folder: Path) -> Console:
    """The repository's console around its AeonBrain, with no model of its own."""
    try:
        from core.brain import AeonBrain
        from core.console import Console
    except ImportError as error:
        raise InstallError(
            "The demo needs the repository's `core` folder", "Clone the repository and run `python dev.py demo`"
        ) from error
    from hooks import HookCaller, build_manager

    brain = AeonBrain(None, hooks=HookCaller(build_manager()))
    brain.host_routes = ()
    return Console(brain, folder)


def show_answer(prompt: str, reply: str | None, who: str) -> None:
    """One question and its reply, with who answered."""
    out.print(f"[bold]VOCÊ[/bold]  {prompt}")
    out.print(f"{who:5} {shown(reply)}", markup=False)


def shown(reply: str | None) -> str:
    """A reply on one or two lines of the screen; what is cut is marked."""
    line = " ".join((reply or "(no answer)").split())
    return line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]} [...]"


def wait_for_version(runtime: Runtime, name: str) -> None:
    """Until the brain answers with this version; raise ServingError when it does not come."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if runtime.answering == name:
            return
        time.sleep(0.05)
    raise ServingError(f"{name} did not start to answer within {span(READY_SECONDS)}", "`aeon-ft doctor`")


def wait_for_turns(runtime: Runtime, count: int) -> int:
    """How many turns the watcher has read into the store, once there are `count` of them (5 s at most)."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and runtime.index.count(None) < count:
        time.sleep(0.05)
    return runtime.index.count(None)


def last_line(path: Path) -> str:
    """The last line of a text file."""
    return path.read_text(encoding="utf-8").rstrip("\n").rsplit("\n", 1)[-1]
