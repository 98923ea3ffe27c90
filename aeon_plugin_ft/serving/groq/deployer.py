"""A version on Groq's cloud, for the accounts that may serve adapters there; a clear no for all others.

Groq does not train. It serves LoRA adapters of one base model to enterprise accounts
(https://console.groq.com/docs/lora); everybody else lets the local trained model answer first
([serve] prefer = "always", or "better" once it won), with Groq's own model behind it.

`groq` 1.7.0 has no fine tunings: those go through the same client's connections as plain HTTP.
"""

from __future__ import annotations

import difflib
import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendRefusedError, ServingError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.serving.model import Deployer, Deployment, OnMoved, OnStep, unheard
from aeon_plugin_ft.serving.smoke import smoke_test
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.weights.adapter import CONFIG, WEIGHTS, adapter_digest, read_adapter, read_safetensors
from hooks import Route
from hooks.providers import GROQ_URL
from hooks.providers.groq import groq_client

if TYPE_CHECKING:
    import groq

_say = Speaker("errors/serving")

LORA_BASE = "llama-3.1-8b-instant"
LORA_BASE_NAME = "Llama 3.1 8B Instruct"
LORA_PARAMETERS = 8_030_261_248
RANKS = (8, 16, 32, 64)
MODELS_PAGE = "https://console.groq.com/docs/models"
UPLOAD_SECONDS = 600.0
CALL_SECONDS = 60.0
RETRIES = 3
LONGEST_PAUSE = 60.0

SUCCESSORS = {
    "llama-3.3-70b-versatile": ("openai/gpt-oss-120b", "qwen/qwen3.6-27b"),
    "llama-3.1-8b-instant": ("openai/gpt-oss-20b",),
    "meta-llama/llama-4-scout-17b-16e-instruct": ("openai/gpt-oss-120b", "qwen/qwen3.6-27b"),
    "meta-llama/llama-4-maverick-17b-128e-instruct": ("openai/gpt-oss-120b",),
    "qwen/qwen3-32b": ("qwen/qwen3.6-27b", "openai/gpt-oss-120b"),
}
"""What Groq named in place of what it retired (https://console.groq.com/docs/deprecations)."""


def groq_key() -> str | None:
    """The key from the environment; Aeon's own name for it first."""
    return os.environ.get("GROQ_KEY") or os.environ.get("GROQ_API_KEY") or None


def nearest_model(retired: str, living: Collection[str]) -> str | None:
    """The model to use in place of a retired one: Groq's own successor, else the most alike name."""
    named = next((name for name in SUCCESSORS.get(retired, ()) if name in living), None)
    alike = difflib.get_close_matches(retired, sorted(living), n=1, cutoff=0.0)
    return named or (alike[0] if alike else None)


def next_step(status: int, _reason: str) -> str | None:
    """What to do about a refusal of Groq's; None: what is usual."""
    if status == 401:
        return _say("groq.new_key")
    return _say("groq.serve_here") if status == 403 else None


@dataclass(frozen=True, slots=True)
class Tuning:
    """An adapter that was registered: our name of it, Groq's ids, and the model name to ask for."""

    name: str
    version: str
    id: str
    file: str
    model: str


class _Groq:
    """Groq under one key: the official client, and what it lacks through its connections."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self._client: groq.Groq | None = None
        self._guard = threading.Lock()
        self.http = HttpServer(
            "Groq", url, token=key, down=lambda: _say("groq.connect"), next_step=next_step,
            made=lambda: self.client()._client,
        )  # fmt: skip

    def client(self) -> groq.Groq:
        """Made at the first call."""
        with self._guard:
            if self._client is None:
                self._client = groq_client(self._key, self._url)
            return self._client

    def close(self) -> None:
        """End its connections."""
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            client.close()


class GroqDeployer(Deployer):
    """`key` is asked at each use, and connections that were opened with another one are closed. `url` is where tests
    have their own Groq; else GROQ_BASE_URL, else Groq itself. `pause` waits some seconds."""

    name = "groq"

    def __init__(
        self, data: DataFolder, *, key: Callable[[], str | None] = groq_key, url: str | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.data = data
        self._url, self._key, self._pause = url, key, pause
        self._ledger = data.serving / "groq.json"
        self._server: tuple[str, str, _Groq] | None = None
        """With the address and the key that it was made for."""
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        """Groq's address now."""
        return (self._url or os.environ.get("GROQ_BASE_URL") or GROQ_URL).rstrip("/")

    # -- the contract ----------------------------------------------------------------------------

    def deploy(
        self, version: Version | None, base: BaseModel, settings: ServeSection, on_step: OnStep = unheard,
        on_moved: OnMoved = unheard,
    ) -> Deployment:  # fmt: skip
        """Register the adapter with Groq, or find it registered, and prove that it answers; the base is Groq's own
        model. Raises ServingError."""
        if version is None:
            self.require_model(settings.groq_model)
            return self._prove("base", settings.groq_model, None, on_step)
        self._require_lora_base(version, base)
        # [7:15]: the first eight hex digits behind "sha256:".
        name = f"aeon-ft-{version.name}-{adapter_digest(version.adapter)[7:15]}"
        tuning = self._registered(name) or self._register(name, version)
        on_step(SwapStep.IMPORTED)
        return self._prove(version.name, tuning.model, version, on_step)

    def fits(self, deployment: Deployment, settings: ServeSection) -> bool:
        """Groq's own model answers for the base: another one is another deployment."""
        same_model = deployment.version != "base" or deployment.model == settings.groq_model
        return same_model and deployment.route.base_url == self.url

    def check(self, deployment: Deployment) -> None:
        """Raise ServingError unless Groq still has the model and answers."""
        tuning = next((t for t in self._read().values() if t.model == deployment.model), None)
        if tuning is None:
            self.require_model(deployment.model)
        elif self._tuning_at_groq(tuning.id) is None:
            raise ServingError(*_say.error("groq.gone", model=deployment.model, version=deployment.version))
        self._say_something(deployment.model)

    def retire(self, deployment: Deployment, settings: ServeSection) -> None:
        """Nothing runs on this machine; registered adapters stay for going back, up to [serve] keep_versions."""
        kept = [tuning for tuning in self._read().values() if tuning.model != deployment.model]
        # The oldest first, as the ledger lists them; the one that retires counts as kept, for it is the way back.
        for tuning in kept[: max(0, len(kept) + 1 - settings.keep_versions)]:
            self._remove(tuning)

    def discard(self, version: str, settings: ServeSection) -> None:
        """Take a version away from Groq for good."""
        for tuning in list(self._read().values()):
            if tuning.version == version:
                self._remove(tuning)

    def close(self) -> None:
        """End its connections."""
        with self._guard:
            server, self._server = self._server, None
        if server is not None:
            server[2].close()

    # -- the parts -------------------------------------------------------------------------------

    def require_model(self, name: str) -> None:
        """Raise ServingError, naming the nearest living model, unless Groq serves `name` to this key."""
        living = self._again(self._living)
        if name not in living:
            # Groq retires models: a name that was right when it was configured is the usual cause.
            near = nearest_model(name, living)
            if near is None:
                raise ServingError(*_say.error("groq.retired_all", model=name, page=MODELS_PAGE))
            raise ServingError(*_say.error("groq.retired", model=name, near=near))

    def _living(self) -> list[str]:
        groq = self._groq()
        with groq.http.official("/openai/v1/models", CALL_SECONDS):
            return [str(card.id) for card in groq.client().models.list().data]

    def _require_lora_base(self, version: Version, base: BaseModel) -> None:
        # By its number of parameters, within 2 %: GGUFs of the same model differ by the tensors that they leave out.
        if base.architecture != "llama" or abs(base.parameters - LORA_PARAMETERS) > LORA_PARAMETERS // 50:
            what = _say("groq.other_base", served=LORA_BASE_NAME, version=version.name, base=base.spec)
            raise ServingError(what, _say("groq.serve_here"))
        if version.base_digest != base.digest:
            raise ServingError(*_say.error("version.another_base", version=version.name, base=base.spec))
        adapter = read_adapter(version.adapter)
        ranks = {int(update.a.shape[0]) for update in adapter.updates.values()}
        if len(ranks) != 1 or not ranks <= set(RANKS):
            raise ServingError(*_say.error("groq.rank", version=version.name, ranks=sorted(ranks)))

    def _register(self, name: str, version: Version) -> Tuning:
        archive = zip_adapter(version.adapter)
        try:
            file = self._again(lambda: self._upload(name, archive))
            body = {"input_file_id": file, "name": name, "type": "lora", "base_model": LORA_BASE}
            made = self._again(lambda: self._groq().http.call("POST", "/v1/fine_tunings", body, seconds=UPLOAD_SECONDS))
            tuning = Tuning(name, version.name, made["id"], file, made["data"]["fine_tuned_model"])
        except BackendRefusedError as error:
            # Both are how Groq says that the account has no such API.
            if error.status in (403, 404):
                raise ServingError(_say("groq.account"), _say("groq.serve_here")) from error
            raise
        except (KeyError, TypeError) as error:
            raise ServingError(*_say.error("groq.answer_lacks", what=error)) from error
        self._write({**self._read(), name: tuning})
        return tuning

    def _upload(self, name: str, archive: bytes) -> str:
        """The file's id at Groq."""
        groq = self._groq()
        with groq.http.official("/openai/v1/files", UPLOAD_SECONDS):
            # The client's types know only "batch"; Groq's own page of LoRA names this one.
            purpose: Any = "fine_tuning"
            return str(groq.client().files.create(file=(f"{name}.zip", archive, "application/zip"), purpose=purpose).id)

    def _registered(self, name: str) -> Tuning | None:
        """The registration of an earlier try, if Groq still has it."""
        tuning = self._read().get(name)
        return tuning if tuning is not None and self._tuning_at_groq(tuning.id) is not None else None

    def _tuning_at_groq(self, tuning: str) -> Any:
        try:
            return self._again(lambda: self._groq().http.call("GET", f"/v1/fine_tunings/{tuning}"))
        except BackendRefusedError as error:
            if error.status == 404:
                return None
            raise

    def _remove(self, tuning: Tuning) -> None:
        groq = self._groq()
        # The registration before the file that it uses. 404: an earlier try got this far.
        for remove in (
            lambda: groq.http.call("DELETE", f"/v1/fine_tunings/{tuning.id}"),
            lambda: groq.client().files.delete(tuning.file),
        ):
            try:
                with groq.http.official("/openai/v1/files", CALL_SECONDS):
                    remove()
            except BackendRefusedError as error:
                if error.status != 404:
                    raise
        self._write({name: other for name, other in self._read().items() if name != tuning.name})

    def _prove(self, name: str, model: str, version: Version | None, on_step: OnStep) -> Deployment:
        """A candidate must only say something: its replies are the gate's to judge, with a verdict."""
        route = Route("groq", model, base_url=self.url, version=name)
        deployment = Deployment(name, self.name, model, model, route)
        if version is not None and version.state is VersionState.CANDIDATE:
            self._say_something(model)
        else:
            with_key = replace(route, token=self._key())  # for these questions only: a route is kept in the store
            self._again(lambda: smoke_test(with_key, thinks=True, trained=version is not None))
        on_step(SwapStep.PROVED)
        return deployment

    def _say_something(self, model: str) -> None:
        def say() -> None:
            groq = self._groq()
            with groq.http.official("/openai/v1/chat/completions", CALL_SECONDS):
                groq.client().chat.completions.create(
                    model=model, messages=[{"role": "user", "content": "Oi"}], max_tokens=64
                )

        self._again(say)

    def _groq(self) -> _Groq:
        """Groq under the key of this moment. Raises ServingError when there is none."""
        key, url = self._key(), self.url
        if not key:
            raise ServingError(*_say.error("groq.no_key"))
        with self._guard:
            if self._server is None or self._server[:2] != (url, key):
                if self._server is not None:
                    # With the key that it was opened with: a changed one must not go on answering for the old account.
                    self._server[2].close()
                self._server = url, key, _Groq(url, key)
            return self._server[2]

    def _again(self, step: Callable[[], Any]) -> Any:
        """A limit or an outage is tried again after the time that Groq asks for; a refusal is not."""
        for attempt in range(RETRIES):
            try:
                return step()
            except BackendRefusedError as error:
                if not error.retryable or attempt == RETRIES - 1:
                    raise
                self._pause(min(LONGEST_PAUSE, error.retry_after or 0.5 * 2**attempt))
        return None

    def _read(self) -> dict[str, Tuning]:
        try:
            content = json.loads(self._ledger.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {name: Tuning(**entry) for name, entry in content.items()}

    def _write(self, tunings: Mapping[str, Tuning]) -> None:
        write_json(self._ledger, {name: asdict(tuning) for name, tuning in tunings.items()})


def zip_adapter(folder: Path) -> bytes:
    """The two files that Groq takes, weights in float16; the same adapter gives the same bytes."""
    with np.errstate(over="ignore"):  # told below, as a sentence
        tensors = {name: tensor.astype(np.float16) for name, tensor in read_safetensors(folder / WEIGHTS).items()}
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise ServingError(_say("groq.sixteen_bits"), _say("groq.serve_here"))
    header: dict[str, Any] = {}
    at = 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    text = json.dumps(header).encode()
    # safetensors: 8 bytes of header length, little-endian, then JSON, filled with spaces so that the data is aligned.
    text += b" " * (-len(text) % 8)
    weights = len(text).to_bytes(8, "little") + text + b"".join(t.tobytes() for t in tensors.values())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in ((WEIGHTS, weights), (CONFIG, (folder / CONFIG).read_bytes())):
            # A fixed date in place of now: the bytes, and so their digest, depend on the adapter only.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return out.getvalue()
