"""Telegram and Discord: chats that never meet, people of one name, replies by name, other people's texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.dataset.importers.importing import import_file
from aeon_plugin_ft.dataset.importers.messengers import NOT_THEIRS, PICTURE
from aeon_plugin_ft.dataset.importers.pairing import TO_NOBODY
from aeon_plugin_ft.dataset.model import Imported
from aeon_plugin_ft.errors import InputFileError, WhoIsWhoError

START = 1_710_000_000


def read(folder: Path, content: Any, **who: str) -> Imported:
    path = folder / "result.json"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return import_file(path, **who)  # type: ignore[arg-type]


def pairs(imported: Imported) -> list[tuple[str, str]]:
    return [(turn.user, turn.reply) for turn in imported.turns]


def said(number: int, who: str, text: str, after: int | None = None, **more: Any) -> dict[str, Any]:
    """A message of Telegram's, ten seconds behind the one before it."""
    at = START + (10 * number if after is None else after)
    return {
        "id": number, "type": "message", "date_unixtime": str(at), "from": who, "from_id": f"user{sum(who.encode())}",
        "text": text, **more,
    }  # fmt: skip


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "Bia", "type": "personal_chat", "id": 1, "messages": list(messages), **more}


def account(*every: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"about": "x", "personal_information": {"first_name": "Rui"}, **more, "chats": {"list": list(every)}}


def test_chats_of_one_account_never_meet(tmp_path: Path) -> None:
    first = chat(said(1, "Rui", "senha da sala?"), said(2, "Bia", "É a de sempre."), said(3, "Rui", "vem no sábado?"))
    other = chat(said(1, "Bia", "Só domingo.", 40), said(2, "Rui", "valeu!", 50), said(3, "Bia", "De nada.", 60), id=2)
    assert pairs(read(tmp_path, account(first, other), assistant="Bia")) == [
        ("senha da sala?", "É a de sempre."), ("valeu!", "De nada."),
    ]  # fmt: skip


def test_a_chat_that_goes_back_in_time_is_another_one(tmp_path: Path) -> None:
    early = [said(9, "Bia", "Ano novo?", -9_000_000), said(10, "Rui", "ok?", -8_999_990)]
    found = read(tmp_path, chat(said(1, "Rui", "vem?"), *early, said(11, "Bia", "Ok.", -8_999_980)), assistant="Bia")
    assert pairs(found) == [("ok?", "Ok.")]


@pytest.mark.parametrize("kind", ["chats", "left_chats"])
def test_an_account_is_recognised_behind_hundreds_of_contacts(tmp_path: Path, kind: str) -> None:
    contacts = {"list": [{"first_name": f"Pessoa {n}", "phone_number": f"{n:09}" * 10} for n in range(700)]}
    whole = account(contacts=contacts)
    whole["chats"] = {"list": []}
    whole[kind] = {"list": [chat(said(1, "Rui", "vem?"), said(2, "Bia", "Vou."))]}
    found = read(tmp_path, whole, assistant="Bia")
    assert (found.format, pairs(found)) == ("telegram", [("vem?", "Vou.")])


def test_a_reply_that_names_its_question_belongs_to_it(tmp_path: Path) -> None:
    found = read(tmp_path, chat(
        said(1, "Rui", "que horas é o ensaio?"), said(2, "Leo", "quem leva o violão?"),
        said(3, "Bia", "Às oito.", reply_to_message_id=1), said(4, "Bia", "O Leo leva.", reply_to_message_id=2),
        said(5, "Bia", "E o amplificador.", reply_to_message_id=2),
        said(6, "Bia", "Isso eu não sei.", reply_to_message_id=77),
        said(7, "Rui", "e domingo?", 500_000), said(8, "Leo", "chove?", 500_010),
        said(9, "Bia", "Domingo não.", 900_000, reply_to_message_id=7),
    ), assistant="Bia")  # fmt: skip
    assert pairs(found) == [
        ("que horas é o ensaio?", "Às oito."), ("quem leva o violão?", "O Leo leva.\nE o amplificador."),
        ("e domingo?", "Domingo não."),
    ]  # fmt: skip
    assert [one.reason for one in found.skipped] == [TO_NOBODY]


def test_two_people_of_one_name_are_two(tmp_path: Path) -> None:
    group = chat(
        said(1, "Rui", "quem leva o carvão?"), said(2, "Ana", "Eu levo!", from_id="user10"),
        said(3, "Ana", "Não, deixa que eu levo.", from_id="user20"),
    )  # fmt: skip
    with pytest.raises(WhoIsWhoError) as asked:
        read(tmp_path, group, assistant="Ana")
    assert asked.value.people == ("Ana (user10)", "Ana (user20)")
    for name in ("user10", "Ana (user10)"):
        assert pairs(read(tmp_path, group, assistant=name)) == [("quem leva o carvão?", "Eu levo!")]
    by_owner = read(tmp_path, group, assistant="user20", owner="Rui")
    assert pairs(by_owner) == [("quem leva o carvão?", "Não, deixa que eu levo.")]


@pytest.mark.parametrize("more", [{"forwarded_from": "Notícias"}, {"via_bot": "@gif"}])
def test_a_text_of_somebody_else_s_is_neither_question_nor_reply(tmp_path: Path, more: dict[str, str]) -> None:
    found = read(tmp_path, chat(
        said(1, "Rui", "viu o jogo?"), said(2, "Bia", "PLACAR FINAL 2x1", **more),
        said(3, "Rui", "TIME VENCE", 900_000, **more), said(4, "Bia", "que beleza", 900_010),
        said(5, "Rui", "e agora?", 900_020), said(6, "Bia", "Agora é final.", 900_030),
    ), assistant="Bia")  # fmt: skip
    assert pairs(found) == [("e agora?", "Agora é final.")]
    assert [one.reason for one in found.skipped][:2] == [NOT_THEIRS, NOT_THEIRS]


def test_what_nobody_is_known_to_have_said_is_a_border(tmp_path: Path) -> None:
    nobody = {**said(2, "x", "Olá"), "from": None}
    talk = chat(said(1, "Rui", "/start"), nobody, said(3, "Rui", "oi"), said(4, "Robô", "Oi, sou o bot."))
    found = read(tmp_path, talk, assistant="Robô")
    assert pairs(found) == [("oi", "Oi, sou o bot.")]


def test_the_bot_of_a_bot_s_chat_is_the_one_who_answers(tmp_path: Path) -> None:
    talk = chat(said(1, "Rui", "oi"), said(2, "FulanoBot", "Oi, sou o bot."), type="bot_chat", name="Fulano")
    assert pairs(read(tmp_path, talk)) == [("oi", "Oi, sou o bot.")]


# -- Discord --------------------------------------------------------------------------------------


def post(number: int, who: str, text: str, **more: Any) -> dict[str, Any]:
    author = {"id": str(sum(who.encode())), "name": who, "nickname": who, "isBot": False} | more.pop("author", {})
    at = f"2024-03-01T10:00:{number:02}+00:00"
    return {"id": str(number), "type": "Default", "timestamp": at, "content": text, "author": author, **more}


def channel(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"guild": {"id": "0"}, "channel": {"id": "1"}, "messages": list(messages)}


BOT = {"author": {"isBot": True}}


@pytest.mark.parametrize("kind", ["20", "23", 20, "ChatInputCommand", "ContextMenuCommand", "Reply", "19"])
def test_answers_to_commands_are_replies(tmp_path: Path, kind: Any) -> None:
    found = read(tmp_path, channel(post(1, "rui", "/capital do Peru"), post(2, "Aeon", "É Lima.", type=kind, **BOT)))
    assert pairs(found) == [("/capital do Peru", "É Lima.")]


def test_an_answer_to_a_command_that_is_not_in_the_export_belongs_to_no_other_question(tmp_path: Path) -> None:
    answer = {"type": "20", "interaction": {"id": "7", "name": "capital"}, **BOT}
    found = read(tmp_path, channel(post(1, "rui", "alguém aí?"), post(2, "Aeon", "É Lima.", **answer)))
    assert (pairs(found), [one.reason for one in found.skipped]) == ([], [TO_NOBODY])
    found = read(tmp_path, channel(post(1, "rui", "/capital do Peru"), post(2, "Aeon", "É Lima.", **answer)))
    assert pairs(found) == [("/capital do Peru", "É Lima.")]


def test_what_a_bot_says_in_boxes_is_read(tmp_path: Path) -> None:
    box = {"title": "Natal", "description": "Faz 31 graus.", "fields": [{"name": "Vento", "value": "fraco"}]}
    found = read(tmp_path, channel(post(1, "rui", "e o tempo?"), post(2, "Aeon", "", embeds=[box], **BOT)))
    assert pairs(found) == [("e o tempo?", "Natal\nFaz 31 graus.\nVento: fraco")]


def test_a_picture_in_discord_is_a_border(tmp_path: Path) -> None:
    found = read(tmp_path, channel(
        post(1, "rui", "capital da França?"), post(2, "Aeon", "Paris.", **BOT), post(3, "rui", ""),
        post(4, "Aeon", "Essa planta é uma jiboia.", **BOT),
    ))  # fmt: skip
    assert pairs(found) == [("capital da França?", "Paris.")]
    assert found.skipped[0].reason == PICTURE


def test_a_reference_names_the_question(tmp_path: Path) -> None:
    found = read(tmp_path, channel(
        post(1, "rui", "que horas é a live?"), post(2, "leo", "alguém tem o link?"),
        post(3, "bia", "Às nove.", type="Reply", reference={"messageId": "1"}),
    ), assistant="bia")  # fmt: skip
    assert pairs(found) == [("que horas é a live?", "Às nove.")]


def test_an_account_s_name_is_a_name_too(tmp_path: Path) -> None:
    aeon = {"author": {"name": "AeonBot", "nickname": "Aeon", "isBot": True}}
    music = {"author": {"name": "MusicBot", "nickname": "Music", "isBot": True}}
    talk = channel(post(1, "rui", "oi bot"), post(2, "Aeon", "Oi!", **aeon), post(3, "Music", "tocando", **music))
    with pytest.raises(InputFileError, match="it has rui, Aeon, Music"):
        read(tmp_path, talk)
    for name in ("AeonBot", "Aeon"):
        assert pairs(read(tmp_path, talk, assistant=name)) == [("oi bot", "Oi!")]


def test_two_members_of_one_nickname_are_told_by_their_accounts(tmp_path: Path) -> None:
    talk = channel(
        post(1, "rui", "quem leva o som?"), post(2, "ana1", "Eu levo.", author={"nickname": "Ana"}),
        post(3, "ana2", "Deixa que eu levo.", author={"nickname": "Ana"}),
    )  # fmt: skip
    with pytest.raises(InputFileError, match=r"it has rui, Ana \(ana1\), Ana \(ana2\)"):
        read(tmp_path, talk)
    assert pairs(read(tmp_path, talk, owner="rui", assistant="ana2")) == [("quem leva o som?", "Deixa que eu levo.")]
