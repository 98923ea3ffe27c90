"""The conversation on a real terminal."""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import pytest

from tests.conftest import REPOSITORY
from tests.host.servers import ModelServer, Scripted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no terminal that a test can hold")

LOADING = """
import sys
from pathlib import Path
from core.brain import AeonBrain
from core.console import Console
from hooks import HookCaller, Route, Serving, build_manager, hookimpl
from hooks.screen import Screen
from hooks.talk import Talk

loaded, url = Path(sys.argv[1]), sys.argv[2]

class Loads:
    @hookimpl
    def aeon_serving(self, session):
        return Serving("v0001", ready=loaded.exists())

    @hookimpl
    def aeon_choose_model(self, request):
        return Route("embedded", "v0001", url, version="v0001") if loaded.exists() else None

    @hookimpl
    def aeon_heard(self, text):
        if text == "fala":
            host.say("Treino terminado.")
        return {"qual modelo": "Estou usando a versão um.", "fala": "Já falei."}.get(text)

brain = AeonBrain(None, hooks=HookCaller(build_manager(Loads(), entry_points=False)))
brain.host_routes = (Route("openai", "groq", url),)
console = Console(brain, loaded.parent, show=lambda sentence: talk.show(sentence))
host = console.host
talk = Talk(console, Screen())
talk.run()
console.stop()
"""


class Terminal:
    """A program on a terminal of so many columns."""

    def __init__(self, command: list[str], columns: int = 60, language: str = "pt") -> None:
        import fcntl
        import pty
        import termios

        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

        def at_the_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            # What ignores Ctrl-C (a job in the background) hands that on, and Python then leaves it so.
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        env = {**os.environ, "AEON_FT_LANGUAGE": language, "TERM": "xterm", "PYTHONUTF8": "1"}
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            env.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, *command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=REPOSITORY, env=env,
            start_new_session=True, preexec_fn=at_the_terminal,
        )  # fmt: skip
        os.close(theirs)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._seen = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C at the prompt."""
        # Python shows the prompt a moment before it looks for signals; one in between is seen at the next key.
        self._until_it_reads()
        self.type("\x03")

    def _until_it_reads(self) -> None:
        """Behind a prompt the main thread sleeps nowhere but where it reads; one that waits for a processor does not
        count as asleep."""
        task, asleep = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/stat"), 0
        if not task.exists():
            time.sleep(0.5)
            return
        while asleep < 5:
            time.sleep(0.05)
            asleep = asleep + 1 if task.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "S" else 0

    def until(self, words: str, seconds: float = 90.0) -> str:
        """What is shown up to these words, without colours; fails where they do not come."""
        deadline = time.monotonic() + seconds
        while words not in self._plain(self._seen):
            assert time.monotonic() < deadline, f"{words!r} is not in {self._plain(self._seen)!r}"
            if select.select([self._ours], [], [], 0.1)[0]:
                self._seen += self._read()
        shown, _, rest = self._plain(self._seen).partition(words)
        self._seen = rest
        return shown + words

    def ends(self) -> int:
        """Its exit status; what it still shows is read."""
        deadline = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on: {self._seen!r}"
            if select.select([self._ours], [], [], 0.1)[0]:
                self._seen += self._read()
        return self.process.returncode

    def _read(self) -> str:
        try:
            return self._decode(os.read(self._ours, 65536))
        except OSError:  # Linux's word for the end
            time.sleep(0.05)
            return ""

    @staticmethod
    def _plain(text: str) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x07", "", text).replace("\r", "")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer("x") as server:
        yield server


@pytest.fixture
def chat(server: ModelServer, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_one(**options: object) -> Terminal:
        command = ["-m", "core", "--no-plugins", "--data", str(tmp_path), "--model", f"{server.url}#aeon"]
        opened.append(Terminal(command, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.__exit__(None, None, None)


def test_the_prompt_names_the_model_and_replies_are_broken_between_words(
    chat: Callable[..., Terminal], server: ModelServer
) -> None:
    terminal = chat(columns=30)
    assert "Fale comigo" in terminal.until("[aeon] VOCÊ: ")
    server.enqueue("uma frase comprida que precisa ser quebrada entre palavras porque a tela tem trinta colunas")
    terminal.type("oi\n")
    lines = terminal.until("[aeon] VOCÊ: ").splitlines()[1:-1]
    assert lines[0] == "AEON: uma frase comprida que" and all(len(line) < 30 for line in lines)
    terminal.type("/sair\n")
    terminal.until("Até.")
    assert terminal.ends() == 0


def test_ctrl_c_stops_the_reply_and_twice_at_the_prompt_the_chat(
    chat: Callable[..., Terminal], server: ModelServer
) -> None:
    terminal = chat()
    terminal.until("VOCÊ: ")
    server.enqueue(Scripted("tarde", delay=60.0))
    terminal.type("demora\n")
    while not server.chats():
        time.sleep(0.02)
    began = time.monotonic()
    terminal.type("\x03")
    terminal.until("(parei)")
    terminal.until("VOCÊ: ")
    assert time.monotonic() - began < 30
    terminal.type("/quem\n")
    assert "você parou" in terminal.until("[aeon] VOCÊ: ")
    terminal.type("e agora?\n")
    assert "AEON: [x/aeon] e agora?" in terminal.until("[aeon] VOCÊ: ")
    terminal.interrupt()
    terminal.until("(Ctrl-C de novo")
    terminal.until("VOCÊ: ")
    terminal.interrupt()
    assert terminal.ends() == 0


def test_a_sentence_between_two_ctrl_cs_keeps_the_chat_and_ctrl_d_leaves(chat: Callable[..., Terminal]) -> None:
    terminal = chat(language="en")
    terminal.until("[aeon] YOU: ")
    terminal.interrupt()
    terminal.until("(Ctrl-C again, or Ctrl-D, leaves)")
    terminal.until("YOU: ")
    terminal.type("hi\n")
    terminal.until("[aeon] YOU: ")
    terminal.interrupt()
    terminal.until("(Ctrl-C again")
    terminal.until("YOU: ")
    assert terminal.process.poll() is None
    terminal.type("\x04")
    assert terminal.ends() == 0


def test_lines_are_edited_recalled_and_completed(chat: Callable[..., Terminal]) -> None:
    pytest.importorskip("readline")
    terminal = chat()
    terminal.until("VOCÊ: ")
    terminal.type("primeira\n")
    terminal.until("AEON: [x/aeon] primeira\n[aeon] VOCÊ: ")
    terminal.type("\x1b[A\n")
    terminal.until("AEON: [x/aeon] primeira\n[aeon] VOCÊ: ")
    terminal.type("/aju\t")
    terminal.until("/ajuda ")
    terminal.type("\n")
    assert "/desfazer" in terminal.until("[aeon] VOCÊ: ")
    terminal.type("/modeo\n")
    assert "/modelo?" in terminal.until("[aeon] VOCÊ: ")


@pytest.fixture
def loading(server: ModelServer, tmp_path: Path) -> Iterator[tuple[Terminal, Path]]:
    loaded = tmp_path / "loaded"
    with Terminal(["-c", LOADING, str(loaded), server.url]) as terminal:
        assert "(carregando v0001; a primeira frase espera)" in terminal.until("[v0001] VOCÊ: ")
        yield terminal, loaded


def test_the_first_sentence_waits_for_the_model_that_is_loading(
    loading: tuple[Terminal, Path], server: ModelServer
) -> None:
    terminal, loaded = loading
    terminal.type("/modelo\n")
    assert "Estou usando a versão um." in terminal.until("VOCÊ: "), "a command waits for nobody"
    terminal.type("oi\n")
    terminal.until("(esperando v0001 carregar; Ctrl-C não espera)")
    time.sleep(0.3)
    assert server.chats() == []
    loaded.touch()
    assert "AEON: [x/v0001] oi" in terminal.until("[v0001] VOCÊ: ")


def test_ctrl_c_gives_up_waiting_and_the_host_answers(loading: tuple[Terminal, Path]) -> None:
    terminal, _ = loading
    terminal.type("oi\n")
    terminal.until("(esperando v0001")
    terminal.type("\x03")
    assert "AEON: [x/groq] oi" in terminal.until("VOCÊ: ")
    terminal.type("e de novo\n")
    assert "esperando" not in terminal.until("AEON: [x/groq] e de novo")


def test_what_the_plugin_says_meanwhile_comes_after_the_answer(loading: tuple[Terminal, Path]) -> None:
    terminal, loaded = loading
    loaded.touch()
    terminal.type("fala\n")
    shown = terminal.until("[v0001] VOCÊ: ")
    assert shown.index("AEON: Já falei.") < shown.index("AEON: Treino terminado.")


def test_ctrl_c_is_the_chat_s_where_a_command_has_handed_its_terminal_over() -> None:
    """A terminal sends it to both; the command must not end the chat, nor leave before it."""
    inner = "import time\ntry:\n print('ready', flush=True); time.sleep(60)\nexcept KeyboardInterrupt: print('heard')"
    code = "import sys\nfrom aeon_plugin_ft.processes.children import hand_over\n"
    code += f"sys.exit(hand_over([sys.executable, '-c', {inner!r}], {{'AEON_FT_LANGUAGE': 'pt'}}))"
    with Terminal(["-c", code]) as terminal:
        terminal.until("ready")
        terminal.type("\x03")
        terminal.until("heard")
        assert terminal.ends() == 0
