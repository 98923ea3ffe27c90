"""Older chats into the turn log: once, redacted, in their order, with who is who."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.importers.into_log import import_into_log
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.settings import LogSection, PrivacySection, Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import read_turns
from aeon_plugin_ft.turns.model import TurnKind
from tests.dataset import shapes

Log = Callable[..., Path]


def test_every_turn_is_added_once_with_its_kind(log: Log, data: DataFolder, store: Store) -> None:
    chat = log("VOCÊ: sim", "AEON: Certo, cara.", "VOCÊ: sim", "AEON: Certo, cara.", "VOCÊ: ?", "AEON: De nada!")
    first = import_into_log(chat, data, store, Settings())
    assert (first.format, first.added, first.known) == ("aeon", 3, 0)
    assert first.kinds == {"chat": 2, "canned": 1}
    again = import_into_log(chat, data, store, Settings())
    assert (again.added, again.known) == (0, 3)
    found = list(read_turns(data.log))
    assert [(turn.user, turn.kind) for turn in found] == [
        ("sim", TurnKind.CHAT),
        ("sim", TurnKind.CHAT),
        ("?", TurnKind.CANNED),
    ]


def test_a_log_that_grew_adds_only_what_is_new(log: Log, data: DataFolder, store: Store) -> None:
    lines = ("VOCÊ: oi", "AEON: Fala, cara.")
    import_into_log(log(*lines), data, store, Settings())
    grown = import_into_log(log(*lines, "VOCÊ: e aí?", "AEON: Tudo em paz."), data, store, Settings())
    assert (grown.added, grown.known) == (1, 1)


def test_personal_data_never_reaches_the_log(log: Log, data: DataFolder, store: Store) -> None:
    import_into_log(log("VOCÊ: meu e-mail é ana@exemplo.com.br", "AEON: Anotado, cara."), data, store, Settings())
    assert b"ana@exemplo" not in b"".join(file.read_bytes() for file in data.log.iterdir() if file.is_file())


def test_an_encoding_is_announced_and_skips_are_listed(log: Log, data: DataFolder, store: Store) -> None:
    done = import_into_log(log("VOCÊ: ação", "VOCÊ: oi", "AEON: Irmão!", encoding="cp1252"), data, store, Settings())
    assert "cp1252" in done.notes[0]
    assert [skipped.line for skipped in done.skipped] == [1]


def test_who_is_who_and_the_gap_are_passed_on(tmp_path: Path, data: DataFolder, store: Store) -> None:
    chat = tmp_path / "chat.txt"
    chat.write_text("01/02/2024 10:00 - Ana: a?\n01/02/2024 23:40 - Bia: B, cara.\n", encoding="utf-8")
    with pytest.raises(InputFileError, match="Ana, Bia"):
        import_into_log(chat, data, store, Settings())
    assert import_into_log(chat, data, store, Settings(), assistant="Bia").added == 0
    patient = Settings(log=LogSection(session_gap_minutes=24 * 60))
    assert import_into_log(chat, data, store, patient, owner="Ana").added == 1


def test_turns_of_another_log_of_the_plugin_keep_their_ids(tmp_path: Path, data: DataFolder, store: Store) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "00-000001.jsonl").write_text(shapes.FILES["log"].text, encoding="utf-8")
    assert import_into_log(other, data, store, Settings()).added == 2
    assert [turn.id for turn in read_turns(data.log)] == [f"{number:032x}" for number in range(2)]


def test_in_drop_mode_a_turn_with_personal_data_stays_out_with_the_reason(
    log: Log, data: DataFolder, store: Store
) -> None:
    chat = log("VOCÊ: meu e-mail é ana@exemplo.com.br", "AEON: Anotado, cara.", "VOCÊ: oi", "AEON: Fala, cara.")
    done = import_into_log(chat, data, store, Settings(privacy=PrivacySection(mode="drop")))
    assert (done.added, done.refused) == (1, {"personal data: EMAIL": 1})
    assert [turn.user for turn in read_turns(data.log)] == ["oi"]


def test_who_answered_in_a_chat_is_kept_unless_it_is_one_of_the_owner_s_terms(
    tmp_path: Path, data: DataFolder, store: Store
) -> None:
    chat = tmp_path / "chat.txt"
    chat.write_text(
        "01/02/2024 10:00 - Ana: e aí?\n01/02/2024 10:01 - Bia: Tudo certo, cara.\n"
        "01/02/2024 10:02 - Ana: e a festa?\n01/02/2024 10:03 - Bia: Sábado, cara.\n",
        encoding="utf-8",
    )
    import_into_log(chat, data, store, Settings(), assistant="Bia")
    assert {turn.model for turn in read_turns(data.log)} == {"Bia"}
    other = DataFolder(tmp_path / "other").create()
    hidden = Settings(privacy=PrivacySection(terms=("Bia",)))
    second = Store(other.database)
    import_into_log(chat, other, second, hidden, assistant="Bia")
    second.close()
    assert {turn.model for turn in read_turns(other.log)} == {"[TERMO_1]"}


def test_a_secret_that_the_reply_repeats_alone_is_replaced_too(log: Log, data: DataFolder, store: Store) -> None:
    chat = log("VOCÊ: a senha do wifi é girassol42azul", "AEON: Massa, girassol42azul.")
    import_into_log(chat, data, store, Settings())
    (turn,) = read_turns(data.log)
    assert (turn.user, turn.reply) == ("a senha do wifi é [SENHA_1]", "Massa, [SENHA_1].")
