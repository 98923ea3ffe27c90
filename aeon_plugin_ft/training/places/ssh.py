"""The PC in the next room, through OpenSSH's own client: its keys, its settings, its list of hosts that are known.

It never asks anything (BatchMode): a host whose key was not accepted, or an account that wants a password, is refused
with a sentence that says what to do by hand once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from typing import IO, Any, BinaryIO

from aeon_plugin_ft.errors import LostError, TrainingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.children import start
from aeon_plugin_ft.training.places import there
from aeon_plugin_ft.training.places.door import BOOTSTRAP, Fill, read_answer, request
from aeon_plugin_ft.training.places.where import Where

_say = Speaker("errors/training")

ENV_CONFIG = "AEON_FT_SSH_CONFIG"
"""An ssh_config to use in place of the user's own."""
CONNECTION_LOST = 255
"""What ssh ends with when it is the connection that failed; else with what the command over there ended with."""
BLOCK = 1 << 20
_HANDS_ON = ("host key verification failed", "permission denied", "remote host identification has changed")
_OPTIONS = ("BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3", "ForwardAgent=no",
            "ForwardX11=no", "ClearAllForwardings=yes", "RequestTTY=no")  # fmt: skip


class SshDoor:
    """Each request is one run of `ssh`; nothing is kept open between two."""

    def __init__(self, where: Where) -> None:
        self.where = where

    def begin(self, run: str, spec: Mapping[str, Any]) -> None:
        """A process of its own session over there, which outlives the connection."""
        self.call("begin", {"run": run, "spec": dict(spec)})

    def call(
        self, verb: str, arguments: Mapping[str, Any], fill: Fill | None = None, sink: BinaryIO | None = None
    ) -> dict[str, Any]:
        """As Door.call."""
        with tempfile.TemporaryFile() as errors:
            # In a group of its own: Ctrl-C is for this process, which asks the other side to leave.
            process = start(self.command(), stdout=subprocess.PIPE, stderr=errors)
            try:
                _send(process, request(verb, arguments), fill)
                line = _receive(process, sink)
                code = process.wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            finally:
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None and not pipe.closed:
                        pipe.close()
            if line is None or code == CONNECTION_LOST:
                raise self._failure(code, errors)
        return read_answer(line, self.where.address)

    def command(self) -> list[str]:
        """ssh's command line; the one string at its end is what the account's shell over there is given."""
        ssh = shutil.which("ssh")
        if ssh is None:
            raise TrainingError(*_say.error("ssh.none"))
        config = ["-F", os.environ[ENV_CONFIG]] if os.environ.get(ENV_CONFIG) else []
        options = [part for option in _OPTIONS for part in ("-o", option)]
        port = ["-p", str(self.where.port)] if self.where.port else []
        python = f'"{self.where.python}"' if " " in self.where.python else self.where.python
        to = f"{self.where.user}@{self.where.host}"
        return [ssh, *config, *options, *port, "--", to, f'{python} -c "{BOOTSTRAP}"']

    def _failure(self, code: int, errors: IO[bytes]) -> TrainingError:
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace").strip().splitlines()
        last = said[-1].strip() if said else _say("ssh.ended", code=code)
        address = self.where.address
        if any(sign in line.lower() for line in said for sign in _HANDS_ON):
            by_hand = f"ssh {self.where.user}@{self.where.host}"
            return TrainingError(*_say.error("ssh.by_hand", address=address, last=last, by_hand=by_hand))
        if code == CONNECTION_LOST:
            return LostError(*_say.error("places.unreachable", address=address, reason=last))
        return TrainingError(*_say.error("ssh.no_python", address=address, last=last))


def _send(process: subprocess.Popen[bytes], head: bytes, fill: Fill | None) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(head)
        if fill is not None:
            fill(process.stdin)  # type: ignore[arg-type]  # IO[bytes] and BinaryIO are the same thing here
        process.stdin.close()
    except (BrokenPipeError, OSError):
        # It ended before it had read everything: what it said, and its exit code, tell why.
        return


def _receive(process: subprocess.Popen[bytes], sink: BinaryIO | None) -> bytes | None:
    """The line of the answer; what comes before it is the greeting of a shell."""
    assert process.stdout is not None
    line = None
    for one in iter(process.stdout.readline, b""):
        if one.startswith(there.MARK):
            line = one
            break
    for block in iter(lambda: process.stdout.read(BLOCK) if process.stdout else b"", b""):
        if sink is not None:
            sink.write(block)
    return line
