"""The plugin inside a REAL, unmodified Aeon, booted without a screen.

    python tests/real_aeon.py AEON_FOLDER [--python AEON_PYTHON] [--qt]

The folder (a checkout of ruishalm/Aeon) is copied, the plugin is installed into the copy, and Aeon's own
ConfigManager, ContextManager, AeonBrain, ModuleManager and MainLogic are booted in a child process (see
tests/host/drive.py for what is stubbed and guarded). AEON_PYTHON needs this package, groq, ollama and psutil;
chromadb and desktop libraries are stubbed, with a note. Model servers are local and speak Groq's and Ollama's
wire formats through the real SDKs. Two hundred sentences are said: talk, commands of Aeon's modules, commands of
the plugin, private mode; then again after five hot reloads, and again after uninstall and install. At last
the installed plugin itself runs in place of the probe, and its log is read.

Ends with 0 when every reply, request and captured turn was as expected, else 1 with each difference.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aeon_plugin_ft.install import install, uninstall
from aeon_plugin_ft.turns import read_turns
from aeon_plugin_ft.voice.triggers import phrases
from hooks.memories import AEON_NONE
from tests.host.driven import Driven
from tests.host.servers import ModelServer, Scripted
from tests.servers.groq import FakeGroq
from tests.servers.ollama import FakeOllama

GROQ_MODEL, OLLAMA_MODEL = "llama-3.3-70b-versatile", "deepseek-r1:8b"
SUBJECTS = (
    "buracos negros", "o mar morto", "pinguins", "café coado", "jazz", "o império romano", "vulcões",
    "futebol de botão", "xadrez", "fungos", "a lua", "samba de roda", "abelhas", "castelos", "o deserto",
    "sushi", "kung fu", "cinema mudo", "dinossauros", "a gripe", "marte", "pão de queijo", "surfe", "piratas",
    "ilhas", "cometas", "robôs", "chuva", "mate", "o faraó", "relâmpagos", "bússolas", "girafas", "neve",
    "queijo", "maratonas", "aurora boreal", "bambu",
)  # fmt: skip
OPENERS = ("me fala sobre", "conta uma curiosidade sobre", "cara, explica aí")
MODULES = (
    "status", "modulos", "desempenho", "listar rotinas", "proxima", "pausar", "lista de tarefas", "toca um samba",
    "lembretes", "verificar modulos", "diagnostico", "janela", "anterior", "resetar preferencias",
)  # fmt: skip
"""Commands of Aeon's own modules that have no lasting effect under the guards."""
SLOTS = {"número": "dois", "texto": "Brasília", "assunto": "trabalho"}


@dataclass(frozen=True)
class Said:
    """One sentence of the script and what must come of it: "talk", "command", "module" or "private"."""

    text: str
    kind: str


def script() -> list[Said]:
    """Two hundred sentences, mixed."""
    talk = [Said(f"{opener} {subject}", "talk") for subject in SUBJECTS for opener in OPENERS]
    commands = [Said(_filled(phrase), "command") for listed in phrases().values() for phrase in listed[:3]]
    modules = [Said(text, "module") for text in MODULES]
    private = [Said(f"segredo número {n}: {subject}", "private") for n, subject in enumerate(SUBJECTS[:12])]
    mixed: list[Said] = []
    talk, commands = talk[: 200 - len(modules) - len(private) - len(commands)], list(commands)
    for at in range(max(len(talk), len(commands))):
        mixed += talk[at : at + 1] + commands[at : at + 1] + modules[at : at + 1]
    return mixed + private


def _filled(phrase: str) -> str:
    for slot, value in SLOTS.items():
        phrase = phrase.replace("{" + slot + "}", value)
    return phrase


class Report:
    """Counts what was as expected, and keeps what was not."""

    def __init__(self) -> None:
        self.right = 0
        self.wrong: list[str] = []

    def expect(self, what: str, got: Any, wanted: Any) -> None:
        if got == wanted:
            self.right += 1
        else:
            self.wrong.append(f"{what}: expected {wanted!r}, got {got!r}")

    def print(self, name: str, since: tuple[int, int]) -> None:
        right, wrong = self.right - since[0], len(self.wrong) - since[1]
        print(f"{name:<44} {right:>5} as expected, {wrong} not", flush=True)

    @property
    def now(self) -> tuple[int, int]:
        return self.right, len(self.wrong)


def say_all(aeon: Driven, groq: ModelServer, report: Report, sentences: list[Said]) -> None:
    """Every sentence gives its reply, its requests and its turn."""
    private = False
    for said in sentences:
        if (said.kind == "private") != private:
            private = not private
            reply = str(aeon.reply("modo oculto"))
            report.expect("modo oculto", "ativado" in reply and "desativado" not in reply, private)
        asked = len(groq.chats())
        got = aeon.say(said.text)
        check_one(report, said, got, groq.chats()[asked:])
    if private:
        aeon.say("modo oculto")


def check_one(report: Report, said: Said, got: dict[str, Any], requests: list[dict[str, Any]]) -> None:
    shown = got["shown"][-1] if got["shown"] else [None, None]
    if said.kind in ("talk", "private"):
        report.expect(said.text, shown, ["AEON", f"[groq/{GROQ_MODEL}] {said.text}"])
        report.expect(f"{said.text} (spoken)", got["spoken"], [shown[1]])
        turns = [(t["caller"], t["private"], t["reply"], t["served_by"]["model"]) for t in got["turns"]]
        report.expect(f"{said.text} (turn)", turns, [("chat", said.kind == "private", shown[1], GROQ_MODEL)])
        sent = [list(t["messages"]) for t in got["turns"]]
        report.expect(f"{said.text} (messages)", sent, [r["messages"] for r in requests])
    else:
        report.expect(f"{said.text} (model calls)", (len(requests), len(got["turns"])), (0, 0))
        is_command = str(shown[1]).startswith("comando: ")
        report.expect(f"{said.text} ({said.kind})", (shown[0], is_command), ("AEON", said.kind == "command"))
    report.expect(f"{said.text} (question left open)", got["focus"], None)


def choose_models(aeon: Driven, groq: ModelServer, ollama: ModelServer, report: Report) -> None:
    """A chosen model answers first; when it fails, base and Aeon's own chain do, within the same call."""
    tuned: dict[str, Any] = {"provider": "ollama", "model": "aeon:v1", "base_url": ollama.url, "version": "v0001"}
    served = {"provider": "embedded", "model": "v2", "base_url": ollama.url, "token": "t", "version": "v0002"}
    base = {"provider": "ollama", "model": OLLAMA_MODEL, "base_url": ollama.url}
    for route in (tuned, served):
        aeon.order("route", route=dict(route))
        report.expect("chosen", aeon.reply("me fala sobre marte"), f"[ollama/{route['model']}] me fala sobre marte")
    for failure in (Scripted(status=404), Scripted(status=500), Scripted("")):
        ollama.enqueue(failure)
        aeon.order("route", route={**served, "model": f"v-{failure.status}-{failure.text}", "fallback": [base]})
        report.expect("fallback", aeon.reply("me fala sobre marte"), f"[ollama/{OLLAMA_MODEL}] me fala sobre marte")
    aeon.order("route", route={**served, "base_url": "http://127.0.0.1:9"})
    for _ in range(4):
        report.expect("host's chain", aeon.reply("me fala sobre marte"), f"[groq/{GROQ_MODEL}] me fala sobre marte")
    turn = aeon.say("me fala sobre marte")["turns"][0]
    report.expect("breaker", turn["attempts"][0]["error"], "resting after failures")
    aeon.order("route", route=None)
    aeon.order("online", on=False)
    report.expect("offline", aeon.reply("me fala sobre marte"), f"[ollama/{OLLAMA_MODEL}] me fala sobre marte")
    aeon.order("online", on=True)
    turns = aeon.say("ler as cartas")["turns"]
    report.expect("module's prompt", [t["caller"] for t in turns], ["modules.mistica.tarologo_mod"])


def remember(aeon: Driven, groq: ModelServer, ollama: ModelServer, report: Report) -> None:
    """What a plugin remembers stands where Aeon's prompt keeps its memories, for the models that may know it; and a
    route of last resort answers when Aeon's own models have not."""
    question, fork = "como se chama minha gata", "A gata do dono se chama Fork."
    aeon.order("memories", by_provider={"ollama": [fork]})
    groq.enqueue(Scripted(status=400))
    report.expect("told to Ollama", aeon.reply(question), f"[ollama/{OLLAMA_MODEL}] {question}")
    untold, told = (server.chats()[-1]["messages"][0]["content"] for server in (groq, ollama))
    report.expect("Groq's prompt", untold.rstrip().endswith(f"prompt atual:\n        {AEON_NONE}"), True)
    report.expect("Ollama's prompt", told, untold.replace(AEON_NONE, f"- {fork}"))
    aeon.order("memories", by_provider={})
    last = {"provider": "embedded", "model": "v3", "base_url": ollama.url, "version": "v0003", "last_resort": True}
    aeon.order("route", route=dict(last))
    report.expect("not before Aeon's own", aeon.reply(question), f"[groq/{GROQ_MODEL}] {question}")
    groq.enqueue(Scripted(status=400))
    ollama.enqueue(Scripted(status=500))
    turn = aeon.say(question)["turns"][0]
    report.expect("last resort", turn["reply"], f"[ollama/v3] {question}")
    report.expect("attempts", [(a["provider"], a["ok"]) for a in turn["attempts"]],
                  [("groq", False), ("ollama", False), ("embedded", True)])  # fmt: skip
    aeon.order("route", route=None)


def with_probe(root: Path, python: Path, report: Report, *, reloads: int = 0) -> None:
    with ModelServer("groq") as groq, ModelServer("ollama") as ollama, boot(root, python, groq, ollama) as aeon:
        state = aeon.state()
        report.expect("repairs", state["repairs"], ["window", "private"])
        for _ in range(reloads):
            aeon.order("reload")
        after = aeon.state()
        report.expect("one door after hot reloads", (after["attached"], after["listening"], after["seen"]), (True,) * 3)
        say_all(aeon, groq, report, script())
        choose_models(aeon, groq, ollama, report)
        remember(aeon, groq, ollama, report)
        report.expect("nothing left behind", aeon.order("close_door"), {"left": {}})


def without_plugin(root: Path, python: Path, report: Report) -> None:
    """An Aeon that the plugin left is as it was: broken in its own way."""
    with ModelServer("groq") as groq, ModelServer("ollama") as ollama, boot(root, python, groq, ollama) as aeon:
        report.expect("module gone", "Finetuning" in aeon.state()["modules"], False)
        report.expect("stock defect", aeon.say("me fala sobre marte")["shown"][0][0], "ERRO")


def with_todays_groq(root: Path, python: Path, report: Report) -> None:
    """Groq no longer serves the model that Aeon asks for: Ollama answers, and both attempts are in the turn."""
    with FakeGroq() as groq, FakeOllama("0.34.2") as ollama:
        ollama.add_model(OLLAMA_MODEL, architecture="qwen3")
        environment = {"GROQ_BASE_URL": groq.url, "OLLAMA_HOST": ollama.url, "GROQ_KEY": groq.key}
        with Driven(root, environment, python=python) as aeon:
            ollama.say("Tô aqui.")
            got = aeon.say("me fala sobre marte")
            report.expect("Ollama answers", got["shown"], [["AEON", "Tô aqui."]])
            attempts = [(a["provider"], a["model"], a["ok"]) for a in got["turns"][0]["attempts"]]
            report.expect("attempts", attempts, [("groq", GROQ_MODEL, False), ("ollama", OLLAMA_MODEL, True)])


def with_the_plugin_itself(root: Path, python: Path, report: Report) -> None:
    """The installed plugin logs what was talked, nothing of the private mode, and no command."""
    talk = [said.text for said in script() if said.kind == "talk"][:20]
    with ModelServer("groq") as groq, ModelServer("ollama") as ollama:
        aeon = boot(root, python, groq, ollama, probe=False)
        for text in talk:
            report.expect(text, aeon.reply(text), f"[groq/{GROQ_MODEL}] {text}")
        for text in ("modelo atual", "status do treino", "listar versões", "quando vai treinar"):
            reply = aeon.reply(text)
            report.expect(f"{text} (answered by the plugin)", bool(reply) and "[groq/" not in str(reply), True)
        aeon.say("modo oculto")
        aeon.say("segredo: XYZZY-777")
        aeon.say("modo oculto")
        aeon.say("ler as cartas")
        report.expect("ends cleanly", aeon.end(), 0)
    data = root / "bagagem" / "finetuning"
    logged = list(read_turns(data / "log"))
    report.expect("log", [turn.user for turn in logged if turn.kind.value == "chat"], talk)
    report.expect(
        "module's prompt",
        [t.caller for t in logged if t.kind.value == "synthetic"][:1],
        ["modules.mistica.tarologo_mod"],
    )
    leaks = [str(file) for file in data.rglob("*") if file.is_file() and b"XYZZY-777" in file.read_bytes()]
    report.expect("private turn on disk", leaks, [])


def with_aeons_own_windows(root: Path, python: Path, report: Report) -> None:
    """The real sphere and terminal of PyQt5, offscreen: spoken and typed sentences, and an announcement."""
    with ModelServer("groq") as groq, ModelServer("ollama") as ollama:
        environment = {"GROQ_BASE_URL": groq.url, "OLLAMA_HOST": ollama.url, "GROQ_KEY": "k"}
        with Driven(root, {**environment, "QT_QPA_PLATFORM": "offscreen"}, python=python, qt=True) as aeon:
            report.expect("repairs", aeon.state()["repairs"], ["window", "typed", "private"])
            reply = f"[groq/{GROQ_MODEL}] me fala sobre marte"
            report.expect("spoken", aeon.say("me fala sobre marte")["shown"][-1], ["AEON", reply])
            typed = aeon.order("type", text="me fala sobre marte")
            report.expect("typed", typed, f"VOCÊ: me fala sobre marte\nAEON: {reply}")
            command = aeon.order("type", text="treinar modelo")
            report.expect("typed command", command, "VOCÊ: treinar modelo\nAEON: comando: train_now")
            report.expect("typed module", "Midia" in aeon.order("type", text="listar modulos"), True)
            report.expect("announced", aeon.order("announce", text="Treino terminado.")["spoken"], "Treino terminado.")
            report.expect("nothing left behind", aeon.order("close_door"), {"left": {}})


def boot(root: Path, python: Path, groq: ModelServer, ollama: ModelServer, *, probe: bool = True) -> Driven:
    environment = {"GROQ_BASE_URL": groq.url, "OLLAMA_HOST": ollama.url, "GROQ_KEY": "gsk_test"}
    return Driven(root, environment, python=python, probe=probe)


def parts(root: Path, python: Path, report: Report, qt: bool) -> Iterator[tuple[str, Any]]:
    yield "installed", lambda: with_probe(root, python, report)
    yield "after five hot reloads", lambda: with_probe(root, python, report, reloads=5)
    uninstall(root, purge=True)
    yield "after uninstall", lambda: without_plugin(root, python, report)
    install(root, python)
    yield "after uninstall and install", lambda: with_probe(root, python, report)
    yield "with today's Groq", lambda: with_todays_groq(root, python, report)
    if qt:
        yield "with Aeon's own windows", lambda: with_aeons_own_windows(root, python, report)
    yield "the plugin itself, and its log", lambda: with_the_plugin_itself(root, python, report)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("aeon", type=Path)
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--qt", action="store_true", help="Aeon's own windows as well; AEON_PYTHON needs PyQt5")
    options = parser.parse_args()
    report, began = Report(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "Área de Trabalho" / "Meu Aeon"
        shutil.copytree(options.aeon, root, ignore=shutil.ignore_patterns(".git"))
        print(install(root, options.python))
        for name, part in parts(root, options.python, report, options.qt):
            since = report.now
            part()
            report.print(name, since)
    for line in report.wrong[:50]:
        print("  ", line)
    print(f"{len(script())} sentences, {report.right} checks as expected, {len(report.wrong)} not, "
          f"{time.monotonic() - began:.0f} s")  # fmt: skip
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
