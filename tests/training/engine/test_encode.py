"""Tokens: the serving prompt, then the reply only, to the token that ends a turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.training.engine.encode import Encoder
from aeon_plugin_ft.training.plan import IGNORED
from hooks import Message


@pytest.fixture(scope="module")
def encoder(tiny_copy: Path) -> Encoder:
    return Encoder(tiny_copy)


def chat(*contents: str) -> list[Message]:
    """System, then user and assistant in turn."""
    roles = ["system", *["user", "assistant"] * len(contents)]
    return [Message(role, content) for role, content in zip(roles, contents, strict=False)]  # type: ignore[arg-type]


def test_the_reply_and_its_stop_token_are_supervised_and_nothing_else(encoder: Encoder) -> None:
    row = encoder.row(chat("sistema", "oi", "massa, é isso aí"))
    learnt = [token for token in row.labels if token != IGNORED]
    assert encoder.tokenizer.decode(learnt) == "massa, é isso aí<|im_end|>"
    assert row.ids[-1] == encoder.tokenizer.eos_token_id
    prompt = encoder.tokenizer.apply_chat_template(
        [{"role": "system", "content": "sistema"}, {"role": "user", "content": "oi"}],
        tokenize=False,
        add_generation_prompt=True,
    )
    assert encoder.tokenizer.decode(row.ids[: row.first_supervised]) == prompt


def test_what_does_not_fit_loses_its_oldest_turns_and_keeps_the_system_prompt(encoder: Encoder) -> None:
    long = chat("sistema", "a" * 40, "b" * 40, "c" * 40, "d" * 40, "fim", "certo")
    found = encoder.encode([long], max_length=220)
    text = encoder.tokenizer.decode(found.rows[0].ids)
    assert found.truncated == 1 and found.kept == [0]
    assert "sistema" in text and "certo" in text and "a" * 40 not in text


def test_what_never_fits_and_empty_replies_are_dropped_with_their_reason(encoder: Encoder) -> None:
    found = encoder.encode([chat("s", "x" * 300, "ok"), chat("s", "oi", "  "), chat("s", "oi", "ok")], max_length=120)
    assert found.dropped == {"longer than 120 tokens": 1, "empty reply": 1}
    assert found.kept == [2]


def test_a_template_that_opens_a_reply_in_its_own_way_is_followed(tiny_copy: Path) -> None:
    encoder = Encoder(tiny_copy)
    encoder.tokenizer.chat_template = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think></think>' }}{% endif %}"
    )
    row = encoder.row(chat("s", "oi", "feito"))
    assert encoder.tokenizer.decode(row.ids).endswith("assistant\n<think></think>feito<|im_end|>")


R1 = (
    "{% for m in messages %}{% set said = m['content'].split('</think>')[-1] %}"
    "{{ '<|im_start|>' + m['role'] + '\\n' + said + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}"
)


def test_thoughts_that_a_template_begins_are_ended_before_the_reply(tiny_copy: Path) -> None:
    """DeepSeek-R1's: the reply would be learnt as a thought, which no server shows."""
    encoder = Encoder(tiny_copy)
    encoder.tokenizer.chat_template = R1
    row = encoder.row(chat("s", "oi", "feito"))
    assert encoder.tokenizer.decode(row.ids).endswith("assistant\n<think>\n\n</think>\n\nfeito<|im_end|>")
    assert encoder.tokenizer.decode([token for token in row.labels if token != IGNORED]) == "feito<|im_end|>"


@pytest.mark.parametrize("letter", ["e", "a", "i", "n", "|", "<", "m"])
def test_a_reply_of_one_letter_is_learnt(letter: str, tiny_copy: Path) -> None:
    """It stands in the end of the turn as well."""
    encoder = Encoder(tiny_copy)
    for template in (encoder.tokenizer.chat_template, R1):
        encoder.tokenizer.chat_template = template
        row = encoder.row(chat("sistema", f"letra {letter}?", letter))
        assert encoder.tokenizer.decode([token for token in row.labels if token != IGNORED]) == f"{letter}<|im_end|>"


def test_a_reply_that_writes_a_special_token_out_means_its_letters(encoder: Encoder) -> None:
    stop = encoder.tokenizer.convert_tokens_to_ids("<|im_end|>")
    row = encoder.row(chat("s", "como acaba um turno?", "com <|im_end|>, cara"))
    learnt = [token for token in row.labels if token != IGNORED]
    assert learnt.count(stop) == 1 and learnt[-1] == stop
    assert encoder.tokenizer.decode(learnt) == "com <|im_end|>, cara<|im_end|>"


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{{ m['content'] + '<|im_end|>' }}{% endfor %}",
        "{% for m in messages if m['role'] != 'system' %}{{ m['content'] + '<|im_end|>' }}{% endfor %}",
    ],
    ids=["refuses it", "drops it"],
)
def test_a_template_without_a_place_for_the_system_prompt_is_refused(template: str, tiny_copy: Path) -> None:
    encoder = Encoder(tiny_copy)
    encoder.tokenizer.chat_template = template
    with pytest.raises(TrainingError, match="no place for a system prompt"):
        encoder.encode([chat("s", "oi", "feito")], 200)
    assert encoder.encode([chat("s", "oi", "feito")[1:]], 200).rows


def test_a_template_without_a_stop_token_is_refused(tiny_copy: Path) -> None:
    encoder = Encoder(tiny_copy)
    encoder.tokenizer.chat_template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}"
    with pytest.raises(TrainingError, match="stops the model"):
        encoder.row(chat("s", "oi", "feito"))


def test_a_model_without_a_chat_template_is_refused(tiny_copy: Path, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (tmp_path / name).write_bytes((tiny_copy / name).read_bytes())
    with pytest.raises(TrainingError, match="chat template"):
        Encoder(tmp_path)
