"""Every way to name a base model, and a sentence with a next step for every one that cannot be used."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base import resolve_base
from aeon_plugin_ft.errors import AeonFtError, BackendDownError, BackendRefusedError, BaseModelError
from aeon_plugin_ft.store.digest import folder_sha256, remembered_sha256, sha256
from tests.base.tiny import make_tiny
from tests.base.whole import whole_folder


class OllamaShow:
    """An Ollama that knows /api/show."""

    def __init__(self) -> None:
        self.models: dict[str, str] = {}
        self.status = 200
        show = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                modelfile = show.models.get(asked["model"])
                status = show.status if modelfile is not None or show.status != 200 else 404
                body: dict[str, Any] = {"modelfile": modelfile} if status == 200 else {"error": "no"}
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaShow]:
    made = OllamaShow()
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{made.server.server_port}")
    yield made
    made.close()


def test_an_ollama_tag_is_resolved_to_its_blob(ollama: OllamaShow, tmp_path: Path) -> None:
    tiny = make_tiny(tmp_path, "llama")
    blob = tmp_path / ("sha256-" + sha256(tiny.path).removeprefix("sha256:"))
    tiny.path.rename(blob)
    ollama.models["llama3.2:3b"] = f'# made by ollama\nFROM "{blob}"\nTEMPLATE x\n'
    base = resolve_base("ollama:llama3.2:3b", tmp_path / "cache")
    assert base.gguf == blob
    assert base.digest == sha256(blob)
    assert base.architecture == "llama"


def test_what_ollama_can_say_wrong(ollama: OllamaShow, tmp_path: Path) -> None:
    for tag, modelfile, match in [
        ("gone:1b", None, "ollama pull gone:1b"),
        ("moved:1b", "FROM /not/here/sha256-1\n", "Copy the GGUF here"),
        ("windows:1b", 'FROM "D:\\Ollama\\sha256-1"\n', r"in D:\\Ollama\\sha256-1, .* Copy the GGUF here"),
        ("cloud:1b", "FROM gpt-oss:120b-cloud\n", "GGUF file itself"),
    ]:
        if modelfile:
            ollama.models[tag] = modelfile
        with pytest.raises(BaseModelError, match=match):
            resolve_base(f"ollama:{tag}", tmp_path)
    ollama.status = 500
    with pytest.raises(BackendRefusedError, match="500") as caught:
        resolve_base("ollama:moved:1b", tmp_path)
    assert caught.value.retryable


def test_an_ollama_that_is_not_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    with pytest.raises(BackendDownError, match="ollama serve"):
        resolve_base("ollama:llama3.2:3b", tmp_path)


def test_a_hugging_face_folder_is_its_own_training_copy(tmp_path: Path) -> None:
    base = resolve_base(str(make_tiny(tmp_path, "qwen3").path), tmp_path / "cache")
    folder = tmp_path / "hf"
    whole_folder(base).rename(folder)
    found = resolve_base(str(folder), tmp_path / "cache")
    assert found.training_copy == folder
    assert found.gguf is None
    assert found.architecture == "qwen3"
    assert found.parameters == base.parameters
    digest = found.digest
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    assert resolve_base(str(folder), tmp_path / "cache").digest != digest


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("", "smollm2-135m-instruct"),
        ("llama3.2:3b", "write ollama:llama3.2:3b"),
        ("C:/models/x.gguf", "no file or folder"),
        ("models/x.gguf", "no file or folder"),
        ("gpt-5", "no file or folder"),
    ],
)
def test_what_is_not_there_is_said_with_a_next_step(spec: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=match) as caught:
        resolve_base(spec, tmp_path)
    assert caught.value.todo


def test_a_hub_id_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BaseModelError, match="cannot be reached") as caught:
        resolve_base("some-org/some-model", tmp_path)
    assert "Connect to the internet" in caught.value.todo


def test_a_folder_that_is_not_a_model_and_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="lacks"):
        resolve_base(str(tmp_path), tmp_path / "cache")
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1234567890")
    with pytest.raises(BaseModelError, match="damaged"):
        resolve_base(str(tmp_path), tmp_path / "cache")


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"one")
    first = remembered_sha256(file, tmp_path / "cache")
    known = json.loads((tmp_path / "cache" / "digests.json").read_text())
    (tmp_path / "cache" / "digests.json").write_text(json.dumps(dict.fromkeys(known, "sha256:kept")))
    assert remembered_sha256(file, tmp_path / "cache") == "sha256:kept"
    file.write_bytes(b"other")
    assert remembered_sha256(file, tmp_path / "cache") == sha256(file) != first
    (tmp_path / "cache" / "digests.json").write_text("not json")
    assert folder_sha256([file], tmp_path / "cache").startswith("sha256:")


def test_every_failure_is_one_of_ours(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"no")
    with pytest.raises(AeonFtError, match=r"x\.gguf"):
        resolve_base(str(tmp_path / "x.gguf"), tmp_path)
