"""A typed conversation on a terminal: line editing, replies as they arrive, Ctrl-C, and a model that is being loaded.

The sentence is answered in a thread of its own, while this one listens to Ctrl-C (see hooks/stop.py).
"""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

from hooks.call import RESTING, STOPPED
from hooks.contract import Serving, Turn
from hooks.manager import HookCaller
from hooks.orders import NAMES, Order, Typed, unknown
from hooks.providers import OnToken
from hooks.sayings import say
from hooks.screen import Screen
from hooks.stop import Stop, stoppable
from hooks.wrapping import Wrapping

_LOOK_SECONDS = 0.1
"""Between two looks at what another thread does: Windows lets nobody wait without end and hear Ctrl-C."""
_LEAVING_SECONDS = 3.0
"""How long a stopped reply may take to leave before the owner is asked again beside it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is what the owner sees, None when nobody answered. `turn` is None for commands: they never
    reach a model. `ends` asks to leave."""

    text: str | None
    turn: Turn | None = None
    ends: bool = False


class Partner(Protocol):
    """Whom the owner talks to."""

    nobody: str
    """The key of what is said where nobody answered."""

    def ask(
        self, text: str, on_token: OnToken, on_restart: Callable[[], None], before_model: Callable[[], None]
    ) -> Answer:
        """The answer to one line; `before_model` is called when it turns out to be for a model."""

    def serving(self) -> Serving | None:
        """The plugin's model that answers next; None for the host's own choice."""

    @property
    def own_model(self) -> str:
        """The name of the host's own choice, "" for none."""


def serving_of(hooks: HookCaller, session: str) -> Serving | None:
    """What the plugins say of the model that answers next."""
    said = hooks.first("aeon_serving", session=session)
    return said if isinstance(said, Serving) else None


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C does nothing in here: pressed once more, it would break off what puts the last sentence in order."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def who_answered(turn: Turn | None) -> str:
    """Who answered last, with every attempt."""
    if turn is None:
        return say("nobody_yet")
    lines = [
        f"  {say('worked' if a.ok else 'failed')} {a.provider} {a.model} ({a.version}), {a.seconds:.1f} s"
        + (f": {_in_words(a.error)}" if a.error else "")
        for a in turn.attempts
    ]
    by = turn.served_by
    who = say("answered_by", who=f"{by.provider} {by.model} ({by.version})") if by else say("answered_by_nobody")
    return "\n".join([who, *lines])


def _in_words(error: str) -> str:
    known = {STOPPED: "by_you", RESTING: "resting"}
    return say(known[error]) if error in known else error


def what_was_said(history: Sequence[tuple[str, str]]) -> str:
    """The conversation of this session."""
    owner = say("owner")
    return "\n".join(f"{owner}: {heard}\nAEON: {reply}" for heard, reply in history) or say("no_talk")


def own_answer(
    typed: Typed, history: Sequence[tuple[str, str]], last: Turn | None, toggle_private: Callable[[], str]
) -> Answer | None:
    """What the conversation itself answers to a command; None to those that the plugins obey."""
    own: dict[Order | None, Callable[[], str]] = {
        Order.HELP: lambda: say("help"),
        Order.WHO: lambda: who_answered(last),
        Order.HISTORY: lambda: what_was_said(history),
        Order.PRIVATE: toggle_private,
        None: lambda: unknown(typed.name),
    }
    if typed.order is Order.BYE:
        return Answer(say("bye"), ends=True)
    return Answer(own[typed.order]()) if typed.order in own else None


class Talk:
    """One conversation. `show` may be called from any thread at any time; what comes while a reply arrives is shown
    after it, and what comes while the owner types leaves their line as it is. `reading` holds while a line is read."""

    def __init__(
        self, partner: Partner, screen: Screen, reading: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self._partner, self._screen, self._reading = partner, screen, reading
        self._lock = threading.RLock()
        self._prompt: str | None = None
        """What stands before the owner's line while they type it."""
        self._answering = False
        self._kept: list[str] = []
        self._give_up = threading.Event()
        """The owner does not wait for the model that is being loaded."""
        self._waiting = False
        self._not_awaited: str | None = None
        self._lines: ModuleType | None = None

    def run(self) -> None:
        """From the welcome to the end of the conversation."""
        self._lines = _line_editing()
        self._note("welcome")
        self._tell_what_loads()
        interrupts = 0
        while interrupts < 2:
            try:
                text = self._read()
                interrupts = 0
                if text.strip() and self._answer(text).ends:
                    return
            except EOFError:
                self._screen.print()
                return
            except KeyboardInterrupt:
                self._screen.print()
                if self._typed():
                    continue  # only the line that was begun is dropped
                interrupts += 1
                if interrupts < 2:
                    self._note("once_more")

    def show(self, sentence: str) -> None:
        """A sentence that a plugin says on its own."""
        with self._lock:
            if self._answering:
                self._kept.append(sentence)
                return
            # Below the line that the owner is typing, which is drawn again.
            self._print_whole(f"AEON: {sentence}" if self._prompt is None else f"\nAEON: {sentence}")
            if self._prompt is not None:
                self._screen.print(self._prompt + self._typed(), end="", soft_wrap=True)
                self._screen.file.flush()

    # -- the owner's line ----------------------------------------------------------------------

    def _read(self) -> str:
        serving = self._partner.serving()
        model = serving.version if serving is not None else self._partner.own_model
        prompt = f"[{model}] {say('owner')}: " if model else f"{say('owner')}: "
        with self._lock:
            self._prompt = prompt
        try:
            with self._reading():
                return input(prompt)
        finally:
            with self._lock:
                self._prompt = None

    def _typed(self) -> str:
        """What stands in the owner's line; "" also where nobody can say."""
        return str(self._lines.get_line_buffer()) if self._lines is not None else ""

    def _tell_what_loads(self) -> None:
        serving = self._partner.serving()
        if serving is not None and not serving.ready:
            self._note("loading", model=_named(serving))

    # -- the answer ----------------------------------------------------------------------------

    def _answer(self, text: str) -> Answer:
        with self._lock:
            self._answering = True
        try:
            return self._answered(text)
        finally:
            with self._lock:
                self._answering = False
                kept, self._kept = self._kept, []
            for sentence in kept:
                self.show(sentence)

    def _answered(self, text: str) -> Answer:
        shown = _Shown(self._screen, self._lock)
        work = _Work(
            lambda stop: self._partner.ask(
                text, lambda piece: shown.piece(piece, stop), lambda: shown.restart(stop), lambda: self._await(stop)
            )
        )
        while True:
            try:
                answer = work.wait()
                break
            except KeyboardInterrupt:
                if self._waiting:
                    self._give_up.set()
                    continue
                work.leave()
                if not shown.end():
                    self._screen.print()  # below the terminal's own ^C
                self._note("stopped")
                return Answer(None)
        if not shown.end():
            self._print_whole(f"AEON: {say(self._partner.nobody) if answer.text is None else answer.text}")
        return answer

    def _await(self, stop: Stop) -> None:
        """Until the model that is being loaded answers, cannot be loaded, or is not waited for."""
        serving = self._partner.serving()
        if serving is None or serving.ready or serving.version == self._not_awaited:
            return
        self._give_up.clear()
        self._waiting = True
        try:
            self._note("waiting", model=_named(serving))
            while serving is not None and not serving.ready and not stop.wanted:
                if self._give_up.wait(_LOOK_SECONDS):
                    self._not_awaited = serving.version
                    self._note("not_waited")
                    return
                serving = self._partner.serving()
        finally:
            self._waiting = False

    def _note(self, key: str, **slots: object) -> None:
        self._print_whole(say(key, **slots), style="dim")

    def _print_whole(self, text: str, style: str = "cyan") -> None:
        with self._lock:
            # Between words on a terminal; into a file as it is.
            self._screen.print(text, style=style, soft_wrap=not self._screen.is_terminal)


class _Work:
    """One answer, made in a thread of its own."""

    def __init__(self, work: Callable[[Stop], Answer]) -> None:
        self._stop = Stop()
        self._work = work
        self._done = threading.Event()
        self._answer: Answer | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="talk", daemon=True)
        self._begun = False

    def wait(self) -> Answer:
        """Begin, and give the answer; raises what was raised while it was made. After a KeyboardInterrupt it may be
        waited for again."""
        # Begun here, where Ctrl-C is expected: it may come while the thread is being started.
        if not self._begun:
            self._begun = True
            self._thread.start()
        while not self._done.wait(_LOOK_SECONDS):
            pass
        if self._error is not None:
            raise self._error
        return self._answer or Answer(None)

    def leave(self) -> None:
        """Stop it, and wait a moment for its end: what is left of it is put in order, in its own thread."""
        self._stop.now()
        with suppress(KeyboardInterrupt):  # pressed again: they want to go on at once
            self._done.wait(_LEAVING_SECONDS)

    def _run(self) -> None:
        try:
            with stoppable(self._stop):
                self._answer = self._work(self._stop)
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
            self._error = error
        finally:
            self._done.set()


class _Shown:
    """A reply as it arrives."""

    def __init__(self, screen: Screen, lock: threading.RLock) -> None:
        self._screen, self._lock = screen, lock
        self._begun = False
        self._wrapping = Wrapping(self._write, self._width, len("AEON: "))

    def piece(self, text: str, stop: Stop) -> None:
        """The next piece; nothing more once the owner has stopped it."""
        with self._lock:
            if stop.wanted:
                return
            if not self._begun:
                self._begun = True
                self._screen.print("AEON: ", style="cyan", end="")
            self._wrapping.feed(text)

    def restart(self, stop: Stop) -> None:
        """What was shown is no reply. It cannot be taken back on a terminal: it says so, and begins anew."""
        with self._lock:
            if stop.wanted:
                return
            self._wrapping.close()
            self._screen.print(say("restart"), style="dim", soft_wrap=True)
            self._begun = False
            self._wrapping = Wrapping(self._write, self._width, len("AEON: "))

    def end(self) -> bool:
        """The reply is over; whether any of it was shown."""
        with self._lock:
            if self._begun:
                self._wrapping.close()
                self._screen.print()
            return self._begun

    def _write(self, text: str) -> None:
        self._screen.print(text, end="", soft_wrap=True)

    def _width(self) -> int | None:
        # One column is left free: a terminal that is written full to the last one may begin a line by itself.
        return self._screen.width - 1 if self._screen.is_terminal else None


def _named(serving: Serving) -> str:
    return say("base") if serving.version == "base" else serving.version


def _line_editing() -> ModuleType | None:
    """Arrows, the lines of this session, and the commands' names at Tab, where the platform has them (Windows edits
    lines by itself). Nothing of it is kept in a file: a private sentence would be in it."""
    if not sys.stdin.isatty():
        return None
    try:
        import readline
    except ImportError:
        return None

    names = sorted(set(re.findall(r"/([a-z]+)", say("help"))) & NAMES.keys())

    def complete(text: str, state: int) -> str | None:
        fitting = [name for name in names if text.startswith("/") and f"/{name}".startswith(text)]
        return f"/{fitting[state]} " if state < len(fitting) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n")
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
    return readline
