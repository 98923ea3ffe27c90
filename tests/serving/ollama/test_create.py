"""What Ollama says of a model, read back exactly, and which weights a tag really is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_plugin_ft.serving.ollama.client import behaviour_of
from aeon_plugin_ft.serving.ollama.create import (
    blob_digest,
    carried,
    parse_modelfile,
    parse_parameters,
    template_of,
    weights_path,
)
from aeon_plugin_ft.serving.smoke import is_english
from tests.servers.ollama_store import Blobs, Tag, modelfile, parameters_text

BLOB = "sha256:" + "ab" * 32
STOPS = ["<｜begin▁of▁sentence｜>", "<｜User｜>", 'a "quoted" one']


def tag_of(**fields: Any) -> Tag:
    return Tag("m:latest", (("application/vnd.ollama.image.model", BLOB),), **fields)


def shown(tmp_path: Path, **fields: Any) -> dict[str, Any]:
    tag = tag_of(**fields)
    return {"modelfile": modelfile(tag, Blobs(tmp_path)), "parameters": parameters_text(tag.parameters)}


TEMPLATES = st.text(st.sampled_from('ab {}."\n<|>é'), min_size=1, max_size=60).filter(
    lambda text: '"""' not in text and not text.endswith('"') and '"\n' not in text and text.strip()
)
"""Such as Ollama's own quoting can carry."""


@given(TEMPLATES)
def test_a_template_is_read_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, template: str) -> None:
    found = dict(parse_modelfile(modelfile(tag_of(template=template), Blobs(tmp_path_factory.getbasetemp()))))
    assert found["TEMPLATE"] == template


def test_the_weights_are_the_first_from_even_with_spaces(tmp_path: Path) -> None:
    show = shown(tmp_path / "my models", license=("FROM here on, no warranty\nFROM /not/this",))
    assert weights_path(show) == tmp_path / "my models" / "blobs" / BLOB.replace(":", "-")
    assert blob_digest(show) == BLOB
    assert weights_path({"modelfile": "FROM C:\\Users\\Ana\\.ollama\\models\\blobs\\sha256-1"}) is not None
    assert weights_path({"modelfile": "FROM gemma4:mlx"}) is None
    assert blob_digest({}) is None


def test_stops_are_always_a_list_and_numbers_stay_numbers() -> None:
    text = parameters_text({"stop": STOPS, "temperature": 0.6, "num_ctx": 4096})
    assert parse_parameters(text) == {"stop": STOPS, "temperature": 0.6, "num_ctx": 4096}
    assert parse_parameters('stop                           "x"') == {"stop": ["x"]}
    assert parse_parameters("stop                           <bare>") == {"stop": ["<bare>"]}
    assert parse_parameters("") == {}


def test_the_default_template_and_that_of_the_file_are_never_carried(tmp_path: Path) -> None:
    assert template_of(shown(tmp_path)) is None
    assert template_of({**shown(tmp_path), "template": "{% jinja of the file %}"}) is None
    assert template_of(shown(tmp_path, template="{{ .System }}\n{{ .Prompt }}")) == "{{ .System }}\n{{ .Prompt }}"


def test_only_what_is_there_is_carried(tmp_path: Path) -> None:
    assert carried(shown(tmp_path)) == {}
    show = {
        **shown(tmp_path, parameters={"stop": ["x"]}),
        "license": "MIT",
        "system": "s",
        "parser": "p",
        "requires": "",
    }
    assert carried(show) == {"parameters": {"stop": ["x"]}, "license": ["MIT"], "system": "s", "parser": "p"}


@pytest.mark.parametrize(
    ("version", "imports", "rewrites", "jinja"),
    [
        ("0.5.4", False, False, False), ("0.5.5", True, False, False), ("0.24.0", True, False, False),
        ("0.30.0", True, True, True), ("0.34.0-rc2", True, True, True), ("v0.34.1", True, False, True),
        ("0.0.0", True, False, True), ("", True, False, True), ("1.2.3+build", True, False, True),
    ],
)  # fmt: skip
def test_a_version_decides_the_behaviour(version: str, imports: bool, rewrites: bool, jinja: bool) -> None:
    found = behaviour_of(version)
    assert (found.imports, found.rewrites, found.reads_jinja) == (imports, rewrites, jinja)


@pytest.mark.parametrize(
    ("text", "english"),
    [("Hello! How can I help you with that?", True), ("The capital of Brazil is Brasília.", True),
     ("Oi! Tudo bem com você?", False), ("A capital do Brasil é Brasília.", False), ("Brasília", False), ("", False),
     ("Abra o Google Chrome e clique em Settings para mudar isso.", False)],
)  # fmt: skip
def test_english_is_told_from_portuguese(text: str, english: bool) -> None:
    assert is_english(text) == english
