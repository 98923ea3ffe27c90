"""What a fake Ollama answers with: prompts by template, replies by script or llama.cpp, and the forms of its chunks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.servers.go_template import render
from tests.servers.llama import Llama
from tests.servers.ollama_store import Tag, now
from tests.servers.text import Script, pieces

CONTEXT = 4096
"""What a request without num_ctx gets."""


class Refusal(Exception):
    """An error answer: HTTP status and text."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(text)


@dataclass
class Runner:
    """A loaded model, keyed by the blob of its weights as in the real scheduler: `tag` is the one that loaded it, which
    lists go on naming whoever is answered from it. `keep` is what the last request with a keep_alive wanted (seconds,
    negative: for ever); `until` is time.monotonic() at which it goes."""

    tag: Tag
    listed: dict[str, Any]
    num_ctx: int
    llama: Llama | None
    keep: float = 300.0
    until: float = 0.0
    seconds: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Talk:
    """One chat or generate request: what is asked, and how the answer is wanted."""

    tag: Tag
    body: dict[str, Any]
    chat: bool
    thinks: bool
    jinja: str
    version: tuple[int, ...]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation, with the model's example messages before it and its system text where none is given."""
        if not self.chat:
            own = self.body.get("system") or self.tag.system
            head = [{"role": "system", "content": own}] if own and not self.body.get("raw") else []
            return [*head, {"role": "user", "content": self.body["prompt"]}]
        asked = list(self.body["messages"])
        head = [{"role": "system", "content": self.tag.system}] if self.tag.system else []
        head = [] if asked[0]["role"] == "system" else head
        return [*head, *self.tag.messages, *asked]

    @property
    def think(self) -> bool | None:
        """What holds of thoughts: where nothing is asked, a model that can think does (since 0.12)."""
        asked = self.body.get("think")
        if asked is None and self.thinks and self.version >= (0, 12):
            return True
        return None if asked is None else bool(asked)

    def prompt(self, llama: Llama | None) -> str:
        """The prompt as the model reads it: by the Go template, or else by the one in the file."""
        if self.body.get("raw"):
            return str(self.body["prompt"])
        template = self.body.get("template") or self.tag.template
        if template and "{%" not in template:
            return render(template, self.messages, self.body.get("tools"), self.think)
        if llama is not None:
            return llama.rendered(self.messages, self.think)
        if "{%" in template or (self.jinja and self.version >= (0, 30)):
            return jinja_rendered(template or self.jinja, self.messages, self.think)
        return "".join(str(message["content"]) for message in self.messages)

    def options(self) -> dict[str, Any]:
        """Those of the tag, and over them those of the request."""
        wanted = {**self.tag.parameters, **(self.body.get("options") or {})}
        shape = self.body.get("format")
        if shape:
            wanted["json_schema"] = {"type": "object"} if shape == "json" else shape
        return wanted


def jinja_rendered(template: str, messages: list[dict[str, Any]], think: bool | None) -> str:
    """As llama.cpp renders a file's template, without its beginning-of-text token, which it puts itself."""
    import jinja2.sandbox

    made = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(template)
    more = {} if think is None else {"enable_thinking": think}
    return made.render(messages=messages, add_generation_prompt=True, bos_token="", eos_token="", **more)


def answer(talk: Talk, runner: Runner, script: Script) -> Iterator[dict[str, Any]]:
    """The lines of one answer: thoughts, words, the end with its numbers."""
    prompt = talk.prompt(runner.llama)
    text, reason, asked, said = _reply(talk, runner, script, prompt)
    thought = ""
    # Nobody looks for thoughts where they are switched off: what a model writes of them all the same is in its reply.
    looks = talk.thinks and talk.chat and talk.think is not False
    found = re.match(r"\s*<think>(.*?)</think>\s*(.*)", text, re.DOTALL) if looks else None
    if found and talk.version >= (0, 9):
        thought, text = found.groups()
    stamp = {"model": talk.body["model"], "created_at": now()}
    for piece in pieces(thought):
        yield {**stamp, "message": {"role": "assistant", "content": "", "thinking": piece}, "done": False}
    for piece in pieces(text):
        words: dict[str, Any] = (
            {"message": {"role": "assistant", "content": piece}} if talk.chat else {"response": piece}
        )
        yield {**stamp, **words, **_logprobs(talk.body, piece), "done": False}
    yield {**stamp, **_empty(talk.chat), "done": True, "done_reason": reason, "total_duration": 2_000_000,
           "load_duration": int(runner.seconds * 1e9), "prompt_eval_count": asked, "prompt_eval_duration": 1_000_000,
           "eval_count": said, "eval_duration": 1_000_000,
           **({"prompt_eval_cached_count": 0} if talk.chat and talk.version >= (0, 34) else {}),
           **({} if talk.chat or talk.body.get("raw") else {"context": list(range(1, asked + said + 1))})}  # fmt: skip


def _reply(talk: Talk, runner: Runner, script: Script, prompt: str) -> tuple[str, str, int, int]:
    """Text, why it ended, tokens of the prompt, tokens of the reply."""
    if runner.llama is not None:
        said = runner.llama.complete(prompt, talk.options())
        choice, usage = said["choices"][0], said["usage"]
        text = str(choice["message"]["content"] or "")
        return text, choice["finish_reason"], usage["prompt_tokens"], usage["completion_tokens"]
    text = script.reply(talk.body["model"], talk.messages)
    if talk.body.get("format"):
        text = _shaped(text, talk.options()["json_schema"])
    limit = int(talk.options().get("num_predict") or -1)
    words = pieces(text)
    cut = 0 <= limit < len(words)
    words = words[:limit] if cut else words
    return ("".join(words) if cut else text), ("length" if cut else "stop"), len(prompt.split()), len(words)


def _shaped(text: str, schema: dict[str, Any]) -> str:
    """A reply that keeps to a schema, as constrained decoding forces it."""
    try:
        json.loads(text)
    except ValueError:
        blank = {"string": text, "number": 0, "integer": 0, "boolean": False, "array": [], "object": {}, "null": None}
        fields = schema.get("properties") or {}
        return json.dumps({key: blank.get(kind.get("type", "string")) for key, kind in fields.items()})
    return text


def _logprobs(body: dict[str, Any], piece: str) -> dict[str, Any]:
    if not body.get("logprobs"):
        return {}
    one = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
    return {"logprobs": [{**one, "top_logprobs": [one] * int(body.get("top_logprobs") or 0)}]}


def _empty(chat: bool) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}


def joined(lines: list[dict[str, Any]], chat: bool) -> dict[str, Any]:
    """The one object of a call with "stream": false."""
    whole = {**lines[-1]}
    if probable := [one for line in lines for one in line.get("logprobs", [])]:
        whole["logprobs"] = probable
    if not chat:
        return {**whole, "response": "".join(line["response"] for line in lines)}
    message = {"role": "assistant", "content": "".join(line["message"]["content"] for line in lines)}
    thought = "".join(line["message"].get("thinking", "") for line in lines)
    return {**whole, "message": {**message, "thinking": thought} if thought else message}


def seconds(keep_alive: Any) -> float:
    """A keep_alive in seconds: a number, or Go's duration text ("10m")."""
    if isinstance(keep_alive, (int, float)):
        return float(keep_alive)
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    found = re.findall(r"(-?[\d.]+)(ms|s|m|h)", str(keep_alive))
    if not found:
        raise Refusal(400, f'time: invalid duration "{keep_alive}"')
    return sum(float(number) * units[unit] for number, unit in found)


def embedding(text: str, width: int = 8) -> list[float]:
    """A vector that is always the same for a text, of length 1."""
    values = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:width]]
    length = sum(value * value for value in values) ** 0.5
    return [value / length for value in values]


STRING, OBJECT, LIST, NUMBER, FLAG = (str,), (dict,), (list,), (int, float), (bool,)
_TYPES: dict[str, tuple[type, ...]] = {
    "model": STRING, "name": STRING, "prompt": STRING, "system": STRING, "template": STRING, "suffix": STRING,
    "messages": LIST, "tools": LIST, "images": LIST, "options": OBJECT, "stream": FLAG, "raw": FLAG, "logprobs": FLAG,
    "files": OBJECT, "adapters": OBJECT, "from": STRING, "parameters": OBJECT, "quantize": STRING, "renderer": STRING,
    "parser": STRING, "requires": STRING, "source": STRING, "destination": STRING, "verbose": FLAG,
}  # fmt: skip
_NAMES = {str: "string", dict: "map", list: "slice", bool: "bool"}
_GOT = {str: "string", dict: "object", list: "array", bool: "bool", int: "number", float: "number"}


def typed(body: Any) -> dict[str, Any]:
    """The body, or the 400 of Go's decoder where a field has another type."""
    if not isinstance(body, dict):
        raise Refusal(400, f"json: cannot unmarshal {_GOT.get(type(body), 'null')} into Go value of type api.Request")
    for key, value in body.items():
        kinds = _TYPES.get(key)
        if kinds and value is not None and not isinstance(value, kinds):
            raise Refusal(400, f"json: cannot unmarshal {_GOT[type(value)]} into Go struct field .{key} of type "
                               f"{_NAMES[kinds[0]]}")  # fmt: skip
    for message in body.get("messages") or []:
        if not isinstance(message, dict) or not isinstance(message.get("content", ""), (str, type(None))):
            raise Refusal(400, "json: cannot unmarshal into Go struct field ChatRequest.messages of type api.Message")
    return body
