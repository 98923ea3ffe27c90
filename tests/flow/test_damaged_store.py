"""A host on a database that is damaged in every way that we could think of: its log goes on, and all that the log
tells is there again."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft import living
from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.errors import DamagedStoreError, StoreError
from aeon_plugin_ft.host.lasting import Lasting
from aeon_plugin_ft.registry import BASE
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.store.rebuild import open_whole, set_aside
from hooks import Host
from tests.flow.owner import BACKENDS, Owner, add_version, eventually, heard, no_real_models

__all__ = ["no_real_models"]

PAGE = 4096
Damage = Callable[[Path], object]


def cut(share: float) -> Damage:
    def damage(path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return damage


def scribble(start: int, length: int, *, zeros: bool = False) -> Damage:
    """Other bytes from `start` on (from the end where it is negative)."""

    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        begin = start if start >= 0 else max(0, len(content) + start)
        end = min(len(content), begin + length)
        content[begin:end] = bytes(end - begin) if zeros else random.Random(start).randbytes(end - begin)
        path.write_bytes(content)

    return damage


def every_page_but_the_first(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for page in range(PAGE, len(content), PAGE):
        content[page : page + 64] = random.Random(page).randbytes(64)
    path.write_bytes(content)


def sql(*statements: str) -> Damage:
    def damage(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return damage


def replaced(content: bytes) -> Damage:
    return lambda path: path.write_bytes(content)


def another_database(path: Path) -> None:
    path.unlink()
    sql("CREATE TABLE turns (name TEXT)", "INSERT INTO turns VALUES ('a chess game')")(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").write_text("x", encoding="ascii")


def beside(end: str, content: bytes) -> Damage:
    return lambda path: path.with_name(path.name + end).write_bytes(content)


def schema_of_nonsense(path: Path) -> None:
    sql("PRAGMA writable_schema = 1", "UPDATE sqlite_master SET sql = 'CREATE TABLE x(' WHERE name = 'runs'")(path)


WAYS: dict[str, Damage] = {
    "empty": replaced(b""),
    "one byte": replaced(b"x"),
    "text": replaced(b"this is not a database, it only looks like a file" * 100),
    "zeros": replaced(bytes(50 * PAGE)),
    "random": replaced(random.Random(1).randbytes(50 * PAGE)),
    "a header alone": cut(0.0005),
    "one page": lambda path: path.write_bytes(path.read_bytes()[:PAGE]),
    "cut in a page": lambda path: path.write_bytes(path.read_bytes()[: 3 * PAGE + 100]),
    "a tenth": cut(0.1),
    "half": cut(0.5),
    "nearly all": cut(0.95),
    "the magic": scribble(0, 16),
    "page size": scribble(16, 2),
    "versions of the format": scribble(18, 2),
    "reserved space": scribble(20, 4),
    "the free list": scribble(32, 8),
    "the schema's format": scribble(44, 4),
    "text encoding": scribble(56, 4),
    "the header": scribble(0, 100),
    "the header in zeros": scribble(0, 100, zeros=True),
    "the schema's page": scribble(100, PAGE - 100),
    "the second page": scribble(PAGE, PAGE),
    "the third page in zeros": scribble(2 * PAGE, PAGE, zeros=True),
    "the middle": scribble(20 * PAGE, 4 * PAGE),
    "the last page": scribble(-PAGE, PAGE),
    "every page but the first": every_page_but_the_first,
    "a table is missing": sql("DROP TABLE versions"),
    "another table is missing": sql("DROP TABLE claims_due"),
    "the index is missing": sql("DROP TABLE turns"),
    "a trigger is missing": sql("DROP TRIGGER claims_due_of_turns"),
    "a column is missing": sql("ALTER TABLE runs DROP COLUMN reason"),
    "no migration is noted": sql("DELETE FROM migrations"),
    "a schema of nonsense": schema_of_nonsense,
    "another program's": another_database,
    "a folder": a_folder,
    "a write-ahead log of nonsense": beside("-wal", random.Random(2).randbytes(20 * PAGE)),
    "shared memory of nonsense": beside("-shm", random.Random(3).randbytes(32768)),
    "a journal of nonsense": beside("-journal", random.Random(4).randbytes(20 * PAGE)),
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which things have happened, closed; to be copied."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lived")
        base = BaseModel("smollm2-135m-instruct", "sha256:0", "llama", 1, Path(), None)
        # As `no_real_models` does, which is there for one test only.
        patch.setattr("aeon_plugin_ft.pipeline.resolve_base", lambda *_: base)
        patch.setattr("aeon_plugin_ft.serving.backends._embedded", lambda *_: BACKENDS["embedded"])
        owner = Owner(folder / "data")
        runtime = owner.start()
        for number in range(30):
            owner.says(f"minha gata número {number} se chama Nina{number}", "Que nome bonito.")
        eventually(lambda: runtime.index.count(None) == 30)
        version = add_version(runtime, folder, "r1")
        runtime.registry.promote(version, PromotionCause.OWNER)
        eventually(lambda: runtime.answering == version)
        runtime.store.set_fact("note", "kept")
        for number in range(200):  # so that there are pages to damage
            runtime.store.set_fact(f"filling {number}", "x" * 900)
        owner.caller.all("aeon_stopping")
        return folder / "data"


def copy_of(lived: Path, place: Path) -> Path:
    shutil.copytree(lived, place)
    return place


def logged(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in (folder / "log").glob("*.jsonl"))


@pytest.mark.slow(seconds=3)
@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_database_never_stops_the_log(way: str, lived: Path, tmp_path: Path) -> None:
    folder = copy_of(lived, tmp_path / "data")
    WAYS[way](folder / "aeon-ft.sqlite3")
    owner = Owner(folder)
    owner.caller.historic("aeon_started", host=owner.host)
    try:
        owner.says("isto foi dito depois do estrago")
        assert "depois do estrago" in logged(folder)
        # Also where the damage is only found later, by whoever comes to its page.
        eventually(lambda: owner.plugin.runtime is not None)

        def everything_is_there() -> bool:
            runtime = owner.plugin.runtime
            try:
                return (
                    runtime is not None
                    and runtime.follower.checked
                    and runtime.store.damage is None
                    and runtime.index.count(None) == 31
                    and runtime.answering == "v0001"
                )
            except (sqlite3.Error, AttributeError):
                return False  # it is just being made anew

        eventually(everything_is_there)
        owner.says("e isto também")
        assert "e isto também" in logged(folder)
    finally:
        owner.caller.all("aeon_stopping")
    store = Store(folder / "aeon-ft.sqlite3")
    assert store.row("PRAGMA integrity_check")[0] == "ok"  # type: ignore[index]
    told = [event for event in store.events() if event["name"] == "store_rebuilt"]
    aside = [path for path in set_aside(store.path) if path.name[-4:] not in {"-wal", "-shm"}]
    assert len(told) == len(aside) <= 1, "it is said once"
    store.close()


def test_damage_that_is_heard_of_before_the_start_is_over_makes_one_life_of_two(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the follower, which is at work before the life that it belongs to has been noted."""
    start, made = Runtime.start, []

    def heard_at_once(
        host: Host, lasting: Lasting, on_damage: Callable[[str], None], damage: str | None = None
    ) -> Runtime:
        made.append(start(host, lasting, on_damage, damage))
        if len(made) == 1:
            on_damage("a page, heard of at once")
            ends = time.monotonic() + 2
            while len(made) == 1 and time.monotonic() < ends:  # whoever does not wait has its chance
                time.sleep(0.01)
            return made[0]
        return made[-1]

    monkeypatch.setattr(Runtime, "start", heard_at_once)
    owner = Owner(copy_of(lived, tmp_path / "data"))
    owner.caller.historic("aeon_started", host=owner.host)
    eventually(lambda: len(made) == 2 and owner.plugin.runtime is made[1])
    owner.says("isto foi dito na segunda vida")
    eventually(lambda: made[1].index.count(None) == 31)
    owner.caller.all("aeon_stopping")
    assert len(made) == 2 and owner.plugin.runtime is None


def test_what_no_log_tells_is_copied_from_the_damaged_file(lived: Path, tmp_path: Path) -> None:
    path = copy_of(lived, tmp_path / "data") / "aeon-ft.sqlite3"
    sql("DROP TABLE versions")(path)
    store, rebuilt = open_whole(path)
    assert rebuilt is not None and rebuilt.aside.exists() and rebuilt.rows > 200
    assert store.fact("note") == "kept"
    assert store.row("SELECT version FROM promotions")["version"] == "v0001"  # type: ignore[index]
    assert store.row("SELECT count(*) AS n FROM turns")["n"] == 0, "the log gives them again"  # type: ignore[index]
    store.close()


def test_the_rows_on_both_sides_of_a_damaged_page_are_copied(lived: Path, tmp_path: Path) -> None:
    path = copy_of(lived, tmp_path / "data") / "aeon-ft.sqlite3"
    content = bytearray(path.read_bytes())
    place = content.index(b'filling 100"x') // PAGE * PAGE
    content[place : place + PAGE] = bytes(PAGE)
    path.write_bytes(content)
    store, rebuilt = open_whole(path, damage="a page of zeros")
    numbers = [number for number in range(200) if store.fact(f"filling {number}") is not None]
    assert rebuilt is not None and 0 in numbers and 199 in numbers and 100 not in numbers
    store.close()


def test_a_sound_database_is_left_as_it_is(lived: Path, tmp_path: Path) -> None:
    path = copy_of(lived, tmp_path / "data") / "aeon-ft.sqlite3"
    store, rebuilt = open_whole(path)
    assert rebuilt is None and not list(set_aside(path))
    store.close()


def test_what_was_in_use_is_known_by_the_journal_where_the_database_is_lost(lived: Path, tmp_path: Path) -> None:
    folder = copy_of(lived, tmp_path / "data")
    (folder / "aeon-ft.sqlite3").write_bytes(bytes(PAGE))
    owner = Owner(folder)
    runtime = owner.start()
    eventually(lambda: runtime.answering == "v0001")
    runtime.registry.promote(BASE, PromotionCause.UNDONE)
    eventually(lambda: runtime.answering is None)
    owner.caller.all("aeon_stopping")
    (folder / "aeon-ft.sqlite3").write_bytes(bytes(PAGE))
    again = Owner(folder)
    runtime = again.start()
    eventually(lambda: runtime.registry.states() != {})
    time.sleep(1)
    assert runtime.registry.current() == BASE and runtime.answering is None, "the owner went back to it"
    again.caller.all("aeon_stopping")


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM events").fetchone()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows itself renames no open file")
def test_a_damaged_database_that_another_process_has_open_is_not_moved_under_it(lived: Path, tmp_path: Path) -> None:
    """It would delete the write-ahead log of the new one when it ends."""
    path = copy_of(lived, tmp_path / "data") / "aeon-ft.sqlite3"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match="put aside"):
            open_whole(path, damage="found by somebody")
        assert path.exists()
        other.communicate("")
    store, rebuilt = open_whole(path, damage="found by somebody")
    assert rebuilt is not None
    store.close()


def test_a_host_whose_database_is_locked_logs_at_once_and_does_the_rest_later(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aeon_plugin_ft.store.database.BUSY_MS", 200)
    monkeypatch.setattr(living, "AGAIN_SECONDS", 0.2)
    folder = copy_of(lived, tmp_path / "data")
    other = sqlite3.connect(folder / "aeon-ft.sqlite3", isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    owner = Owner(folder)
    owner.caller.historic("aeon_started", host=owner.host)
    assert owner.plugin.runtime is None and len(owner.said) == 1
    owner.says("o banco está trancado, e o cpf é 529.982.247-25")
    assert "trancado" in logged(folder) and "529.982" not in logged(folder)
    assert owner.hears("não grave isso")
    owner.says("isto é segredo")
    assert owner.hears("modelo atual")
    assert owner.asks("oi") is None
    other.execute("ROLLBACK")
    other.close()
    eventually(lambda: owner.plugin.runtime is not None)
    # What was said last was said while there was no database, and in private: nothing else is taken for it.
    assert "privado" in str(heard(owner, "esquece isso")) and "trancado" in logged(folder)
    owner.says("isto ainda é segredo")
    assert "segredo" not in logged(folder), "the private mode goes on"
    runtime = owner.plugin.runtime
    assert runtime is not None
    eventually(lambda: runtime.index.count(None) == 31)
    owner.caller.all("aeon_stopping")


def test_a_command_says_what_to_do_about_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "aeon-ft.sqlite3"
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(DamagedStoreError, match="Start Aeon"):
        Store(path)
