"""A fake Groq: its models, chat completions (whole and streamed), files, LoRA registration and error bodies.

    with FakeGroq() as groq:
        groq.say("Oi!")
        httpx.post(f"{groq.url}/openai/v1/chat/completions", headers={"Authorization": f"Bearer {groq.key}"}, ...)

Point a client at it with GROQ_BASE_URL=<url>. `enterprise=True` is an account with LoRA inference.
"""

from __future__ import annotations

import email.parser
import email.policy
import io
import json
import time
import uuid
import zipfile
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.servers.completions import ApiError, CompletionsServer, error_body
from tests.servers.http import Fault, Request

MODELS = (
    "openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.6-27b", "groq/compound", "groq/compound-mini",
    "allam-2-7b", "whisper-large-v3", "whisper-large-v3-turbo",
)  # fmt: skip
"""What a free account was served in autumn 2026."""
LORA_BASE = "llama-3.1-8b-instant"
CHAT = "/openai/v1/chat/completions"


def rate_limited(retry_after: float = 7.66, path: str = CHAT) -> Fault:
    """429 as Groq writes it."""
    text = (
        "Rate limit reached for model `openai/gpt-oss-20b` in organization `org_01test` service tier `on_demand` on "
        f"tokens per minute (TPM): Limit 8000, Used 7990, Requested 1030. Please try again in {retry_after}s."
    )
    headers = {"retry-after": str(int(retry_after + 1)), "x-ratelimit-limit-tokens": "8000",
               "x-ratelimit-remaining-tokens": "10", "x-ratelimit-reset-tokens": f"{retry_after}s"}  # fmt: skip
    return Fault(path, status=429, body=error_body(text, "tokens", "rate_limit_exceeded"), headers=headers)


def server_error(status: int = 503, path: str = CHAT) -> Fault:
    """5xx as Groq writes it."""
    return Fault(path, status=status, body=error_body("Service Unavailable", "internal_server_error"))


@dataclass
class Upload:
    """A file that was uploaded; `members` are the files of a zip."""

    id: str
    filename: str
    purpose: str
    content: bytes = field(repr=False)

    @property
    def members(self) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


class FakeGroq(CompletionsServer):
    """`models` are those that the key may use; chat with any other is a 404, as for a retired model."""

    key: str

    def __init__(self, key: str = "gsk_test", *, models: tuple[str, ...] = MODELS, enterprise: bool = False) -> None:
        super().__init__(key)
        self.models = list(models) + ([LORA_BASE] if enterprise else [])
        self.enterprise = enterprise
        self.files: dict[str, Upload] = {}
        self.tunings: dict[str, dict[str, Any]] = {}

    def dispatch(self, request: Request) -> None:
        method, path = request.method, request.path
        if path == CHAT and method == "POST":
            return self.complete(request, {"x-ratelimit-limit-requests": "14400", "x-request-id": uuid.uuid4().hex})
        if path == "/openai/v1/models":
            return request.send(200, {"object": "list", "data": [self._model(name) for name in self.models]})
        if path.startswith("/openai/v1/models/"):
            name = unquote(path.removeprefix("/openai/v1/models/"))  # the client writes a slash as %2F
            self.check_model(name)
            return request.send(200, self._model(name))
        if path.startswith("/openai/v1/files"):
            return self._files(request, path.removeprefix("/openai/v1/files").strip("/"))
        if path.startswith("/v1/fine_tunings"):
            return self._tunings(request, path.removeprefix("/v1/fine_tunings").strip("/"))
        raise ApiError(
            404, f"Unknown request URL: {method} {path}. Please check the URL for typos.", code="unknown_url"
        )

    def check_model(self, name: str) -> None:
        tuned = {t["data"]["fine_tuned_model"] for t in self.tunings.values()}
        if name not in self.models and name not in tuned:
            raise ApiError(
                404, f"The model `{name}` does not exist or you do not have access to it.", code="model_not_found"
            )

    @staticmethod
    def _model(name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": 1_754_000_000, "owned_by": name.split("/")[0],
                "active": True, "context_window": 131_072, "max_completion_tokens": 65_536}  # fmt: skip

    def _files(self, request: Request, rest: str) -> None:
        if request.method == "POST" and not rest:
            upload = _multipart(request)
            self.files[upload.id] = upload
            return request.send(200, self._file(upload))
        if not rest:
            return request.send(200, {"object": "list", "data": [self._file(each) for each in self.files.values()]})
        rest, _, content = rest.partition("/")
        if rest not in self.files:
            raise ApiError(404, f"file with id: {rest} not found", code="not_found")
        if request.method == "DELETE":
            del self.files[rest]
            return request.send(200, {"id": rest, "object": "file", "deleted": True})
        if content == "content":
            return request.stream([self.files[rest].content], "application/octet-stream")
        return request.send(200, self._file(self.files[rest]))

    def stamped(self, number: int, event: dict[str, Any]) -> dict[str, Any]:
        """Groq's own part of a chunk: the request's id in the first one, what it took in the last."""
        ended = event["choices"][0]["finish_reason"] is not None
        mine: dict[str, Any] = {"id": f"req_{event['id']}"} if number == 0 else {}
        if ended:
            usage = {"prompt_tokens": 10, "completion_tokens": number, "total_tokens": 10 + number, "total_time": 0.01}
            mine = {"id": f"req_{event['id']}", "usage": usage}
        return {**event, "x_groq": mine} if mine else event

    @staticmethod
    def _file(upload: Upload) -> dict[str, Any]:
        return {"id": upload.id, "object": "file", "bytes": len(upload.content), "created_at": int(time.time()),
                "filename": upload.filename, "purpose": upload.purpose}  # fmt: skip

    def _tunings(self, request: Request, rest: str) -> None:
        if not self.enterprise:
            raise ApiError(403, "Fine tuning is not available for your organization", "permissions_error")
        if request.method == "POST":
            return request.send(200, self._register(request.json()))
        if not rest:
            return request.send(200, {"object": "list", "data": [t["data"] for t in self.tunings.values()]})
        if rest not in self.tunings:
            raise ApiError(404, f"fine tuning {rest} not found", code="not_found")
        if request.method == "DELETE":
            del self.tunings[rest]
            return request.send(200, {"id": rest, "object": "fine_tuning", "deleted": True})
        return request.send(200, self.tunings[rest])

    def _register(self, body: dict[str, Any]) -> dict[str, Any]:
        upload = self.files.get(body.get("input_file_id", ""))
        if upload is None:
            raise ApiError(404, "input file not found", code="not_found")
        if body.get("base_model") != LORA_BASE or body.get("type") != "lora":
            raise ApiError(400, f"base_model {body.get('base_model')} does not support LoRA")
        check_adapter(upload)
        made = f"ft:{LORA_BASE}:org_01test/{body['name']}-{uuid.uuid4().hex[:6]}"
        tuning = {"id": f"ft_{uuid.uuid4().hex[:16]}", "object": "fine_tuning",
                  "data": {**body, "fine_tuned_model": made}}  # fmt: skip
        self.tunings[tuning["id"]] = tuning  # type: ignore[index]
        return tuning


def check_adapter(upload: Upload) -> None:
    """Raise the 400 of an adapter that Groq does not take: two files, float16, rank 8, 16, 32 or 64."""
    try:
        members = upload.members
    except zipfile.BadZipFile as error:
        raise ApiError(400, "the input file is not a zip archive") from error
    if set(members) != {"adapter_model.safetensors", "adapter_config.json"}:
        raise ApiError(400, f"the archive must hold exactly two files, got {sorted(members)}")
    config = json.loads(members["adapter_config.json"])
    if config.get("r") not in (8, 16, 32, 64) or "lora_alpha" not in config:
        raise ApiError(400, f"unsupported rank {config.get('r')}")
    weights = members["adapter_model.safetensors"]
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    if any(item["dtype"] != "F16" for name, item in header.items() if name != "__metadata__"):
        raise ApiError(400, "adapter weights must be float16")


def _multipart(request: Request) -> Upload:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.raw)
    parts = {str(part.get_param("name", header="content-disposition")): part for part in message.iter_parts()}
    if "file" not in parts or "purpose" not in parts:
        raise ApiError(400, "file and purpose are required")
    content = parts["file"].get_payload(decode=True)
    assert isinstance(content, bytes)
    purpose = str(parts["purpose"].get_content()).strip()
    return Upload(f"file_{uuid.uuid4().hex}", str(parts["file"].get_filename()), purpose, content)
