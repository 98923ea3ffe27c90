"""From what the user wrote in [base] model to weights on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.base.builtin import BUILTINS, builtin_gguf
from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.base.training_copy import training_copy
from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker, cause
from aeon_plugin_ft.store.digest import folder_sha256, remembered_sha256
from aeon_plugin_ft.weights.gguf_file import GgufFile

Progress = Callable[[str], None]

_say = Speaker("errors/base")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_OLLAMA = "ollama:"


def resolve_base(spec: str, cache: Path, progress: Progress | None = None, ollama: str = "") -> BaseModel:
    """The base model that `spec` names, fetched and converted into `cache` as far as needed.

    `spec` is a built-in name ("smollm2-135m-instruct", "gemma3-270m"), a GGUF file, a Hugging Face folder, a
    Hugging Face id ("org/name") or an Ollama tag ("ollama:llama3.2:3b"). `progress` gets a sentence before each long
    step, `ollama` is the address of the Ollama to ask ("": OLLAMA_HOST, else the usual one). With everything in
    the cache, no network is used. Raises BaseModelError, NoSpaceError.
    """
    name = spec.strip()
    if name.lower() in BUILTINS:
        return _from_gguf(spec, builtin_gguf(BUILTINS[name.lower()], cache, progress), cache, progress)
    if name.startswith(_OLLAMA):
        from aeon_plugin_ft.base.ollama import ollama_blob
        from hooks.providers import ollama_url

        return _from_gguf(spec, ollama_blob(name.removeprefix(_OLLAMA), ollama_url(ollama)), cache, progress)
    # What is on this disk before the hub: a folder may be called "org/name" as well.
    path = Path(name).expanduser()
    if name and path.is_dir():
        return _from_folder(spec, path, cache)
    if name and path.is_file():
        return _from_gguf(spec, path, cache, progress)
    if _HUB_ID.fullmatch(name) and not name.startswith(".") and not name.endswith(".gguf"):
        from aeon_plugin_ft.base.hub import hub_snapshot

        return _from_folder(spec, hub_snapshot(name, progress), cache)
    raise _unknown(spec)


def _unknown(spec: str) -> BaseModelError:
    if ":" in spec and not spec.endswith(".gguf"):
        return BaseModelError(*_say.error("named.of_ollama", spec=spec))
    return BaseModelError(*_say.error("named.unknown", spec=spec, built_in=", ".join(BUILTINS)))


def _from_gguf(spec: str, gguf: Path, cache: Path, progress: Progress | None) -> BaseModel:
    with GgufFile(gguf) as file:
        architecture, parameters = file.architecture, file.parameters
    digest = remembered_sha256(gguf, cache)
    copy = training_copy(gguf, digest, cache, progress)
    return BaseModel(spec, digest, architecture, parameters, copy, gguf.absolute())


def _from_folder(spec: str, folder: Path, cache: Path) -> BaseModel:
    weights = sorted(folder.glob("*.safetensors"))
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if not weights:
        missing.append("*.safetensors")
    if missing:
        raise BaseModelError(*_say.error("named.lacks", folder=folder, missing=", ".join(missing)))
    try:
        architecture = str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
        parameters = sum(_count(path) for path in weights)
    except (ValueError, KeyError, OSError) as error:
        raise BaseModelError(*_say.error("named.damaged", folder=folder, error=cause(error))) from error
    # With the configuration: the same weights under other numbers of heads are another model.
    digest = folder_sha256([*weights, folder / "config.json"], cache)
    # GGUF calls Mistral's architecture "llama".
    gguf_name = {"gemma3_text": "gemma3", "mistral": "llama"}.get(architecture, architecture)
    return BaseModel(spec, digest, gguf_name, parameters, folder.absolute(), None)


def _count(weights: Path) -> int:
    """Parameters in a .safetensors file, from its header."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length < weights.stat().st_size:
            raise ValueError(_say("named.no_safetensors", file=weights.name))
        header = json.loads(file.read(length))
    total = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            count = 1
            for size in tensor["shape"]:
                count *= size
            total += count
    return total
