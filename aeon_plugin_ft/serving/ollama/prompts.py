"""Whether Ollama writes a prompt as the training did, and a template in Ollama's language where it does not.

Training takes the Jinja template in the base's file. Ollama takes its own (Go) template where a model has one, and
gives an import one by itself that merely looks alike: the file's default system text, for one, is lost on the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

from aeon_plugin_ft.base.thinking import ENDING, OPEN, closed_prompt, closed_template
from aeon_plugin_ft.weights.gguf_file import GgufFile
from hooks import Message

_S, _U, _A = "<<system text>>", "<<question %d>>", "<<reply %d>>"
PROBES: tuple[tuple[Message, ...], ...] = (
    (Message("user", _U % 1),),
    (Message("system", _S), Message("user", _U % 1)),
    (Message("user", _U % 1), Message("assistant", _A % 1), Message("user", _U % 2)),
    (
        Message("system", _S), Message("user", _U % 1), Message("assistant", _A % 1), Message("user", _U % 2),
        Message("assistant", _A % 2), Message("user", _U % 3),
    ),
)  # fmt: skip
"""With and without a system message, and with a talk before the question."""

Render = Callable[[Sequence[Message]], str]


class PromptMatch(str, Enum):
    """What the comparison came to."""

    SAME = "same"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    """The file has no template, or this Ollama does not show its prompts (before 0.11.5)."""

    __str__ = str.__str__


def trained_prompts(gguf: Path, *, at_once: bool = True) -> tuple[str, ...] | None:
    """The probes as the file's own template writes them, without the token at the beginning of a text, which a server
    puts by itself; None where there is no template, or one that takes no such talk. `at_once`: as training writes them,
    with thoughts switched off, and ended where the template begins some all the same."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    with GgufFile(gguf) as file:
        template, eos = str(file.get("tokenizer.chat_template") or ""), _eos(file)
    if not template:
        return None
    # As transformers sets it up (utils/chat_template_utils.py), and llama.cpp after it.
    world = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    world.globals["raise_exception"] = _refuse
    more = {"enable_thinking": False} if at_once else {}
    try:
        made = world.from_string(template)
        written = [
            made.render(
                messages=[{"role": m.role, "content": m.content} for m in talk],
                add_generation_prompt=True, bos_token="", eos_token=eos, tools=None, **more,
            )
            for talk in PROBES
        ]  # fmt: skip
        return tuple(closed_prompt(prompt) if at_once else prompt for prompt in written)
    except (jinja2.TemplateError, TypeError, ValueError):
        return None


def compare(trained: Sequence[str] | None, render: Render) -> PromptMatch:
    """`render` gives a probe as Ollama writes it."""
    if trained is None:
        return PromptMatch.UNKNOWN
    # A server may show the token at the beginning, or leave it to the tokeniser.
    same = all(render(talk).endswith(prompt) for talk, prompt in zip(PROBES, trained, strict=True))
    return PromptMatch.SAME if same else PromptMatch.DIFFERS


def without_thoughts(template: str, written: str) -> str | None:
    """A template that ends the thoughts which `template` has begun at the end of `written`, a prompt of its; None where
    it has begun none. In Ollama's language, or in Jinja, which it takes as well."""
    if not written.rstrip().endswith(OPEN):
        return None
    return closed_template(template) if "{%" in template else template + _text(ENDING)


def go_template(trained: Sequence[str]) -> str | None:
    """A template in Ollama's language that writes these prompts; None where one cannot be told from them.

    It is read off the probes: what stands before and after each text. A template that does more than put texts one
    after another (tools, thoughts, trimmed history) gives other marks in one probe than in the next.
    """
    first, with_system, talk, long = trained
    start, end = _cut(first, _U % 1)
    head, middle, end_too = _cut(with_system, _S, _U % 1)
    begun, to_reply, to_question, ended = _cut(talk, _U % 1, _A % 1, _U % 2)
    if "" in (end, to_reply) or not end == end_too == ended or begun != start:
        return None
    written = (
        head
        + _S
        + middle
        + _U % 1
        + to_reply
        + _A % 1
        + to_question
        + _U % 2
        + to_reply
        + _A % 2
        + to_question
        + _U % 3
    ) + end
    if written != long:
        return None
    before_question = f'{{{{ if eq $last "system" }}}}{_text(middle)}{{{{ else if eq $last "assistant" }}}}'
    before_question += f"{_text(to_question)}{{{{ else }}}}{_text(start)}{{{{ end }}}}"
    return (
        '{{- $last := "" }}{{- range .Messages }}'
        f'{{{{- if eq .Role "system" }}}}{_text(head)}'
        f'{{{{- else if eq .Role "assistant" }}}}{_text(to_reply)}'
        f"{{{{- else }}}}{before_question}{{{{- end }}}}"
        f"{{{{ .Content }}}}{{{{- $last = .Role }}}}{{{{- end }}}}{_text(end)}"
    )


def _cut(prompt: str, *texts: str) -> tuple[str, ...]:
    """What stands between these texts, in turn; ("",) * n where one of them is not there as it was given."""
    parts = []
    for text in texts:
        before, found, prompt = prompt.partition(text)
        if not found:
            return ("",) * (len(texts) + 1)
        parts.append(before)
    return (*parts, prompt)


def _text(text: str) -> str:
    """An action that writes a text as it is; a string in Go and one in JSON are written alike here."""
    return "{{ print " + json.dumps(text, ensure_ascii=False) + " }}" if text else ""


def _eos(file: GgufFile) -> str:
    number, tokens = file.get("tokenizer.ggml.eos_token_id"), file.get("tokenizer.ggml.tokens")
    return str(tokens[int(number)]) if number is not None and tokens is not None and int(number) < len(tokens) else ""


def _refuse(reason: str) -> str:
    raise ValueError(reason)
