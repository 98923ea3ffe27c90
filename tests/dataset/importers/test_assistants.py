"""ChatGPT's and Claude's exports: trees, pictures, artifacts, citation marks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.dataset.importers.assistants import PICTURE, TOOLS_WORK, UNWANTED
from aeon_plugin_ft.dataset.importers.importing import import_file
from aeon_plugin_ft.dataset.importers.marks import without_artifacts, without_citations
from aeon_plugin_ft.dataset.model import Imported

UNSUPPORTED = "```\nThis block is not supported on your current device yet.\n```"


def read(folder: Path, content: Any) -> Imported:
    path = folder / "conversations.json"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return import_file(path)


def pairs(imported: Imported) -> list[tuple[str, str]]:
    return [(turn.user, turn.reply) for turn in imported.turns]


def chatgpt(*said: tuple[str, Any], **more: Any) -> dict[str, Any]:
    """A conversation in a row; what is said is a text, or a message's fields."""
    mapping: dict[str, Any] = {}
    for n, (role, what) in enumerate(said):
        fields = what if isinstance(what, dict) else {"content": {"content_type": "text", "parts": [what]}}
        message = {"author": {"role": role}, "create_time": 1.7e9 + n, "recipient": "all", **fields}
        mapping[f"n{n}"] = {"parent": f"n{n - 1}" if n else None, "children": [], "message": message}
    return {"conversation_id": "c", "mapping": mapping, "current_node": f"n{len(said) - 1}", **more}


SEEN: dict[str, Any] = {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}]}


def test_a_picture_s_reply_is_not_put_behind_the_question_before(tmp_path: Path) -> None:
    found = read(tmp_path, [chatgpt(
        ("user", "Qual é a capital da França?"), ("assistant", "Paris."), ("user", {"content": SEEN}),
        ("assistant", "Essa planta é uma jiboia."), ("user", "e quanta água?"), ("assistant", "Duas vezes por semana."),
    )])  # fmt: skip
    assert pairs(found) == [("Qual é a capital da França?", "Paris."), ("e quanta água?", "Duas vezes por semana.")]
    assert [one.reason for one in found.skipped] == [PICTURE]


def test_calls_of_tools_and_thoughts_are_no_border(tmp_path: Path) -> None:
    found = read(tmp_path, [chatgpt(
        ("user", "quem venceu?"), ("assistant", {"content": {"content_type": "thoughts", "thoughts": []}}),
        ("assistant", {"content": {"content_type": "code", "text": "search()"}, "recipient": "web"}),
        ("tool", {"content": {"content_type": "execution_output", "text": "2x1"}}), ("assistant", "O azul, por 2 a 1."),
    )])  # fmt: skip
    assert pairs(found) == [("quem venceu?", "O azul, por 2 a 1.")]


def test_a_reply_that_is_only_a_picture_is_left_out_and_named(tmp_path: Path) -> None:
    found = read(tmp_path, [chatgpt(("user", "desenha um gato"), ("tool", {"content": SEEN}), ("user", "ok"))])
    assert (pairs(found), [one.reason for one in found.skipped]) == ([], [TOOLS_WORK])


def test_a_reply_of_no_weight_is_left_out_and_named(tmp_path: Path) -> None:
    bad = {"content": {"content_type": "text", "parts": ["Sydney."]}, "weight": 0.0}
    found = read(tmp_path, [chatgpt(("user", "capital da Austrália?"), ("assistant", bad))])
    assert (pairs(found), [one.reason for one in found.skipped]) == ([], [UNWANTED])


def test_a_current_node_that_is_not_there_falls_back_to_the_newest_leaf(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, [chatgpt(("user", "a?"), ("assistant", "B."), current_node="gone")])) == [("a?", "B.")]


@pytest.mark.parametrize(("text", "shown"), [
    ("2 a 1. \ue200cite\ue202turn0search3\ue202turn0news8\ue201 Veja.", "2 a 1. Veja."),
    ('Veja \ue200entity\ue202["people","Fulano de Tal",0]\ue201.', "Veja Fulano de Tal."),
    ("Leia \ue200url\ue202o site\ue202https://x.com\ue201.", "Leia o site."),
    ("Fim.\ue200navlist\ue202x\ue201", "Fim."), ("solto \ue203x", "solto x"),
    ("O prazo é 30 dias【12:3†contrato.pdf】.", "O prazo é 30 dias."), ("Sim【7†source】【8†L1-L9】!", "Sim!"),
    ("Sim:contentReference[oaicite:0]{index=0}.", "Sim."), ("a [1] b", "a [1] b"),
])  # fmt: skip
def test_citation_marks_are_taken_out(text: str, shown: str) -> None:
    assert without_citations(text) == shown


# -- Claude ---------------------------------------------------------------------------------------


def claude(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"uuid": "c", "chat_messages": list(messages), **more}


def said(uuid: str, text: str, parent: str = "", parts: Any = None, **more: Any) -> dict[str, Any]:
    sender = "human" if uuid.startswith("h") else "assistant"
    content = [{"type": "text", "text": text}] if parts is None else parts
    made = {"uuid": uuid, "text": text, "sender": sender, "content": content, **more}
    return {**made, "parent_message_uuid": parent} if parent else made


ROOT = "00000000-0000-4000-8000-000000000000"


def test_the_branch_on_which_the_person_ended_is_read(tmp_path: Path) -> None:
    rows = [
        said("h1", "versão um", ROOT), said("a1", "resposta um", "h1"), said("h2", "versão dois", ROOT),
        said("a2", "resposta dois", "h2"), said("a3", "resposta dois de novo", "h2"), said("h4", "e mais?", "a3"),
        said("a4", "Mais isso.", "h4"),
    ]  # fmt: skip
    assert pairs(read(tmp_path, [claude(*rows)])) == [
        ("versão dois", "resposta dois de novo"), ("e mais?", "Mais isso."),
    ]  # fmt: skip
    named = claude(*rows, current_leaf_message_uuid="a1")
    assert pairs(read(tmp_path, [named])) == [("versão um", "resposta um")]


def test_a_last_question_without_a_reply_does_not_hide_the_conversation(tmp_path: Path) -> None:
    rows = [said("h1", "versão um", ROOT), said("a1", "resposta um", "h1"), said("h2", "versão dois", ROOT)]
    assert pairs(read(tmp_path, [claude(*rows)])) == [("versão um", "resposta um")]


def test_an_attachment_without_words_is_a_border(tmp_path: Path) -> None:
    found = read(tmp_path, [claude(
        said("h1", "capital da França?"), said("a1", "Paris."),
        said("h2", "", attachments=[{"extracted_content": "vendas caíram"}]), said("a2", "As vendas caíram 3%."),
    )])  # fmt: skip
    assert (pairs(found), [one.reason for one in found.skipped]) == ([("capital da França?", "Paris.")], [PICTURE])


def test_an_artifact_is_no_reply_and_its_placeholder_no_text(tmp_path: Path) -> None:
    made = [{"type": "tool_use", "name": "artifacts", "input": {"content": "<html>"}}]
    found = read(tmp_path, [claude(said("h1", "faz uma calculadora"), said("a1", UNSUPPORTED, parts=made))])
    assert (pairs(found), [one.reason for one in found.skipped]) == ([], [TOOLS_WORK])
    around = [{"type": "text", "text": "Aqui está:"}, *made, {"type": "text", "text": "Quer mudar a cor?"}]
    found = read(tmp_path, [claude(said("h1", "faz uma calculadora"), said("a1", UNSUPPORTED, parts=around))])
    assert pairs(found) == [("faz uma calculadora", "Aqui está:\nQuer mudar a cor?")]


@pytest.mark.parametrize(("text", "shown"), [
    (f"Pronto:\n{UNSUPPORTED}\nGostou?", "Pronto:\nGostou?"), (UNSUPPORTED, ""),
    ('Veja: <antArtifact title="x">código</antArtifact> Fim.', "Veja:  Fim."),
    ("<antThinking>hm</antThinking>Oi", "Oi"),
    ("```\nprint(1)\n```", "```\nprint(1)\n```"),
])  # fmt: skip
def test_what_stands_for_an_artifact_is_taken_out(text: str, shown: str) -> None:
    assert without_artifacts(text) == shown


@pytest.mark.parametrize("indent", [None, 1])
def test_an_export_of_one_line_is_read_behind_eight_megabytes_too(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "conversations.json"
    long = [chatgpt(("user", f"pergunta {n}?"), ("assistant", f"resposta {n} " * 900)) for n in range(1000)]
    path.write_text(json.dumps(long, ensure_ascii=False, indent=indent), encoding="utf-8")
    assert path.stat().st_size > 10 << 20
    found = import_file(path)
    assert [turn.user for turn in found.turns] == [f"pergunta {n}?" for n in range(1000)]
    assert found.skipped == () and found.notes == ()
