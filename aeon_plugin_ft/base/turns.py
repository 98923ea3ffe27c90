"""How a conversation is written for a base that was pretrained on text alone: Gemma's turns.

    <bos><start_of_turn>user
    {system prompt}

    {question}<end_of_turn>
    <start_of_turn>model
    {reply}<end_of_turn>

There is no turn for a system prompt: it stands at the head of the next question. Source:
https://ai.google.dev/gemma/docs/core/prompt-structure. The words are in the vocabulary of the pretrained models too.

The format goes into the header of the GGUF and from there everywhere: llama.cpp reads it there, the training copy
takes its chat template and its stop tokens from it, and a merged file carries it on. So there is one, and none can
differ from another. Only Ollama's own template language needs a second wording (`OLLAMA_TEMPLATE`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from aeon_plugin_ft.weights.gguf_file import GgufFile

END_OF_TURN: Final = "<end_of_turn>"
END_OF_TURN_ID: Final = 106
"""Its number in the vocabulary of every Gemma 3."""

CHAT_TEMPLATE: Final = (
    "{{ bos_token }}"
    "{% set pending = namespace(system='') %}"
    "{% for message in messages %}"
    "{% set text = (message['content'] or '') | trim %}"
    "{% if message['role'] == 'system' %}"
    "{% set pending.system = pending.system + text + '\\n\\n' %}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '<start_of_turn>model\\n' + text + '<end_of_turn>\\n' }}"
    "{% else %}"
    "{{ '<start_of_turn>user\\n' + pending.system + text + '<end_of_turn>\\n' }}"
    "{% set pending.system = '' %}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
"""Jinja, on one line: line breaks of the template's own would be part of the prompt in one engine and not in another.
BOS is written out, because training tokenises the text as it is; llama.cpp takes it off and puts its own."""

OLLAMA_TEMPLATE: Final = (
    '{{- $system := "" }}'
    "{{- range .Messages }}"
    '{{- if eq .Role "system" }}{{ $system = print $system .Content "\\n\\n" }}'
    '{{- else if eq .Role "assistant" }}{{ print "<start_of_turn>model\\n" .Content "<end_of_turn>\\n" }}'
    '{{- else }}{{ print "<start_of_turn>user\\n" $system .Content "<end_of_turn>\\n" }}{{ $system = "" }}'
    "{{- end }}"
    "{{- end }}"
    '{{- print "<start_of_turn>model\\n" }}'
)
"""The same in Go's template language, for an Ollama that reads no Jinja. It adds BOS itself."""

NOTICE: Final = "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
"""The words that Gemma's terms (section 3.1) ask to go with every copy."""


def as_ollama_says(gguf: Path) -> dict[str, Any]:
    """What a model with Gemma's turns carries besides its weights, in the form of Ollama's /api/show; {} for a file
    with another chat template, which an Ollama is left to read itself."""
    with GgufFile(gguf) as file:
        if file.get("tokenizer.chat_template") != CHAT_TEMPLATE:
            return {}
    return {
        "modelfile": f'TEMPLATE """{OLLAMA_TEMPLATE}"""\nPARAMETER stop {END_OF_TURN}\n',
        "parameters": f'stop    "{END_OF_TURN}"',
        "license": NOTICE,
    }
