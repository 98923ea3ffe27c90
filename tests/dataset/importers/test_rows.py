"""Training files in every shape that people have them in, and what a file says is not to be learnt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.dataset.export.converting import convert
from aeon_plugin_ft.dataset.export.exporting import export
from aeon_plugin_ft.dataset.frozen import freeze
from aeon_plugin_ft.dataset.importers.importing import MOST_SKIPPED, import_file, open_import
from aeon_plugin_ft.dataset.importers.jsonl import BEFORE
from aeon_plugin_ft.dataset.importers.rows import UNWANTED
from aeon_plugin_ft.dataset.model import Draft, Example, Imported, Preference, Rating
from aeon_plugin_ft.store import DataFolder, Store
from hooks import Message

ASK, SAY = "Pergunta um?", "Resposta um."
TALK = [{"role": "user", "content": ASK}, {"role": "assistant", "content": SAY}]
SHARED = [{"from": "human", "value": ASK}, {"from": "gpt", "value": SAY}]

MORE = [{"role": "user", "content": "e mais?"}, {"role": "assistant", "content": "Mais isso."}]


def read(folder: Path, *rows: Any, name: str = "a.jsonl", **dump: Any) -> Imported:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False, **dump) + "\n" for row in rows), encoding="utf-8")
    return import_file(path)


def pairs(imported: Imported) -> list[tuple[str, str]]:
    return [(turn.user, turn.reply) for turn in imported.turns]


SHAPES: dict[str, Any] = {
    "messages": {"messages": TALK},
    "messages in a string": {"id": "1", "messages": json.dumps(TALK)},
    "conversations in a string": {"id": "1", "conversations": json.dumps(SHARED)},
    "role and content under conversations": {"conversations": TALK},
    "from and value under messages": {"messages": SHARED},
    "a list": TALK,
    "pairs in a list": {"conversation": [{"human": ASK, "assistant": SAY}]},
    "TRL's prompt and completion": {"prompt": TALK[:1], "completion": TALK[1:]},
    "TRL's text and list": {"prompt": TALK[:1], "completion": SAY},
    "TRL's preference": {"prompt": TALK[:1], "chosen": TALK[1:], "rejected": [{"role": "assistant", "content": "x"}]},
    "whole conversations as sides": {"chosen": TALK, "rejected": [TALK[0], {"role": "assistant", "content": "x"}]},
    "sides that repeat the question": {"prompt": ASK, "chosen": TALK, "rejected": TALK[:1]},
    "texts as sides": {"prompt": ASK, "chosen": SAY, "rejected": "x"},
    "LLaMA-Factory's preference": {"messages": TALK[:1], "chosen": TALK[1], "rejected": {"role": "assistant"}},
    "ShareGPT's preference": {"conversations": SHARED[:1], "chosen": SHARED[1], "rejected": {**SHARED[1], "value": 1}},
    "OpenAI's preference": {
        "input": {"messages": TALK[:1]}, "preferred_output": TALK[1:], "non_preferred_output": TALK[:1],
    },
    "parts with a value": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "value": ASK}], "loss_weight": 0.0},
            {"role": "assistant", "content": [{"type": "text", "value": SAY}], "loss_weight": 1.0},
        ]
    },
    "Alpaca beside another prompt": {"instruction": ASK, "input": "", "output": SAY, "prompt": "B", "response": "x"},
    "LLaMA-Factory's sides": {"chosen_messages": TALK, "rejected_messages": [TALK[0], {**TALK[1], "content": "x"}]},
    "Dolly": {"instruction": ASK, "context": "", "response": SAY, "category": "x"},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["a line", "indented", "a list", "an indented list", "one after another"])
def test_a_row_is_read_whatever_its_shape_and_however_it_is_laid_out(tmp_path: Path, shape: str, layout: str) -> None:
    row, dump = SHAPES[shape], {"indent": 2} if "indent" in layout or layout == "one after another" else {}
    rows = [[row]] if "list" in layout else [row, row] if layout == "one after another" else [row]
    if layout in ("indented", "one after another") and isinstance(row, list):
        rows = [rows]
    found = read(tmp_path, *rows, **dump)
    assert pairs(found) == [(ASK, SAY)] * (2 if layout == "one after another" else 1)
    assert found.skipped == ()


def test_alpaca_s_history_is_what_was_said_before(tmp_path: Path) -> None:
    row = {"instruction": "e o do Chile?", "input": "", "output": "Santiago.", "history": [["do Peru?", "Lima."]]}
    (turn,) = read(tmp_path, {**row, "system": "Seja curto."}).turns
    assert turn.messages == (
        Message("system", "Seja curto."), Message("user", "do Peru?"), Message("assistant", "Lima."),
        Message("user", "e o do Chile?"),
    )  # fmt: skip
    assert turn.reply == "Santiago."


def test_dolly_s_context_belongs_to_the_question(tmp_path: Path) -> None:
    row = {"instruction": "Quem escreveu?", "context": "Machado escreveu Dom Casmurro.", "response": "Machado."}
    assert pairs(read(tmp_path, row)) == [("Quem escreveu?\nMachado escreveu Dom Casmurro.", "Machado.")]


def test_a_first_line_about_the_file_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, {"version": "1.0", "source": "x"}, {"messages": TALK})
    assert pairs(found) == [(ASK, SAY)]
    assert [(one.line, one.reason) for one in found.skipped] == [(1, "no question and reply in it")]


@pytest.mark.parametrize("key", ["data", "conversations", "messages", "examples"])
@pytest.mark.parametrize("indent", [None, 2])
def test_conversations_that_are_nested_are_conversations_of_their_own(
    tmp_path: Path, key: str, indent: int | None
) -> None:
    found = read(tmp_path, {key: [{"id": 1, "messages": TALK}, {"id": 2, "messages": [TALK[1], *MORE]}]}, indent=indent)
    assert pairs(found) == [(ASK, SAY), ("e mais?", "Mais isso.")]
    assert len({turn.session for turn in found.turns}) == 2
    found = read(tmp_path, {key: [TALK, MORE]}, indent=indent)
    assert pairs(found) == [(ASK, SAY), ("e mais?", "Mais isso.")]


@pytest.mark.parametrize(
    "call", ["<tool_call>\n{}\n</tool_call>", "<functioncall> {}", "Vou ver.<tool_call>{}</tool_call>"]
)
def test_a_call_that_is_written_into_the_text_is_no_reply(tmp_path: Path, call: str) -> None:
    rows = [TALK[0], {"role": "assistant", "content": call}, {"role": "tool", "content": "51"}, TALK[1]]
    assert pairs(read(tmp_path, {"messages": rows})) == [(ASK, SAY)]


def test_aeon_s_own_calls_are_replies(tmp_path: Path) -> None:
    call = '{"tool": "Sistema.abrir", "param": "x"}'
    assert pairs(read(tmp_path, {"messages": [TALK[0], {"role": "assistant", "content": call}]})) == [(ASK, call)]


def test_brackets_in_brackets_are_no_conversation(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("[" * 300 + "]" * 300 + "\n" + json.dumps([TALK]) + "\n", encoding="utf-8")
    assert pairs(import_file(path, "messages")) == [(ASK, SAY)]


def test_a_torn_first_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"messages": [{"role": "us\n' + json.dumps({"messages": TALK}) + "\n", encoding="utf-8")
    assert pairs(import_file(path, "messages")) == [(ASK, SAY)]


def test_a_first_line_longer_than_what_is_looked_at_is_recognised(tmp_path: Path) -> None:
    long = [{"role": "user", "content": "x" * 70_000}, {"role": "assistant", "content": "y"}]
    assert len(read(tmp_path, {"messages": long}, {"messages": TALK}).turns) == 2


def test_a_torn_line_behind_a_long_first_one_costs_only_itself(tmp_path: Path) -> None:
    long = json.dumps({"messages": [{"role": "user", "content": "x" * 70_000}, TALK[1]]})
    path = tmp_path / "a.jsonl"
    path.write_text(long + '\n{"messages": [{"ro\n' + json.dumps({"messages": TALK}) + "\n", encoding="utf-8")
    found = import_file(path)
    assert [len(turn.user) for turn in found.turns] == [70_000, len(ASK)]
    assert [one.line for one in found.skipped] == [2]


@pytest.mark.parametrize("size", [9 << 20, 20 << 20])
def test_a_line_longer_than_lines_are_is_read(tmp_path: Path, size: int) -> None:
    many = [one for n in range(size // 10_000) for one in (
        {"role": "user", "content": f"pergunta {n}?"}, {"role": "assistant", "content": "é assim, " * 1000},
    )]  # fmt: skip
    found = read(tmp_path, {"messages": TALK}, {"messages": many}, {"messages": [*MORE, *MORE]})
    assert len(found.turns) == 3 + len(many) // 2
    assert found.skipped == ()


def test_what_was_exported_pair_by_pair_is_read_once_and_what_is_left_out_named(tmp_path: Path) -> None:
    found = read(tmp_path, {"messages": TALK}, {"messages": [*TALK, *MORE]}, {"messages": [*MORE, *TALK, *MORE]})
    assert pairs(found) == [(ASK, SAY), ("e mais?", "Mais isso."), ("e mais?", "Mais isso."), (ASK, SAY),
                            ("e mais?", "Mais isso.")]  # fmt: skip
    assert [(one.line, one.reason) for one in found.skipped] == [(2, BEFORE)]


def test_a_question_about_a_picture_beside_the_row_is_left_out(tmp_path: Path) -> None:
    asked = {"role": "user", "content": "<image>Quem são?"}
    found = read(tmp_path, {"messages": [asked, TALK[1], *MORE], "images": ["1.jpg"]}, {"messages": [asked, TALK[1]]})
    assert pairs(found) == [("e mais?", "Mais isso."), ("<image>Quem são?", SAY)]


# -- what is said not to be learnt ----------------------------------------------------------------

BAD = {"role": "assistant", "content": "Sydney."}
GOOD = {"role": "assistant", "content": "É Camberra."}
ASKED = {"role": "user", "content": "qual a capital da Austrália?"}


@pytest.mark.parametrize(
    "flag", [{"weight": 0}, {"weight": 0.0}, {"train": False}, {"loss_weight": 0.0}, {"training": False}]
)
def test_a_message_that_is_not_to_be_learnt_stays_as_what_was_said_before(tmp_path: Path, flag: dict[str, Any]) -> None:
    again = {"role": "user", "content": "tem certeza?"}
    (turn,) = read(tmp_path, {"messages": [ASKED, {**BAD, **flag}, again, {**GOOD, "weight": 1}]}).turns
    assert (turn.user, turn.reply) == ("tem certeza?", "É Camberra.")
    assert [message.content for message in turn.messages] == [ASKED["content"], "Sydney.", "tem certeza?"]


@pytest.mark.parametrize(
    "flag", [{"label": False}, {"label": "false"}, {"label": 0}, {"kto_tag": False}, {"weight": 0}, {"train": False}]
)
@pytest.mark.parametrize("shape", ["messages", "texts", "lists", "conversations"])
def test_a_row_that_is_not_to_be_learnt_is_left_out_and_named(tmp_path: Path, flag: dict[str, Any], shape: str) -> None:
    row: dict[str, Any] = {
        "messages": {"messages": [ASKED, BAD]},
        "texts": {"prompt": ASKED["content"], "completion": "Sydney."},
        "lists": {"prompt": [ASKED], "completion": [BAD]},
        "conversations": {"conversations": [{"from": "human", "value": "a?"}, {"from": "gpt", "value": "Sydney."}]},
    }[shape]
    good = dict.fromkeys(flag, True)
    found = read(tmp_path, {**row, **flag}, {"messages": [ASKED, GOOD], **good})
    assert pairs(found) == [(ASKED["content"], "É Camberra.")]
    assert [(one.line, one.reason) for one in found.skipped] == [(1, UNWANTED)]


def test_a_row_with_no_other_reply_than_unwanted_ones_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, {"messages": [ASKED, {**BAD, "weight": 0}]}, {"messages": TALK})
    assert [(one.line, one.reason) for one in found.skipped] == [(1, UNWANTED)]


# -- replies behind other things ------------------------------------------------------------------


def test_a_reply_behind_a_tool_is_kept_and_the_call_is_none(tmp_path: Path) -> None:
    call = '{"name":"calc","arguments":{}}'
    row = [("human", "quanto é 17*3?"), ("function_call", call), ("observation", "51"), ("gpt", "17 vezes 3 dá 51.")]
    (turn,) = read(tmp_path, {"conversations": [{"from": who, "value": text} for who, text in row]}).turns
    assert (turn.user, turn.reply) == ("quanto é 17*3?", "17 vezes 3 dá 51.")
    assert turn.messages == (
        Message("user", "quanto é 17*3?"), Message("assistant", call), Message("tool", "51"),
    )  # fmt: skip


def test_openai_s_tool_calls_leave_no_empty_message(tmp_path: Path) -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "w", "arguments": "{}"}}]
    rows = [
        {"role": "user", "content": "como tá o tempo em Natal?"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "31 graus"},
        {"role": "assistant", "content": "Faz 31 graus em Natal."},
        {"role": "user", "content": "e amanhã?"},
        {"role": "assistant", "content": "Deve chover."},
    ]
    found = read(tmp_path, {"messages": rows})
    assert pairs(found) == [
        ("como tá o tempo em Natal?", "Faz 31 graus em Natal."), ("e amanhã?", "Deve chover."),
    ]  # fmt: skip
    assert all(message.content for turn in found.turns for message in turn.messages)
    assert found.skipped == ()


def test_a_reply_behind_a_system_line_or_in_two_messages_is_kept(tmp_path: Path) -> None:
    rows = [
        ("user", "a?"), ("system", "Seja curto."), ("assistant", "Um."), ("user", "b?"), ("assistant", "Dois."),
        ("assistant", "E meio."),
    ]  # fmt: skip
    found = read(tmp_path, {"messages": [{"role": role, "content": text} for role, text in rows]})
    assert pairs(found) == [("a?", "Um."), ("b?", "Dois.\nE meio.")]


def test_a_picture_s_reply_is_left_out_and_named(tmp_path: Path) -> None:
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
    rows = [*TALK, picture, {"role": "assistant", "content": "É um tatu."}]
    found = read(tmp_path, {"messages": rows})
    assert pairs(found) == [(ASK, SAY)]
    assert [one.reason for one in found.skipped] == ["a message without words (a picture, an attachment)"]


def test_what_is_skipped_is_counted_in_full_and_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    bad = json.dumps({"messages": [ASKED, BAD], "label": False}) + "\n"
    path.write_text(json.dumps({"messages": TALK}) + "\n" + bad * (MOST_SKIPPED + 5) + "{torn\n", encoding="utf-8")
    stream = open_import(path)
    assert len(list(stream)) == 1
    assert (len(stream.reading.skipped), stream.reading.skipped_total) == (MOST_SKIPPED, MOST_SKIPPED + 6)
    assert sorted(stream.reading.reasons.values()) == [1, MOST_SKIPPED + 5]
    report = convert(path, tmp_path / "out.jsonl")
    assert (report.dropped[UNWANTED], report.skipped_total) == (MOST_SKIPPED + 5, MOST_SKIPPED + 6)


def test_our_own_exports_are_read_back_to_what_they_were(tmp_path: Path, data: DataFolder, store: Store) -> None:
    prompt = (Message("system", "Você é AEON."), Message("user", "capital da Austrália?"))
    examples = tuple(
        Example(str(n), (prompt[0], Message("user", f"{n}?"), Message("assistant", f"{n}!")), (str(n),))
        for n in range(4)
    )
    draft = Draft(
        examples[:3], examples[3:], preferences=(Preference("p", prompt, "Camberra.", "Sydney.", ("p",)),),
        ratings=(Rating("r", prompt, "Sydney.", False, ("r",)), Rating("q", prompt, "É Camberra.", True, ("q",))),
    )  # fmt: skip
    made = export(freeze(draft, data, store), tmp_path / "out", "llamafactory")
    learnt = {file.name: pairs(import_file(file)) for file in made.files if file.suffix == ".jsonl"}
    assert learnt == {
        "aeon_sft.jsonl": [("0?", "0!"), ("1?", "1!"), ("2?", "2!")], "aeon_heldout.jsonl": [("3?", "3!")],
        "aeon_dpo.jsonl": [("capital da Austrália?", "Camberra.")],
        "aeon_kto.jsonl": [("capital da Austrália?", "É Camberra.")],
    }  # fmt: skip
    assert import_file(tmp_path / "out" / "aeon_dpo.jsonl").turns[0].system == "Você é AEON."
