"""A later export of the same chat adds what is new, and what the owner decided holds for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.dataset.feedback.opinions import Review
from aeon_plugin_ft.dataset.importers import into_log
from aeon_plugin_ft.dataset.importers.into_log import IntoLog, import_into_log
from aeon_plugin_ft.forget import Forgetter
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, read_turns


def lines(start: int, end: int, without: int | None = None) -> list[str]:
    """One question and reply an hour; of pair `without` the reply is missing."""
    made = []
    for n in range(start, end):
        day, hour = 1 + n // 24, n % 24
        made.append(f"{day:02}/03/2024 {hour:02}:00 - Rui: pergunta {n} sobre coisas?")
        if n != without:
            made.append(f"{day:02}/03/2024 {hour:02}:01 - Bia: resposta {n}, pode ser.")
    return made


class Chat:
    def __init__(self, folder: Path, data: DataFolder, store: Store) -> None:
        self.folder, self.data, self.store = folder, data, store

    def add(self, content: Any, **more: Any) -> IntoLog:
        path = self.folder / "chat"
        text = "\n".join(content) + "\n" if isinstance(content, list) and isinstance(content[0], str) else None
        path.write_text(text or json.dumps(content, ensure_ascii=False), encoding="utf-8")
        who = {"assistant": "Bia"} if text and " - Bia: " in text else {}
        return import_into_log(path, self.data, self.store, Settings(), **{**who, **more})

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(turn.user, turn.reply) for turn in TurnIndex(self.store, self.data.log).turns()]


@pytest.fixture
def chat(tmp_path: Path, data: DataFolder, store: Store) -> Chat:
    return Chat(tmp_path, data, store)


def test_a_window_that_moved_adds_only_what_is_new(chat: Chat) -> None:
    assert chat.add(lines(0, 20)).added == 20
    assert (chat.add(lines(0, 30)).added, len(chat.pairs)) == (10, 30)
    moved = chat.add(lines(10, 40))
    assert (moved.added, moved.known) == (10, 20)


def test_a_window_that_begins_inside_a_question_knows_the_turn(chat: Chat) -> None:
    whole = [
        "01/03/2024 08:00 - Rui: uma coisa", "01/03/2024 08:00 - Rui: que horas é?", "01/03/2024 08:01 - Bia: Às dez.",
    ]  # fmt: skip
    chat.add(whole)
    assert (chat.add(whole[1:]).added, chat.pairs) == (0, [("uma coisa\nque horas é?", "Às dez.")])


def test_a_message_that_was_deleted_changes_only_its_own_turn(chat: Chat) -> None:
    chat.add(lines(0, 20))
    assert chat.add(lines(0, 25, without=7)).added == 5


def test_an_export_that_ended_inside_a_reply_is_made_whole(chat: Chat) -> None:
    first = [
        "01/03/2024 08:00 - Rui: como faz o bolo de milho cremoso?",
        "01/03/2024 08:01 - Bia: Bate três espigas no liquidificador com leite.",
    ]
    chat.add(first)
    (before,) = TurnIndex(chat.store, chat.data.log).turns()
    done = chat.add([*first, "01/03/2024 08:02 - Bia: Depois assa por quarenta minutos."])
    assert (done.added, done.known, done.grown) == (0, 0, 1)
    (after,) = TurnIndex(chat.store, chat.data.log).turns()
    assert after.reply.endswith("quarenta minutos.") and after.id == before.id
    assert len(list(read_turns(chat.data.log))) == 1


def conversation(name: str, count: int) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    last = None
    for n in range(count):
        for role in ("user", "assistant"):
            key = f"{role}{n}"
            content = {"content_type": "text", "parts": [f"{name} {role} {n} diz isto aqui"]}
            mapping[key] = {"parent": last, "children": [], "message": {"author": {"role": role}, "content": content}}
            last = key
    return {"conversation_id": name, "mapping": mapping, "current_node": last}


def test_chatgpt_s_newest_conversation_in_front_changes_no_other(chat: Chat) -> None:
    assert chat.add([conversation("a", 4), conversation("b", 3)]).added == 7
    later = chat.add([conversation("c", 2), conversation("b", 5), conversation("a", 4)])
    assert (later.added, later.known) == (4, 7)


def test_a_log_without_times_that_lost_its_beginning_adds_nothing(chat: Chat) -> None:
    log = [
        line for n in range(6) for line in ("VOCÊ: sim", "AEON: Certo, cara.", f"VOCÊ: e {n}?", f"AEON: É {n}, cara.")
    ]
    assert chat.add(log).added == 12
    assert chat.add(log[6:]).added == 0
    assert chat.add([*log, "VOCÊ: sim", "AEON: Certo, cara."]).added == 1


def test_what_was_dropped_in_a_review_stays_dropped_in_a_later_export(chat: Chat) -> None:
    chat.add(lines(0, 10))
    dropped = next(turn for turn in TurnIndex(chat.store, chat.data.log).turns() if "pergunta 5" in turn.user)
    Review(chat.store).drop(dropped.id)
    chat.add(lines(3, 15))
    same = [turn.id for turn in TurnIndex(chat.store, chat.data.log).turns() if "pergunta 5" in turn.user]
    assert same == [dropped.id] and Review(chat.store).decided() == {dropped.id: "drop"}


def test_what_was_forgotten_stays_out_until_it_is_asked_for(chat: Chat) -> None:
    chat.add(lines(0, 10))
    forgetter = Forgetter(chat.data, chat.store)
    forgetter.forget(forgetter.about("pergunta 5"))
    again = chat.add(lines(0, 12))
    assert (again.added, again.known, again.forgotten) == (2, 9, 1)
    back = chat.add(lines(0, 12), forgotten_too=True)
    assert (back.added, back.forgotten) == (1, 0)
    assert chat.add(lines(0, 12)).known == 12


def test_what_was_forgotten_is_known_by_its_words_in_aeon_s_own_log(chat: Chat) -> None:
    chat.add(lines(0, 3))
    forgetter = Forgetter(chat.data, chat.store)
    forgetter.forget(forgetter.about("pergunta 1"))
    assert chat.add(["VOCÊ: Pergunta 1 sobre coisas", "AEON: resposta 1, pode ser."]).forgotten == 1


def test_an_import_of_an_earlier_release_is_known_again(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    real = into_log._as_turn

    def as_before(turn: Any, format: str, position: int, redactor: Any) -> Any:
        made = real(turn, format, position, redactor)
        return replace(made, id=f"{made.id[:12]}5{made.id[13:]}")

    with monkeypatch.context() as patched:
        patched.setattr(into_log, "_as_turn", as_before)
        chat.add(
            [*lines(0, 5), "06/03/2024 08:00 - Rui: meu e-mail é rui@exemplo.com.br", "06/03/2024 08:01 - Bia: Ok!"]
        )
    done = chat.add(
        [*lines(0, 7), "06/03/2024 08:00 - Rui: meu e-mail é rui@exemplo.com.br", "06/03/2024 08:01 - Bia: Ok!"]
    )
    assert (done.added, done.known) == (2, 6)
