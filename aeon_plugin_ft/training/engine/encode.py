"""From messages to tokens: train as you serve.

The prompt is what a server would tokenise (the model's own chat template with the generation prompt), the
supervised tokens are the reply only, up to and including the token that ends a turn. Prompt and reply are
tokenised apart, because at serving time they are: the model never sees a token that spans both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from aeon_plugin_ft.base.thinking import closed_prompt
from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.training.plan import IGNORED, Row
from hooks import Message, as_dicts

_say = Speaker("errors/training")

MARK = "(reply|stands|here)"
"""Stands for a reply whose place in a rendered text is looked for."""
EMPTY = "empty reply"
"""The reason, of the two there are, that is no length."""


@dataclass(slots=True)
class Encoded:
    """Rows and what became of the rest. `kept[i]` is the index of the example that row i was made of."""

    rows: list[Row] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    truncated: int = 0

    def drop(self, reason: str) -> None:
        """Count an example that is left out, by reason."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


class Encoder:
    """`folder` is the training copy: tokenizer, chat template and generation config.

    Raises TrainingError when there is no chat template, or when it does not end a reply with a token that
    makes a server stop.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer, GenerationConfig

        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        if not self.tokenizer.chat_template:
            raise TrainingError(*_say.error("template.none", folder=folder))
        # Several: the tokenizer's end of text and, in the generation config, the chat format's end of turn. A server
        # stops at any of them, so a reply may end in any of them.
        stops = {self.tokenizer.eos_token_id}
        if (folder / "generation_config.json").exists():
            configured = GenerationConfig.from_pretrained(folder).eos_token_id
            stops |= set(configured if isinstance(configured, list) else [configured])
        self.stops = frozenset(stop for stop in stops if stop is not None)
        begins = self.tokenizer("")["input_ids"]
        self.bos: list[int] = [token for token in begins[:1] if token == self.tokenizer.bos_token_id]
        """What a server puts in front of every prompt, whether the template writes it or not."""

    def encode(self, examples: Sequence[Sequence[Message]], max_length: int) -> Encoded:
        """Every example that fits; one that is too long loses its oldest turns first, and is dropped last."""
        encoded = Encoded()
        if any(message.role == "system" for messages in examples for message in messages):
            self.require_system()
        for index, messages in enumerate(examples):
            # A copy, from which turns are taken away; the last message is the reply and is never one of them.
            row, shorter = self._fit(list(messages), max_length)
            if row is None:
                encoded.drop(f"longer than {max_length} tokens")
                continue
            if not messages[-1].content.strip():
                encoded.drop(EMPTY)
                continue
            encoded.truncated += shorter
            encoded.rows.append(row)
            encoded.kept.append(index)
        return encoded

    def _fit(self, messages: list[Message], max_length: int) -> tuple[Row | None, bool]:
        shorter = False
        while True:
            row = self.row(messages)
            if len(row.ids) <= max_length:
                return row, shorter
            start = 1 if messages[0].role == "system" else 0
            if len(messages) - start < 4:  # nothing left but the last question and its reply
                return None, shorter
            # A question and its reply together: a conversation that begins with an assistant breaks many templates.
            del messages[start : start + 2]
            shorter = True

    def row(self, messages: Sequence[Message]) -> Row:
        """One example as tokens; the last message is the reply."""
        prompt, reply, end = self._texts(messages)
        before, after = self._prompt_ids(prompt), self._reply_ids(reply, end)
        # The last one, and nothing behind it: templates write a line break after the end of a turn, which no server
        # ever waits for.
        last = max((at for at, token in enumerate(after) if token in self.stops), default=None)
        if last is None:
            raise TrainingError(*_say.error("template.no_stop", end=repr(end[-20:])))
        after = after[: last + 1]
        return Row((*before, *after), (*[IGNORED] * len(before), *after))

    def _texts(self, messages: Sequence[Message]) -> tuple[str, str, str]:
        """(what a server would be given, the reply that the model should add to it, what ends the reply)."""
        chat = as_dicts(messages)
        prompt = closed_prompt(self._render(chat[:-1], add_generation_prompt=True))
        whole = self._render(chat, add_generation_prompt=False)
        # By a reply that is found again for certain: one of a letter stands in many places.
        marked = self._render([*chat[:-1], {**chat[-1], "content": MARK}], add_generation_prompt=False)
        end = marked.rpartition(MARK)[2]
        if whole.startswith(prompt) and whole.endswith(end):
            return prompt, whole[len(prompt) : len(whole) - len(end)], end
        # A template that opens a reply differently from how it prints a past one (a think block, say).
        return prompt, messages[-1].content.strip(), end

    def require_system(self) -> None:
        """Raise TrainingError where a system prompt would be lost, or is more than the template takes."""
        chat = [{"role": "system", "content": MARK}, {"role": "user", "content": "oi"}]
        try:
            lost = MARK not in self._render(chat, add_generation_prompt=True)
        except TemplateError as error:
            raise self._no_system(f" ({error})") from error
        if lost:
            raise self._no_system("")

    @staticmethod
    def _no_system(why: str) -> TrainingError:
        return TrainingError(*_say.error("template.no_system", why=why))

    def _render(self, chat: list[dict[str, str]], *, add_generation_prompt: bool) -> str:
        # Templates without a thinking mode ignore `enable_thinking`; with one, it keeps a server's default away.
        text: str = self.tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=add_generation_prompt, enable_thinking=False
        )
        return text

    def _prompt_ids(self, text: str) -> list[int]:
        """As llama.cpp does: what it puts in front itself, it takes away where the template has written it as well."""
        if self.bos:
            text = text.removeprefix(self.tokenizer.bos_token)
        return [*self.bos, *self._ids(text)]

    def _reply_ids(self, reply: str, end: str) -> list[int]:
        special = {*self.tokenizer.all_special_ids, *self.stops}
        if special.isdisjoint(self._ids(reply)):
            return self._ids(reply + end)
        # A reply that writes "<|im_end|>" out means the letters: as a token it would end the reply in its middle.
        letters: list[int] = self.tokenizer(reply, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return [*letters, *self._ids(end)]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
