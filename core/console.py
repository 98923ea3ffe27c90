"""A typed conversation with the brain. Usable by a program as well: `Console.ask("...")` gives the answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.brain import AeonBrain
from hooks.contract import Host, Turn
from hooks.providers import OnToken

log = logging.getLogger("aeon.console")

HELP = """Fale comigo normalmente, ou use:
  /ajuda      esta lista (/help também)
  /quem       quem respondeu por último, e o que foi tentado
  /historico  a conversa desta sessão
  /privado    liga e desliga o modo privado: nada é gravado nem aprendido
  /sair       termina
Os comandos do plugin são frases, como "treinar modelo" ou "modelo atual"."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is what the owner sees, None when nobody answered. `turn` is None for commands: they never
    reach a model. `ends` asks to leave."""

    text: str | None
    turn: Turn | None = None
    ends: bool = False


class Console:
    """One conversation: plugins hear each sentence first, then the brain answers it.

    `memory` is how many earlier exchanges are told to the model in the system prompt; 0 as in Aeon,
    whose window sends each sentence alone. `show` prints a sentence that the plugin says on its own;
    it is called from any thread.
    """

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

    def ask(self, text: str, on_token: OnToken | None = None, on_restart: Callable[[], None] | None = None) -> Answer:
        """The answer to one sentence: of this console (/...), of a plugin, or of the brain.

        May be called from many threads at once. With `on_token` the brain's reply is streamed too.
        """
        text = text.strip()
        if not text:
            return Answer("")
        if text.startswith("/"):
            return self._own(text)
        with self._working():
            heard = self.brain.hooks.first("aeon_heard", text=text)
            if heard is not None:
                return Answer(str(heard))
            return self._think(text, on_token, on_restart)

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

    def _own(self, text: str) -> Answer:
        name = text[1:].split(maxsplit=1)[0].lower() if text[1:].strip() else ""
        if name in ("sair", "exit", "quit"):
            return Answer("Até.", ends=True)
        commands: dict[str, Callable[[], str]] = {
            "ajuda": lambda: HELP,
            "help": lambda: HELP,
            "quem": self._who,
            "historico": self._past,
            "histórico": self._past,
            "privado": self._toggle_private,
        }
        command = commands.get(name)
        return Answer(command() if command else f"Não conheço /{name}. /ajuda mostra o que existe.")

    def _who(self) -> str:
        """Who answered last, with every attempt."""
        turn = self.brain.last_turn
        if turn is None:
            return "Ninguém respondeu ainda nesta sessão."
        lines = [
            f"  {'ok   ' if a.ok else 'falha'} {a.provider} {a.model} ({a.version}), {a.seconds:.1f} s"
            + (f": {a.error}" if a.error else "")
            for a in turn.attempts
        ]
        by = turn.served_by
        first = f"Quem respondeu: {by.provider} {by.model} ({by.version})." if by else "Ninguém respondeu."
        return "\n".join([first, *lines])

    def _past(self) -> str:
        return "\n".join(f"VOCÊ: {heard}\nAEON: {reply}" for heard, reply in self.history) or "Nada ainda."

    def _toggle_private(self) -> str:
        self.brain.private = not self.brain.private
        if self.brain.private:
            return "Modo privado ligado: daqui em diante nada é gravado nem aprendido."
        return "Modo privado desligado: volto a gravar e aprender."

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
