"""What the commands say to an owner whose system is Portuguese, with no English on the way."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.cli.demo_exam import exam_of
from aeon_plugin_ft.cli.demo_state import open_folder
from aeon_plugin_ft.cli.demo_talk import QUESTIONS, show_marked, shown
from aeon_plugin_ft.cli.doctor import CHECKS, Symptom
from aeon_plugin_ft.cli.places import what_goes
from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.install import InstallReport, check
from aeon_plugin_ft.messages import Language, entries
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.training.places.where import parse_where
from hooks.door import REPORT
from tests.cli.commands import SAMPLE, Cli, cli
from tests.conftest import REPOSITORY

__all__ = ["cli"]

ENGLISH = {
    "the", "is", "are", "of", "and", "at", "to", "on", "there", "which", "installed", "missing", "free", "yet", "held",
    "run", "runs", "with", "it", "this", "you", "was", "not", "what", "from", "your", "available", "whole", "closed",
}  # fmt: skip


@pytest.fixture(autouse=True)
def portuguese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")


def english_in(text: str) -> set[str]:
    """English words of a text, not counting commands, keys of the settings file, paths and quoted texts."""
    plain = re.sub(r"`[^`]*`|\[\w+\] \w+|\S*/\S*|\"[^\"]*\"|pip install .*|aeon-ft .*", " ", text)
    return ENGLISH & set(re.findall(r"\w+", plain.lower()))


def test_doctor_is_portuguese_and_its_names_for_scripts_stay(cli: Cli) -> None:
    cli("dataset", "import", str(SAMPLE))
    cli("config", "set", "serve.backend", "ollama")
    cli("config", "set", "serve.ollama_url", '"http://127.0.0.1:9"')
    cli("config", "set", "train.where", "ssh://ana@sala")
    assert cli("doctor", "--json") == 1
    symptoms = json.loads(cli.out)
    assert {"embedded server", "private", "facts held", "served"} - {s["name"] for s in symptoms} <= {"served"}
    assert not [s for s in symptoms if english_in(f"{s['detail']} {s['mend']}")], "found and mended in words"
    cli("doctor")
    assert "fatos guardados: " in cli.out and "privacidade da pasta: " in cli.out
    assert "ninguém responde em http://127.0.0.1:9 (Ollama)" in " ".join(cli.out.split())
    assert not english_in(cli.out)


def test_every_finding_has_a_name_in_words() -> None:
    assert Symptom("facts held", True, "x").shown == "fatos guardados"
    broken_off = [Symptom(one.__name__.strip("_"), False, "x").shown for one in CHECKS]
    assert len(set(broken_off)) == len(CHECKS) and "servidor embutido" in broken_off


def test_an_aeon_is_checked_in_portuguese(tmp_path: Path) -> None:
    root = tmp_path / "Aeon"
    shutil.copytree(REPOSITORY / "tests" / "host" / "aeon", root)
    data = root / "bagagem/finetuning"
    data.mkdir(parents=True)
    note = {"opened_at": 0, "python": "3.12.6", "messages_seen": False, "repairs": {"window": "x", "typed": "y"}}
    (data / REPORT).write_text(json.dumps(note), encoding="utf-8")
    (root / ".env").write_bytes(b"\xef\xbb\xbfGROQ_KEY=x")
    found = {one.name: one for one in check(root)}
    assert set(found) >= {"folder", "module", "python", "key", "door", "brain", "repair window", "repair typed"}
    said = [one.detail for one in found.values()]
    assert not [text for text in said if english_in(text)], said


def test_an_installation_is_told_in_portuguese(tmp_path: Path) -> None:
    report = InstallReport(tmp_path, None, wrote=(tmp_path / "a",), removed=(tmp_path / "b",), kept=(tmp_path / "c",))
    lines = str(report).splitlines()
    assert lines[0].startswith("Aeon de versão desconhecida em ")
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["escrito", "removido", "deixado como está"]


@pytest.mark.parametrize("address", ["ssh://ana@sala", "ray://cluster:8265"])
def test_what_goes_to_another_machine_is_said_in_portuguese(address: str) -> None:
    where = parse_where(address)
    assert where is not None
    lines = what_goes(where)
    assert len(lines) == 5 and not english_in(" ".join(lines))


def test_the_demo_shows_its_marks_and_counts_in_portuguese(capsys: pytest.CaptureFixture[str]) -> None:
    def row(question: str, mark: str, fact: str = "f") -> dict[str, Any]:
        return {"question": question, "facts": [fact] if fact else [], "reply": "Cara, é a Fork.", "mark": mark}

    report = {
        "current": "base",
        "exams": {
            "base": [row("e a gata?", "wrong"), row("e o cão?", "invented", "")],
            "v0001": [row("e a gata?", "right"), row("e o cão?", "unsure", "")],
        },
    }
    *lines, last = exam_of(report, "v0001")
    assert last == "base sabia 0 de 1, v0001 sabe 1 de 1; de 1 coisas nunca contadas, base inventou 1, v0001 0."
    assert "e o cão?   (nunca contado)" in lines and any("não soube" in line for line in lines)
    assert exam_of({}, "v0001") == ["Não houve exame: o relatório não tem nenhum."]
    assert shown(None) == "(sem resposta)"
    assert show_marked(QUESTIONS[0], [("antes", "Cara, é a Branch."), ("v0001", "Cara, é a Fork.")])
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["antes", "errada"], ["v0001", "certa"],
    ]  # fmt: skip


def test_an_error_of_the_command_line_is_portuguese_as_a_whole(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "mine.txt").write_text("keep me", encoding="ascii")
    with pytest.raises(InstallError) as raised:
        open_folder(tmp_path, SAMPLE)
    assert str(raised.value) == f"{tmp_path} já existe e não é da demonstração. Indique outra com --folder."
    assert cli("judge") == 1 and cli.err.strip() == (
        "Todo treino terminado já tem o seu veredito. `aeon-ft models` mostra todos."
    )


@pytest.mark.parametrize("area", ["cli/demo", "cli/doctor", "cli/place", "cli/places", "cli/advise", "errors/cli"])
def test_no_portuguese_sentence_is_half_english(area: str) -> None:
    texts = {key: " ".join(found[Language.PT]) for key, found in entries(area).items()}
    assert not {key: text for key, text in texts.items() if english_in(re.sub(r"\{\w+\}", " ", text))}


# -- what somebody types on the first day --------------------------------------------------------

WHATSAPP = """03/11/2026 19:05 - Lívia: qual é o nome daquela padaria perto da tua casa?
03/11/2026 19:06 - Tonho: é a Padaria Estrela, na esquina da praça
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_who_answers_is_asked_again(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = tmp_path / "conversa.txt"
    chat.write_text(WHATSAPP, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", Terminal("Fulano\nTonho\n"))
    assert cli("dataset", "import", str(chat)) == 0, cli.err
    said = " ".join(cli.out.split())
    assert "é uma conversa entre Lívia e Tonho." in said and "uma fala nova (whatsapp); já conhecidas: 0." in said
    assert "ninguém ali se chama 'Fulano'" in cli.err and not english_in(said.replace("system prompt", ""))
    monkeypatch.setattr(sys, "stdin", Terminal("a\nb\nc\nTonho\n"))
    assert cli("dataset", "import", str(chat)) == 2 and "'c'" in cli.err


def test_a_chat_of_another_format_has_nobody_in_it(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = tmp_path / "conversa.txt"
    chat.write_text(WHATSAPP, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", Terminal("Tonho\n"))
    assert cli("dataset", "import", str(chat), "--format", "telegram") == 2
    assert "não há nele nenhuma fala nesse formato. Tire o --format" in cli.err


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (["forget"], 2, "Diga o que esquecer: --about"),
        (["forget", "--dry-run", "--json"], 2, "Diga o que esquecer: --about"),
        (["judge", "x"], 1, "Não existe o treino x. `aeon-ft runs` mostra todos."),
        (["config", "get", "log"], 2, "log é uma seção inteira; diga também a chave, como log.enabled"),
        (["config", "get", "agenda"], 2, "não existe a seção agenda; existem: plugin, log"),
        (["places"], 0, "Os treinos são feitos em: neste computador"),
        (["config", "show", "log"], 0, "log.enabled │ true"),
    ],
)
def test_a_slip_is_told_in_words(cli: Cli, typed: list[str], code: int, said: str) -> None:
    cli.begin()
    assert cli(*typed) == code
    assert said in re.sub(r" +", " ", cli.out + cli.err)
    assert not english_in(cli.out + cli.err)


def test_a_terminal_gets_no_lines_of_the_log(tmp_path: Path) -> None:
    code = (
        "import logging, sys\n"
        "import aeon_plugin_ft.cli.main as cli\n"
        "cli.main = lambda _: logging.getLogger('aeon_ft.x').warning('what only logs say') or 0\n"
        "cli.run()\n"
    )
    for more, wanted in ((), False), (("--debug",), True):
        done = subprocess.run([sys.executable, "-c", code, *more], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and ("what only logs say" in done.stderr) is wanted, done.stderr
