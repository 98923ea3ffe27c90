"""A real OpenSSH server on loopback, with keys, port and home of its own, for the user that runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from aeon_plugin_ft.training.places.where import Way, Where

SECONDS = 20.0


@dataclass
class Sshd:
    """One server; `home` is what an account that comes in has as its home."""

    folder: Path
    port: int
    home: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def where(self) -> Where:
        return Where(Way.SSH, "127.0.0.1", self.port, getpass.getuser(), sys.executable)

    @property
    def setting(self) -> str:
        """As [train] where has it."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{sys.executable}"

    @property
    def runs(self) -> Path:
        return self.home / ".cache" / "aeon-ft-away" / "runs"

    def start(self) -> None:
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        with (self.folder / "sshd.log").open("ab") as log:
            command = [program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + SECONDS
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.skip(f"no sshd can be started here: {(self.folder / 'sshd.log').read_text()[-300:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Let nobody in any more, and cut those off who are."""
        if self.process is None:
            return
        import psutil

        sessions = psutil.Process(self.process.pid).children() if self.process.poll() is None else []
        for one in sessions:
            one.kill()
        self.process.kill()
        self.process.wait()
        psutil.wait_procs(sessions, timeout=5)
        self.process = None

    def _listens(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def make_sshd(folder: Path) -> Sshd:
    """Keys and configurations in `folder`; a skip, with the reason, where OpenSSH is not there."""
    for program in ("ssh", "ssh-keygen"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here")
    if shutil.which("sshd") is None and not Path("/usr/sbin/sshd").exists():
        pytest.skip("there is no sshd here (Debian's package openssh-server)")
    if os.geteuid() == 0:
        # Where it drops its rights to; made by the system's own start script, which does not run here.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    home = folder / "their-home"
    home.mkdir()
    for key in ("host_key", "user_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    host = (folder / "host_key.pub").read_text(encoding="ascii").split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host[0]} {host[1]}\n", encoding="ascii")
    (folder / "ssh_config").write_text(
        f"IdentityFile {folder / 'user_key'}\nIdentitiesOnly yes\nUserKnownHostsFile {folder / 'known_hosts'}\n"
        "GlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\n",
        encoding="utf-8",
    )
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host_key'}\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {folder / 'authorized_keys'}\nPasswordAuthentication no\nUsePAM no\n"
        f"KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nSetEnv HOME={home}\nMaxStartups 50\n",
        encoding="utf-8",
    )
    return Sshd(folder, port, home)


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    folder = tmp_path / "sshd"
    folder.mkdir()
    made = make_sshd(folder)
    monkeypatch.setenv("AEON_FT_SSH_CONFIG", str(folder / "ssh_config"))
    made.start()
    yield made
    made.stop()
