"""A fake OpenAI-compatible server: vLLM or SGLang with run-time LoRA, or a llama-server with one model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from tests.servers.completions import ApiError, CompletionsServer, error_body
from tests.servers.http import Request

Flavour = Literal["vllm", "sglang", "llama"]


class FakeOpenAI(CompletionsServer):
    """`runtime=False` is a vLLM started without VLLM_ALLOW_RUNTIME_LORA_UPDATING; `max_rank` its --max-lora-rank.

    `adapters` maps each loaded name to its folder; `started_with` are a llama-server's.
    """

    def __init__(
        self, flavour: Flavour = "vllm", *, base: str = "HuggingFaceTB/SmolLM2-135M-Instruct",
        key: str | None = None, runtime: bool = True, max_rank: int = 32,
    ) -> None:  # fmt: skip
        super().__init__(key)
        self.flavour = flavour
        self.base = base
        self.runtime = runtime
        self.max_rank = max_rank
        self.adapters: dict[str, str] = {}
        self.started_with: list[dict[str, Any]] = []
        self.also: dict[str, dict[str, Any]] = {}
        """Answers of further routes."""

    def dispatch(self, request: Request) -> None:
        paths = {
            "/v1/chat/completions": self.complete,
            "/v1/models": self._models,
            "/health": lambda r: r.send(200, {"status": "ok"} if self.flavour == "llama" else None),
        }
        if self.flavour == "vllm":
            paths["/version"] = lambda r: r.send(200, {"version": "0.22.1"})
            if self.runtime:
                paths |= {"/v1/load_lora_adapter": self._load, "/v1/unload_lora_adapter": self._unload}
        if self.flavour == "sglang":
            paths["/get_server_info"] = lambda r: r.send(200, {"version": "0.5.9", "enable_lora": self.runtime})
            paths |= {"/load_lora_adapter": self._load, "/unload_lora_adapter": self._unload}
        if self.flavour == "llama":
            paths["/lora-adapters"] = lambda r: r.send(200, self.started_with)
            paths["/props"] = lambda r: r.send(200, {"model_path": self.base, "build_info": "b11549-0000000"})
        if request.path in self.also:
            return request.send(200, self.also[request.path])
        handler = paths.get(request.path)
        if handler is None:
            return request.send(404, {"detail": "Not Found"})
        return handler(request)

    def check_model(self, name: str) -> None:
        if self.flavour == "llama":  # llama-server answers to any name
            return
        known = {self.base, *self.adapters, *(f"{self.base}:{adapter}" for adapter in self.adapters)}
        if name not in known:
            raise ApiError(404, f"The model `{name}` does not exist.", "NotFoundError")

    def _models(self, request: Request) -> None:
        cards = [{"id": self.base, "object": "model", "root": self.base, "parent": None, "owned_by": self.flavour}]
        if self.flavour == "vllm":
            cards += [
                {"id": name, "object": "model", "root": path, "parent": self.base, "owned_by": "vllm"}
                for name, path in self.adapters.items()
            ]
        request.send(200, {"object": "list", "data": cards})

    def _load(self, request: Request) -> None:
        body = request.json()
        name, path = body.get("lora_name"), body.get("lora_path")
        if not name or not path:
            raise ApiError(400, "Both 'lora_name' and 'lora_path' must be provided.", "InvalidUserInput")
        if name in self.adapters and not body.get("load_inplace"):
            raise ApiError(400, f"The lora adapter '{name}' has already been loaded.", "InvalidUserInput")
        self._check_adapter(name, Path(path))
        self.adapters[name] = path
        if self.flavour == "vllm":
            return request.send(200, f"Success: LoRA adapter '{name}' added successfully.")
        return request.send(200, {"success": True, "error_message": "", "loaded_adapters": dict(self.adapters)})

    def _check_adapter(self, name: str, path: Path) -> None:
        try:
            config: dict[str, Any] = json.loads((path / "adapter_config.json").read_text("utf-8"))
        except OSError as error:
            raise ApiError(404, f"Loading lora {name} failed: No adapter found for {path}", "NotFoundError") from error
        if config["r"] > self.max_rank:
            text = f"LoRA rank {config['r']} is greater than max_lora_rank {self.max_rank}."
            raise ApiError(400, text, "BadRequestError")

    def _unload(self, request: Request) -> None:
        name = request.json().get("lora_name")
        if not name:
            raise ApiError(400, "'lora_name' needs to be provided to unload a LoRA adapter.", "InvalidUserInput")
        if self.adapters.pop(name, None) is None:
            raise ApiError(404, f"The lora adapter '{name}' cannot be found.", "NotFoundError")
        if self.flavour == "vllm":
            return request.send(200, f"Success: LoRA adapter '{name}' removed successfully.")
        return request.send(200, {"success": True, "error_message": "", "loaded_adapters": dict(self.adapters)})


__all__ = ["FakeOpenAI", "Flavour", "error_body"]
