"""The commands of docs/serving.md that try real servers: each selects tests, for the server that it names."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY
from tests.contract.real_servers import documented

pytestmark = pytest.mark.slow

COMMANDS = {
    "real and ollama": ("[real ollama]", 4),
    "# llama.cpp's own server": ("[llama.cpp]", 6),
    "-k vllm": ("[vllm]", 6),
}
"""Words of a command to the parameter of the tests that it must run, and the least number of them."""


@pytest.mark.parametrize("words", list(COMMANDS))
def test_a_documented_command_selects_the_tests_of_its_server(words: str) -> None:
    told, (python, *arguments) = documented(words)
    assert python == "python"
    done = subprocess.run(
        [sys.executable, *arguments, "--collect-only", "-q"],
        cwd=REPOSITORY, env={**os.environ, **told}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    parameter, least = COMMANDS[words]
    chosen = [line for line in done.stdout.splitlines() if "::" in line]
    assert len([line for line in chosen if line.endswith(parameter)]) >= least, chosen
