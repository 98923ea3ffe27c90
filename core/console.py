"""A typed conversation with the brain. Usable by a program as well: `Console.ask("...")` gives the answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.brain import AeonBrain
from hooks import orders
from hooks.contract import Host, Serving, Turn
from hooks.orders import Order, Typed
from hooks.providers import OnToken
from hooks.sayings import say
from hooks.talk import Answer, own_answer, serving_of

log = logging.getLogger("aeon.console")


class Console:
    """One conversation: plugins hear each sentence first, then the brain answers it.

    `memory` is how many earlier exchanges are told to the model in the system prompt; 0 as in Aeon,
    whose window sends each sentence alone. `show` prints a sentence that the plugin says on its own;
    it is called from any thread.
    """

    nobody = "nobody"

    def __init__(
        self,
        brain: AeonBrain,
        data_folder: Path,
        *,
        memory: int = 0,
        show: Callable[[str], None] | None = None,
    ) -> None:
        self.brain = brain
        self.history: list[tuple[str, str]] = []
        self._memory = memory
        self._show = show or (lambda sentence: None)
        self._busy = 0
        self._lock = threading.Lock()
        self._asked_back = False
        """Whether the last command was one that asks back."""
        self.host = Host(
            name="console",
            data_folder=data_folder,
            brain=brain,
            say=self._say,
            is_private=lambda: brain.private,
            set_private=self._set_private,
            is_busy=lambda: self._busy > 0,
            needs_model=not brain.has_model(),
            hooks=brain.hooks,
        )

    def start(self) -> None:
        """Tell the plugins that the host is ready."""
        self.brain.hooks.historic("aeon_started", host=self.host)

    def stop(self) -> None:
        """Tell the plugins that it ends, and give back the connections."""
        self.brain.hooks.all("aeon_stopping")
        self.brain.close()

    def ask(
        self,
        text: str,
        on_token: OnToken | None = None,
        on_restart: Callable[[], None] | None = None,
        before_model: Callable[[], None] | None = None,
    ) -> Answer:
        """The answer to one sentence: of this console (/...), of a plugin, or of the brain.

        May be called from many threads at once. With `on_token` the brain's reply is streamed too; `before_model` is
        called first where the sentence is for the brain.
        """
        text = text.strip()
        if not text:
            return Answer("")
        asked, self._asked_back = self._asked_back, False
        if text.startswith("/"):
            return self._own(orders.read(text))
        with self._working():
            heard = self._hear(orders.consent(text) if asked else text)
            if heard is not None:
                return Answer(heard)
            if before_model is not None:
                before_model()
            return self._think(text, on_token, on_restart)

    def serving(self) -> Serving | None:
        """The plugin's model that answers next; None for the brain's own choice."""
        return serving_of(self.brain.hooks, self.brain.session)

    @property
    def own_model(self) -> str:
        """The model that the brain asks first by itself, "" where it had none at the start."""
        return "" if self.host.needs_model else self.brain.own_model

    def _hear(self, sentence: str) -> str | None:
        heard = self.brain.hooks.first("aeon_heard", text=sentence)
        return None if heard is None else str(heard)

    def _think(self, text: str, on_token: OnToken | None, on_restart: Callable[[], None] | None) -> Answer:
        turns: list[Turn] = []
        reply = self.brain.pensar(
            text,
            self._memories(),
            "conversa",
            on_token=on_token,
            on_restart=on_restart,
            caller="chat",
            on_turn=turns.append,
        )
        # What was said in private must not come up in the next prompt.
        if reply is not None and not self.brain.private:
            self.history.append((text, reply))
        return Answer(reply, turns[0])

    def _memories(self) -> str:
        recent = self.history[-self._memory :] if self._memory else []
        return "\n".join(f"Dono: {heard}\nAeon: {reply}" for heard, reply in recent)

    def _own(self, typed: Typed) -> Answer:
        own = own_answer(typed, self.history, self.brain.last_turn, self._toggle_private)
        if own is not None:
            return own
        with self._working():
            answer = orders.obey(typed, self._hear)
        self._asked_back = typed.order is Order.FORGET
        return Answer(answer)

    def _toggle_private(self) -> str:
        self.brain.private = not self.brain.private
        return say("private_on" if self.brain.private else "private_off")

    def _set_private(self, on: bool) -> bool:
        self.brain.private = on
        return True

    def _say(self, sentence: str) -> None:
        try:
            self._show(sentence)
        except Exception:  # the plugin's thread must not die of a closed terminal
            log.exception("the console cannot show a sentence")

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Counts the sentences that are being answered, for `Host.is_busy`."""
        # += on an attribute is a read and a write, between which another thread may come.
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
