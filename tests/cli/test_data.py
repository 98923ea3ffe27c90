"""`aeon-ft convert`, `dataset import`, `dataset export`: personal data out, who is who asked, nothing cut silently."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import yaml

from aeon_plugin_ft.turns import read_turns
from tests.cli.commands import SAMPLE, Cli, cli, one_sentence

__all__ = ["cli"]

CHAT = "01/02/2024 10:00 - Ana: que horas?\n01/02/2024 10:01 - Bia: Às nove, não esquece.\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    file = tmp_path / "chat.txt"
    file.write_text(CHAT, encoding="utf-8")
    return file


def test_in_a_terminal_it_is_asked_who_answers(cli: Cli, chat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("Bia\n"))
    assert cli("dataset", "import", str(chat)) == 0, cli.err
    assert "is a chat between Ana, Bia" in " ".join(cli.out.split()) and "Whose sentences" in cli.err
    assert [turn.reply for turn in read_turns(cli.data / "log")] == ["Às nove, não esquece."]


def test_a_script_is_told_to_say_who_answers(cli: Cli, chat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Bia\n"))
    assert cli("dataset", "import", str(chat)) == 2
    assert "Ana, Bia" in cli.err and "--assistant" in cli.err and one_sentence(cli.err)
    assert cli("convert", str(chat), "-o", str(chat.with_name("out.jsonl"))) == 2
    assert "--assistant" in cli.err


def test_converted_text_has_no_personal_data_unless_it_is_asked_for(cli: Cli, tmp_path: Path) -> None:
    file, out = tmp_path / "conversation.log", tmp_path / "out.jsonl"
    file.write_text(
        "VOCÊ: meu cpf é 529.982.247-25\nAEON: Anotado, cara.\n"
        "VOCÊ: a senha do cofre é jacare77\nAEON: Massa, jacare77.\n",
        encoding="utf-8",
    )
    assert cli("convert", str(file), "-o", str(out)) == 0
    written = out.read_text(encoding="utf-8")
    assert "529" not in written and "[CPF_1]" in written and "jacare" not in written
    assert cli("convert", str(file), "-o", str(out), "--as-said") == 0
    assert "529.982.247-25" in out.read_text(encoding="utf-8")


def test_of_many_skipped_lines_the_rest_is_counted(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "conversation.log"
    file.write_text("VOCÊ: perdida\n" * 30 + "VOCÊ: oi\nAEON: Fala, cara.\n", encoding="utf-8")
    assert cli("dataset", "import", str(file)) == 0
    assert cli.out.count("  line ") == 20 and "... and 10 more lines" in cli.out


def test_what_was_forgotten_is_asked_for_before_it_comes_back(
    cli: Cli, chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ("dataset", "import", str(chat), "--assistant", "Bia")
    assert cli(*add) == 0
    assert cli("forget", "--about", "que horas", "--yes") == 0, cli.err
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert cli(*add) == 0
    said = " ".join(cli.out.split())
    assert "0 turns added" in said and "1 kept out: you had them forgotten (--forgotten-too" in said
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert cli(*add) == 0 and "Bring back" in cli.err
    assert list(read_turns(cli.data / "log")) == []
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert cli(*add) == 0
    assert [turn.reply for turn in read_turns(cli.data / "log")] == ["Às nove, não esquece."]
    assert cli("forget", "--about", "que horas", "--yes") == 0
    assert cli(*add, "--forgotten-too") == 0 and "one turn added" in " ".join(cli.out.split())


def test_what_was_skipped_is_counted_by_reason(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    good = '{"messages": [{"role": "user", "content": "oi"}, {"role": "assistant", "content": "Fala, cara."}]'
    file.write_text(f"{good}}}\n" + f'{good}, "label": false}}\n' * 30 + "{torn\n", encoding="utf-8")
    assert cli("dataset", "import", str(file)) == 0
    said = " ".join(cli.out.split())
    assert "30 the file says that it is not to be learnt" in said and "... and 11 more lines" in said


def test_an_import_says_under_which_system_prompt_it_is_trained(
    cli: Cli, chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aeon_plugin_ft.install.brain_prompt.remembered_aeon", lambda: None)
    assert cli("dataset", "import", str(chat), "--assistant", "Bia") == 0
    assert "trained under the system prompt of this repository's core" in " ".join(cli.out.split())


def test_the_chat_template_of_an_unknown_model_can_be_said(cli: Cli, tmp_path: Path) -> None:
    assert cli("dataset", "import", str(SAMPLE)) == 0
    wanted = ("dataset", "export", str(tmp_path / "out"), "--format", "llamafactory", "--model", "x/y")
    assert cli(*wanted) == 1
    assert "--template" in cli.err and one_sentence(cli.err)
    assert cli(*wanted, "--template", "yi") == 0, cli.err
    train = yaml.safe_load((tmp_path / "out" / "train_lora_sft.yaml").read_text(encoding="utf-8"))
    assert (train["template"], train["model_name_or_path"]) == ("yi", "x/y")
