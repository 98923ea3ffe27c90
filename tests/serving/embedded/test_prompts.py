"""What training renders and tokenises is what llama.cpp does with the same file: also where a template begins thoughts,
and whoever puts the first token there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import httpx
import pytest

from aeon_plugin_ft.base.thinking import closed_prompt, closed_template
from aeon_plugin_ft.base.training_copy import training_copy
from aeon_plugin_ft.serving.embedded.child import EmbeddedChild, new_config
from aeon_plugin_ft.serving.embedded.prompts import without_thoughts
from aeon_plugin_ft.training.engine.encode import Encoder
from aeon_plugin_ft.training.plan import IGNORED
from hooks import Message
from tests.base import tiny

TURNS = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
REPLY = "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
THOUGHTS = "{% if add_generation_prompt %}{{ '<|assistant|><think>\\n' }}{% endif %}"
SWITCHED = (
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% if enable_thinking is defined and not enable_thinking %}"
    "{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}"
)
TALK = [Message("system", "Aeon."), Message("user", "oi"), Message("assistant", "e ai")]


def make(folder: Path, template: str, monkeypatch: pytest.MonkeyPatch, *, adds_bos: bool = False) -> Path:
    """A tiny llama's GGUF with this template."""
    monkeypatch.setattr(tiny, "TEMPLATE", template)
    write = gguf.GGUFWriter.add_add_bos_token
    monkeypatch.setattr(gguf.GGUFWriter, "add_add_bos_token", lambda self, _: write(self, adds_bos))
    return tiny.make_tiny(folder, "llama", max_position_embeddings=512).path


def served(model: Path, log: Path, *, at_once: bool) -> tuple[str, list[int], dict[str, Any]]:
    """(the prompt of TALK without its reply, its tokens, the message that comes) of a real server."""
    config = new_config(model, None, "aeon-ft:v0001", 512, 1)
    child = EmbeddedChild(without_thoughts(config) if at_once else config, log)
    try:
        address = child.start()
        headers = {"Authorization": f"Bearer {child.config.token}"}

        def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
            answer = httpx.post(f"{address.url}{path}", json=body, headers=headers, timeout=120, trust_env=False)
            return dict(answer.raise_for_status().json())

        chat = {"messages": [{"role": said.role, "content": said.content} for said in TALK[:-1]]}
        prompt = str(ask("/apply-template", chat)["prompt"])
        ids = ask("/tokenize", {"content": prompt, "add_special": True, "parse_special": True})["tokens"]
        reply = ask("/v1/chat/completions", {**chat, "max_tokens": 4, "temperature": 0})["choices"][0]["message"]
        return prompt, [int(number) for number in ids], dict(reply)
    finally:
        child.stop()


def trained(model: Path, folder: Path) -> list[int]:
    row = Encoder(training_copy(model, "sha256:" + "1" * 64, folder)).row(TALK)
    return [token for token, label in zip(row.ids, row.labels, strict=True) if label == IGNORED]


@pytest.mark.slow
@pytest.mark.parametrize(
    "reply", [REPLY, THOUGHTS, SWITCHED], ids=["at once", "with thoughts begun", "with thoughts that can be off"]
)
def test_a_version_is_served_under_the_prompt_that_it_was_trained_under(
    reply: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(tmp_path, TURNS + reply, monkeypatch)
    prompt, ids, message = served(model, tmp_path / "log", at_once=True)
    assert prompt.endswith("<|assistant|>" if reply == REPLY else "<|assistant|><think>\n\n</think>\n\n")
    assert trained(model, tmp_path / "cache") == ids
    assert message["content"] and not message.get("reasoning_content"), "what comes is a reply, not a thought"


@pytest.mark.slow
def test_a_base_is_served_as_its_template_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With thoughts begun. Should llama.cpp end them by itself some day, what we do to its templates can go."""
    prompt, _, _ = served(make(tmp_path, TURNS + THOUGHTS, monkeypatch), tmp_path / "log", at_once=False)
    assert prompt.endswith("<|assistant|><think>\n")


@pytest.mark.slow
@pytest.mark.parametrize("adds_bos", [True, False])
@pytest.mark.parametrize("written", [True, False])
def test_the_first_token_stands_where_llama_cpp_puts_it(
    written: bool, adds_bos: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once where either of the template and the header asks for it; the template is not asked whether it has one."""
    template = ("{{ bos_token }}" if written else "") + TURNS + REPLY
    model = make(tmp_path, template, monkeypatch, adds_bos=adds_bos)
    _, ids, _ = served(model, tmp_path / "log", at_once=True)
    assert trained(model, tmp_path / "cache") == ids
    bos = 256
    assert (ids[0] == bos, ids[1] == bos) == (written or adds_bos, False)


@pytest.mark.slow
def test_a_version_is_deployed_so_and_its_base_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.base import resolve_base
    from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
    from aeon_plugin_ft.settings import ServeSection
    from aeon_plugin_ft.store import DataFolder

    base = resolve_base(str(make(tmp_path, TURNS + THOUGHTS, monkeypatch)), tmp_path / "cache")
    deployer = EmbeddedDeployer(DataFolder(tmp_path / "data"))
    plain = deployer._config("base", base, None, ServeSection(), trained=False)
    version = deployer._config("v0001", base, tmp_path / "adapter.gguf", ServeSection(), trained=True)
    assert (plain.at_once, plain.template) == (False, "")
    assert version.at_once and version.template == closed_template(TURNS + THOUGHTS)
    deployer.close()


def test_only_thoughts_that_are_left_open_are_ended() -> None:
    assert closed_template(TURNS + REPLY) is None and closed_template(TURNS + SWITCHED) is None
    closed = closed_template(TURNS + THOUGHTS)
    assert closed is not None and closed.startswith(TURNS + THOUGHTS)
    assert closed_prompt("oi<think>\n") == "oi<think>\n\n</think>\n\n"
    for prompt in ("oi", "<think>a</think>", "<think>\n\n</think>\n\n"):
        assert closed_prompt(prompt) == prompt
