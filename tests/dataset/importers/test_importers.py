"""Every chat format: a small file of each, its oddities, and what is skipped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.dataset.importers.importing import ImporterRegistry, Reading, import_file
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.dataset.model import Imported
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.turns.model import TurnKind
from hooks import Message
from tests.dataset import shapes


def write(folder: Path, content: Any, name: str = "file") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def pairs(imported: Imported) -> list[tuple[str, str]]:
    return [(turn.user, turn.reply) for turn in imported.turns]


@pytest.mark.parametrize("name", sorted(shapes.FILES))
def test_every_format_is_recognised_by_its_content(tmp_path: Path, name: str) -> None:
    shape = shapes.FILES[name]
    found = import_file(write(tmp_path, shape.text), **shape.who)
    assert found.format == name
    assert pairs(found) == shape.pairs
    assert all(turn.source == name or name == "log" for turn in found.turns)
    assert {turn.kind for turn in found.turns} == {TurnKind.CHAT}
    assert len({turn.id for turn in found.turns}) == len(found.turns)


@pytest.mark.parametrize("name", sorted(shapes.FILES))
def test_only_one_importer_claims_each_format_most(tmp_path: Path, name: str) -> None:
    sample = Source(write(tmp_path, shapes.FILES[name].text)).sample
    registry = ImporterRegistry()
    scores = {other: registry.get(other, tmp_path).sniff(sample) for other in registry.names()}
    best = max(scores.values())
    assert [other for other, score in scores.items() if score == best] == [name]


def test_every_built_in_format_has_a_file_here() -> None:
    assert sorted(shapes.FILES) == ImporterRegistry().names()


def test_a_plugin_adds_a_format(tmp_path: Path) -> None:
    class Icq:
        name, title = "icq", "ICQ"

        def sniff(self, sample: str) -> float:
            return float(sample.startswith("ICQ"))

        def read(self, source: Source, reading: Reading) -> Any:
            reading.skip(1, "the heading")
            return iter(())

    registry = ImporterRegistry()
    registry.register(Icq())
    found = import_file(write(tmp_path, "ICQ\n"), registry=registry)
    assert (found.format, found.skipped[0].reason) == ("icq", "the heading")
    assert "icq" in registry.names()


def test_a_plugin_s_format_that_fails_is_no_obstacle(tmp_path: Path) -> None:
    class Broken:
        name, title = "broken", "Broken"

        def sniff(self, sample: str) -> float:
            raise RuntimeError

        def read(self, source: Source, reading: Reading) -> Any:
            raise RuntimeError

    registry = ImporterRegistry()
    registry.register(Broken())
    assert import_file(write(tmp_path, shapes.FILES["aeon"].text), registry=registry).format == "aeon"


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import aeon_plugin_ft.dataset, sys; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ("numpy", "rapidfuzz", "ijson", "ftfy", "pydantic", "torch")
    done = subprocess.run([sys.executable, "-c", script, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- the plugin's own log -------------------------------------------------------------------------


def test_a_folder_of_the_plugin_s_log_is_read(tmp_path: Path) -> None:
    write(tmp_path, shapes.FILES["log"].text, "00-000001.jsonl")
    found = import_file(tmp_path)
    assert pairs(found) == shapes.FILES["log"].pairs
    assert found.turns[0].messages[0] == Message("system", "Você é AEON.")


def test_damaged_lines_of_the_plugin_s_log_are_reported(tmp_path: Path) -> None:
    lines = shapes.FILES["log"].text.splitlines(keepends=True)
    file = write(tmp_path, "".join([*lines[:-1], "\x00\x00\x00\n", lines[-1]]), "00-000001.jsonl")
    for given in (file, tmp_path):
        found = import_file(given)
        assert pairs(found) == shapes.FILES["log"].pairs
        assert [(one.line, one.reason.partition(",")[0]) for one in found.skipped] == [(len(lines), "it is damaged")]


def test_a_folder_without_a_log_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="is a folder without a turn log"):
        import_file(tmp_path)


# -- training data --------------------------------------------------------------------------------


def test_a_conversation_gives_a_turn_a_reply_with_the_exact_messages_before_it(tmp_path: Path) -> None:
    rows = [("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    line = json.dumps({"messages": [{"role": role, "content": text} for role, text in rows]})
    found = import_file(write(tmp_path, line + "\n"))
    assert [turn.messages for turn in found.turns] == [
        (Message("system", "S"), Message("user", "a")),
        (Message("system", "S"), Message("user", "a"), Message("assistant", "b"), Message("user", "c")),
    ]
    assert len({turn.session for turn in found.turns}) == 1


def test_damaged_lines_are_skipped_with_their_numbers(tmp_path: Path) -> None:
    good = '{"messages": [{"role": "user", "content": "oi"}, {"role": "assistant", "content": "Fala."}]}'
    lines = [
        good,
        '{"messages": [{"role": "us',
        "",
        "[1]",
        '{"messages": []}',
        '{"messages": 5}',
        good.replace("user", "alien"),
    ]
    found = import_file(write(tmp_path, "\n".join(lines)))
    assert pairs(found) == [("oi", "Fala.")]
    assert [skipped.line for skipped in found.skipped] == [2, 4, 5, 6, 7, 7]


def test_content_parts_count_only_as_text(tmp_path: Path) -> None:
    content = [{"type": "text", "text": "olha"}, {"type": "image_url", "image_url": "x"}, "isso"]
    line = json.dumps({"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": "Vi."}]})
    assert pairs(import_file(write(tmp_path, line))) == [("olha\nisso", "Vi.")]


def test_personalidade_without_the_receipts_of_praise(tmp_path: Path) -> None:
    rows = [
        {"user": "bom dia", "aeon": "Dia."},
        {"user": "muito bom", "aeon": "Padrão de comportamento registrado. Vou lembrar."},
        {"user": "abre", "aeon": '```json\n{"tool": "Sistema.abrir", "param": "x"}\n```'},
        {"user": "", "aeon": "nada"},
        {"outro": 1},
        7,
    ]
    found = import_file(write(tmp_path, json.dumps(rows, indent=4, ensure_ascii=False)))
    assert (found.format, [user for user, _ in pairs(found)]) == ("pairs", ["bom dia", "abre"])
    assert [(skipped.line, skipped.reason.split(",")[0]) for skipped in found.skipped] == [
        (2, "Aeon's receipt for a praise"), (4, "an empty question or reply"), (5, "no question and reply in it"),
        (6, "not a JSON object"),
    ]  # fmt: skip


def test_alpaca_and_prompt_completion_are_pairs_too(tmp_path: Path) -> None:
    alpaca = {"instruction": "traduz", "input": "dog", "output": "cachorro", "system": "S"}
    found = import_file(write(tmp_path, json.dumps(alpaca) + "\n" + json.dumps({"prompt": "p", "completion": "c"})))
    assert pairs(found) == [("traduz\ndog", "cachorro"), ("p", "c")]
    assert found.turns[0].system == "S"


# -- other assistants -----------------------------------------------------------------------------


def test_chatgpt_s_current_branch_is_followed_and_its_tools_left_out(tmp_path: Path) -> None:
    found = import_file(write(tmp_path, shapes.chatgpt()))
    assert pairs(found) == [("pergunta editada", "resposta boa\nsegunda parte"), ("e mais?", "Mais isso.")]
    assert found.turns[0].model == "gpt-x"
    assert found.turns[0].at == 1700000002.5


def test_chatgpt_without_a_current_node_takes_the_newest_leaf(tmp_path: Path) -> None:
    (conversation,) = shapes.chatgpt()
    del conversation["current_node"]
    assert pairs(import_file(write(tmp_path, [conversation])))[0] == ("pergunta editada", "resposta boa\nsegunda parte")


def test_a_circle_in_a_damaged_tree_ends(tmp_path: Path) -> None:
    (conversation,) = shapes.chatgpt()
    conversation["mapping"]["root"]["parent"] = conversation["current_node"]
    assert import_file(write(tmp_path, [conversation])).format == "chatgpt"


def test_a_cut_export_gives_what_stands_before_the_cut(tmp_path: Path) -> None:
    whole = json.dumps([*shapes.chatgpt(), *shapes.chatgpt()])
    found = import_file(write(tmp_path, whole[: len(whole) * 3 // 4]))
    assert len(found.turns) == 2
    assert found.skipped[-1].reason == "the JSON is cut or damaged from here on"


def test_claude_s_thoughts_and_tools_are_left_out(tmp_path: Path) -> None:
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "Dia!"},
        {"type": "tool_use", "input": {}},
    ]
    messages = [{"sender": "human", "text": "bom dia"}, {"sender": "assistant", "text": "hm Dia!", "content": content}]
    assert pairs(import_file(write(tmp_path, [{"uuid": "1", "chat_messages": messages}]))) == [("bom dia", "Dia!")]


@pytest.mark.parametrize("indent", [None, 2])
def test_one_conversation_alone_or_a_line_each_is_read_too(tmp_path: Path, indent: int | None) -> None:
    (conversation,) = shapes.chatgpt()
    text = json.dumps(conversation, indent=indent)
    assert len(import_file(write(tmp_path, text)).turns) == 2
    if indent is None:
        assert len(import_file(write(tmp_path, f"{text}\n{text}\n")).turns) == 4


# -- people ---------------------------------------------------------------------------------------


def test_whatsapp_notices_media_and_deleted_messages_are_skipped(tmp_path: Path) -> None:
    text = """12/03/2024 14:00 - As mensagens e as ligações são protegidas com a criptografia de ponta a ponta.
13/03/2024 14:05 - Ana: oi, tudo bem?
continua aqui
13/03/2024 14:05 - Ana: <Mídia oculta>
13/03/2024 14:06 - Bia Souza: Tudo! <Mensagem editada>
13/03/2024 14:06 - Bia Souza: Mensagem apagada
13/03/2024 14:06 - Bia Souza: e você?
13/03/2024 14:06 - Bia Souza: IMG-1.jpg (arquivo anexado)
13/03/2024 14:06 - Bia Souza: \u200eCartão do contato omitido
"""
    found = import_file(write(tmp_path, text), owner="ana")
    assert pairs(found) == [("oi, tudo bem?\ncontinua aqui", "Tudo!\ne você?")]
    assert [skipped.line for skipped in found.skipped] == [1, 4, 6, 8, 9]


def test_whatsapp_from_ios_with_marks_and_twelve_hours(tmp_path: Path) -> None:
    text = (
        "\u200e[03/12/24, 9:05:33\u202fPM] ~\u202fAna: \u200ebora?\r\n"
        "\u200e[03/12/24, 9:06:00\u202fPM] Bia: Bora!\r\n\u200e[03/12/24, 9:06:01 PM] Bia: \u200eimagem ocultada\r\n"
    )
    found = import_file(write(tmp_path, text), assistant="Bia")
    assert pairs(found) == [("bora?", "Bora!")]


def test_whatsapp_days_and_months_are_told_apart(tmp_path: Path) -> None:
    def days(first: str, second: str) -> float:
        text = f"{first} 10:00 - A: oi\n{first} 10:01 - B: um\n{second} 10:00 - A: e aí\n{second} 10:01 - B: dois\n"
        one, two = import_file(write(tmp_path, text), assistant="B").turns
        return (two.at - one.at) / 86400

    assert days("02/03/2024", "03/03/2024") == 1
    assert days("02/03/2024", "02/13/2024") == 10
    assert days("02/03/24", "13/03/24") == 11


def test_silence_ends_a_conversation_and_drops_an_unanswered_question(tmp_path: Path) -> None:
    text = """01/02/2024 10:00 - Ana: a
01/02/2024 10:01 - Bia: b
01/02/2024 10:02 - Ana: sem resposta
01/02/2024 12:00 - Bia: bom dia
01/02/2024 12:01 - Ana: c
01/02/2024 12:02 - Bia: d
"""
    found = import_file(write(tmp_path, text), assistant="Bia")
    assert pairs(found) == [("a", "b"), ("c", "d")]
    assert found.turns[0].session != found.turns[1].session
    assert pairs(import_file(write(tmp_path, text), assistant="Bia", gap_minutes=600))[1] == ("sem resposta", "bom dia")


def test_who_is_who_is_asked_with_the_names(tmp_path: Path) -> None:
    chat = write(tmp_path, "01/02/2024 10:00 - Ana: a\n01/02/2024 10:01 - Bia: b\n01/02/2024 10:02 - Caio: c\n")
    with pytest.raises(InputFileError, match=r"it has Ana, Bia, Caio\. Give the name with --assistant"):
        import_file(chat)
    with pytest.raises(InputFileError, match=r"nobody in it is called 'Zé'"):
        import_file(chat, assistant="Zé")
    assert pairs(import_file(chat, assistant="Caio")) == [("a\nb", "c")]
    assert pairs(import_file(chat, assistant="Bia", owner="Ana")) == [("a", "b")]


def test_a_discord_bot_is_the_one_who_answers(tmp_path: Path) -> None:
    assert import_file(write(tmp_path, shapes.FILES["discord"].text)).turns[0].reply == "Fala, cara."


def test_all_chats_of_a_telegram_export_are_read(tmp_path: Path) -> None:
    one = json.loads(shapes.FILES["telegram"].text)
    whole = {"about": "x", "personal_information": {}, "chats": {"about": "y", "list": [one, one]}}
    found = import_file(write(tmp_path, whole), assistant="Bia")
    assert pairs(found) == shapes.FILES["telegram"].pairs * 2


def test_a_telegram_text_in_pieces_is_joined(tmp_path: Path) -> None:
    chat = json.loads(shapes.FILES["telegram"].text)
    chat["messages"][1]["text"] = ["veja ", {"type": "link", "text": "isto"}, "!"]
    assert import_file(write(tmp_path, chat), assistant="Bia").turns[0].user == "veja isto!"


def test_values_of_the_wrong_kind_are_skipped(tmp_path: Path) -> None:
    discord = json.loads(shapes.FILES["discord"].text)
    discord["messages"].append({"type": {"a": 1}, "content": [], "author": 5, "timestamp": {}})
    assert pairs(import_file(write(tmp_path, discord))) == shapes.PAIRS
    (conversation,) = shapes.chatgpt()
    conversation["mapping"]["a2"]["message"] |= {"recipient": {}, "content": {"content_type": {}, "parts": {}}}
    conversation["mapping"]["u"]["message"]["metadata"] = 7
    assert len(import_file(write(tmp_path, [conversation])).turns) == 2
