"""The other side's program, as it is: unpacking, digests, what it refuses; and the same through a real sshd."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.base.unchanged import require_unchanged
from aeon_plugin_ft.errors import BaseModelError, LostError, TrainingError
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.store.seal import seal
from aeon_plugin_ft.training.model import Recipe
from aeon_plugin_ft.training.places import cargo, door, there
from aeon_plugin_ft.training.places.door import BOOTSTRAP, request
from aeon_plugin_ft.training.places.ssh import SshDoor
from aeon_plugin_ft.training.runs import RunConfig
from tests.training.places.sshd import Sshd, sshd
from tests.training.tiny import tiny_recipe

__all__ = ["sshd", "tiny_recipe"]


def ask(root: Path, verb: str, payload: bytes = b"", **arguments: Any) -> tuple[dict[str, Any], bytes]:
    sink = io.BytesIO()
    line = json.dumps({"verb": verb, "root": str(root), **arguments}).encode() + b"\n"
    there.answer(io.BytesIO(line + payload), sink)
    head, _, rest = sink.getvalue().partition(b"\n")
    return json.loads(head.removeprefix(there.MARK)), rest


def tar(**files: bytes) -> bytes:
    return tar_of({name.replace("__", "/"): content for name, content in files.items()})


def tar_of(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.fixture(autouse=True)
def umask() -> Any:
    """The other side closes what it writes; this process keeps its own."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_thing_is_kept_only_if_it_is_what_its_digest_says(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.json").write_bytes(b"1")
    (folder / "deep" / "b.bin").write_bytes(b"2" * 5)
    thing = cargo._thing(cargo._files(folder, ""), tmp_path / "cache")
    assert thing.digest == there.digest_of(folder) and thing.size == 6
    sent = io.BytesIO()
    cargo.pack(thing.entries, sent)
    root = tmp_path / "root"
    assert ask(root, "missing", digests=[thing.digest])[0]["missing"] == [thing.digest]
    changed = sent.getvalue().replace(b"22222", b"22223")
    assert "changed" in ask(root, "put", changed, digest=thing.digest)[0]["error"]
    assert ask(root, "missing", digests=[thing.digest])[0]["missing"] == [thing.digest]
    assert ask(root, "put", sent.getvalue(), digest=thing.digest)[0]["ok"]
    assert ask(root, "missing", digests=[thing.digest])[0]["missing"] == []
    kept = root / "things" / thing.digest
    assert (kept / "deep" / "b.bin").read_bytes() == b"22222"
    if os.name != "nt":
        assert kept.stat().st_mode & 0o077 == 0


def test_a_base_goes_as_the_file_that_is_served_and_is_the_same_base_there(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe]
) -> None:
    gguf, copy = tmp_path / "llama.gguf", tmp_path / "texts"
    copy.mkdir()
    gguf.write_bytes(b"GGUF" * 9)
    for name in ("config.json", "tokenizer.json"):
        (copy / name).write_text(f'{{"is": "{name}"}}', encoding="utf-8")
    sealed = {"digest": sha256(gguf), "files": seal(copy)}
    (copy / "source.json").write_text(json.dumps(sealed), encoding="utf-8")
    base = BaseModel("ollama:llama", sha256(gguf), "llama", 9, copy, gguf)
    config = RunConfig("r1", base, "d" * 16, tmp_path, tiny_recipe(), tmp_path / "store")
    thing, sent = cargo.base_of(config, tmp_path / "cache"), io.BytesIO()
    cargo.pack(thing.entries, sent)
    root = tmp_path / "root"
    assert ask(root, "put", sent.getvalue(), digest=thing.digest)[0]["ok"]
    theirs = cargo.base_at(base, root / "things" / thing.digest)
    assert theirs.gguf is not None and theirs.gguf.read_bytes() == gguf.read_bytes()
    require_unchanged(theirs, tmp_path / "cache there")
    theirs.gguf.write_bytes(b"GGUF" * 8)
    with pytest.raises(BaseModelError, match="is not what it was"):
        require_unchanged(theirs, tmp_path / "cache there")


def test_what_is_too_long_for_one_request_goes_in_parts_and_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PART_BYTES", 1000)
    content, root = os.urandom(3500), tmp_path / "root"
    asked: list[tuple[str, int]] = []

    def once(verb: str, arguments: Any, payload: bytes) -> bool:
        asked.append((verb, len(payload)))
        return bool(ask(root, verb, payload, **arguments)[0]["ok"])

    for size in (3500, 10):
        given = tar_of({"runs/r1/x": content[:size]})

        def fill(sink: BinaryIO, given: bytes = given) -> None:
            sink.write(given)

        assert door.in_parts("put_run", {"run": "r1"}, fill, once)
        assert (root / "runs" / "r1" / "runs" / "r1" / "x").read_bytes() == content[:size]
    assert max(size for _, size in asked) <= 1000 and {verb for verb, _ in asked} == {"part", "put_run"}
    assert not list((root / "uploads").iterdir())


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
def test_nothing_is_unpacked_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    answer, _ = ask(tmp_path / "root", "put_run", tar_of({name: b"x"}), run="r1")
    assert not answer["ok"] and not list(tmp_path.rglob("evil"))


def test_a_link_is_nothing_that_may_be_unpacked(tmp_path: Path) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
    assert "unpacked" in ask(tmp_path, "put_run", made.getvalue(), run="r1")[0]["error"]


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [("clean", {"run": "../.."}), ("get", {"run": "r", "names": ["../x"]}), ("missing", {"digests": ["/etc"]}),
     ("destroy", {})],
)  # fmt: skip
def test_names_that_lead_elsewhere_and_verbs_that_there_are_not_are_refused(
    tmp_path: Path, verb: str, arguments: dict[str, Any]
) -> None:
    answer, _ = ask(tmp_path / "root", verb, **arguments)
    assert verb == "get" or not answer["ok"]
    assert tmp_path.is_dir()


def test_the_progress_is_read_from_where_it_was_left_and_files_come_back(tmp_path: Path) -> None:
    files = {
        "runs/r1/progress.jsonl": b"one\ntwo\n",
        "runs/r1/checkpoints/step-000002/x": b"x",
        "runs/r1/run.json": b"{}",
    }
    assert ask(tmp_path, "put_run", tar_of(files), run="r1")[0]["ok"]
    seen, rest = ask(tmp_path, "look", run="r1", offset=4)
    assert rest == b"two\n" and seen["there"] and not seen["alive"] and seen["checkpoints"] == ["step-000002"]
    _, rest = ask(tmp_path, "get", run="r1", names=["checkpoints", "nothing"])
    there.unpack(io.BytesIO(rest), tmp_path / "got")
    assert (tmp_path / "got" / "checkpoints" / "step-000002" / "x").read_bytes() == b"x"
    assert ask(tmp_path, "clean", run="r1")[0]["ok"] and not (tmp_path / "runs" / "r1").exists()


def test_while_it_is_under_way_nothing_of_it_is_replaced_or_removed(tmp_path: Path) -> None:
    ask(tmp_path, "put_run", tar(**{"runs__r1__run.json": b"{}"}), run="r1")
    (tmp_path / "runs" / "r1" / "alive").touch()
    assert ask(tmp_path, "put_run", tar(a=b""), run="r1")[0]["under_way"]
    assert not (tmp_path / "runs" / "r1" / "a").exists()
    assert "under way" in ask(tmp_path, "clean", run="r1")[0]["error"]
    old = time.time() - 60
    os.utime(tmp_path / "runs" / "r1" / "alive", (old, old))
    assert ask(tmp_path, "clean", run="r1")[0]["ok"]


def test_how_much_of_it_is_used_is_a_share(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, "used")
    assert answer["ok"] and 0.0 <= answer["share"] <= 1.0


def test_it_counts_as_alive_while_it_starts_and_no_longer_than_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tmp_path, "put_run", tar(**{"runs__r1__run.json": b"{}"}), run="r1")
    there.count_as_alive(tmp_path / "runs" / "r1")
    assert ask(tmp_path, "look", run="r1")[0]["alive"]
    now = time.time()
    monkeypatch.setattr(there.time, "time", lambda: now + there.STARTING_SECONDS - 5)
    assert ask(tmp_path, "look", run="r1")[0]["alive"]
    monkeypatch.setattr(there.time, "time", lambda: now + there.STARTING_SECONDS + 5)
    assert not ask(tmp_path, "look", run="r1")[0]["alive"]


def test_a_python_that_cannot_train_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(there, "NEEDED", ("torch_of_nobody",))
    assert "lacks torch_of_nobody" in ask(tmp_path, "begin", run="r1", spec={"code": "c"})[0]["error"]


def test_sent_along_it_runs_in_a_python_that_knows_nothing_of_us(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", BOOTSTRAP]
    sent = request("missing", {"digests": ["abc"]}, root=str(tmp_path / "root"))
    done = subprocess.run(command, input=sent, capture_output=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout.removeprefix(there.MARK)) == {"ok": True, "missing": ["abc"]}


def test_as_text_the_same_comes_back_in_lines_that_say_when_one_is_missing(tmp_path: Path) -> None:
    content = os.urandom(200_000)
    ask(tmp_path, "put_run", tar_of({"runs/r1/run.json": b"{}", "runs/r1/big": content}), run="r1")
    sent = request("get", {"run": "r1", "names": ["big"]}, root=str(tmp_path))
    command = [sys.executable, "-c", BOOTSTRAP, "--text"]
    done = subprocess.run(command, input=sent, capture_output=True, check=True)
    from aeon_plugin_ft.training.places.ray import decode

    whole = decode(done.stdout.decode())
    assert content in whole and whole.startswith(there.MARK)
    with pytest.raises(LostError, match="not whole"):
        decode("\n".join(done.stdout.decode().splitlines()[:-1]))


# -- through a real sshd ---------------------------------------------------------------------------


def test_through_ssh_files_go_and_come_back(sshd: Sshd, tmp_path: Path) -> None:
    door = SshDoor(sshd.where)
    content = os.urandom(300_000)
    door.call("put_run", {"run": "r1"}, lambda sink: sink.write(tar_of({"runs/r1/run.json": content})))  # type: ignore[arg-type,return-value]
    assert (sshd.runs / "r1" / "runs" / "r1" / "run.json").read_bytes() == content
    with (tmp_path / "got.tar").open("w+b") as file:
        door.call("get", {"run": "r1", "names": ["run.json"]}, sink=file)
        file.seek(0)
        there.unpack(file, tmp_path / "got")
    assert (tmp_path / "got" / "run.json").read_bytes() == content
    with pytest.raises(TrainingError, match="says no"):
        door.call("put", {"digest": "0" * 64}, lambda sink: sink.write(tar(a=b"1")))  # type: ignore[arg-type,return-value]


def test_a_connection_that_is_lost_is_told_from_a_door_that_stays_shut(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = SshDoor(sshd.where)
    (sshd.folder / "known_hosts").write_text("", encoding="ascii")
    with pytest.raises(TrainingError, match="Connect once by hand") as error:
        door.call("missing", {"digests": []})
    assert not isinstance(error.value, LostError)
    sshd.stop()
    with pytest.raises(LostError, match="cannot be reached"):
        door.call("missing", {"digests": []})


def test_a_place_without_that_python_is_said(sshd: Sshd) -> None:
    from dataclasses import replace

    with pytest.raises(TrainingError, match="Name it behind the host"):
        SshDoor(replace(sshd.where, python="/nowhere/python")).call("missing", {"digests": []})
