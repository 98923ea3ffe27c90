"""A real llama.cpp behind a fake server: one child process for one GGUF file, ended with the server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

_CHILD = """
import sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.port, params.cache_ram_mib = *map(int, sys.argv[2:5]), 0
params.warmup = params.ui = False
adapters = []
for path in sys.argv[5:]:
    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path, adapter.scale = path, 1.0
    adapters.append(adapter)
params.lora_adapters = adapters
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
print("ADDRESS", server.listening_address, flush=True)
sys.stdin.read()
"""


class LlamaError(Exception):
    """llama.cpp will not load the file; the text is the end of its log."""


class Llama:
    """A child that serves `gguf`, with LoRA GGUFs where any are given. `port` 0 is any; `context` tokens are for all
    of the `slots`. Raises LlamaError where it cannot be loaded."""

    def __init__(
        self, gguf: Path, *adapters: Path | None, port: int = 0, context: int = 2048, slots: int = 1
    ) -> None:  # fmt: skip
        given = [str(adapter) for adapter in adapters if adapter is not None]
        self._log = gguf.with_suffix(".log").open("w+b")
        self._child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(gguf), str(context), str(slots), str(port), *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self._child.stdout is not None
        lines = (line.decode(errors="replace").split() for line in self._child.stdout)
        address = next((words[1] for words in lines if words[:1] == ["ADDRESS"]), "")
        if not address:
            self.close()
            raise LlamaError(gguf.with_suffix(".log").read_text(errors="replace")[-500:])
        self.url = address if address.startswith("http") else f"http://{address}"

    def chat(self, messages: list[dict[str, Any]], options: dict[str, Any]) -> dict[str, Any]:
        """One chat completion as llama-server answers it; `options` are Ollama's."""
        body: dict[str, Any] = {"messages": messages, "temperature": options.get("temperature", 0.8)}
        body["max_tokens"] = options.get("num_predict", 256)
        body |= {key: options[key] for key in ("stop", "seed", "top_p") if key in options}
        if "json_schema" in options:
            body["response_format"] = {"type": "json_schema", "json_schema": {"schema": options["json_schema"]}}
        return self.post("/v1/chat/completions", body)

    def complete(self, prompt: str, options: dict[str, Any]) -> dict[str, Any]:
        """One completion of a prompt that was rendered elsewhere, in the form of `chat`'s answer."""
        body: dict[str, Any] = {"prompt": prompt, "temperature": options.get("temperature", 0.8)}
        body["n_predict"] = options.get("num_predict", 256)
        body |= {key: options[key] for key in ("stop", "seed", "top_p", "json_schema") if key in options}
        said = self.post("/completion", body)
        reason = "length" if said.get("stop_type") == "limit" else "stop"
        message = {"role": "assistant", "content": said["content"]}
        usage = {"prompt_tokens": said["tokens_evaluated"], "completion_tokens": said["tokens_predicted"]}
        return {"choices": [{"message": message, "finish_reason": reason}], "usage": usage}

    def rendered(self, messages: list[dict[str, Any]], think: bool | None = None) -> str:
        """The prompt that the file's own template makes of a conversation."""
        more = {} if think is None else {"chat_template_kwargs": {"enable_thinking": think}}
        return str(self.post("/apply-template", {"messages": messages, **more})["prompt"])

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with httpx.Client(base_url=self.url, timeout=120, trust_env=False) as client:
            answer = client.post(path, json=body)
        answer.raise_for_status()
        return dict(json.loads(answer.content))

    def close(self) -> None:
        if self._child.stdin is not None and not self._child.stdin.closed:
            self._child.stdin.close()
        if self._child.stdout is not None:
            self._child.stdout.close()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._log.close()
