"""Typing to the brain of an Aeon folder, without its window."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.servers import ModelServer

MINIATURE = Path(__file__).with_name("aeon")


def run(root: Path, typed: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "hooks.typed", str(root)],
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        env={
            **os.environ,
            "PYTHONIOENCODING": "cp1252",
            "AEON_FT_LANGUAGE": "pt",
            **environment,
        },  # as Windows takes a pipe
    )


@pytest.mark.slow
def test_what_is_typed_is_answered_and_logged_as_the_owners_words(tmp_path: Path) -> None:
    root = tmp_path / "Aeon é"
    shutil.copytree(MINIATURE, root)
    with ModelServer("groq") as groq:
        typed = "conta uma 👍\n/privado\nsegredo XYZZY\n/privado\n/ajuda\n/sair\nnunca\n"
        done = run(root, typed, GROQ_BASE_URL=groq.url, GROQ_KEY="k", OLLAMA_HOST="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "AEON: [groq/llama-3.3-70b-versatile] conta uma 👍"
    assert lines[1].startswith("AEON: Modo privado ligado") and lines[3].startswith("AEON: Modo privado desligado")
    assert any("/privado" in line for line in lines[4:]) and lines[-1] != "AEON: [groq/llama-3.3-70b-versatile] nunca"
    log = "".join(f.read_text(encoding="utf-8") for f in (root / "bagagem/finetuning/log").rglob("*.jsonl"))
    turns = [row for row in map(json.loads, log.splitlines()) if "conta uma" in json.dumps(row, ensure_ascii=False)]
    assert turns and "chat" in json.dumps(turns) and "XYZZY" not in log


def test_a_folder_without_a_brain_is_one_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "oi\n")
    assert done.returncode == 2 and done.stdout == ""
    assert "has no brain that can be started" in done.stderr and "Traceback" not in done.stderr
