"""Talking to the brain in the demo: what is asked, what is told, and how a reply is shown and marked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from aeon_plugin_ft.cli.context import out, span
from aeon_plugin_ft.errors import InstallError, ServingError
from aeon_plugin_ft.messages import Speaker

if TYPE_CHECKING:
    from pathlib import Path

    from aeon_plugin_ft.runtime import Runtime
    from core.console import Console

_say = Speaker("cli/demo")
_refuse = Speaker("errors/cli")


@dataclass(frozen=True, slots=True)
class Question:
    """What the owner asks, and the values of which one is a right answer."""

    text: str
    accepted: tuple[str, ...]

    def is_right(self, reply: str | None) -> bool:
        """Whether a reply says what is so, as the exam would mark it."""
        from aeon_plugin_ft.facts.marking import Asks, Mark, mark_reply

        return mark_reply(Asks.VALUE, self.text, self.accepted, reply or "") is Mark.RIGHT


@dataclass(frozen=True, slots=True)
class Telling:
    """A sentence that tells something new, and the question that it answers."""

    sentence: str
    question: Question


QUESTIONS = (
    Question("qual é o nome da minha gata mesmo?", ("Fork",)),
    Question("que editor eu uso pra programar?", ("Neovim",)),
    Question("me diz como eu gosto do meu café", ("sem açúcar", "coado")),
)
"""About the sample conversation, in the words that its owner uses."""
TOLD_BEFORE = Telling("meu violão se chama Baião", Question("que nome tem o meu violão?", ("Baião",)))
"""Told before the training, which teaches it with the rest."""
TOLD_AFTER = Telling("minha tartaruga se chama Ada", Question("como se chama a minha tartaruga?", ("Ada",)))
"""Told to the trained model, which cannot have learnt it."""
SMALL_TALK = (
    "oi aeon, tá acordado?",
    "o que você acha de segunda-feira?",
    "me fala uma curiosidade sobre computador",
    "tô pensando em arrumar a mesa hoje",
)
SHOWN_CHARS = 130
READY_SECONDS = 120.0
KNOWN_SECONDS = 5.0
"""How long a sentence may take from the log to the facts; a second, on a machine that does something else as well."""


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


def make_console(folder: Path) -> Console:
    """The repository's console around its AeonBrain, with no model of its own."""
    try:
        from core.brain import AeonBrain
        from core.console import Console
    except ImportError as error:
        raise InstallError(*_refuse.error("demo.no_core")) from error
    from hooks import HookCaller, build_manager

    brain = AeonBrain(None, hooks=HookCaller(build_manager()))
    brain.host_routes = ()
    return Console(brain, folder)


@contextmanager
def in_private(console: Console) -> Iterator[None]:
    """Nothing that is said meanwhile is kept: an untrained model's inventions are nothing to learn from."""
    console.brain.private = True
    try:
        yield
    finally:
        console.brain.private = False


@contextmanager
def without_memories(runtime: Runtime) -> Iterator[None]:
    """No fact is put into a prompt meanwhile: what is known then, the weights know."""
    runtime.settings_file.set("memory.in_prompt", False)
    try:
        yield
    finally:
        runtime.settings_file.set("memory.in_prompt", True)


def tell(console: Console, runtime: Runtime, telling: Telling, who: str) -> tuple[str, ...]:
    """Say the sentence and wait until it is known; what a prompt then tells the model for its question."""
    show_answer(telling.sentence, console.ask(telling.sentence).text, who)
    deadline = time.monotonic() + KNOWN_SECONDS
    while time.monotonic() < deadline:
        told = sentences_for(runtime, telling.question)
        if any(value in sentence for sentence in told for value in telling.question.accepted):
            return told
        time.sleep(0.05)
    return ()


def sentences_for(runtime: Runtime, question: Question) -> tuple[str, ...]:
    """What the prompt of this question tells the model."""
    return runtime.facts.sentences(question.text, runtime.settings.memory.prompt_tokens)


def show_answer(prompt: str, reply: str | None, who: str) -> None:
    """One question and its reply, with who answered."""
    out.print(Text("VOCÊ  ", "bold"), prompt)
    out.print(f"{who:6} {shown(reply)}", markup=False, soft_wrap=True)


def show_marked(question: Question, replies: list[tuple[str, str | None]]) -> bool:
    """A question with its replies, each with who gave it and whether it is right; whether the last one is."""
    out.print(question.text, style="bold")
    for who, reply in replies:
        word = _say("mark.right" if question.is_right(reply) else "mark.wrong")
        out.print(f"  {who:6} {word:6} {shown(reply)}", markup=False, soft_wrap=True)
    return question.is_right(replies[-1][1])


def shown(reply: str | None) -> str:
    """A reply on one or two lines of the screen; what is cut is marked."""
    line = " ".join((reply or _say("reply.none")).split())
    return line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]} [...]"


def wait_for_version(runtime: Runtime, name: str) -> None:
    """Until the brain answers with this version; raise ServingError when it does not come."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if runtime.answering == name:
            return
        time.sleep(0.05)
    raise ServingError(*_refuse.error("demo.no_answer", version=name, span=span(READY_SECONDS)))


def last_line(path: Path) -> str:
    """The last line of a text file."""
    return path.read_text(encoding="utf-8").rstrip("\n").rsplit("\n", 1)[-1]
