"""Forgetting reaches what the Aeon around the data folder keeps by itself, and nothing else of it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.cli.main import main
from aeon_plugin_ft.dataset.sought import pattern_of
from aeon_plugin_ft.forget import Forgetter
from aeon_plugin_ft.forget_host import COPY, HostFiles, Sought
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnKind, TurnLog
from aeon_plugin_ft.turns.log import Limits
from aeon_plugin_ft.voice.catalogue import variants
from tests.flow.owner import Owner, add_version, eventually, heard, no_real_models, owner

__all__ = ["no_real_models", "owner"]

BOOT = "AEON_SPEAK: Estou pronto.\r\n"
SECRET = "O cofre é do Anacleto.\n\nE ninguém sabe."
PRAISED = [{"user": "oi", "aeon": "Oi, cara."}, {"user": "de quem é o cofre?", "aeon": SECRET}]


@pytest.fixture
def aeon(tmp_path: Path) -> Path:
    """The bagagem of an Aeon, with what it keeps."""
    bagagem = tmp_path / "Aeon" / "bagagem"
    (bagagem / "temp").mkdir(parents=True)
    text = f"{BOOT}AEON_SPEAK: {SECRET}\nAEON_SPEAK: O Anacleto ligou.\nAEON_SPEAK: Oi, cara.\n"
    (bagagem / "temp" / "conversation.log").write_bytes(text.encode())
    praised = json.dumps(PRAISED, indent=4, ensure_ascii=False)
    (bagagem / "personalidade.json").write_text(praised, encoding="utf-8")
    return bagagem


@pytest.fixture
def host(aeon: Path) -> Owner:
    return Owner(aeon / "finetuning")


def spoken(aeon: Path) -> str:
    return (aeon / "temp" / "conversation.log").read_bytes().decode()


def praised(aeon: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((aeon / "personalidade.json").read_text(encoding="utf-8"))
    return found


def copies(aeon: Path) -> list[Path]:
    return list(aeon.rglob(f"*{COPY}*"))


def test_a_turn_goes_from_the_host_s_files_too_and_the_rest_stays_byte_for_byte(host: Owner, aeon: Path) -> None:
    host.start()
    host.says("de quem é o cofre?", SECRET)
    question = str(heard(host, "esquece isso"))
    assert any(question.startswith(one) for one in variants()["forget.ask_host"]) and "cofre" in question
    assert SECRET in spoken(aeon)
    assert heard(host, "sim") in [one.format(count="uma conversa") for one in variants()["forget.done"]]
    assert spoken(aeon) == f"{BOOT}AEON_SPEAK: O Anacleto ligou.\nAEON_SPEAK: Oi, cara.\n"
    assert praised(aeon) == PRAISED[:1] and copies(aeon) == []
    host.caller.all("aeon_stopping")


def test_what_is_searched_is_found_where_only_the_host_kept_it(host: Owner, aeon: Path) -> None:
    host.start()
    host.says("oi", "Oi, cara.")
    assert heard(host, "esquece tudo sobre o Anacleto") in variants()["forget.ask_host_alone"]
    heard(host, "sim")
    eventually(lambda: "Anacleto" not in spoken(aeon))
    assert spoken(aeon) == f"{BOOT}AEON_SPEAK: Oi, cara.\n" and praised(aeon) == PRAISED[:1]
    host.caller.all("aeon_stopping")


def test_a_no_leaves_the_host_s_files_alone(host: Owner, aeon: Path) -> None:
    host.start()
    host.says("de quem é o cofre?", SECRET)
    before = spoken(aeon), praised(aeon)
    heard(host, "esquece isso")
    heard(host, "não")
    assert (spoken(aeon), praised(aeon)) == before
    host.caller.all("aeon_stopping")


def test_what_cannot_be_changed_is_said_with_its_place(
    host: Owner, aeon: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "in use")

    host.start()
    host.says("de quem é o cofre?", SECRET)
    monkeypatch.setattr("aeon_plugin_ft.forget_host.move_into_place", refused)
    heard(host, "esquece isso")
    assert any(str(heard(host, "sim")).endswith(one) for one in variants()["forget.host_left"])
    assert SECRET in spoken(aeon) and copies(aeon) == []
    host.caller.all("aeon_stopping")


def test_where_our_log_has_a_placeholder_anything_may_stand_in_theirs(tmp_path: Path) -> None:
    sought = Sought((("meu cpf é [CPF_1]", "Anotado: [CPF_1]."),))
    assert sought.said("Anotado: 529.982.247-25.") and not sought.said("Anotado: 529.982.247-25. Mais nada.")
    assert not sought.said("Anotado:\n529.") and not Sought((("x", "[sic] sim"),)).said("nada sim")


def test_a_question_that_an_older_aeon_wrote_goes_with_its_answer(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "bagagem" / "finetuning")
    log = tmp_path / "bagagem" / "temp" / "conversation.log"
    log.parent.mkdir(parents=True)
    log.write_text("VOCÊ: quem é?\nAEON: Sou eu.\nAEON_SPEAK: Sou eu.\nVOCÊ: oi\nAEON: Oi.\n", encoding="utf-8")
    assert HostFiles(data).remove(Sought((("quem é?", "Sou eu."),))) == ()
    assert log.read_text(encoding="utf-8") == "VOCÊ: oi\nAEON: Oi.\n"


def test_a_line_that_aeon_writes_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataFolder(tmp_path / "bagagem" / "finetuning")
    log = tmp_path / "bagagem" / "temp" / "conversation.log"
    log.parent.mkdir(parents=True)
    log.write_text("AEON_SPEAK: a\nAEON_SPEAK: b\n", encoding="utf-8")
    copymode, late = __import__("shutil").copymode, ["AEON_SPEAK: c\n"]

    def while_aeon_speaks(source: Path, target: Path) -> None:
        copymode(source, target)
        if late:
            with log.open("a", encoding="utf-8") as file:
                file.write(late.pop())

    monkeypatch.setattr("aeon_plugin_ft.forget_host.shutil.copymode", while_aeon_speaks)
    HostFiles(data).remove(Sought((("x", "a"),)))
    assert log.read_text(encoding="utf-8") == "AEON_SPEAK: b\nAEON_SPEAK: c\n"


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such rights")
def test_the_file_s_rights_stay_and_a_copy_that_a_crash_left_goes(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "bagagem" / "finetuning")
    file = tmp_path / "bagagem" / "personalidade.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(PRAISED), encoding="utf-8")
    file.chmod(0o644)
    file.with_name(file.name + COPY).write_text("left", encoding="utf-8")
    HostFiles(data).remove(Sought((), pattern_of("cofre")))
    assert json.loads(file.read_text(encoding="utf-8")) == PRAISED[:1]
    assert file.stat().st_mode & 0o777 == 0o644 and copies(tmp_path) == []


def test_a_data_folder_outside_an_aeon_has_no_such_files(data: DataFolder) -> None:
    assert HostFiles(data).find(Sought((), pattern_of("cofre"))) == ()


def test_the_command_says_what_goes_from_them_and_what_is_left(aeon: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(aeon / "finetuning")
    assert main(["--data", folder, "forget", "--about", "Anacleto", "--dry-run"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 records of" in shown and "1 records of" in shown and "Anacleto" in spoken(aeon)
    assert main(["--data", folder, "forget", "--about", "Anacleto", "--yes"]) == 0
    assert "Anacleto" not in spoken(aeon) and praised(aeon) == PRAISED[:1]


# -- a version that has learnt it ------------------------------------------------------------------


def test_a_version_that_learnt_it_says_so_while_it_answers(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    name = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(name, PromotionCause.OWNER)
    eventually(lambda: runtime.answering == name)
    assert not runtime.observer.unlearns()
    runtime.registry.taint({"d"}, "forgotten")
    assert any(str(heard(owner, "modelo atual")).endswith(one) for one in variants()["model.tainted"])
    assert runtime.observer.unlearns() and runtime.observer.observe().unlearns


def test_forgetting_says_that_the_model_in_use_goes_on_with_it(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    name = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(name, PromotionCause.OWNER)
    eventually(lambda: runtime.answering == name)
    owner.says("o cofre é do Anacleto", id="t1")
    eventually(lambda: runtime.index.count(None) == 1)
    runtime.store.execute("INSERT INTO datasets VALUES ('d', 1, 1, 1, 0)")
    runtime.store.execute("INSERT INTO dataset_turns VALUES ('d', 't1')")
    heard(owner, "esquece isso")
    assert any(one in str(heard(owner, "sim")) for one in variants()["forget.in_use"])


def test_a_training_without_it_ends_the_hurry_whatever_its_verdict(owner: Owner, tmp_path: Path) -> None:
    runtime = owner.start()
    name = add_version(runtime, tmp_path, "r1")
    runtime.registry.promote(name, PromotionCause.OWNER)
    runtime.registry.taint({"d"}, "forgotten")
    add = "INSERT INTO runs (id, created, dataset, base, state, updated) VALUES (?, 1, ?, 'b', ?, 1)"
    runtime.store.execute(add, "r1", "d", "finished")
    assert runtime.observer.unlearns()
    runtime.store.execute(add, "r2", "e", "failed")
    assert runtime.observer.unlearns()
    runtime.store.execute(add, "r3", "e", "finished")
    assert not runtime.observer.unlearns()


def test_a_search_in_our_log_and_theirs_is_one_forgetting(data: DataFolder, store: Store, tmp_path: Path) -> None:
    """By the plan that the command and the voice share."""
    from tests.flow.life import turn

    log = TurnLog(data.log, redact=str, limits=lambda: Limits(10**8, 0.05), on_failure=lambda _: None)
    log.append(turn(1, "vi o Anacleto", "Sei."), TurnKind.CHAT)
    log.append(replace(turn(2, "oi", "Oi."), session="other"), TurnKind.CHAT)
    log.close()
    TurnIndex(store, data.log).ingest()
    forgetter = Forgetter(data, store)
    assert forgetter.forget(forgetter.about("Anacleto"), (), pattern_of("Anacleto")).turns == ("turn0001",)
