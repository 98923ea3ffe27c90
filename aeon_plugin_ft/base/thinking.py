"""Chat templates that begin a reply inside a block of thoughts (DeepSeek-R1, Qwen 3 Thinking).

They write `<think>` and leave it to the model to end the block. A model that is taught replies behind such a prompt
learns to answer inside its thoughts, which no server shows: llama.cpp then gives an empty reply (seen). So the block is
closed, empty, in training and in the server alike; what it looks like then is what Ollama's template for DeepSeek-R1
writes where thinking is off, and Qwen 3's own.
"""

from __future__ import annotations

from typing import Final

OPEN, CLOSE = "<think>", "</think>"
ENDING: Final = "\n</think>\n\n"
"""Behind a prompt that ends in "<think>\\n", or in "<think>"."""
_CLOSING: Final = "{%- if add_generation_prompt %}{{ '\\n</think>\\n\\n' }}{%- endif %}"


def closed_prompt(prompt: str) -> str:
    """A prompt whose reply follows at once."""
    return prompt + ENDING if prompt.rstrip().endswith(OPEN) else prompt


def closed_template(template: str) -> str | None:
    """The Jinja template that writes `closed_prompt` of what `template` writes; None where it leaves nothing open."""
    _, _, start_of_reply = template.rpartition("add_generation_prompt")
    return template + _CLOSING if start_of_reply.rfind(OPEN) > start_of_reply.rfind(CLOSE) else None
